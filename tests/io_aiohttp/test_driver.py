"""What goes out for what an exchange wants, byte by byte, and what a mistake of ours costs."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
from tests.support.dialogues import ALL, OLLAMA, OPENAI, backends, says, speaks
from tests.support.raw import post, raw
from tests.support.running import Running, running
from tests.support.scripted import Asked, Backend, Wire, backend, chunk, sse, stream_head

from ollamux import gateway
from ollamux.exchange import ModelExchange
from ollamux.exchange.base import Exchange
from ollamux.formats import servings
from ollamux.formats.base import NOWHERE, Incoming, Place, Serving, ServingRoute
from ollamux.formats.late import LateServing
from ollamux_aiohttp.client import Client, Lane
from ollamux_aiohttp.driver import Desk, Driver, Written
from ollamux_aiohttp.lane import LaneParser


@pytest.fixture(scope="module")
def only() -> Iterator[Backend]:
    with backend(says("Hel", "lo")) as found:
        yield found


@pytest.fixture(scope="module")
def server(only: Backend) -> Iterator[Running]:
    with running({"backends": backends(only)}) as found:
        yield found


def test_a_whole_answer_has_its_length_and_a_stream_comes_in_chunks(server: Running) -> None:
    for dialect in ALL:
        answer = dialect.ask(server)
        assert answer.header("transfer-encoding") == ("chunked" if dialect.stream else None)
        assert answer.header("content-length") == (None if dialect.stream else str(len(answer.body)))


def test_no_header_is_told_twice_and_every_answer_has_its_date(server: Running) -> None:
    for method, path in (
        ("GET", "/"),
        ("GET", "/api/tags"),
        ("GET", "/nowhere"),
        ("POST", "/api/chat"),
        ("GET", "/api/chat"),
    ):
        answer = server.ask(method, path, OLLAMA.body() if method == "POST" else None)
        names = [name for name, _ in answer.headers]
        assert len(names) == len(set(names)), answer
        parsedate_to_datetime(str(answer.header("date")))


def test_an_event_stream_is_not_to_be_kept_by_anybody(server: Running) -> None:
    answer = OPENAI.ask(server)
    assert answer.header("content-type") == "text/event-stream"
    assert answer.header("cache-control") == "no-cache"


def test_a_redirect_keeps_the_query(server: Running) -> None:
    answer = server.ask("GET", "/api/tags/?x=1")
    assert (answer.status, answer.header("location")) == (301, "/api/tags?x=1")


def test_an_answer_without_content_has_no_length(server: Running) -> None:
    with raw(server) as client:
        lines = "Origin: http://localhost\r\nAccess-Control-Request-Method: POST"
        client.send(f"OPTIONS /api/chat HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n\r\n".encode())
        answer = client.answer()
        assert answer.status == 204
        assert answer.header("content-length") is None
        client.send(post("/api/version", method="GET"))
        assert client.answer().status == 200


def test_the_pieces_of_a_stream_go_out_as_they_come() -> None:
    go = threading.Semaphore(0)

    def one_by_one(asked: Asked, wire: Wire) -> None:
        wire.send(stream_head())
        for text in "abc":
            wire.send(chunk(sse(text, role="assistant")))
            go.acquire(timeout=5)
        wire.send(chunk(sse(finish="stop") + b"data: [DONE]\n\n") + chunk(b""))

    with backend(one_by_one) as only, running({"backends": backends(only)}) as server:
        for dialect in (OLLAMA, OPENAI):
            with raw(server) as client:
                client.send(post(dialect.path, dialect.body()))
                assert client.head()[0] == 200
                pieces = client.chunks()
                for text in b"abc":
                    assert b'"content":"%c"' % text in next(pieces).replace(b": ", b":")
                    go.release()
                assert len(list(pieces)) >= 1


@pytest.mark.parametrize("dialect", [OLLAMA, OPENAI], ids=["translated", "passed through"])
def test_what_ends_an_answer_goes_out_with_its_last_bytes(dialect: Any) -> None:
    def at_once(asked: Asked, wire: Wire) -> None:
        events = chunk(sse("Hello", role="assistant")) + chunk(sse(finish="stop") + b"data: [DONE]\n\n")
        wire.send(stream_head() + events + chunk(b""))

    with backend(at_once) as only, running({"backends": backends(only)}) as server, raw(server) as client:
        for _ in range(3):
            client.send(post(dialect.path, dialect.body()))
            written = client.sock.recv(65536)
            assert written.startswith(b"HTTP/1.1 200 OK\r\n") and b"Hello" in written
            assert written.endswith(b"\r\n0\r\n\r\n")


def test_a_head_request_to_what_streams_has_no_body() -> None:
    def blob(asked: Asked, wire: Wire) -> None:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")

    with backend(blob, style="ollama") as only, running({"backends": backends(only)}) as server, raw(server) as client:
        for _ in range(2):
            client.send(post("/api/blobs/sha256:" + "0" * 64, method="HEAD"))
            assert client.answer(head_only=True).status == 200


class _Wrong(LateServing):
    """A format that makes the mistake whose name is in `mistakes`, and none while that is empty."""

    def __init__(self, right: Serving, mistakes: list[str]) -> None:
        super().__init__(right.name, right.routes, lambda: right)
        self._mistakes = mistakes

    def _may_raise(self, name: str) -> None:
        if name in self._mistakes:
            raise ZeroDivisionError("a mistake of ours")

    def read(self, route: ServingRoute, body: bytes, headers: Mapping[str, str], place: Place = NOWHERE) -> Incoming:
        self._may_raise("read")
        return super().read(route, body, headers, place)

    def relay_whole(self, incoming: Incoming, upstream_model: str, body: bytes, now: float) -> bytes:
        self._may_raise("relay_whole")
        return super().relay_whole(incoming, upstream_model, body, now)


@pytest.fixture
def mistakes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the formats of a server that begins now do wrong."""
    found: list[str] = []
    wrong = tuple(_Wrong(right, found) for right in servings())
    monkeypatch.setattr(gateway, "servings", lambda: wrong)
    return found


