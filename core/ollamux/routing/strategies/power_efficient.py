"""The least energy: the joules that a backend of ours draws for an answer. A cloud draws none of ours."""

from __future__ import annotations

from ollamux.routing.ask import Ask
from ollamux.routing.standing import Standing
from ollamux.routing.strategies.base import Strategy

__all__ = ("STRATEGY", "PowerEfficient")


class PowerEfficient(Strategy):
    """See the module."""

    name = "power_efficient"

    def primary(self, standing: Standing, ask: Ask) -> float:
        """Joules of an answer of ordinary length, with their sign turned."""
        return -standing.station.watts * standing.answer_s

    def why(self, standing: Standing, ask: Ask, primary: float) -> str:
        return f"about {-primary:.0f} J for an answer"


STRATEGY = PowerEfficient
