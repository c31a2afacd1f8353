"""What the readers of server-sent events share."""

from __future__ import annotations

import pytest

from ollamux.conversation import Event, StreamFault, TextDelta
from ollamux.formats import sse_reading
from ollamux.formats.sse_reading import SseReader


class Echo(SseReader):
    """Says what it is given to read."""

    def _read(self, payload: bytes, name: str, events: list[Event], last: bool) -> None:
        events.append(TextDelta(f"{name}:{payload.decode()}:{last}"))

    def _read_whole(self, body: bytes, events: list[Event]) -> None:
        events.append(TextDelta(body.decode()))


@pytest.mark.parametrize("cut", range(1, 20))
def test_events_are_read_with_their_names_wherever_they_are_cut(cut: int) -> None:
    data = b"event: a\ndata: x\n\ndata: y"
    reader = Echo()
    found = reader.feed(data[:cut]) + reader.feed(data[cut:]) + reader.close()
    assert found == [TextDelta("a:x:False"), TextDelta(":y:True")]


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_whole_answer_is_read_when_it_has_ended(cut: int) -> None:
    reader = Echo()
    data = b'{"a":12'
    assert reader.feed(data[:cut]) + reader.feed(data[cut:]) == []
    assert reader.close() == [TextDelta('{"a":12')]


def test_a_whole_answer_that_is_too_long_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse_reading, "LONGEST_WHOLE", 5)
    reader = Echo()
    assert reader.feed(b"{1234") == []
    assert reader.feed(b"5") == [StreamFault("the backend sent an answer that is too long", 502)]
