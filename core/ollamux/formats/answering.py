"""What a renderer has to know beside the events."""

from __future__ import annotations

from ollamux.clock import Clock

__all__ = ("RenderContext", "context_of")


class RenderContext:
    """The model's name as the client asked for it, the clock, when the request arrived and when it was dispatched, both
    in monotonic seconds."""

    __slots__ = ("arrived", "clock", "dispatched", "model")

    def __init__(self, model: str, clock: Clock, arrived: float, dispatched: float = 0.0) -> None:
        self.model = model
        self.clock = clock
        self.arrived = arrived
        self.dispatched = dispatched


def context_of(model: str, clock: Clock, arrived: float, dispatched: float) -> RenderContext:
    """The same as the class gives: compiled, a call of a function costs a fraction of one of a type."""
    made = RenderContext.__new__(RenderContext)
    made.model = model
    made.clock = clock
    made.arrived = arrived
    made.dispatched = dispatched
    return made
