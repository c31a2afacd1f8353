"""How long to wait before a call is repeated.

Strategy: exponential, `base * factor ** repeat`, never more than `max`, moved by up to `jitter` of itself either way so
that those who failed together do not come back together. What the backend asked for (Retry-After) is a floor that the
jitter only raises.

Rules: chance is handed in as a number from 0 to 1; `draw` derives one from a seed and a count, so that a run can be
played again.
"""

from __future__ import annotations

import msgspec

__all__ = ("Backoff", "draw")

_MASK = (1 << 64) - 1


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of `retry:` that say how long: seconds, a factor, seconds, a share."""

    base: float = 1.0
    factor: float = 2.0
    max: float = 60.0
    jitter: float = 0.2

    def delay(self, repeat: int, chance: float, retry_after: float | None = None) -> float:
        """Seconds before the repeat with this number, the first is 0; `chance` lies in [0, 1)."""
        # An exponent without a bound would overflow long after the ceiling is reached.
        plain = min(self.base * self.factor ** min(repeat, 64), self.max)
        moved = plain * (1.0 + self.jitter * (2.0 * chance - 1.0))
        if retry_after is None:
            return moved
        return max(moved, retry_after * (1.0 + self.jitter * chance))


def draw(seed: int, count: int) -> float:
    """A number in [0, 1) that looks like chance and is the same for the same arguments (the mixer of splitmix64)."""
    mixed = (seed + (count + 1) * 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((mixed ^ (mixed >> 31)) >> 11) / 9007199254740992.0
