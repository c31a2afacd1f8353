"""Backends that send what no backend should: nothing of it grows without bound, and no other request notices."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from tests.support.dialogues import ALL, OLLAMA, OPENAI, Dialect, backends, says
from tests.support.running import running
from tests.support.scripted import Asked, Script, Wire, backend, chunk, sse, stream_head

MIB = 1 << 20
every_dialect = pytest.mark.parametrize(
    "dialect", ALL, ids=lambda d: f"{d.path[1:4]}-{'stream' if d.stream else 'whole'}"
)


def _endless(head: bytes, piece: Callable[[bytes], bytes] = lambda data: data) -> Script:
    def script(asked: Asked, wire: Wire) -> None:
        wire.send(head)
        data = piece(b"x" * 65536)
        for _ in range(10_000):
            wire.send(data)

    return script


_EVENTS = stream_head()
_WHOLE = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999999999\r\n\r\n{"id":"'
HOSTILE: dict[str, Script] = {
    "an endless line": _endless(_EVENTS + chunk(b"data: "), chunk),
    "an endless event": _endless(_EVENTS, lambda data: chunk(b"data: " + data + b"\n")),
    "an endless first line": _endless(b""),
    "an endless header": _endless(b"HTTP/1.1 200 OK\r\nX: "),
    "endless headers": _endless(b"HTTP/1.1 200 OK\r\n", lambda data: b"X: " + data[:1000] + b"\r\n"),
    "endless interim answers": _endless(b"", lambda data: b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "an endless chunk extension": _endless(_EVENTS + b"5;"),
    "an answer that changes the protocol": _endless(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"),
    "a status that is none": lambda asked, wire: wire.send(b"HTTP/1.1 999 What\r\nContent-Length: 0\r\n\r\n"),
    "a redirect": lambda asked, wire: wire.answer(302, b"", "text/html", "Location: http://127.0.0.1:1/"),
    "no content": lambda asked, wire: wire.send(b"HTTP/1.1 204 No Content\r\n\r\n"),
    "two lengths": lambda asked, wire: wire.send(
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"
    ),
    "zero bytes": lambda asked, wire: wire.answer(200, b"\x00" * 1000, "text/event-stream"),
    "deep JSON": lambda asked, wire: wire.answer(200, b'{"choices":' * 20_000, "application/json"),
    "deep events": lambda asked, wire: wire.answer(
        200, b'data: {"choices":' + b"[" * 20_000 + b"\n\n", "text/event-stream"
    ),
    "a deep error": lambda asked, wire: wire.answer(400, b'{"error":' * 20_000),
    "invalid UTF-8": lambda asked, wire: wire.answer(
        200, b'data: {"choices":[{"delta":{"content":"\xff\n\n', "text/event-stream"
    ),
    "a list": lambda asked, wire: wire.answer(200, []),
    "compressed bytes": lambda asked, wire: wire.answer(
        200, b"\x1f\x8b\x08\x00" + b"\x03" * 50, "application/json", "Content-Encoding: gzip"
    ),
}


@every_dialect
@pytest.mark.parametrize("what", HOSTILE)
def test_what_is_told_instead_is_an_error_in_the_clients_format(what: str, dialect: Dialect) -> None:
    with (
        backend(HOSTILE[what]) as bad,
        backend(says("Hello"), "n") as good,
        running({"backends": backends(bad, good, timeouts={"first_byte": 5, "idle": 5})}) as server,
    ):
        answer = dialect.ask(server)
        if answer.status == 200 and dialect.stream:
            assert dialect.fault(answer.body)
        else:
            assert answer.status >= 400, answer
            assert dialect.error(answer)
        assert len(answer.body) < 100_000
        other = server.ask("POST", dialect.path, dialect.body("n"))
        assert dialect.text(other) == "Hello"


@pytest.mark.parametrize("dialect", ALL[:2], ids=["stream", "whole"])
@pytest.mark.parametrize(
    "value", [{"choices": {"a": 1}, "usage": [], "model": 3}, {"choices": []}, {"choices": [None]}]
)
def test_an_answer_that_cannot_be_translated_is_an_error(value: object, dialect: Dialect) -> None:
    with backend(lambda asked, wire: wire.answer(200, value)) as only, running({"backends": backends(only)}) as server:
        answer = dialect.ask(server)
        assert answer.status == 502
        assert dialect.error(answer)


def test_an_error_that_is_no_json_is_told_in_the_clients_format() -> None:
    page = b"<html><body>nginx: 413 Request Entity Too Large</body></html>"
    with (
        backend(lambda asked, wire: wire.answer(413, page, "text/html")) as only,
        running({"backends": backends(only)}) as server,
    ):
        for dialect in ALL:
            answer = dialect.ask(server)
            assert answer.status == 413
            assert "nginx" in dialect.error(answer)
            assert str(answer.header("content-type")).startswith("application/json")


@pytest.mark.parametrize("dialect", [OLLAMA, OPENAI], ids=["api", "v1"])
def test_an_endless_line_behind_good_ones_ends_the_stream_as_broken(dialect: Dialect) -> None:
    with (
        backend(_endless(_EVENTS + chunk(sse("Hel", role="assistant")) + chunk(b"data: "), chunk)) as only,
        running({"backends": backends(only)}) as server,
    ):
        answer = dialect.ask(server)
        assert b"Hel" in answer.body
        assert dialect.fault(answer.body)
        assert len(answer.body) < 100_000


@pytest.mark.parametrize("dialect", [OLLAMA, OPENAI], ids=["api", "v1"])
def test_what_follows_the_end_of_a_stream_is_dropped_and_its_connection_with_it(dialect: Dialect) -> None:
    def talks_on(asked: Asked, wire: Wire) -> None:
        with wire.together():  # what comes later may meet the next request, which no client can tell from its answer
            says("Hello")(asked, wire)
            wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
        wire.wait_for_peer_to_leave(2)

    with backend(talks_on) as only, running({"backends": backends(only)}) as server:
        for _ in range(3):
            assert dialect.text(dialect.ask(server)) == "Hello"


def test_a_list_of_models_that_never_ends_is_given_up() -> None:
    stop = threading.Event()

    def lists(path: str, wire: Wire) -> bool:
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n")
        while not stop.is_set():
            wire.send(chunk(b" " * 65536))
        return True

    with backend(says("x")) as endless, backend(says("Hello")) as good:
        endless._lists = lists  # type: ignore[method-assign]
        with running({"backends": backends(endless, good), "health": {"timeout": 5}}) as server:
            assert OLLAMA.text(OLLAMA.ask(server)) == "Hello"
            assert server.server.gateway.report(0.0)[0].state == "unreachable"
        stop.set()
