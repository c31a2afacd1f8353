"""JSON schemas for tools and for answers."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ollamux.formats.anthropic.json_schema import answer_schema, tool_schema


def raw(schema: Any) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(schema).encode())


def answered(schema: Any) -> tuple[Any, list[str]]:
    warnings: list[str] = []
    return json.loads(msgspec.json.encode(answer_schema(raw(schema), warnings))), warnings


def test_a_tools_schema_keeps_its_bytes() -> None:
    schema = msgspec.Raw(b'{ "type":"object", "properties":{"n":{"minimum":1.50}} }')
    assert tool_schema(schema) is schema


@pytest.mark.parametrize("schema", [None, raw(True), raw([])])
def test_a_tool_without_a_schema_takes_an_empty_object(schema: msgspec.Raw | None) -> None:
    assert json.loads(msgspec.json.encode(tool_schema(schema))) == {"type": "object", "properties": {}}


def test_a_tools_schema_without_a_type_is_given_the_one_there_is() -> None:
    assert tool_schema(raw({"properties": {"a": {}}})) == {"type": "object", "properties": {"a": {}}}


def test_an_answers_schema_that_is_strict_already_keeps_its_bytes() -> None:
    schema = msgspec.Raw(b'{ "type":"object","properties":{"n":{"type":"integer"}}, "additionalProperties":false}')
    warnings: list[str] = []
    assert answer_schema(schema, warnings) is schema and warnings == []


def test_objects_are_closed_at_every_depth() -> None:
    schema = {
        "type": "object",
        "properties": {"a": {"type": "array", "items": {"type": "object", "properties": {}}}},
        "$defs": {"d": {"anyOf": [{"type": "object", "properties": {}}, {"type": "null"}]}},
    }
    found, warnings = answered(schema)
    assert found["additionalProperties"] is False and warnings == []
    assert found["properties"]["a"]["items"]["additionalProperties"] is False
    assert found["$defs"]["d"]["anyOf"][0]["additionalProperties"] is False


def test_bounds_are_left_out_and_named() -> None:
    schema = {"type": "array", "minItems": 1, "items": {"type": "integer", "minimum": 1, "maxItems": 3}}
    found, warnings = answered(schema)
    assert found == {"type": "array", "minItems": 1, "items": {"type": "integer"}}
    assert warnings == ["the backend does not hold an answer to maxItems, minimum"]


def test_a_property_named_like_a_keyword_survives() -> None:
    names = {"minimum": {"type": "integer"}, "properties": {"type": "string"}, "default": {"type": "string"}}
    found, warnings = answered({"type": "object", "properties": names, "additionalProperties": False})
    assert found["properties"] == names and warnings == []


def test_an_object_of_any_keys_is_closed_and_said_so() -> None:
    found, warnings = answered({"type": "object", "additionalProperties": {"type": "integer"}})
    assert found["additionalProperties"] is False
    assert warnings == ["the backend does not hold an answer to additionalProperties"]


def test_one_of_becomes_any_of() -> None:
    assert answered({"oneOf": [{"type": "null"}, True]})[0] == {"anyOf": [{"type": "null"}, True]}
