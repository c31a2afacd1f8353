"""Counters of the kernel turned into rates: what came since the last reading, for each second."""

from __future__ import annotations

__all__ = ("Rates",)


class Rates:
    """Remembers each counter. The first reading of one, and one that ran backwards, gives no rate."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[int, float]] = {}

    def per_second(self, name: str, value: int | None, now: float) -> float | None:
        """How fast the counter of this name grows; `now` in seconds."""
        if value is None:
            self._last.pop(name, None)
            return None
        before = self._last.get(name)
        self._last[name] = value, now
        if before is None or now <= before[1] or value < before[0]:
            return None
        return (value - before[0]) / (now - before[1])
