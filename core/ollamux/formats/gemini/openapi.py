"""Google's `Schema`, a subset of OpenAPI's, as the JSON schema that it means.

Rules: a schema's own words are read in both spellings and written as JSON schema has them; the names of properties and
what stands in `enum`, `default` and `example` are the user's and stay as they are; a word that is unknown stays too.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from ollamux.formats.gemini.fields import camel

__all__ = ("json_schema",)

_COUNTS = ("minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties")
_ONE = ("items", "additionalProperties", "not")
_MANY = ("anyOf", "oneOf", "allOf", "prefixItems")
_MAPS = ("properties", "$defs", "defs", "definitions")
_DROPPED = ("nullable", "propertyOrdering")


def json_schema(raw: msgspec.Raw) -> msgspec.Raw:
    """The JSON schema. Raises msgspec.DecodeError for what is no JSON."""
    return msgspec.Raw(msgspec.json.encode(_converted(msgspec.json.decode(raw))))


def _converted(schema: Any) -> Any:
    if not isinstance(schema, dict):
        return schema
    given = {camel(name): value for name, value in cast(dict[str, Any], schema).items()}
    made: dict[str, Any] = {}
    for name, value in given.items():
        if name in _DROPPED:
            continue
        if name in _ONE:
            made[name] = _converted(value)
        elif name in _MANY and isinstance(value, list):
            made[name] = _all(value)  # pyright: ignore[reportUnknownArgumentType]
        elif name in _MAPS and isinstance(value, dict):
            made[name] = {key: _converted(one) for key, one in cast(dict[str, Any], value).items()}
        elif name in _COUNTS and isinstance(value, str) and value.isdecimal():
            made[name] = int(value)
        elif name == "type" and isinstance(value, str):
            made[name] = value.lower()
        elif name == "example":
            made["examples"] = [value]
        else:
            made[name] = value
    if made.get("type") == "type_unspecified":
        del made["type"]
    if given.get("nullable") is True:
        _allow_null(made)
    return made


def _all(schemas: list[Any]) -> list[Any]:
    return [_converted(schema) for schema in schemas]


def _allow_null(schema: dict[str, Any]) -> None:
    kind = schema.get("type")
    if isinstance(kind, str) and kind != "null":
        schema["type"] = [kind, "null"]
        if isinstance(schema.get("enum"), list) and None not in schema["enum"]:
            schema["enum"] = [*schema["enum"], None]
    elif kind is None and isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*schema["anyOf"], {"type": "null"}]
