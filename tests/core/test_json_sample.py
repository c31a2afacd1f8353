"""What value is made up for a JSON schema."""

from __future__ import annotations

from typing import Any

import pytest

from ollamux.errors import InvalidRequest
from ollamux.json_sample import Sampler


def sample(schema: object, message: str = "What is the weather in Paris today?") -> Any:
    return Sampler(message).sample(schema)


def test_an_object_holds_what_is_required_and_nothing_else() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string"}}, "required": ["b"]}
    assert sample(schema) == {"b": "Paris"}


def test_a_name_of_a_place_is_the_capitalised_word_of_the_message() -> None:
    assert sample({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}) == {
        "city": "Paris"
    }


def test_a_message_without_a_name_gives_its_last_word() -> None:
    assert sample({"type": "string"}, "say something nice") == "nice"


def test_a_query_is_the_whole_message() -> None:
    schema = {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}
    assert sample(schema, "cats  and\ndogs") == {"query": "cats and dogs"}


def test_numbers_of_the_message_are_taken_in_their_order() -> None:
    number = {"type": "number"}
    schema = {"type": "object", "properties": {"a": number, "b": number}, "required": ["a", "b"]}
    assert sample(schema, "add 2 and 30.5") == {"a": 2, "b": 30.5}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"enum": ["c", "f"]}, "c"),
        ({"const": 7}, 7),
        ({"type": "boolean"}, True),
        ({"type": "null"}, None),
        ({"type": ["integer", "null"]}, 1),
        ({"type": "integer", "minimum": 5}, 5),
        ({"type": "integer", "exclusiveMinimum": 3, "multipleOf": 7}, 7),
        ({"type": "integer", "maximum": -4}, -4),
        ({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1}, 0.5),
        ({"type": "array", "items": {"type": "integer"}}, []),
        ({"type": "array", "items": {"type": "integer"}, "minItems": 2}, [1, 1]),
        ({"type": "array", "prefixItems": [{"type": "null"}], "items": {"const": 2}, "minItems": 2}, [None, 2]),
        ({"type": "string", "format": "date"}, "2025-01-01"),
        ({"type": "string", "minLength": 7}, "Paris.."),
        ({"type": "string", "maxLength": 3}, "Par"),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, None),
        ({"oneOf": [False, {"type": "boolean"}]}, True),
        ({"required": ["x"]}, {"x": "Paris"}),
        (
            {
                "allOf": [
                    {"properties": {"x": {"const": 1}}, "required": ["x"]},
                    {"properties": {"y": {"const": 2}}, "required": ["y"]},
                ]
            },
            {"x": 1, "y": 2},
        ),
    ],
)
def test_a_value_fits_its_schema(schema: object, value: object) -> None:
    assert sample(schema) == value


def test_a_local_reference_is_followed() -> None:
    schema = {"$defs": {"unit": {"enum": ["metric"]}}, "properties": {"u": {"$ref": "#/$defs/unit"}}, "required": ["u"]}
    assert sample(schema) == {"u": "metric"}


def test_a_list_of_nodes_ends_as_soon_as_it_may() -> None:
    node = {
        "type": "object",
        "properties": {"next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]}},
        "required": ["next"],
    }
    assert sample({"$defs": {"node": node}, "$ref": "#/$defs/node"}) == {"next": None}


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "https://example.com/schema"},
        {"$ref": "#/nowhere"},
        {"anyOf": [False]},
        {"type": "array", "minItems": 1_000_000_000},
        {"type": "string", "minLength": 1_000_000_000},
        {"type": "integer", "minimum": 2, "maximum": 1},
    ],
)
def test_a_schema_without_a_value_within_bounds_is_refused(schema: object) -> None:
    with pytest.raises(InvalidRequest, match="no value"):
        sample(schema)
