"""The cheapest for this request: its tokens in and out at the prices that are known; what runs here is free, or costs
its energy where the price of a kilowatt-hour is configured.

Those whose price nobody knows come after those whose price is known, in the order of `ORDER`, and the score decides
among equals, so that of two that are free the better one is chosen.
"""

from __future__ import annotations

from ollamux.routing.ask import Ask
from ollamux.routing.score import dollars
from ollamux.routing.standing import Standing
from ollamux.routing.strategies.base import Strategy

__all__ = ("ORDER", "STRATEGY", "CostOptimized")

ORDER: tuple[str, ...] = ("ollama", "openrouter", "google", "anthropic", "openai", "azure", "aws_bedrock")
"""Providers without known prices, the cheapest first; all others come last."""

_PLACES = {provider: place for place, provider in enumerate(ORDER)}
_UNKNOWN = 1e6


class CostOptimized(Strategy):
    """See the module."""

    name = "cost_optimized"

    def primary(self, standing: Standing, ask: Ask) -> float:
        """Dollars, and below all of them a place in the order."""
        if standing.priced:
            return -(standing.bill + ask.extra * standing.cost_in) if ask.plain else -dollars(standing, ask)
        return -_UNKNOWN - _PLACES.get(standing.station.provider, len(_PLACES))

    def why(self, standing: Standing, ask: Ask, primary: float) -> str:
        if primary <= -_UNKNOWN:
            return "nobody knows its price, and its provider is the first in order"
        return f"about ${-primary:.2g} for this request" if primary < 0 else "it costs nothing"


STRATEGY = CostOptimized
