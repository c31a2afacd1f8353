"""Several keys of one backend: they share the load, and one that was refused or limited rests.

Strategy: round robin over the keys that do not rest. Where all rest, the one that is back first is used all the same:
the backend's own answer says more than we could.

Rules: a key is a place in the list, from 0; the keys themselves are not known here. What was refused (401, 403) rests
for long, since somebody has to put it right; what was limited (429) for as long as the backend says.
"""

from __future__ import annotations

from collections.abc import Sequence

from ollamux.formats.failures import retry_after

__all__ = ("LIMITED", "LONGEST", "REFUSED", "KeyRing", "rest_after")

REFUSED = 300.0
"""Seconds for which a key rests that the backend refused."""

LIMITED = 30.0
"""Seconds for which a key rests that was limited, where the backend does not say how long."""

LONGEST = 3600.0
"""A key is tried again after this many seconds whatever the backend says."""


def rest_after(status: int, headers: Sequence[tuple[str, str]]) -> float:
    """Seconds for which a key rests after an answer with this status; 0 for an answer that says nothing of the key."""
    if status in (401, 403):
        return REFUSED
    if status != 429:
        return 0.0
    told = retry_after({name.lower(): value for name, value in headers})
    return min(LIMITED if told is None else told, LONGEST)


class KeyRing:
    """Chooses a key for each call."""

    __slots__ = ("_next", "_until")

    def __init__(self, count: int) -> None:
        self._next = 0
        self._until = [0.0] * count

    def choose(self, now: float) -> int:
        """The key for the next call."""
        count = len(self._until)
        for step in range(count):
            key = (self._next + step) % count
            if self._until[key] <= now:
                self._next = (key + 1) % count
                return key
        return min(range(count), key=self._until.__getitem__)

    def answered(self, key: int, status: int, headers: Sequence[tuple[str, str]], now: float) -> None:
        """A call with this key was answered."""
        seconds = rest_after(status, headers)
        if seconds:
            self._until[key] = now + seconds
        elif status < 400:
            self._until[key] = 0.0

    def another(self, key: int, now: float) -> bool:
        """Whether a key other than this one could be tried now."""
        return any(until <= now for place, until in enumerate(self._until) if place != key)
