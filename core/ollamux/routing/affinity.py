"""Who holds the beginning of a conversation: marks of its prefixes, and which backend saw each last.

Strategy: a request's text is marked at lengths that grow by a quarter, from `SHORTEST` bytes on, each mark being the
rolling checksum of all that stands before it; so a request of any length has a few dozen marks, and a conversation that
grows by a turn keeps all marks of what it was. The longest mark that is known names the backend.

Rules: no text is kept; what lies beyond `LONGEST` bytes is not looked at; of the marks the least recently used is
forgotten first. Two texts with the same mark are sent to the same backend, which costs some speed and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from zlib import adler32, crc32

__all__ = ("LONGEST", "SHORTEST", "Prefixes", "marks")

SHORTEST = 256
LONGEST = 256 * 1024
_KEPT = 65_536


def _lengths() -> tuple[int, ...]:
    found = [SHORTEST]
    while found[-1] < LONGEST:
        found.append(min(found[-1] + max(found[-1] // 4, SHORTEST), LONGEST))
    return tuple(found)


_LENGTHS = _lengths()


def marks(pieces: Iterable[bytes]) -> tuple[int, ...]:
    """The marks of a text that comes in pieces, in its order, the shortest first; none where it is too short. The
    pieces are what the model reads, or a body as it came: whatever grows at its end when the conversation does."""
    found: list[int] = []
    crc = adler = place = at = 0
    limit = _LENGTHS[0]
    for piece in pieces:
        start = 0
        while start < len(piece):
            part = piece[start : start + limit - at]
            crc, adler = crc32(part, crc), adler32(part, adler)
            start += len(part)
            at += len(part)
            if at == limit:
                found.append(crc << 32 | adler)
                place += 1
                if place == len(_LENGTHS):
                    return tuple(found)
                limit = _LENGTHS[place]
    return tuple(found)


class Prefixes:
    """Which backend, by its number, saw a mark of a model last."""

    __slots__ = ("_holders", "_most")

    def __init__(self, most: int = _KEPT) -> None:
        self._holders: dict[tuple[str, int], int] = {}
        self._most = most

    def __len__(self) -> int:
        return len(self._holders)

    def holder(self, model: str, prefix: tuple[int, ...]) -> int:
        """The backend with the longest beginning of this, -1 where nobody has any."""
        holders = self._holders
        if not prefix or (model, prefix[0]) not in holders:
            return -1  # the shortest is kept the longest
        for mark in reversed(prefix):
            found = holders.get((model, mark))
            if found is not None:
                return found
        return -1

    def keep(self, model: str, prefix: tuple[int, ...], station: int) -> None:
        """That backend has read all of this now."""
        holders = self._holders
        for mark in reversed(prefix):
            key = (model, mark)
            holders.pop(key, None)
            holders[key] = station
        while len(holders) > self._most:
            del holders[next(iter(holders))]
