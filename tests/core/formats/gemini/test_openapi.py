"""Google's schemas as JSON schemas."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ollamux.formats.gemini.openapi import json_schema


def converted(schema: Any) -> Any:
    return json.loads(bytes(json_schema(msgspec.Raw(json.dumps(schema).encode()))))


def test_types_are_in_lower_case_and_words_in_camel_case_at_every_depth() -> None:
    schema = {
        "type": "OBJECT",
        "properties": {"a": {"type": "ARRAY", "min_items": "2", "items": {"any_of": [{"type": "STRING"}]}}},
        "property_ordering": ["a"],
        "required": ["a"],
    }
    assert converted(schema) == {
        "type": "object",
        "properties": {"a": {"type": "array", "minItems": 2, "items": {"anyOf": [{"type": "string"}]}}},
        "required": ["a"],
    }


def test_a_property_named_like_a_word_of_the_schema_survives() -> None:
    names = ("properties", "default", "nullable", "type", "property_ordering", "any_of")
    schema = {"type": "OBJECT", "properties": {name: {"type": "STRING", "default": "A_B"} for name in names}}
    assert converted(schema)["properties"] == {name: {"type": "string", "default": "A_B"} for name in names}


@pytest.mark.parametrize(
    ("schema", "made"),
    [
        ({"type": "STRING", "nullable": True}, {"type": ["string", "null"]}),
        ({"type": "STRING", "nullable": False}, {"type": "string"}),
        (
            {"type": "STRING", "enum": ["A"], "nullable": True},
            {"type": ["string", "null"], "enum": ["A", None]},
        ),
        ({"anyOf": [{"type": "STRING"}], "nullable": True}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"type": "TYPE_UNSPECIFIED"}, {}),
        ({"type": "integer", "example": 3, "format": "int64"}, {"type": "integer", "examples": [3], "format": "int64"}),
        ({"additionalProperties": {"type": "NUMBER"}}, {"additionalProperties": {"type": "number"}}),
        (
            {"$defs": {"X_Y": {"type": "STRING"}}, "$ref": "#/$defs/X_Y"},
            {"$defs": {"X_Y": {"type": "string"}}, "$ref": "#/$defs/X_Y"},
        ),
        (True, True),
    ],
)
def test_what_only_google_says_is_said_in_json_schema(schema: Any, made: Any) -> None:
    assert converted(schema) == made


def test_the_schema_that_googles_client_makes_of_a_class_is_one_that_a_validator_takes() -> None:
    types = pytest.importorskip("google.genai.types")
    schema = types.Schema(
        type="OBJECT", properties={"my_list": types.Schema(type="ARRAY", items=types.Schema(type="INTEGER"))}
    )
    assert converted(schema.model_dump(exclude_none=True, mode="json")) == {
        "type": "object",
        "properties": {"my_list": {"type": "array", "items": {"type": "integer"}}},
    }
