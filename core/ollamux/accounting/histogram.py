"""Histograms with fixed buckets: what was measured, counted where it belongs.

Rule: a value that lies on a bound is in the bucket that ends there, as Prometheus and OpenTelemetry count it.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ("Histogram",)


class Histogram:
    """Counts values between `bounds`, which ascend and are fewer than 18; the last bucket takes what is beyond them.
    Values are not negative."""

    __slots__ = ("_bounds", "_counts", "_last", "bounds", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        if len(bounds) >= 18:
            raise ValueError("too many bounds")
        self.bounds = bounds
        self.total = 0.0
        self._last = len(bounds)
        # Written out, since compiled they are arrays of numbers: to count is a few comparisons and two additions.
        self._bounds = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]
        self._counts = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        for index, bound in enumerate(bounds):
            self._bounds[index] = bound

    def add(self, value: float) -> None:
        """Counts one value."""
        index = 0
        while index < self._last and value > self._bounds[index]:
            index += 1
        self._counts[index] += 1
        self.total += value

    @property
    def counts(self) -> list[int]:
        """How many values are in each bucket."""
        return [self._counts[index] for index in range(self._last + 1)]

    def join(self, counts: Iterable[int], total: float) -> None:
        """Counts what another one with these bounds counted."""
        for index, count in zip(range(self._last + 1), counts, strict=True):
            self._counts[index] += count
        self.total += total

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self.counts)

    @property
    def mean(self) -> float | None:
        """Their mean; None where there were none."""
        count = self.count
        return self.total / count if count else None

    @classmethod
    def merged(cls, parts: Iterable[Histogram], bounds: tuple[float, ...]) -> Histogram:
        """All that these counted, which have these same bounds."""
        found = cls(bounds)
        for part in parts:
            found.join(part.counts, part.total)
        return found
