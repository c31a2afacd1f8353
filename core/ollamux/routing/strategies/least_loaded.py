"""Where the least runs: the share of its places that is taken, what waits there counted in.

A backend that does not say how many places it has is taken to have `_ASSUMED_PLACES`.
"""

from __future__ import annotations

from ollamux.routing.ask import Ask
from ollamux.routing.standing import Standing
from ollamux.routing.strategies.base import Strategy

__all__ = ("STRATEGY", "LeastLoaded")

_ASSUMED_PLACES = 4.0


class LeastLoaded(Strategy):
    """See the module."""

    name = "least_loaded"

    def primary(self, standing: Standing, ask: Ask) -> float:
        """What runs and waits for each place, with its sign turned."""
        station = standing.station
        taken = station.taken + station.queued
        return -taken / station.slots if station.slots else -taken / _ASSUMED_PLACES

    def why(self, standing: Standing, ask: Ask, primary: float) -> str:
        return f"{abs(100 * primary):.0f} percent of its places were taken"


STRATEGY = LeastLoaded
