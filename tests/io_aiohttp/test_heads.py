"""The quick readers against llhttp: what they read, it reads the same way, and what it refuses, they leave to it."""

from __future__ import annotations

import importlib.util
import re
import sys
from typing import Any

import httptools
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ollamux import _build
from ollamux_aiohttp import heads
from ollamux_aiohttp.heads import LastHead, Names

compiled = pytest.mark.skipif(
    not _build.compiled(("ollamux_aiohttp._heads",)), reason="the quick readers are not compiled"
)

NAMES = Names()
for _name in (
    b"Host content-length Content-Length Connection Proxy-Connection Keep-Alive Upgrade Transfer-Encoding X-A x Accept"
).split():
    NAMES.lower(_name)

POST = b"POST /api/chat?a=b HTTP/1.1\r\nHost: localhost:1\r\nX-A: one, two\r\nContent-Length: 5\r\n\r\nhello"
ANSWER = b"HTTP/1.1 200 OK\r\nx: y\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKS = b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nX: y\r\n\r\n"

LINES = st.sampled_from(
    [
        b"Connection: keep-alive\r\n",
        b"Connection: Keep-Alive\r\n",
        b"Connection: close\r\n",
        b"Proxy-Connection: close\r\n",
        b"Keep-Alive: timeout=5\r\n",
        b"X-A:\t two \t\r\n",
        b"x:\r\n",
        b"x: \xc3\xa9\xff\r\n",
        b"x: a\r\n folded\r\n",
        b"x : y\r\n",
        b"Accept: a\rb\r\n",
        b"Accept: a\n",
        b"Content-Length: 5\r\n",
        b"content-length: 6\r\n",
        b"Host: other\r\n",
        b"unknown: x\r\n",
    ]
)


class _Told:
    """What llhttp says of one message, `whole` where it had neither a complaint nor a byte too many."""

    def __init__(self) -> None:
        self.url = b""
        self.fields: list[tuple[str, bytes]] = []
        self.body = b""
        self.ended = 0
        self.stays = False
        self.whole = False
        self.parser: httptools.HttpRequestParser | httptools.HttpResponseParser

    def on_url(self, url: bytes) -> None:
        self.url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.decode().lower(), value.strip(b" \t")))

    def on_body(self, data: bytes) -> None:
        self.body += data

    def on_message_complete(self) -> None:
        self.ended += 1
        self.stays = self.parser.should_keep_alive()


def _asked(data: bytes, *, answer: bool = False) -> _Told:
    told = _Told()
    if answer:
        told.parser = httptools.HttpResponseParser(told)
        told.parser.set_dangerous_leniencies(lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True)
    else:
        told.parser = httptools.HttpRequestParser(told)
    try:
        told.parser.feed_data(data)
    except (httptools.HttpParserError, httptools.HttpParserUpgrade):
        return told
    told.whole = told.ended == 1
    return told


def read_post(data: bytes, *before: bytes) -> tuple[str, dict[str, str], bytes] | None:
    """Target, headers and body, where these bytes are read quickly behind those."""
    headers = None
    for one in before:
        headers = heads.read_post(one, headers)
    headers = heads.read_post(data, headers)
    return None if headers is None else (headers.target, dict(headers), data[headers.size :])


def read_answer(
    data: bytes, names: dict[bytes, str], last: LastHead
) -> tuple[list[tuple[str, str]], bytes, Any] | None:
    """Headers, what has come of the body, and who reads it where it comes in chunks."""
    size = heads.read_answer(data, names, last)
    return None if size < 0 else (last.fields, data[size:], last.chunks)


@st.composite
def changed(draw: st.DrawFn, message: bytes, *, lines: bool = True) -> bytes:
    """The message with up to three lines more and up to three bytes replaced, added or taken away."""
    line, rest = message.split(b"\r\n", 1)
    data = bytearray(line + b"\r\n" + b"".join(draw(st.lists(LINES, max_size=3 if lines else 0))) + rest)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(data) - 1))
        byte = draw(st.sampled_from(b"\r\n \t:\x00\x7f\x80\xff09aZ#?,/") | st.integers(0, 255))
        data[at : at + draw(st.integers(0, 1))] = bytes((byte,)) if draw(st.booleans()) else b""
    return bytes(data)


def test_a_name_is_known_in_lower_case_however_it_was_written() -> None:
    names = Names()
    assert names.lower(b"Content-LENGTH") == "content-length"
    assert names.known == {b"Content-LENGTH": "content-length"}


def test_only_so_many_names_are_remembered_and_every_one_is_read() -> None:
    names = Names()
    assert [names.lower(b"X-%d" % n) for n in range(2000)] == [f"x-{n}" for n in range(2000)]
    assert 0 < len(names.known) < 1000


@compiled
def test_a_plain_request_and_a_plain_answer_are_read_in_one_pass() -> None:
    found = read_post(POST)
    assert found is not None
    target, headers, body = found
    assert (target, body) == ("/api/chat?a=b", b"hello")
    assert dict(headers) == {"host": "localhost:1", "x-a": "one, two", "content-length": "5"}
    assert read_answer(ANSWER, NAMES.known, LastHead()) == ([("x", "y"), ("content-length", "5")], b"hello", None)


