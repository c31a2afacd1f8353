"""The short way in: what it reads, what it gives up, and that no cut and no reader changes either."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.io_aiohttp.test_heads import changed

from ollamux_aiohttp.lane import BODY_LIMIT, GIVEN_UP, MORE, WHOLE, LaneParser, headers_of

HEAD_LIMIT = 2048
POST = b"POST /api/chat?a=b HTTP/1.1\r\nHost: localhost:1\r\nX-A: one\r\nContent-Length: 5\r\n\r\nhello"
GET = b"GET /api/tags HTTP/1.1\r\nHost: localhost:1\r\nAccept: */*\r\n\r\n"


QUICK = [True]


def parser() -> LaneParser:
    return LaneParser(lambda method, path: not path.startswith("/stream"), HEAD_LIMIT, quick=QUICK[0])


def warmed() -> LaneParser:
    """One whose names of fields are known, as they are after a first request."""
    found = parser()
    for data in (POST[:-1], POST[-1:]):
        found.feed(data)
    return found


def described(found: LaneParser) -> tuple[object, ...]:
    fields = {name: found.headers[name].strip() for name in found.headers}
    return (found.method, found.path, found.old, found.should_close, fields, found.body)


@pytest.fixture(params=["quick", "llhttp"], autouse=True)
def _both_readers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Every test runs with the quick reader, where it is compiled, and with llhttp alone."""
    QUICK[0] = request.param == "quick"
    yield
    QUICK[0] = True


@pytest.mark.parametrize(
    ("data", "method", "path", "body"),
    [(POST, "POST", "/api/chat?a=b", b"hello"), (GET, "GET", "/api/tags", b"")],
)
def test_a_request_is_whole_with_its_last_byte_wherever_it_is_cut(
    data: bytes, method: str, path: str, body: bytes
) -> None:
    found = parser()
    for cut in range(len(data)):
        if cut:
            assert found.feed(data[:cut]) == MORE
        assert found.feed(data[cut:]) == WHOLE
        assert (found.method, found.path, found.body) == (method, path, body)
        assert (found.old, found.should_close) == (False, False)
        assert found.headers["host"] == "localhost:1"


def test_a_request_that_comes_byte_by_byte_says_when_its_head_is_there() -> None:
    found = parser()
    seen = []
    for at in range(len(POST) - 1):
        assert found.feed(POST[at : at + 1]) == MORE
        seen.append(found.headed)
    assert seen.index(True) == POST.index(b"\r\n\r\n") + 3
    assert found.feed(POST[-1:]) == WHOLE
    assert found.body == b"hello"


@pytest.mark.parametrize(
    ("data", "closes", "old"),
    [
        (POST.replace(b"X-A: one", b"Connection: close"), True, False),
        (POST.replace(b"X-A: one", b"Proxy-Connection: close"), True, False),
        (POST.replace(b"X-A: one", b"Connection: keep-alive"), False, False),
        (POST.replace(b"HTTP/1.1", b"HTTP/1.0"), True, True),
        (POST.replace(b"HTTP/1.1", b"HTTP/1.0").replace(b"X-A: one", b"Connection: keep-alive"), False, True),
    ],
)
def test_whether_the_connection_stays_is_said_with_the_last_byte(data: bytes, closes: bool, old: bool) -> None:
    for _ in range(2):
        found = warmed()
        assert found.feed(data) == WHOLE
        assert (found.should_close, found.old) == (closes, old)


GIVEN = {
    "chunked": b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "expect": POST.replace(b"X-A: one", b"Expect: 100-continue"),
    "upgrade": GET.replace(b"Accept: */*", b"Connection: upgrade\r\nUpgrade: websocket"),
    "an upgrade that nobody asked for": POST.replace(b"X-A: one", b"Upgrade: h2c"),
    "an encoded body": POST.replace(b"X-A: one", b"Content-Encoding: gzip"),
    "a large body": POST.replace(b"Length: 5", b"Length: %d" % (BODY_LIMIT + 1)),
    "no host": GET.replace(b"Host: localhost:1\r\n", b""),
    "two hosts": POST.replace(b"X-A: one", b"host: b"),
    "two lengths": POST.replace(b"X-A: one", b"content-length: 5"),
    "a length that is none": POST.replace(b"Length: 5", b"Length: +5"),
    "a length and chunks": POST.replace(b"X-A: one", b"Transfer-Encoding: chunked"),
    "no name": POST.replace(b"X-A: one", b": one"),
    "no colon": POST.replace(b"X-A: one", b"X-A"),
    "a control character": POST.replace(b"X-A: one", b"X-A: o\x00e"),
    "a carriage return": POST.replace(b"X-A: one", b"X-A: o\re"),
    "another protocol": POST.replace(b"HTTP/1.1", b"HTTP/9.9"),
    "no protocol": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "no path": GET.replace(b"/api/tags", b"*"),
    "a whole address": GET.replace(b"/api/tags", b"http://localhost/api/tags"),
    "a target that streams": POST.replace(b"/api/chat", b"/stream"),
    "too many fields": POST.replace(b"X-A: one", b"\r\n".join(b"X-%d: a" % n for n in range(101))),
    "too large a head": POST.replace(b"one", b"o" * HEAD_LIMIT),
}


