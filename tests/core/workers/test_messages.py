"""Frames, cut anywhere, and the messages in them."""

from __future__ import annotations

from typing import get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.formats.openai_responses.store import Kept
from ollamux.hardware.readings import Device, Readings
from ollamux.workers.messages import (
    BOOKS,
    EVERYONE,
    HEARD,
    LARGEST,
    Ask,
    Chosen,
    Forgotten,
    Frame,
    Frames,
    Joined,
    Left,
    Located,
    Message,
    Present,
    Round,
    Sensed,
    Stored,
    Told,
    Wanted,
    decode,
    frame_of,
    left,
)

KEPT = Kept("r", "o", b"{}", (b"{}",), (b"[]",), 7.0, 6, True)
MESSAGES: tuple[Message, ...] = (
    Joined(1),
    Present(2),
    Left(3),
    Ask(0, 5, Wanted("o", id="r")),
    Ask(0, 6, BOOKS),
    Told(1, 5, Stored(KEPT, "m")),
    Told(1, 5, Stored(None)),
    Ask(0, 7, HEARD),
    Told(1, 7, HEARD),
    Round("up", {"/v1/models": (200, b"\x00\xff")}, "", "unreachable", 0.5, 0.75),
    Sensed(Readings(devices=(Device(id="cpu", kind="cpu", temperature=50.0),))),
    Chosen("Quiet"),
    Located("file", None, "it is loading", loading=True),
    Forgotten("o", "r"),
)


def test_every_message_arrives_as_it_was_sent() -> None:
    assert {type(message) for message in MESSAGES} == set(get_args(Message))
    for message in MESSAGES:
        (frame,) = Frames().feed(frame_of(message, 4))
        assert (frame.target, frame.kept, decode(frame.payload)) == (4, False, message)


@given(st.lists(st.integers(0, 40), max_size=30))
def test_frames_are_found_wherever_the_stream_is_cut(cuts: list[int]) -> None:
    data = b"".join(frame_of(message, kept=number % 2 == 1) for number, message in enumerate(MESSAGES))
    frames, at = Frames(), 0
    found: list[Frame] = []
    for size in (*cuts, len(data)):
        found += frames.feed(data[at : at + size])
        at += size
    assert [decode(frame.payload) for frame in found] == list(MESSAGES)
    assert b"".join(frame.whole for frame in found) == data
    assert [frame.kept for frame in found] == [number % 2 == 1 for number in range(len(MESSAGES))]
    assert {frame.target for frame in found} == {EVERYONE}


def test_what_is_no_frame_is_refused() -> None:
    with pytest.raises(ValueError, match="no frame"):
        list(Frames().feed((LARGEST + 1).to_bytes(4, "big") + b"rest"))


@pytest.mark.parametrize("payload", [b"", b"\xc1", b"\x80", msgspec.msgpack.encode({"type": "nonsense"})])
def test_what_is_no_message_is_none(payload: bytes) -> None:
    assert decode(payload) is None


def test_the_carrier_tells_who_is_gone() -> None:
    (frame,) = Frames().feed(left(3))
    assert decode(frame.payload) == Left(3)