def test_a_message_that_is_cut_anywhere_is_left_to_llhttp() -> None:
    for cut in range(len(POST)):
        assert read_post(POST[:cut]) is None
    for cut in range(len(ANSWER)):
        assert read_answer(ANSWER[:cut], NAMES.known, LastHead()) is None


def test_a_message_with_something_behind_it_is_left_to_llhttp() -> None:
    assert read_post(POST + b"P") is None
    assert read_post(POST + POST) is None
    assert read_answer(ANSWER + b"H", NAMES.known, LastHead()) is None


@compiled
def test_the_headers_of_a_request_are_a_mapping_of_names_in_lower_case() -> None:
    headers = heads.read_post(b"POST / HTTP/1.1\r\nHOST: h\r\nX-Odd!:  \xff \t\r\nempty:\r\nContent-Length: 0\r\n\r\n")
    assert headers is not None
    assert list(headers) == ["host", "x-odd!", "empty", "content-length"]
    assert (headers["host"], headers.get("x-odd!"), headers["empty"], len(headers)) == ("h", "\udcff", "", 4)
    assert (
        list(headers.items()) == list(zip(headers.keys(), headers.values(), strict=True)) == list(dict(headers).items())
    )
    assert "host" in headers and "Host" not in headers and "hos" not in headers
    assert headers.get("x") is None and headers.get("x", "y") == "y"
    with pytest.raises(KeyError):
        headers["x"]


@compiled
def test_a_head_with_more_fields_than_usual_is_left_to_llhttp() -> None:
    def post(count: int) -> bytes:
        fields = b"".join(b"X-%d: y\r\n" % n for n in range(count))
        return b"POST / HTTP/1.1\r\nHost: h\r\n" + fields + b"Content-Length: 0\r\n\r\n"

    assert read_post(post(40)) is not None and read_post(post(60)) is None


def test_a_name_that_llhttp_has_not_let_pass_is_left_to_it() -> None:
    assert read_answer(ANSWER, {}, LastHead()) is None


@given(changed(POST))
@example(POST.replace(b"X-A", b"Proxy-Connection").replace(b"one, two", b"close"))
def test_a_request_that_is_read_quickly_is_what_llhttp_reads(data: bytes) -> None:
    found = read_post(data)
    if found is None:
        return
    target, headers, body = found
    told = _asked(data)
    assert told.whole and told.stays
    fields = {name: value.decode("utf-8", "surrogateescape") for name, value in told.fields}
    assert (told.url.decode("ascii"), fields, told.body) == (target, dict(headers), body)
    assert len(told.fields) == len(headers)


def longer(data: bytes, body: bytes) -> bytes:
    """The request with this body."""
    return data.replace(b"Length: 5", b"Length: %d" % len(body)).replace(b"hello", body)


@given(changed(POST), changed(POST) | st.integers(0, 2000).map(lambda size: longer(POST, b"x" * size)))
@example(POST, longer(POST, b"more than ten"))
@example(longer(POST, b"more than ten"), POST)
@example(POST.replace(b"X-A: one, two\r\nContent-Length: 5", b"Content-Length: 5\r\nX-A: one, two"), POST)
@example(POST, POST.replace(b"5", b"05"))
@example(POST, POST.replace(b"5", b""))
def test_a_request_is_read_the_same_whatever_the_one_before_it_was(before: bytes, data: bytes) -> None:
    assert read_post(data, before) == read_post(data, data, before) == read_post(data)


@compiled
def test_a_head_that_comes_again_is_not_read_anew_and_one_with_another_length_is_right() -> None:
    swapped = POST.replace(b"X-A: one, two\r\nContent-Length: 5", b"Content-Length: 5\r\nX-A: one, two")
    for first in (POST, swapped):
        headers = heads.read_post(first)
        assert headers is not None and heads.read_post(first, headers) is headers
        for size in (4, 6, 10, 99, 100, 54_321):
            found = read_post(longer(first, b"y" * size), first)
            assert found is not None and found[2] == b"y" * size
            assert found[1] == {"host": "localhost:1", "x-a": "one, two", "content-length": str(size)}


@given(changed(ANSWER))
@example(ANSWER.replace(b"OK", b"O\rK"))
@example(ANSWER.replace(b"OK", b"O\nK"))
@example(ANSWER.replace(b"x: y", b"Proxy-Connection: close"))
def test_an_answer_that_is_read_quickly_is_what_llhttp_reads(data: bytes) -> None:
    found = read_answer(data, NAMES.known, LastHead())
    if found is None:
        return
    headers, body, chunks = found
    if chunks is not None:
        return
    told = _asked(data, answer=True)
    assert told.whole and told.stays
    assert ([(name, value.decode("utf-8", "surrogateescape")) for name, value in told.fields], told.body) == (
        headers,
        body,
    )
    assert len({name for name, _ in headers}) == len(headers)
    assert len(body) == 5 or b"ength: 5" not in data


