"""Changes single values of a JSON object in place, so that everything else of a client's body survives byte for byte.

Strategy: the JSON decoder says how long the value of each member of the outermost object is, and a regular expression
reads the key in front of it. What the decoder refuses though others take it, and objects with a key twice, are walked:
a regular expression finds strings and brackets, and their depth tells the members. Nothing is encoded again.

Rules: the body is an object that a JSON decoder has accepted before; what follows its end is kept; a key that is there
twice is changed twice, since decoders differ in which one they read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

__all__ = ("Member", "members", "replace")

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]', re.DOTALL)
_KEY = rb'\s*"[^"\\]*(?:\\.[^"\\]*)*"\s*:\s*'
_OPENING = re.compile(rb"\s*\{" + _KEY, re.DOTALL)
_NEXT = re.compile(rb"\s*," + _KEY, re.DOTALL)
_CLOSING = re.compile(rb"\s*\{?\s*\}\s*$")
_decode_values = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode
_SPACE = b" \t\r\n"


class Member(msgspec.Struct, frozen=True):
    """A member of the outermost object: its key, decoded, and where its value stands in the body."""

    key: str
    start: int
    end: int


def members(body: bytes) -> list[Member]:
    """The members of the outermost object, in their order."""
    found = _by_decoder(body)
    return _by_walking(body) if found is None else found


def _by_decoder(body: bytes) -> list[Member] | None:
    """The decoder tells how long each value is. None where it refuses the body, or where a key is there twice."""
    try:
        values = _decode_values(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    found: list[Member] = []
    end = 0
    opening = _OPENING
    for key, value in values.items():
        match = opening.match(body, end)
        if match is None:
            return None
        start = match.end()
        text = bytes(value)
        end = start + len(text)
        if not body.startswith(text, start):
            return None
        found.append(Member(key, start, end))
        opening = _NEXT
    return found if _CLOSING.match(body, end) else None


def _by_walking(body: bytes) -> list[Member]:
    found: list[Member] = []
    depth = 0
    key: bytes | None = None
    start = 0
    for match in _TOKEN.finditer(body):
        token = match.group()
        sign = token[0]
        if sign == 0x22:
            if depth == 1 and key is None:
                key = token
        elif sign == 0x3A:
            if depth == 1:
                start = match.end()
        elif sign == 0x2C:
            if depth == 1:
                _add(found, body, key, start, match.start())
                key = None
        elif sign in b"{[":
            depth += 1
        else:
            depth -= 1
            if depth == 0:
                _add(found, body, key, start, match.start())
                break
    return found


def _add(found: list[Member], body: bytes, key: bytes | None, start: int, end: int) -> None:
    if key is None:
        return
    while start < end and body[start] in _SPACE:
        start += 1
    while start < end and body[end - 1] in _SPACE:
        end -= 1
    found.append(Member(_name(key), start, end))


def _name(key: bytes) -> str:
    if b"\\" in key:
        try:
            return _decode_text(key)
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass
    return key[1:-1].decode("utf-8", "replace")


def replace(
    body: bytes, values: Mapping[str, bytes], *, fold: bool = False, known: list[Member] | None = None
) -> bytes:
    """The body with these members' values (JSON text) put in place, or added at the front where there are none.
    `fold` takes keys whatever their case; `known` are the body's members where somebody has them already."""
    pieces: list[bytes] = []
    missing = dict(values)
    at = 0
    if known is None:
        known = members(body)
    for member in known:
        key = member.key.lower() if fold else member.key
        if key in values:
            missing.pop(key, None)
            pieces += (body[at : member.start], values[key])
            at = member.end
    pieces.append(body[at:])
    changed = b"".join(pieces)
    if missing:
        opening = changed.index(b"{") + 1
        added = b",".join(msgspec.json.encode(key) + b":" + value for key, value in missing.items())
        changed = changed[:opening] + added + (b"," if known else b"") + changed[opening:]
    return changed
