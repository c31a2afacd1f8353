"""After how long a second attempt may begin beside a first one without an answer: later than nearly all others took.

Strategy: for each model on each backend a histogram of the times to the first token, in buckets that grow by a fourth
of a doubling, from one millisecond to about a quarter of an hour; so a time is known to about a tenth, whatever it is.
When a histogram holds 1,024 times all its counts are halved, so it follows what changes.

Rules: nothing is said before there are enough times to say it of; what is kept is bounded, the oldest gives way. A
second attempt is a repeat: it is for the caller to pay for it from the retry budget.
"""

from __future__ import annotations

from math import exp2, log2

__all__ = ("ENOUGH", "FirstTokens", "Hedging")

ENOUGH = 20
"""Times that have to be known before a second attempt is worth a thought."""

_SHORTEST = 0.001
_STEPS = 4
_BUCKETS = 80
_HALVE_AT = 1024
_LOOK_AGAIN = 16


class FirstTokens:
    """The times to the first token of one model on one backend, in seconds."""

    __slots__ = ("_counts", "_found", "_percentile", "_since", "total")

    def __init__(self) -> None:
        self.total = 0
        self._counts = [0] * _BUCKETS
        self._found = self._percentile = -1.0
        self._since = 0

    def seen(self, seconds: float) -> None:
        """One more."""
        place = 0 if seconds <= _SHORTEST else min(int(_STEPS * log2(seconds / _SHORTEST)) + 1, _BUCKETS - 1)
        self._counts[place] += 1
        self.total += 1
        self._since += 1
        if self.total >= _HALVE_AT:
            self._counts = [count >> 1 for count in self._counts]
            self.total = sum(self._counts)

    def quantile(self, percentile: float) -> float | None:
        """The time that this percentage of them did not exceed, rounded up to a bucket; None before there are enough.
        Found anew once in a while only."""
        if self.total < ENOUGH:
            return None
        if percentile != self._percentile or self._since >= _LOOK_AGAIN or self._found < 0.0:
            self._found = self._look(percentile)
            self._percentile = percentile
            self._since = 0
        return self._found

    def _look(self, percentile: float) -> float:
        above = self.total - self.total * percentile / 100.0
        place = _BUCKETS - 1
        over = self._counts[place]
        while place and over <= above:
            place -= 1
            over += self._counts[place]
        return _SHORTEST * exp2(place / _STEPS)


class Hedging:
    """The histograms of all models."""

    __slots__ = ("_most", "_times", "percentile")

    def __init__(self, percentile: float = 95.0, *, most: int = 1024) -> None:
        self.percentile = percentile
        self._most = most
        self._times: dict[tuple[str, str], FirstTokens] = {}

    def seen(self, backend: str, model: str, seconds: float) -> None:
        """A first token came so many seconds after its call. One for which a model was loaded is not to be told."""
        key = (backend, model)
        times = self._times.get(key)
        if times is None:
            if len(self._times) >= self._most:
                del self._times[next(iter(self._times))]
            times = self._times[key] = FirstTokens()
        times.seen(seconds)

    def after(self, backend: str, model: str) -> float | None:
        """Seconds after which a second attempt may begin; None where nothing can be said yet."""
        times = self._times.get((backend, model))
        return None if times is None else times.quantile(self.percentile)
