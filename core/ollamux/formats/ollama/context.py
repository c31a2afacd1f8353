"""The `context` of a generate: a conversation so far, as the list of integers that clients keep and bring back.

Where Ollama gives tokens, this gives the turns themselves, packed: a marker, the length in bytes, then three bytes of
compact JSON to an integer. Whatever backend answers the next request can go on from it.

Rules: what was packed comes back as it was; a list that is not ours, or was tampered with, is None, never an error.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ollamux.conversation import Role

__all__ = ("Turn", "pack", "unpack")

Turn = tuple[Role, str]
"""Who spoke, and the text."""

_MARKER = 0x6F6C7801
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(list[tuple[Role, str]]).decode


def pack(turns: Sequence[Turn]) -> list[int]:
    """The turns as integers."""
    data = _encode(turns)
    return [_MARKER, len(data), *(int.from_bytes(data[at : at + 3]) for at in range(0, len(data), 3))]


def unpack(numbers: Sequence[int]) -> list[Turn] | None:
    """The turns behind the integers, or None where these are something else."""
    if len(numbers) < 3 or numbers[0] != _MARKER:
        return None
    size = numbers[1]
    if not 0 < size <= 3 * (len(numbers) - 2) < size + 3:
        return None
    try:
        data = b"".join(number.to_bytes(3) for number in numbers[2:-1])
        return _decode(data + numbers[-1].to_bytes(size - len(data)))
    except (OverflowError, msgspec.DecodeError, UnicodeDecodeError):
        return None
