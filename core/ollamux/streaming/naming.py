"""Puts the name that a client asked for in the place of the one that a backend was asked for.

Strategy: the value of the outermost `model` is cut out and replaced where it stands, so that everything else keeps its
bytes; only where the text does not tell which `model` is the outermost one is the object written anew.
"""

from __future__ import annotations

import re

import msgspec

__all__ = ("with_model",)

_MODEL = re.compile(rb'"model"\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*"|null)')
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def with_model(body: bytes, name: bytes) -> bytes:
    """A JSON object with its `model` replaced by `name` (JSON text). What has none, or is no object, stays as it is."""
    try:
        members = _members(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body
    if "model" not in members:
        return body
    found = list(_MODEL.finditer(body))
    if len(found) == 1:
        return body[: found[0].start(1)] + name + body[found[0].end(1) :]
    members["model"] = msgspec.Raw(name)
    return msgspec.json.encode(members)
