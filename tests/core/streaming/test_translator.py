"""The general way from one stream to another."""

from __future__ import annotations

from collections.abc import Sequence

from ollamux.conversation import Event, Finish, StreamFault, TextDelta, Usage, UsageUpdate
from ollamux.errors import OllamuxError
from ollamux.streaming.translator import Delta, Frame, Translator


class Reads:
    """Each byte is an event of a script."""

    def __init__(self, script: dict[str, Event], rest: Sequence[Event] = ()) -> None:
        self._script = script
        self._rest = list(rest)
        self.complete = False

    def feed(self, data: bytes) -> list[Event]:
        events = [self._script[sign] for sign in data.decode()]
        self.complete = self.complete or any(isinstance(event, Finish) for event in events)
        return events

    def close(self) -> list[Event]:
        return self._rest

    def texts(self, delta: Delta) -> list[str] | None:
        return None


class Writes:
    """Text in brackets."""

    def events(self, events: list[Event], now: float) -> bytes:
        return b"".join(b"<%b>" % event.text.encode() for event in events if isinstance(event, TextDelta))

    def end(self, now: float) -> bytes:
        return b"<end>"

    def fault(self, error: OllamuxError) -> bytes:
        return b"<fault>"

    def keepalive(self, now: float) -> bytes:
        return b"<...>"

    def frame(self, delta: Delta) -> Frame | None:
        return None


FAULT = StreamFault("broke")
SCRIPT: dict[str, Event] = {
    "a": TextDelta("a"),
    "b": TextDelta("b"),
    "u": UsageUpdate(Usage(output_text=1)),
    "n": UsageUpdate(None),
    "f": FAULT,
    "!": Finish("stop"),
}


def translator(rest: Sequence[Event] = ()) -> Translator:
    return Translator(Reads(SCRIPT, rest), Writes())


def test_events_are_rendered_in_their_order_and_the_end_comes_with_the_close() -> None:
    made = translator([TextDelta("rest")])
    assert made.feed(b"ab", 0.0) == b"<a><b>" and made.feed(b"", 0.0) == b""
    assert not made.complete
    assert made.feed(b"!", 0.0) == b"" and made.complete
    assert made.close(0.0) == b"<rest><end>"


def test_bytes_that_stop_without_an_end_get_none() -> None:
    made = translator([TextDelta("rest")])
    made.feed(b"a", 0.0)
    assert made.close(0.0) == b"<rest>" and not made.complete


def test_a_fault_is_kept_and_neither_it_nor_what_follows_is_rendered() -> None:
    made = translator()
    assert made.feed(b"afb!", 0.0) == b"<a>"
    assert made.fault is FAULT and not made.complete
    assert made.feed(b"b", 0.0) == b"" == made.close(0.0)


def test_a_fault_in_what_was_left_is_kept_too() -> None:
    made = translator([TextDelta("x"), FAULT])
    made.feed(b"!", 0.0)
    assert made.close(0.0) == b"<x>" and made.fault is FAULT


def test_what_the_stream_told_of_its_cost_is_kept() -> None:
    made = translator()
    made.feed(b"un", 0.0)
    assert made.usage == Usage(output_text=1)
    assert made.renderer.end(0.0) == b"<end>"
