"""Cutting bytes into events and lines, wherever the reads are cut."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.errors import BackendUnavailable
from ollamux.streaming.framing import FrameTooLarge, NdjsonDecoder, SseDecoder, frames

STREAMS = {
    "one event": (b"data: a\n\n", [("", b"a")]),
    "two events": (b"data: a\n\ndata: b\n\n", [("", b"a"), ("", b"b")]),
    "no space": (b"data:a\n\n", [("", b"a")]),
    "one of two spaces": (b"data:  a\n\n", [("", b" a")]),
    "a name": (b"event: ping\ndata: a\n\ndata: b\n\n", [("ping", b"a"), ("", b"b")]),
    "a name after the data": (b"data: a\nevent:ping\n\n", [("ping", b"a")]),
    "several lines": (b"data: a\ndata:\ndata: b\n\n", [("", b"a\n\nb")]),
    "an empty data line": (b"data\n\n", [("", b"")]),
    "comments": (b": OPENROUTER PROCESSING\n\ndata: a\n: keepalive 1/2\n\n:\n\n", [("", b"a")]),
    "id and retry": (b"id: 7\nretry: 10\ndata: a\nother: b\n\n", [("", b"a")]),
    "a name without data": (b"event: ping\n\ndata: a\n\n", [("", b"a")]),
    "crlf": (b"data: a\r\n\r\ndata: b\r\n\r\n", [("", b"a"), ("", b"b")]),
    "cr": (b"data: a\r\rdata: b\rdata: c\r\r", [("", b"a"), ("", b"b\nc")]),
    "mixed ends": (b"data: a\r\n\ndata: b\n\r\ndata: c\r\r\n", [("", b"a"), ("", b"b"), ("", b"c")]),
    "blank lines": (b"\n\n\ndata: a\n\n\n\n\ndata: b\n\n", [("", b"a"), ("", b"b")]),
    "a byte order mark": (b"\xef\xbb\xbfdata: a\n\n", [("", b"a")]),
    "half a byte order mark": (b"\xef\xbbdata: a\n\ndata: b\n\n", [("", b"b")]),
    "unterminated": (b"data: a\n\ndata: b", [("", b"a"), ("", b"b")]),
    "half terminated": (b"data: a\n\ndata: b\n", [("", b"a"), ("", b"b")]),
    "half terminated by cr": (b"data: a\r\rdata: b\r", [("", b"a"), ("", b"b")]),
    "letters of several bytes": ("data: äöü€😀\n\n".encode(), [("", "äöü€😀".encode())]),
    "nothing": (b"", []),
}


def _decode(decoder: SseDecoder, pieces: Iterable[bytes]) -> list[tuple[str, bytes]]:
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.close()


def _lines(pieces: Iterable[bytes]) -> list[bytes]:
    decoder = NdjsonDecoder()
    lines = [line for piece in pieces for line in decoder.feed(piece)]
    return lines + decoder.close()


@pytest.mark.parametrize("name", STREAMS)
def test_events_are_the_same_at_every_cut(name: str) -> None:
    stream, expected = STREAMS[name]
    assert _decode(SseDecoder(), [stream]) == expected
    assert _decode(SseDecoder(), [stream[i : i + 1] for i in range(len(stream))]) == expected
    for cut in range(len(stream) + 1):
        assert _decode(SseDecoder(), [stream[:cut], b"", stream[cut:]]) == expected


@given(
    stream=st.lists(
        st.sampled_from([b"data", b"event", b":", b" ", b"x", b"\n", b"\r", b"\r\n", b"\n\n", b"\xef\xbb\xbf"]),
        max_size=30,
    ),
    cuts=st.lists(st.integers(min_value=0, max_value=80), max_size=6),
)
def test_cuts_never_matter(stream: list[bytes], cuts: list[int]) -> None:
    whole = b"".join(stream)
    edges = [0, *sorted(cuts), len(whole)]
    pieces = [whole[a:b] for a, b in itertools.pairwise(edges)]
    assert _decode(SseDecoder(), pieces) == _decode(SseDecoder(), [whole])
    assert _lines(pieces) == _lines([whole])


def test_an_event_counts_as_soon_as_its_last_cr_has_come() -> None:
    decoder = SseDecoder()
    assert decoder.feed(b"data: a\r\r") == [("", b"a")]
    assert decoder.feed(b"\ndata: b\r\n\r") == [("", b"b")]
    assert decoder.feed(b"\n") == []


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_an_event_above_the_limit_is_refused_at_every_cut(step: int) -> None:
    fits = b"data: " + b"x" * 94 + b"\n\n"
    above = b"data: " + b"x" * 95 + b"\n\n"
    assert _decode(SseDecoder(100), [fits[i : i + step] for i in range(0, len(fits), step)])
    with pytest.raises(FrameTooLarge):
        _decode(SseDecoder(100), [above[i : i + step] for i in range(0, len(above), step)])


def test_an_event_that_never_ends_is_refused() -> None:
    decoder = SseDecoder(100)
    with pytest.raises(BackendUnavailable, match="more than 100 bytes"):
        for _ in range(30):
            decoder.feed(b"data: xxx\n")


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_a_line_above_the_limit_is_refused_at_every_cut(step: int) -> None:
    with pytest.raises(FrameTooLarge):
        decoder = NdjsonDecoder(100)
        stream = b"{}\n" + b"x" * 101 + b"\n{}\n"
        for at in range(0, len(stream), step):
            decoder.feed(stream[at : at + step])


def test_lines_come_without_their_ends_and_without_blank_ones() -> None:
    stream = '{"a":1}\r\n\n  \n{"b":"ä"}\n{"c":3}'.encode()
    expected = [b'{"a":1}', '{"b":"ä"}'.encode(), b'{"c":3}']
    assert _lines([stream]) == expected
    assert _lines([stream[i : i + 1] for i in range(len(stream))]) == expected
    assert _lines([b"", b"\n"]) == []


@given(st.lists(st.sampled_from([b"", b"a", b"\n", b"\n\n", b"bc"])), st.sampled_from([b"\n", b"\n\n"]))
def test_frames_come_one_by_one_as_all_of_them_would(pieces: list[bytes], end: bytes) -> None:
    data = b"".join(pieces)
    assert list(frames(data, end)) == data.split(end)
