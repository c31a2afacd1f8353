"""How often and how fast: values of the configuration that several of its keys make together.

Rules: times are seconds; what these figures do to calls is decided where calls are made.
"""

from __future__ import annotations

import msgspec

__all__ = ("Backoff", "BreakerSettings", "Rate")


class Rate(msgspec.Struct, frozen=True):
    """So many events in so many seconds: `600/min` is Rate(600, 60). All of them may come at once."""

    count: float
    seconds: float = 60.0

    @property
    def each_second(self) -> float:
        """Events a second."""
        return self.count / self.seconds


class Backoff(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of `retry:` that say how long to wait before a call is repeated: seconds, a factor, seconds, a share.
    `base * factor ** repeat`, never more than `max`, moved by up to `jitter` of itself either way so that those who
    failed together do not come back together. What the backend asked for (Retry-After) is a floor that the jitter only
    raises."""

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


class BreakerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of `breaker:`; times in seconds. 0 failures: never opens. 0 for `slow`: no answer is too slow."""

    failures: int = 5
    window: float = 60.0
    recovery: float = 60.0
    successes: int = 3
    slow: float = 60.0