@pytest.mark.parametrize("data", GIVEN.values(), ids=GIVEN.keys())
def test_what_is_not_ordinary_is_given_up_with_all_its_bytes_wherever_it_is_cut(data: bytes) -> None:
    for cut in range(0, len(data), 1 if len(data) < 300 else 97):
        found = warmed()
        said = found.feed(data[:cut]) if cut else MORE
        fed = cut
        while said == MORE and fed < len(data):
            said = found.feed(data[fed:])
            fed = len(data)
        assert said == GIVEN_UP
        assert found.given_up() == data[:fed]


def test_two_requests_at_a_time_are_given_up_and_one_after_the_other_is_read() -> None:
    both = POST + GET
    for cut in range(1, len(both)):
        found = warmed()
        said = found.feed(both[:cut])
        if cut < len(POST):
            assert said == MORE
            assert found.feed(both[cut:]) == GIVEN_UP
            assert found.given_up() == both
        elif cut > len(POST):
            assert said == GIVEN_UP
            assert found.given_up() == both[:cut]
        else:
            assert said == WHOLE
            assert found.feed(both[cut:]) == WHOLE
            assert found.method == "GET"


def test_a_body_of_the_largest_size_is_read_in_one_piece_and_in_many() -> None:
    head = POST.partition(b"hello")[0].replace(b"Length: 5", b"Length: %d" % BODY_LIMIT)
    data = head + b"x" * BODY_LIMIT
    assert warmed().feed(data) == WHOLE
    found = warmed()
    pieces = [data[at : at + 65536] for at in range(0, len(data), 65536)]
    assert [found.feed(piece) for piece in pieces] == [MORE] * (len(pieces) - 1) + [WHOLE]
    assert found.body == b"x" * BODY_LIMIT


def test_headers_are_a_mapping_by_names_in_lower_case_and_the_first_of_two_counts() -> None:
    found = warmed()
    assert found.feed(POST.replace(b"X-A: one", b"X-A: one\r\nx-a: two\r\nX-B: \xc3\xa9\xff")) == WHOLE
    headers = found.headers
    assert isinstance(headers, Mapping)
    assert (headers["x-a"], headers["x-b"]) == ("one", "é\udcff")
    assert (headers.get("x-c"), headers.get("x-c", "")) == (None, "")
    assert ("x-a" in headers, "X-A" in headers, len(headers)) == (True, False, 4)
    assert sorted(headers) == ["content-length", "host", "x-a", "x-b"]
    with pytest.raises(KeyError):
        headers["x-c"]


def test_headers_that_another_parser_read_are_as_the_lane_has_them() -> None:
    found = headers_of(((b"HOST", b"localhost:1"), (b"X-Twice", b"one"), (b"x-twice", b"two"), (b"X-Odd", b"\xff")))
    assert dict(found.items()) == {"host": "localhost:1", "x-twice": "one", "x-odd": "\udcff"}


def test_headers_of_a_request_stay_as_they_are_when_the_next_one_is_read() -> None:
    found = warmed()
    assert found.feed(POST) == WHOLE
    headers = found.headers
    assert found.feed(GET) == WHOLE
    assert (headers["content-length"], found.headers.get("content-length")) == ("5", None)


@given(changed(POST), st.integers(0, 200))
def test_no_cut_and_no_reader_changes_what_a_request_says(data: bytes, cut: int) -> None:
    at_once, in_two = warmed(), warmed()
    said = at_once.feed(data)
    head, tail = data[:cut], data[cut:]
    told = in_two.feed(head) if head else MORE
    if told == MORE and tail:
        told = in_two.feed(tail)
        assert told == said
        if said == WHOLE:
            assert described(at_once) == described(in_two)
    elif told == WHOLE:
        assert said == (GIVEN_UP if tail else WHOLE)
