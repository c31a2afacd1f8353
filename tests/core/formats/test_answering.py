"""What a renderer has to know beside the events."""

from __future__ import annotations

from ollamux.clock import Clock
from ollamux.formats.answering import RenderContext


def test_a_request_that_was_not_sent_anywhere_was_dispatched_at_no_time() -> None:
    clock = Clock()
    context = RenderContext("m", clock, 2.5)
    assert (context.model, context.clock, context.arrived, context.dispatched) == ("m", clock, 2.5, 0.0)
    context.dispatched = 3.0
    assert context.dispatched == 3.0
