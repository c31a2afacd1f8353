"""Changes single values of a JSON object in place, so that everything else of a client's body survives byte for byte.

Strategy: one regular expression finds strings and brackets; a walk over its matches knows the depth and so where each
member of the outermost object begins and ends. Nothing is decoded but the keys, nothing is encoded again.

Rules: the body is an object that a JSON decoder has accepted before; what follows its end is kept; a key that is there
twice is changed twice, since decoders differ in which one they read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

import msgspec

__all__ = ("Member", "members", "replace")

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[{}\[\],:]', re.DOTALL)
_SPACE = b" \t\r\n"


class Member(NamedTuple):
    """A member of the outermost object: its key, decoded, and where its value stands in the body."""

    key: str
    start: int
    end: int


def members(body: bytes) -> list[Member]:
    """The members of the outermost object, in their order."""
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
    try:
        name = msgspec.json.decode(key, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        name = key[1:-1].decode("utf-8", "replace")
    found.append(Member(name, start, end))


def replace(body: bytes, values: Mapping[str, bytes], *, fold: bool = False) -> bytes:
    """The body with these members' values (JSON text) put in place, or added at the front where there are none.
    `fold` takes keys whatever their case."""
    pieces: list[bytes] = []
    missing = dict(values)
    at = 0
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
