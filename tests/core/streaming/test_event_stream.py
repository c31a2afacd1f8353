"""AWS event streams, cut as AWS's own library cuts them."""

from __future__ import annotations

import struct
import uuid
import zlib
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.event_streams import frame, frame_of, header

from ollamux.errors import BackendUnavailable
from ollamux.streaming.event_stream import (
    HEADERS_LIMIT,
    PAYLOAD_LIMIT,
    EventMessage,
    EventStreamDecoder,
    HeaderValue,
)

reference = pytest.importorskip("botocore.eventstream")

ONE = frame({":message-type": "event", ":event-type": "messageStart"}, b'{"role":"assistant"}')
TWO = frame({":message-type": "exception", ":exception-type": "throttlingException"}, '{"message":"zu früh"}'.encode())
NONE = frame({}, b"")
STREAM = ONE + TWO + NONE + ONE


def theirs(data: bytes) -> list[EventMessage]:
    buffer: Any = reference.EventStreamBuffer()
    buffer.add_data(data)
    return [EventMessage(message.headers, message.payload) for message in buffer]


def ours(*pieces: bytes) -> list[EventMessage]:
    decoder = EventStreamDecoder()
    found = [message for piece in pieces for message in decoder.feed(piece)]
    assert decoder.fault is None
    return found


def test_messages_are_cut_as_the_reference_cuts_them() -> None:
    assert ours(STREAM) == theirs(STREAM)
    assert ours(ONE)[0].headers == {":message-type": "event", ":event-type": "messageStart"}
    assert ours(ONE)[0].payload == b'{"role":"assistant"}'


def test_it_does_not_matter_where_the_bytes_are_cut() -> None:
    whole = ours(STREAM)
    assert ours(*(STREAM[at : at + 1] for at in range(len(STREAM)))) == whole
    for at in range(len(STREAM) + 1):
        assert ours(STREAM[:at], STREAM[at:]) == whole


@given(st.lists(st.integers(0, len(STREAM)), max_size=12).map(sorted))
def test_it_does_not_matter_into_how_many_pieces_they_are_cut(cuts: list[int]) -> None:
    edges = [0, *cuts, len(STREAM)]
    assert ours(*(STREAM[a:b] for a, b in pairwise(edges))) == ours(STREAM)


def test_what_is_not_whole_is_held() -> None:
    decoder = EventStreamDecoder()
    assert len(decoder.feed(ONE + TWO[:20])) == 1 and decoder.held == 20
    assert len(decoder.feed(TWO[20:])) == 1 and decoder.held == 0


VALUES: list[HeaderValue] = [True, False, b"\x00\xff", "text", "", "ü"]
NUMBERS = [(2, ">b", -5), (3, ">h", -500), (4, ">i", 70000), (5, ">q", -(2**40)), (8, ">q", 1764000000000)]


@pytest.mark.parametrize("value", VALUES)
def test_headers_have_types(value: HeaderValue) -> None:
    data = frame_of(header("x", value), b"")
    assert ours(data) == theirs(data) == [EventMessage({"x": value}, b"")]


@pytest.mark.parametrize(("kind", "form", "number"), NUMBERS)
def test_headers_may_be_numbers_of_every_size(kind: int, form: str, number: int) -> None:
    data = frame_of(b"\x01n" + bytes([kind]) + struct.pack(form, number), b"p")
    assert ours(data) == theirs(data) == [EventMessage({"n": number}, b"p")]


def test_a_header_may_be_a_uuid() -> None:
    data = frame_of(b"\x01u\x09" + uuid.NAMESPACE_URL.bytes, b"")
    assert ours(data) == theirs(data) == [EventMessage({"u": uuid.NAMESPACE_URL.bytes}, b"")]


