"""In turn, by weight: over any run of decisions a backend gets its share to within one request, and to within its share
of half a request more for each of the others, since equals may have their turns at one moment.

Strategy: each standing carries the moment of its next turn, in rounds, and who is next is the earliest. A turn puts it
off by 1 / weight, and the first is half of that, so that the turns of a heavy one lie between those of the others. Who
was away does not make up for it: a turn that lies behind the field's counts as the field's.
"""

from __future__ import annotations

from ollamux.routing.ask import Ask
from ollamux.routing.standing import Field, Standing
from ollamux.routing.strategies.base import Strategy

__all__ = ("STRATEGY", "RoundRobin")


class RoundRobin(Strategy):
    """See the module."""

    name = "round_robin"

    def primary(self, standing: Standing, ask: Ask) -> float:
        """The earliest turn is the highest."""
        return -standing.turn

    def rate(self, standing: Standing, ask: Ask) -> float:
        """Those whose turn is the same follow in their order."""
        return 0.0

    def took(self, field: Field, standing: Standing, ask: Ask) -> None:
        step = 1.0 / standing.station.weight
        turn = max(standing.turn, field.turn - step)
        field.turn = max(field.turn, turn)
        standing.turn = turn + step

    def why(self, standing: Standing, ask: Ask, primary: float) -> str:
        return "it is its turn"


STRATEGY = RoundRobin
