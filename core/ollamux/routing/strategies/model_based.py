"""By the model's name: the vendor whose models have such names first, then priority, then the score.

Whose names they are is told when the standings are made (`Fleet`); where a name is nobody's, priority decides.
"""

from __future__ import annotations

from ollamux.routing.ask import Ask
from ollamux.routing.standing import Standing
from ollamux.routing.strategies.base import Strategy

__all__ = ("STRATEGY", "ModelBased")

_HOME = 1e9


class ModelBased(Strategy):
    """See the module."""

    name = "model_based"

    def primary(self, standing: Standing, ask: Ask) -> float:
        """The priority, and more than any priority at home."""
        return standing.priority + _HOME if standing.home else standing.priority

    def why(self, standing: Standing, ask: Ask, primary: float) -> str:
        if standing.home:
            return f"models of this name are those of {standing.station.provider}"
        return f"priority {standing.priority:g}"


STRATEGY = ModelBased
