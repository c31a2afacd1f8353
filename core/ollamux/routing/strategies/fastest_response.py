"""The earliest answer: the time to the first token there, what waits in front of it, and the time its tokens take.

All of it from decaying averages for each model and backend; who was not measured yet, or not for long, is tried (see
`standing`).
"""

from __future__ import annotations

from ollamux.routing.ask import Ask
from ollamux.routing.standing import Standing
from ollamux.routing.strategies.base import Strategy

__all__ = ("STRATEGY", "FastestResponse")


class FastestResponse(Strategy):
    """See the module."""

    name = "fastest_response"

    def primary(self, standing: Standing, ask: Ask) -> float:
        """Milliseconds until the last token, with their sign turned."""
        station = standing.station
        first = standing.wait_ms + ask.extra * standing.read_ms
        return -(first + station.queue_ms + ask.tokens_out * standing.token_ms)

    def why(self, standing: Standing, ask: Ask, primary: float) -> str:
        return f"the earliest answer, in about {-primary:.0f} ms"


STRATEGY = FastestResponse
