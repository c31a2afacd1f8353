"""JSON schemas for backends that make grammars of them."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ollamux.errors import InvalidRequest
from ollamux.formats.schemas import grammar_schema, input_schema


def taken(schema: Any, *, strict: bool = False) -> tuple[Any, list[str]]:
    lost: dict[str, None] = {}
    raw = msgspec.Raw(json.dumps(schema).encode())
    return json.loads(bytes(input_schema(raw, strict=strict, lost=lost))), list(lost)


def held(schema: Any) -> tuple[Any, list[str]]:
    lost: dict[str, None] = {}
    return json.loads(bytes(grammar_schema(msgspec.Raw(json.dumps(schema).encode()), lost))), list(lost)


def test_what_needs_no_change_keeps_its_bytes() -> None:
    plain = msgspec.Raw(b'{ "type":"object", "x": 1.50, "maxProperties": 3 }')
    assert bytes(input_schema(plain, strict=False, lost={})) == bytes(plain)
    closed = msgspec.Raw(b'{ "type":"object", "properties":{}, "additionalProperties" : false }')
    assert bytes(grammar_schema(closed, {})) == bytes(closed)
    assert bytes(input_schema(closed, strict=True, lost={})) == bytes(closed)


@pytest.mark.parametrize("schema", [None, True, [], "x"])
def test_a_tool_without_a_schema_takes_an_empty_object(schema: Any) -> None:
    assert taken(schema) == ({"type": "object", "properties": {}}, [])


def test_a_tool_takes_an_object_whatever_its_schema_says() -> None:
    assert taken({"properties": {"a": {}}}) == ({"properties": {"a": {}}, "type": "object"}, [])
    assert taken({"type": ["object", "null"]})[0] == {"type": "object"}


def test_a_strict_tool_has_closed_objects_and_no_bounds() -> None:
    schema = {"properties": {"a": {"type": "string", "maxLength": 3}}}
    assert taken(schema, strict=True) == (
        {"properties": {"a": {"type": "string"}}, "additionalProperties": False, "type": "object"},
        ["maxLength"],
    )


def test_objects_are_closed_wherever_they_stand() -> None:
    inner = {"type": "object", "properties": {}}
    shut = inner | {"additionalProperties": False}
    schema = {"$defs": {"d": inner}, "anyOf": [inner, {"$ref": "#/$defs/d"}], "items": inner, "not": inner}
    assert held(schema) == (
        {"$defs": {"d": shut}, "anyOf": [shut, {"$ref": "#/$defs/d"}], "items": shut, "not": shut},
        [],
    )
    assert held(inner | {"additionalProperties": {"type": "string"}}) == (shut, ["additionalProperties"])


def test_one_of_is_spelled_as_the_backend_does() -> None:
    schema = msgspec.Raw(b'{"oneOf":[{"type":"null"},true,{"oneOf":[]}]}')
    assert bytes(grammar_schema(schema, {})) == bytes(schema)
    spelled = grammar_schema(schema, {}, one_of="anyOf")
    assert json.loads(bytes(spelled)) == {"anyOf": [{"type": "null"}, True, {"anyOf": []}]}


def test_a_property_that_is_called_as_a_keyword_is_none() -> None:
    schema = {
        "type": "object",
        "properties": {"minimum": {"type": "integer"}, "properties": {"type": "string"}},
        "additionalProperties": False,
    }
    assert held(schema) == (schema, [])


def test_a_list_may_be_asked_not_to_be_empty() -> None:
    assert held({"type": "array", "minItems": 1}) == ({"type": "array", "minItems": 1}, [])
    assert held({"type": "array", "minItems": 2}) == ({"type": "array"}, ["minItems"])
    assert held({"enum": ["a"], "const": {"minimum": 1}}) == ({"enum": ["a"], "const": {"minimum": 1}}, [])


@pytest.mark.parametrize("schema", [b"{", b"\xff", b"[" * 100000])
def test_what_is_no_schema_is_the_clients_fault(schema: bytes) -> None:
    with pytest.raises(InvalidRequest):
        grammar_schema(msgspec.Raw(schema), {})
    with pytest.raises(InvalidRequest):
        input_schema(msgspec.Raw(schema), strict=False, lost={})


def test_a_deep_schema_is_refused_and_nothing_worse() -> None:
    refused = 0
    for depth in (10, *range(850, 1000, 3)):
        try:
            grammar_schema(msgspec.Raw(b'{"not":' * depth + b'{"minimum":1}' + b"}" * depth), {})
        except InvalidRequest:
            refused += 1
    assert refused
