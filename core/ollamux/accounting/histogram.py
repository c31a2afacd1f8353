"""Histograms with fixed buckets: what was measured, counted where it belongs.

Rule: a value that lies on a bound is in the bucket that ends there, as Prometheus and OpenTelemetry count it.
"""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ("Histogram",)


class Histogram:
    """Counts values between `bounds`, which ascend; the last bucket takes what is beyond them. Values are not
    negative."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def add(self, value: float) -> None:
        """Counts one value."""
        index = 0
        for bound in self.bounds:  # a few comparisons, which are cheaper than a call
            if value <= bound:
                break
            index += 1
        self.counts[index] += 1
        self.total += value

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
            found.counts = [one + other for one, other in zip(found.counts, part.counts, strict=True)]
            found.total += part.total
        return found
