"""The frames of a stream."""

from __future__ import annotations

import json

from ollamux.formats.gemini.framing import Frames


def test_events_are_lines_of_data_and_need_no_end() -> None:
    frames = Frames(events=True)
    assert frames.media_type == "text/event-stream"
    assert frames.piece(b"{}") + frames.piece(b"[]") + frames.end() == b"data: {}\n\ndata: []\n\n"


def test_elements_are_one_array() -> None:
    frames = Frames(events=False)
    assert frames.media_type == "application/json"
    assert frames.piece(b'{"a":1}') == b'[{"a":1}\n'
    assert frames.opening == b","
    assert json.loads(b'[{"a":1}\n' + frames.piece(b"{}") + frames.end()) == [{"a": 1}, {}]


def test_an_array_without_elements_is_an_array() -> None:
    assert json.loads(Frames(events=False).end()) == []