@given(changed(ANSWER), changed(ANSWER))
@example(ANSWER, ANSWER)
@example(ANSWER.replace(b"x: y", b"X-A: b\r\nx: y"), ANSWER.replace(b"x: y", b"x: z\r\nx: y"))
@example(ANSWER.replace(b"x: y\r\n", b""), ANSWER.replace(b"x: y", b"Content-Length: 5"))
@example(ANSWER, ANSWER[: -len(b"hello")].replace(b"5", b"0"))
def test_an_answer_is_read_the_same_whatever_the_one_before_it_was(before: bytes, data: bytes) -> None:
    last = LastHead()
    read_answer(before, NAMES.known, last)
    found = read_answer(data, NAMES.known, last)
    alone = read_answer(data, NAMES.known, LastHead())
    assert (found is None) == (alone is None)
    if found is not None and alone is not None:
        assert found[:2] == alone[:2] and (found[2] is None) == (alone[2] is None)


@compiled
def test_chunks_are_taken_apart_wherever_they_are_cut() -> None:
    for cut in range(len(CHUNKS) + 1):
        found = read_answer(CHUNKED + CHUNKS[:cut], NAMES.known, LastHead())
        assert found is not None
        headers, body, chunks = found
        assert headers == [("transfer-encoding", "chunked")] and body == CHUNKS[:cut] and chunks is not None
        payload = chunks.feed(body)
        assert chunks.done == (cut == len(CHUNKS))
        assert payload + chunks.feed(CHUNKS[cut:]) == b"hello"
        assert (chunks.done, chunks.more, chunks.fault) == (True, False, False)


@compiled
def test_what_follows_the_last_chunk_is_told_and_not_read() -> None:
    found = read_answer(CHUNKED + CHUNKS + b"HTTP", NAMES.known, LastHead())
    assert found is not None and found[2] is not None
    chunks = found[2]
    assert chunks.feed(found[1]) == b"hello"
    assert (chunks.done, chunks.more, chunks.fault) == (True, True, False)


@given(changed(CHUNKS, lines=False), st.integers(0, 40))
def test_chunks_that_llhttp_reads_say_the_same_to_the_quick_reader(data: bytes, cut: int) -> None:
    told = _asked(CHUNKED + data, answer=True)
    found = read_answer(CHUNKED, NAMES.known, LastHead())
    if found is None or not told.whole or re.search(rb"(?<!\r)\n", data):
        return  # behind a lone line feed, llhttp takes a second one for the same end of line
    chunks = found[2]
    assert chunks is not None
    payload = chunks.feed(data[:cut]) + chunks.feed(data[cut:])
    assert (payload, chunks.done, chunks.more, chunks.fault) == (told.body, True, False, False)


@pytest.mark.parametrize("size", [1, 9, 10, 15, 16, 255, 256, 4095, 4096, 70_000])
def test_a_piece_of_a_body_becomes_a_chunk_and_is_read_as_one(size: int) -> None:
    piece = b"x" * size
    framed = f"{size:x}\r\n".encode() + piece + b"\r\n"
    assert heads.chunked(piece) == framed
    assert heads.chunked(piece, b"before", b"behind") == b"before" + framed + b"behind"
    found = read_answer(CHUNKED, NAMES.known, LastHead())
    if found is not None and found[2] is not None:
        assert found[2].feed(heads.chunked(piece) * 3 + b"0\r\n\r\n") == piece * 3
        assert (found[2].done, found[2].more, found[2].fault) == (True, False, False)
    found = read_answer(CHUNKED, NAMES.known, LastHead())
    if found is not None and found[2] is not None:
        assert found[2].feed(framed) == piece and not found[2].done
        assert found[2].feed(framed + framed[: size // 2 + 3]) + found[2].feed(framed[size // 2 + 3 :]) == piece * 2
        assert found[2].feed(b"0\r\n\r\n") == b"" and found[2].done


def test_what_follows_a_head_is_told_to_the_last_byte() -> None:
    assert [heads.behind(b"abc", size) for size in range(4)] == [b"abc", b"bc", b"c", b""]


def test_without_the_compiled_readers_nothing_is_read_quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    before = dict(vars(heads))
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "ollamux_aiohttp._heads", None)
        plain = importlib.util.module_from_spec(importlib.util.find_spec("ollamux_aiohttp.heads"))  # type: ignore[arg-type]
        assert plain.__spec__ is not None and plain.__spec__.loader is not None
        plain.__spec__.loader.exec_module(plain)
    assert plain.read_post(POST) is None
    assert plain.read_answer(ANSWER, NAMES.known, LastHead()) == -1
    assert plain.chunked(b"a", b"before", b"behind") == b"before1\r\na\r\nbehind"
    assert plain.chunked(b"twelve bytes") == heads.chunked(b"twelve bytes") == b"c\r\ntwelve bytes\r\n"
    assert heads.read_post is before["read_post"]
