"""Who can do it, by priority, and by the score among equals: the default.

A lower priority is chosen only where those above are full, out, or ruled out by a constraint. Where the client says
what it cares for (X-Latency-Critical, X-Power-Efficient, a realtime or audio medium), or the efficiency mode does, the
score decides at once, in which priority is one term: otherwise such a wish would change nothing where every backend has
a priority of its own.
"""

from __future__ import annotations

from ollamux.routing.ask import Ask
from ollamux.routing.standing import Standing
from ollamux.routing.strategies.base import Strategy

__all__ = ("STRATEGY", "CapabilityBased")


class CapabilityBased(Strategy):
    """See the module."""

    name = "capability_based"

    def primary(self, standing: Standing, ask: Ask) -> float:
        """The priority, as configured."""
        return 0.0 if ask.leaning else standing.priority

    def why(self, standing: Standing, ask: Ask, primary: float) -> str:
        return "the best score for what is cared for" if ask.leaning else f"priority {primary:g}"


STRATEGY = CapabilityBased
