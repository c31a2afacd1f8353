"""The score alone, in which priority is one term."""

from __future__ import annotations

from ollamux.routing.strategies.base import Strategy

__all__ = ("STRATEGY", "Balanced")


class Balanced(Strategy):
    """See the module."""

    name = "balanced"


STRATEGY = Balanced
