"""JSON schemas as this format takes them.

Strategy: a tool's schema goes as it is, but for the type that its outermost object must name. The schema of an answer
is compiled to a grammar on the other side, which knows no bounds and no open objects: bounds are left out, which is
told, and objects are closed.

Rules: a schema that needs no change keeps its bytes; a property is never mistaken for a keyword of its name.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

__all__ = ("answer_schema", "tool_schema")

_EMPTY = msgspec.Raw(b'{"type":"object","properties":{}}')
_LOOSENED = frozenset(
    """exclusiveMaximum exclusiveMinimum maxItems maxLength maxProperties maximum minItems minLength minProperties
    minimum multipleOf uniqueItems""".split()
)
_MAPS = frozenset({"$defs", "definitions", "properties"})
_LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
_decode = msgspec.json.Decoder(Any).decode


def tool_schema(parameters: msgspec.Raw | None) -> msgspec.Raw | dict[str, Any]:
    """The schema of a tool's input, an object's."""
    if parameters is None:
        return _EMPTY
    found = _decode(parameters)
    if not isinstance(found, dict):
        return _EMPTY
    schema = cast(dict[str, Any], found)
    return parameters if schema.get("type") == "object" else {**schema, "type": "object"}


def answer_schema(schema: msgspec.Raw, warnings: list[str]) -> Any:
    """The schema of an answer."""
    found = _decode(schema)
    lost: set[str] = set()
    changed = _closed(found, lost)
    if lost:
        warnings.append(f"the backend does not hold an answer to {', '.join(sorted(lost))}")
    return schema if changed == found else changed


def _closed(schema: Any, lost: set[str]) -> Any:
    if not isinstance(schema, dict):
        return schema
    made: dict[str, Any] = {}
    for key, value in cast(dict[str, Any], schema).items():
        if key in _LOOSENED and not (key == "minItems" and value in (0, 1)):
            lost.add(key)
        elif key in _MAPS and isinstance(value, dict):
            made[key] = {name: _closed(inner, lost) for name, inner in cast(dict[str, Any], value).items()}
        elif key in _LISTS and isinstance(value, list):
            made["anyOf" if key == "oneOf" else key] = [_closed(inner, lost) for inner in cast("list[object]", value)]
        elif key in ("items", "not"):
            made[key] = _closed(value, lost)
        else:
            made[key] = value
    if made.get("type") == "object" or "properties" in made:
        if made.get("additionalProperties"):
            lost.add("additionalProperties")
        made["additionalProperties"] = False
    return made