@given(
    st.lists(
        st.tuples(
            st.dictionaries(st.text(max_size=8), st.one_of(st.booleans(), st.binary(max_size=9), st.text(max_size=9))),
            st.binary(max_size=60),
        ),
        max_size=4,
    )
)
def test_any_messages_are_cut_as_the_reference_cuts_them(messages: list[tuple[dict[str, HeaderValue], bytes]]) -> None:
    data = b"".join(frame(headers, payload) for headers, payload in messages)
    assert ours(data) == theirs(data) == [EventMessage(headers, payload) for headers, payload in messages]


def broken(data: bytes) -> tuple[int, str]:
    """How many messages come before the fault, and its text: the same however the bytes are cut."""
    results: set[tuple[int, str]] = set()
    for pieces in ([data], [data[at : at + 1] for at in range(len(data))]):
        decoder = EventStreamDecoder()
        count = sum(len(decoder.feed(piece)) for piece in pieces)
        assert decoder.fault is not None and isinstance(decoder.fault, BackendUnavailable)
        assert decoder.feed(ONE) == [] and decoder.held == 0
        results.add((count, decoder.fault.message))
    (found,) = results
    return found


def test_a_wrong_checksum_is_an_error_behind_the_messages_before_it() -> None:
    bad = ONE[:-1] + bytes([ONE[-1] ^ 1])
    count, told = broken(TWO + bad + TWO)
    assert count == 1 and told == "the backend sent a damaged event stream: the checksum of a message is wrong"
    with pytest.raises(reference.ChecksumMismatch):
        theirs(bad)


@pytest.mark.parametrize("place", range(len(ONE)))
def test_a_bit_that_was_flipped_anywhere_is_found(place: int) -> None:
    count, told = broken(ONE[:place] + bytes([ONE[place] ^ 0x10]) + ONE[place + 1 :] + ONE)
    assert count == 0 and "checksum" in told


def lengths(total: int, headers: int) -> bytes:
    start = struct.pack(">II", total, headers)
    return start + struct.pack(">I", zlib.crc32(start))


@pytest.mark.parametrize(
    ("prelude", "told"),
    [
        (lengths(HEADERS_LIMIT + 17, HEADERS_LIMIT + 1), "more than 131072 bytes of headers"),
        (lengths(PAYLOAD_LIMIT + 17, 0), "more than 25165824 bytes"),
        (lengths(15, 0), "shorter than its headers"),
        (lengths(0, 0), "shorter than its headers"),
        (lengths(40, 30), "shorter than its headers"),
    ],
)
def test_lengths_beyond_the_limits_are_an_error_before_anything_is_kept(prelude: bytes, told: str) -> None:
    assert told in broken(prelude)[1]


def test_the_limits_themselves_are_allowed() -> None:
    raw = b"".join(header(str(n), b"x" * 65000) for n in range(2))
    raw += header("rest", b"x" * (HEADERS_LIMIT - len(raw) - 8))
    assert len(raw) == HEADERS_LIMIT
    assert ours(frame_of(raw, b"")) == theirs(frame_of(raw, b""))
    decoder = EventStreamDecoder()
    assert decoder.feed(lengths(PAYLOAD_LIMIT + 16, 0)) == [] and decoder.fault is None


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (b"\x01a\x00\x01a\x01", "has a header twice"),
        (b"\x01a\x0a", "unknown type 10"),
        (b"\x01a", "cannot be read"),
        (b"\x05a", "cannot be read"),
        (b"\x01a\x07\x00", "cannot be read"),
        (b"\x01a\x07\x00\x09abc", "cannot be read"),
        (b"\x01a\x07\x00\x01\xff", "cannot be read"),
        (b"\x01\xff\x00", "cannot be read"),
        (b"\x01a\x04\x00", "cannot be read"),
        (b"\x01a\x09\x00", "cannot be read"),
    ],
)
def test_headers_that_make_no_sense_are_an_error(raw: bytes, told: str) -> None:
    assert told in broken(frame_of(raw, b""))[1]


@pytest.mark.parametrize("data", [b"<html><body>no</body></html>", b'{"message":"no such thing"}', b"data: {}\n\n  "])
def test_what_is_no_event_stream_at_all_is_an_error(data: bytes) -> None:
    assert "damaged event stream" in broken(data)[1]
