"""The parameters of a tool, as far as Ollama reads them.

Owns the part of JSON Schema that Ollama decodes into types of its own, twice: as Go types, and as a strict decoder for
the fast way. Rules: the two agree wherever the fast one is content; the text itself is kept by whoever asks.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ollamux.formats.ollama import goleaves as go
from ollamux.formats.ollama.gotypes import Ordered, Slice, Struct

__all__ = ("PARAMETERS", "check_parameters")

_PROPERTY = Struct(
    "ToolProperty",
    {
        "type": go.PROPERTY_TYPE,
        "items": go.ANY,
        "description": go.STRING,
        "enum": Slice(go.ANY),
        "required": Slice(go.STRING),
    },
)
_PROPERTIES = Ordered(_PROPERTY, "api.ToolPropertiesMap")
_PROPERTY.add("anyOf", Slice(_PROPERTY))
_PROPERTY.add("properties", _PROPERTIES)

PARAMETERS = Struct(
    "ToolFunctionParameters",
    {
        "type": go.STRING,
        "$defs": go.ANY,
        "items": go.ANY,
        "required": Slice(go.STRING),
        "properties": _PROPERTIES,
    },
)

# What the fast way checks of a tool's parameters. These further words of JSON Schema are known to mean nothing to
# Ollama; another one sends the body the slow way, where the keys that do mean something are found in any case.
_UNREAD = (
    "$comment", "$id", "$ref", "$schema", "additionalProperties", "allOf", "const", "contentEncoding",
    "contentMediaType", "default", "definitions", "deprecated", "else", "example", "examples", "exclusiveMaximum",
    "exclusiveMinimum", "format", "if", "maxItems", "maxLength", "maxProperties", "maximum", "minItems", "minLength",
    "minProperties", "minimum", "multipleOf", "not", "nullable", "oneOf", "pattern", "patternProperties", "prefixItems",
    "propertyNames", "readOnly", "strict", "then", "title", "uniqueItems", "writeOnly",
)  # fmt: skip


def _strict(name: str, fields: dict[str, Any]) -> type[msgspec.Struct]:
    spelled = {**fields, **dict.fromkeys(_UNREAD, msgspec.Raw)}
    return msgspec.defstruct(
        name,
        [
            (f"f{place}", type_, msgspec.field(default=None, name=key))
            for place, (key, type_) in enumerate(spelled.items())
        ],
        module=__name__,
        forbid_unknown_fields=True,
    )


_StrictProperty = _strict(
    "_StrictProperty",
    {
        "anyOf": "list[_StrictProperty] | None",
        "type": str | list[str] | None,
        "items": Any,
        "description": str | None,
        "enum": list[Any] | None,
        "properties": "dict[str, _StrictProperty] | None",
        "required": list[str] | None,
    },
)
_StrictParameters = _strict(
    "_StrictParameters",
    {
        "type": str | None,
        "$defs": Any,
        "items": Any,
        "required": list[str] | None,
        "properties": "dict[str, _StrictProperty] | None",
    },
)
check_parameters = msgspec.json.Decoder(_StrictParameters).decode
