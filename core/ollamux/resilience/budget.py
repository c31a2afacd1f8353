"""The retry budget: repeats are a share of the traffic, so that trouble is not answered with a storm of its own.

Strategy: a token bucket. Every request pays `share` of a token in, every repeat takes a whole one out; a few tokens are
there from the start and one trickles in every ten seconds, so that a gateway with one user repeats as well.

Rules: the first call to another backend costs nothing and is not asked for here; a share of 0 allows no repeat at all.
"""

from __future__ import annotations

__all__ = ("MOST", "TRICKLE", "RetryBudget")

MOST = 10.0
"""Repeats that can be saved up."""

TRICKLE = 0.1
"""Repeats a second that are allowed whatever the traffic."""


class RetryBudget:
    """Counts what was paid in and taken out. `parts` is among how many of its kind the savings and the trickle are
    divided; a whole repeat can always be saved up."""

    __slots__ = ("_at", "_level", "_most", "_trickles", "share")

    def __init__(self, share: float = 0.2, *, parts: int = 1) -> None:
        self.share = share
        self._most = max(1.0, MOST / parts)
        self._trickles = TRICKLE / parts
        self._level = self._most if share > 0.0 else 0.0
        self._at: float | None = None

    def paid(self) -> None:
        """A request came."""
        self._level = min(self._most, self._level + self.share)

    def allows(self, now: float) -> bool:
        """Whether a repeat could be made now."""
        self._trickle(now)
        return self._level >= 1.0

    def take(self, now: float) -> bool:
        """Takes a repeat; False where there is none left."""
        self._trickle(now)
        if self._level < 1.0:
            return False
        self._level -= 1.0
        return True

    def _trickle(self, now: float) -> None:
        if self._at is not None and now > self._at and self.share > 0.0:
            self._level = min(self._most, self._level + (now - self._at) * self._trickles)
        self._at = now if self._at is None else max(self._at, now)
