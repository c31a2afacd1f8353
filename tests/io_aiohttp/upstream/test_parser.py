"""The response parser alone: no cut changes what it says, and no bytes make it raise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollamux_aiohttp.upstream.parser import HEAD_LIMIT, ResponseParser

ANSWERS = [
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2 \r\nlo\r\n0\r\nX: y\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\nContent-Length: 5\n\nhello",
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 5\r\n\r\nhello",
]


def _feed(parser: ResponseParser, *pieces: bytes) -> bytes:
    return b"".join([parser.feed(piece) for piece in pieces])


@pytest.mark.parametrize("data", ANSWERS)
def test_one_parser_reads_answer_after_answer_wherever_they_are_cut(data: bytes) -> None:
    parser = ResponseParser()
    for cut in range(len(data)):
        parser.expect(False)
        body = _feed(parser, *filter(None, (data[:cut], data[cut:])))
        assert (parser.status, body, parser.done, parser.reusable, parser.fault) == (200, b"hello", True, True, "")


@pytest.mark.parametrize("data", ANSWERS)
def test_an_answer_is_silent_until_its_first_byte(data: bytes) -> None:
    parser = ResponseParser()
    parser.expect(False)
    assert parser.silent
    for byte in data[:-1]:
        parser.feed(bytes((byte,)))
        assert not parser.silent
        assert not parser.done


@pytest.mark.parametrize(
    ("head", "ends"),
    [
        (b"", True),
        (b"Transfer-Encoding: gzip\r\n", True),
        (b"Transfer-Encoding: gzip, chunked\r\n", False),
        (b"Content-Length: 9\r\n", False),
    ],
)
def test_a_body_ends_with_its_connection_where_nothing_else_delimits_it(head: bytes, ends: bool) -> None:
    parser = ResponseParser()
    parser.expect(False)
    _feed(parser, b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
    assert parser.ended_by_close() is ends


@pytest.mark.parametrize("data", [b"", b"HTTP/1.1 200", b"nonsense\r\n\r\n", *ANSWERS])
def test_the_end_of_a_connection_does_not_complete_what_has_no_head_or_is_complete(data: bytes) -> None:
    parser = ResponseParser()
    parser.expect(False)
    _feed(parser, data)
    assert not parser.ended_by_close()


@pytest.mark.parametrize("tail", [b"H", b"X", b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx", b"\0"])
@pytest.mark.parametrize("data", ANSWERS)
def test_a_byte_behind_an_answer_makes_the_connection_unfit(data: bytes, tail: bytes) -> None:
    parser = ResponseParser()
    parser.expect(False)
    assert _feed(parser, data + tail) == b"hello"
    assert parser.done
    assert not parser.reusable
    assert parser.fault == ""


def test_an_answer_to_head_ends_with_its_head_and_the_parser_goes_on() -> None:
    parser = ResponseParser()
    for _ in range(2):
        parser.expect(True)
        _feed(parser, b"HTTP/1.1 200 OK\r\nContent-", b"Length: 7\r\n\r\n")
        assert (parser.status, parser.done, parser.reusable) == (200, True, True)
        parser.expect(False)
        assert _feed(parser, ANSWERS[0]) == b"hello"
    parser.expect(True)
    _feed(parser, b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\nsurplus")
    assert parser.done
    assert not parser.reusable


@pytest.mark.parametrize(
    ("head", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive", True),
        (b"HTTP/1.1 204 No Content", True),
    ],
)
def test_a_connection_is_kept_where_the_answer_allows_it(head: bytes, reusable: bool) -> None:
    parser = ResponseParser()
    parser.expect(False)
    _feed(parser, head + b"\r\n\r\n")
    assert (parser.done, parser.reusable) == (True, reusable)


@pytest.mark.parametrize(
    "piece",
    [
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * (HEAD_LIMIT + 100) + b"\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * (HEAD_LIMIT + 100),
        b"HTTP/1.1 100 Continue\r\n\r\n" * 4000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=" + b"y" * (HEAD_LIMIT + 100),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: " + b"y" * (HEAD_LIMIT + 100),
    ],
)
@pytest.mark.parametrize("step", [1000, 1 << 20])
def test_what_brings_no_body_is_bounded(piece: bytes, step: int) -> None:
    parser = ResponseParser()
    parser.expect(False)
    for start in range(0, len(piece), step):
        parser.feed(piece[start : start + step])
        if parser.fault:
            break
    assert "too large" in parser.fault


def test_a_long_body_is_not_a_head() -> None:
    parser = ResponseParser()
    parser.expect(False)
    body = b"x" * (3 * HEAD_LIMIT)
    assert _feed(parser, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)) == body
    assert parser.done
    assert not parser.fault


def test_trailers_are_not_headers() -> None:
    parser = ResponseParser()
    parser.expect(False)
    _feed(parser, ANSWERS[1])
    assert parser.headers == [("transfer-encoding", "chunked")]


@settings(max_examples=200)
@given(st.binary(max_size=300), st.sampled_from(["", *map(bytes.decode, ANSWERS)]), st.integers(0, 200))
def test_no_bytes_make_it_raise(noise: bytes, answer: str, position: int) -> None:
    data = answer[:position].encode() + noise + answer[position:].encode()
    parser = ResponseParser()
    parser.expect(False)
    rest = random.Random(position)
    while data and not (parser.fault or parser.done):
        size = rest.randrange(1, 40)
        parser.feed(data[:size])
        data = data[size:]
    assert parser.done or parser.fault or not data


def test_a_parser_that_was_discarded_reads_on_with_a_new_one() -> None:
    parser = ResponseParser()
    parser.expect(False)
    parser.discard()
    assert _feed(parser, ANSWERS[0]) == b"hello"
