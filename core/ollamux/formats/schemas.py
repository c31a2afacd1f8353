"""JSON schemas as backends take them that make a grammar of one: Anthropic's API, and Bedrock's.

Strategy: the schema of a tool's input has to be an object's. What an answer is held to, and a strict tool's input, is
made into a grammar, in which every object is closed and there are no bounds of length, number or size: those are left
out and named.

Rules: a schema that needs no change keeps its bytes; what is a property's name is no keyword.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from ollamux.errors import InvalidRequest

__all__ = ("grammar_schema", "input_schema")

_NO_INPUT = msgspec.Raw(b'{"type":"object","properties":{}}')
_UNREADABLE = "a JSON schema of the request cannot be read, or is nested too deeply"
_BOUNDS = frozenset(
    """exclusiveMaximum exclusiveMinimum maxItems maxLength maxProperties maximum minItems minLength minProperties
    minimum multipleOf uniqueItems""".split()
)
_NAMED = ("$defs", "definitions", "properties")
_SEVERAL = ("allOf", "anyOf", "oneOf", "prefixItems")
_ONE = ("items", "not")
_decode = msgspec.json.Decoder(Any).decode
_encode = msgspec.json.Encoder().encode


def input_schema(parameters: msgspec.Raw | None, *, strict: bool, lost: dict[str, None]) -> msgspec.Raw:
    """The schema of a tool's input. `lost` gets the bounds that a strict one cannot have."""
    found = _read(parameters)
    if parameters is None or not isinstance(found, dict):
        return _NO_INPUT
    if strict:
        parameters = grammar_schema(parameters, lost)
        found = cast(dict[str, Any], _decode(parameters))
    if cast(dict[str, Any], found).get("type") == "object":
        return parameters
    return msgspec.Raw(_encode({**cast(dict[str, Any], found), "type": "object"}))


def grammar_schema(schema: msgspec.Raw, lost: dict[str, None], *, one_of: str = "oneOf") -> msgspec.Raw:
    """The schema that an answer is held to. `lost` gets the bounds that it cannot have; `one_of` is how the backend
    spells that keyword."""
    found = _read(schema)
    try:
        closed = _closed(found, lost, one_of)
        return schema if closed == found else msgspec.Raw(_encode(closed))
    except RecursionError:
        raise InvalidRequest(_UNREADABLE) from None


def _read(schema: msgspec.Raw | None) -> Any:
    try:
        return None if schema is None else _decode(schema)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise InvalidRequest(_UNREADABLE) from None


def _closed(schema: Any, lost: dict[str, None], one_of: str) -> Any:
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in cast(dict[str, Any], schema).items():
        if key in _BOUNDS and not (key == "minItems" and value in (0, 1)):
            lost[key] = None
        elif key in _NAMED and isinstance(value, dict):
            made[key] = {name: _closed(inner, lost, one_of) for name, inner in cast(dict[str, Any], value).items()}
        elif key in _SEVERAL and isinstance(value, list):
            spelled = one_of if key == "oneOf" else key
            made[spelled] = [_closed(inner, lost, one_of) for inner in cast("list[object]", value)]
        else:
            made[key] = _closed(value, lost, one_of) if key in _ONE else value
    if made.get("type") == "object" or "properties" in made:
        if made.get("additionalProperties"):
            lost["additionalProperties"] = None
        made["additionalProperties"] = False
    return made
