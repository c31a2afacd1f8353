"""A client that goes away takes its request with it: the backend's connection is closed within a second."""

from __future__ import annotations

import threading
import time

import pytest
from tests.support.dialogues import ALL, OLLAMA, OPENAI, Dialect, backends, line, says
from tests.support.raw import eventually, post, raw
from tests.support.running import running
from tests.support.scripted import Asked, Script, Wire, backend, chunk, sse, stream_head

every_dialect = pytest.mark.parametrize(
    "dialect", ALL, ids=lambda d: f"{d.path[1:4]}-{'stream' if d.stream else 'whole'}"
)


class _Watch:
    """A script that reports when the gateway closed its connection."""

    def __init__(self, first: bytes = b"", *, endless: bool = False) -> None:
        self.asked = threading.Event()
        self.left = threading.Event()
        self._first = first
        self._endless = endless

    def __call__(self, asked: Asked, wire: Wire) -> None:
        if self.asked.is_set():
            return says("Hello")(asked, wire)
        self.asked.set()
        wire.send(self._first)
        try:
            while self._endless:
                wire.send(chunk(sse("word ")))
                time.sleep(0.005)
        except OSError:
            self.left.set()
        if wire.wait_for_peer_to_leave(3):
            self.left.set()
        return None


@every_dialect
@pytest.mark.parametrize("how", ["close", "reset"])
def test_before_the_first_token(how: str, dialect: Dialect) -> None:
    watch = _Watch()
    with backend(watch) as only, running({"backends": backends(only, max_concurrent_requests=1)}) as server:
        with raw(server) as client:
            client.send(post(dialect.path, dialect.body()))
            assert watch.asked.wait(2)
            client.reset() if how == "reset" else client.sock.close()
            assert watch.left.wait(1)
        assert dialect.text(dialect.ask(server)) == "Hello", "its place is free again"


@pytest.mark.parametrize("dialect", [OLLAMA, OPENAI], ids=["api", "v1"])
@pytest.mark.parametrize("endless", [False, True], ids=["silent", "talking"])
def test_in_the_middle_of_a_stream(endless: bool, dialect: Dialect) -> None:
    watch = _Watch(stream_head() + chunk(sse("Hel", role="assistant")), endless=endless)
    with backend(watch) as only, running({"backends": backends(only, max_concurrent_requests=1)}) as server:
        with raw(server) as client:
            client.send(post(dialect.path, dialect.body()))
            assert b"Hel" in client.until(b"Hel")
            client.sock.close()
            assert watch.left.wait(1)
        assert dialect.text(dialect.ask(server)) == "Hello"


def test_in_the_middle_of_an_answer_that_is_collected() -> None:
    watch = _Watch(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"id":')
    with backend(watch) as only, running({"backends": backends(only)}) as server, raw(server) as client:
        client.send(post("/v1/chat/completions", ALL[3].body()))
        assert watch.asked.wait(2)
        client.sock.close()
        assert watch.left.wait(1)


def test_in_the_middle_of_a_stream_that_passes_through_to_an_ollama_client() -> None:
    watch = _Watch(stream_head("application/x-ndjson") + chunk(line("Hel")))
    with backend(watch, style="ollama") as only, running({"backends": backends(only)}) as server, raw(server) as client:
        client.send(post("/api/chat", OLLAMA.body()))
        client.until(b"Hel")
        client.sock.close()
        assert watch.left.wait(1)


def test_in_the_middle_of_a_pull() -> None:
    watch = _Watch(stream_head("application/x-ndjson") + chunk(b'{"status":"pulling manifest"}\n'))
    with backend(watch, style="ollama") as only, running({"backends": backends(only)}) as server, raw(server) as client:
        client.send(post("/api/pull", {"model": "x"}))
        client.until(b"manifest")
        client.sock.close()
        assert watch.left.wait(1)


def test_while_it_waits_in_the_queue() -> None:
    go = threading.Event()

    def slow(asked: Asked, wire: Wire) -> None:
        go.wait(5)
        says("Hello")(asked, wire)

    with (
        backend(slow) as only,
        running({"backends": backends(only, max_concurrent_requests=1)}) as server,
        raw(server) as first,
        raw(server) as second,
        raw(server) as third,
    ):
        first.send(post("/api/chat", OLLAMA.body()))
        assert eventually(lambda: len(only.calls) == 1)
        second.send(post("/api/chat", OLLAMA.body()))
        assert eventually(lambda: server.server.gateway.admission.waiting == 1)
        third.send(post("/api/chat", OLLAMA.body()))
        assert eventually(lambda: server.server.gateway.admission.waiting == 2)
        second.sock.close()
        assert eventually(lambda: server.server.gateway.admission.waiting == 1)
        go.set()
        assert OLLAMA.text(first.answer()) == "Hello"
        assert OLLAMA.text(third.answer()) == "Hello"
        assert len(only.calls) == 2


def test_while_it_waits_for_the_backends_to_tell_their_models() -> None:
    with backend(says("Hello")) as only, running({"backends": backends(only)}) as server:
        only.models = ("m", "new")
        time.sleep(1.2)  # what was told within the last second would be believed
        with raw(server) as client:
            client.send(post("/api/chat", OLLAMA.body("unknown")))
            client.reset()
        assert OLLAMA.text(server.ask("POST", "/api/chat", OLLAMA.body("new"))) == "Hello"
        assert not any(asked.json["model"] == "unknown" for asked in only.calls)


def test_before_a_second_backend_is_tried() -> None:
    go = threading.Event()

    def fails_late(asked: Asked, wire: Wire) -> None:
        go.wait(3)
        wire.answer(500, {"error": "late"})

    with (
        backend(fails_late) as first,
        backend(says("Hello")) as second,
        running({"backends": backends(first, second)}) as server,
    ):
        with raw(server) as client:
            client.send(post("/api/chat", OLLAMA.body()))
            assert eventually(lambda: len(first.calls) == 1)
        assert eventually(lambda: server.server.gateway.admission.running("a") == 0)
        go.set()
        time.sleep(0.05)
        assert not second.calls


def test_half_closing_is_leaving() -> None:
    watch: Script = _Watch()
    with backend(watch) as only, running({"backends": backends(only)}) as server, raw(server) as client:
        client.send(post("/api/chat", OLLAMA.body()))
        assert watch.asked.wait(2)  # type: ignore[attr-defined]
        client.sock.shutdown(1)
        assert watch.left.wait(1)  # type: ignore[attr-defined]
