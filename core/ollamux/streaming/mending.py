"""Puts into a chunk of OpenAI's chat stream what its server left out: the role, the id, the index of each call.

Strategy: it is put into the text, by hand where that is unambiguous, so that everything else keeps its bytes; where it
is not, the chunk is written anew.

Rules: the first delta of a choice names the role; every call has an index of its own: one that lacks it gets the next,
and so does one that takes another call's.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

__all__ = ("Spoken", "numbered", "with_id", "with_role")

_EMPTY_ID = re.compile(rb'"id"\s*:\s*(""|null)')
_DELTA = re.compile(rb'"delta"\s*:\s*\{\s*')


class _Function(msgspec.Struct, gc=False):
    name: Any = None


class _Piece(msgspec.Struct, gc=False):
    index: Any = None
    id: Any = None
    function: _Function | None = None


_decode_pieces = msgspec.json.Decoder(list[_Piece]).decode
_decode_chunk = msgspec.json.Decoder(dict[str, Any]).decode


class Spoken:
    """What a choice has brought so far. `calls` holds, by the server's index, a call's id and its index here."""

    __slots__ = ("calls", "count", "finished", "last", "role")

    def __init__(self) -> None:
        self.role = False
        self.finished = False
        self.calls: dict[int, tuple[str, int]] = {}
        self.count = 0
        self.last = -1

    @property
    def called(self) -> bool:
        return bool(self.count)

    def place(self, piece: _Piece) -> int:
        """The index under which this piece of a call goes on."""
        given = piece.index
        name = piece.function.name if piece.function is not None else None
        ident = piece.id if isinstance(piece.id, str) else ""
        if not isinstance(given, int):
            given = self.last
            if given < 0 or ident or name:
                given = self.last + 1
        known = self.calls.get(given)
        if known is None or (ident and known[0] and ident != known[0] and name):
            taken = {at for _, at in self.calls.values()}
            index = given if known is None and given not in taken else max(taken, default=-1) + 1
            self.calls[given] = known = (ident, index)
            self.count += 1
        elif ident and not known[0]:
            self.calls[given] = known = (ident, known[1])
        self.last = given
        return known[1]


def with_role(payload: bytes, index: int) -> bytes:
    """The chunk with the role in the delta of one choice."""
    found = list(_DELTA.finditer(payload))
    if len(found) == 1 and b'"role"' not in payload:
        at = found[0].end()
        return payload[:at] + (b'"role":"assistant"' + (b"" if payload[at : at + 1] == b"}" else b",")) + payload[at:]
    chunk = _whole(payload)
    if chunk is None:
        return payload
    for choice in chunk["choices"]:
        if (choice.get("index") or 0) == index and isinstance(choice.get("delta"), dict):
            choice["delta"] = {"role": "assistant"} | choice["delta"] | {"role": "assistant"}
    return msgspec.json.encode(chunk)


def with_id(payload: bytes, ident: Any) -> bytes:
    """The chunk with an id, in front where it has none."""
    if not ident:
        return payload
    found = list(_EMPTY_ID.finditer(payload))
    value = msgspec.json.encode(ident)
    if len(found) == 1:
        return payload[: found[0].start(1)] + value + payload[found[0].end(1) :]
    chunk = _whole(payload)
    return payload if chunk is None else msgspec.json.encode({**chunk, "id": ident})


def numbered(payload: bytes, index: int, calls: bytes, spoken: Spoken) -> bytes:
    """The chunk with the index of each piece of a call in one choice, which most servers have right."""
    try:
        pieces = _decode_pieces(calls)
    except ValueError:
        return payload
    places = [spoken.place(piece) for piece in pieces]
    if all(piece.index == place for piece, place in zip(pieces, places, strict=True)):
        return payload
    chunk = _whole(payload)
    if chunk is None:
        return payload
    for choice in chunk["choices"]:
        if (choice.get("index") or 0) == index:
            told: Any = choice["delta"]["tool_calls"]
            choice["delta"]["tool_calls"] = [
                {"index": place} | call | {"index": place} for call, place in zip(told, places, strict=True)
            ]
    return msgspec.json.encode(chunk)


def _whole(payload: bytes) -> dict[str, Any] | None:
    """The chunk as a value; None where something in it that nobody asked for is no JSON."""
    try:
        return _decode_chunk(payload)
    except (ValueError, RecursionError):
        return None
