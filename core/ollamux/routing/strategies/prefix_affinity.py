"""Back to where the conversation's beginning is still in the cache, as long as that backend is not overloaded.

Strategy: the longest beginning that is known (`affinity`) names a backend; it is first, everybody else goes by the
score. It loses that where it is full, or, where nobody knows its places, where more runs there than one and
`_BOUND` times the average of the field.
"""

from __future__ import annotations

from ollamux.routing.affinity import Prefixes
from ollamux.routing.ask import Ask
from ollamux.routing.standing import Field, Standing
from ollamux.routing.strategies.base import Strategy

__all__ = ("STRATEGY", "PrefixAffinity")

_BOUND = 1.25


class PrefixAffinity(Strategy):
    """See the module."""

    name = "prefix_affinity"

    def __init__(self) -> None:
        self._prefixes = Prefixes()
        self._holder: Standing | None = None

    def prepare(self, field: Field, ask: Ask) -> None:
        self._holder = None
        if not ask.prefix:
            return
        holder = self._prefixes.holder(field.name, ask.prefix)
        if holder < 0:
            return
        running = here = 0
        bounded = False
        for standing in field.standings:
            station = standing.station
            running += station.taken
            if station.number == holder:
                self._holder = standing
                here = station.taken
                bounded = not station.slots
        if bounded and here > 1 + _BOUND * running / len(field.standings):
            self._holder = None

    def primary(self, standing: Standing, ask: Ask) -> float:
        """1 for who holds the beginning."""
        return 1.0 if standing is self._holder else 0.0

    def took(self, field: Field, standing: Standing, ask: Ask) -> None:
        self._prefixes.keep(field.name, ask.prefix, standing.station.number)

    def why(self, standing: Standing, ask: Ask, primary: float) -> str:
        if primary > 0:
            return "it holds the beginning of this conversation"
        return "the best score, for nobody who has room holds the beginning of this conversation"


STRATEGY = PrefixAffinity
