"""What every strategy is: how candidates are compared, and what it is told.

Rules: `primary` and `rate` change nothing; a strategy learns of a choice by `took`, once the request has been sent, so
that a decision may be explained without being taken; `prepare` may look at the field, and keeps what it finds for this
decision alone.
"""

from __future__ import annotations

from ollamux.routing.ask import Ask
from ollamux.routing.score import score
from ollamux.routing.standing import Field, Standing

__all__ = ("Strategy",)


class Strategy:
    """Compares by the score alone. `name` is what it is asked for by."""

    name = ""

    def prepare(self, field: Field, ask: Ask) -> None:
        """A decision begins."""

    def primary(self, standing: Standing, ask: Ask) -> float:
        """What is compared first, more is better."""
        return 0.0

    def rate(self, standing: Standing, ask: Ask) -> float:
        """What is compared among those whose `primary` is the same, more is better."""
        return score(standing, ask)

    def took(self, field: Field, standing: Standing, ask: Ask) -> None:
        """A request was sent there."""

    def why(self, standing: Standing, ask: Ask, primary: float) -> str:
        """What spoke for it when its `primary` was this, for people."""
        return "the best score"