@pytest.mark.parametrize("dialect", ALL, ids=lambda d: f"{d.path[1:4]}-{'stream' if d.stream else 'whole'}")
@pytest.mark.parametrize("split", [False, True], ids=["whole request", "request in two pieces"])
def test_a_mistake_of_ours_ends_its_own_request_with_500(
    only: Backend, dialect: Any, split: bool, mistakes: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    with running({"backends": backends(only)}) as server, raw(server) as client:
        mistakes.append("read")
        request = post(dialect.path, dialect.body())
        client.send(request[:-5] if split else request)
        if split:
            client.send(request[-5:])
        answer = client.answer()
        assert answer.status == 500
        assert answer.header("connection") == "close"
        assert "a mistake of ours" in caplog.text
        mistakes.clear()
        assert dialect.text(dialect.ask(server)) == "Hello"


def test_a_mistake_of_ours_at_the_end_of_an_answer_leaves_no_place_taken(mistakes: list[str]) -> None:
    whole = OPENAI._replace(stream=False)
    with backend(says("Hello")) as only, running({"backends": backends(only, max_concurrent_requests=1)}) as server:
        mistakes.append("relay_whole")
        assert whole.ask(server).status == 500
        mistakes.clear()
        assert whole.text(whole.ask(server)) == "Hello"


def test_what_aiohttp_is_told_of_an_answer_that_is_out_writes_nothing() -> None:
    async def told() -> None:
        for keep_alive in (True, False):
            written = Written(keep_alive=keep_alive)
            assert written.keep_alive is keep_alive
            assert await written.prepare(None) is None  # type: ignore[arg-type, func-returns-value]
            assert await written.write_eof() is None  # type: ignore[func-returns-value]

    asyncio.run(told())


def test_nothing_of_a_request_is_left_when_it_has_ended() -> None:
    with backend(speaks("x"), style="ollama") as only, running({"backends": backends(only)}) as server:
        for dialect in ALL:
            dialect.ask(server)
        gc.collect()
        assert not [found for found in gc.get_objects() if type(found) is ModelExchange]


def test_logs_stay_quiet_where_nothing_is_wrong(server: Running, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for dialect in ALL:
        dialect.ask(server)
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


class _Talkative(Exchange):
    """Wants something to be written whenever it is told something."""

    __slots__ = ()

    def start(self, now: float) -> bytes:
        return b"first "

    def _more(self, *_: object) -> bytes:
        return b"second"

    proceed = attempt_data = attempt_end = attempt_failed = attempt_head = _more  # type: ignore[assignment]


class _Transport:
    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written += data


@pytest.mark.parametrize(
    "later",
    [
        lambda driver: driver.proceed(1.0),
        lambda driver: driver.attempt_head(1, 200, ()),
        lambda driver: driver.attempt_data(1, b"x", False),
        lambda driver: driver.attempt_whole(1, 200, (), b"x"),
        lambda driver: driver.attempt_end(1),
        lambda driver: driver.attempt_failed(1, "closed", True, ""),
    ],
)
def test_what_is_due_is_done_before_whatever_comes_later(later: Callable[[Driver], None]) -> None:
    client: Any = Client(None, Lane(), LaneParser(lambda method, path: True, 8192))  # type: ignore[arg-type]
    client.transport = transport = _Transport()
    desk: Any = Desk.__new__(Desk)
    driver = Driver.__new__(Driver)
    driver.prepare(desk, client, _Talkative(), False, True, False, True, 1.0)
    driver.begin()
    assert transport.written == b""
    later(driver)
    driver.carry_out()
    assert transport.written == b"first second"
