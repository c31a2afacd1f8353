"""A server that stops lets what runs come to its end, as far as the grace goes."""

from __future__ import annotations

import asyncio
import socket
import threading
import time

import pytest
from tests.support.dialogues import OLLAMA, OPENAI, Dialect, backends, says
from tests.support.raw import eventually, post, raw
from tests.support.running import Answered, Running, running
from tests.support.scripted import Asked, Wire, backend, chunk, sse, stream_head

from ollamux_aiohttp.server import Server


class _InTwoParts:
    """A stream whose second part waits for `go`."""

    def __init__(self) -> None:
        self.go = threading.Event()

    def __call__(self, asked: Asked, wire: Wire) -> None:
        wire.send(stream_head() + chunk(sse("Hel", role="assistant")))
        if self.go.wait(5):
            wire.send(chunk(sse("lo", "stop")) + chunk(b"data: [DONE]\n\n") + chunk(b""))


def _stop(server: Running, grace: float) -> threading.Thread:
    thread = threading.Thread(target=lambda: server.do(lambda: server.server.stop(grace)))
    thread.start()
    return thread


def _listens(server: Running) -> bool:
    try:
        socket.create_connection((server.host, server.port), timeout=1).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("way", ["in one piece", "in two pieces"])
@pytest.mark.parametrize("dialect", [OLLAMA, OPENAI], ids=["api", "v1"])
def test_a_stream_under_way_comes_to_its_end_within_the_grace(dialect: Dialect, way: str) -> None:
    script = _InTwoParts()
    with backend(script) as only, running({"backends": backends(only)}) as server, raw(server) as client:
        request = post(dialect.path, dialect.body())
        if way == "in two pieces":
            client.send(request[:-9])
            time.sleep(0.02)
            request = request[-9:]
        client.send(request)
        status, headers = client.head()
        begun = b"".join([next(pieces := client.chunks())])
        stopping = _stop(server, 3.0)
        assert eventually(lambda: not _listens(server))
        script.go.set()
        body = begun + b"".join(pieces)
        assert dialect.text(Answered(status, headers, body)) == "Hello"
        assert client.ends()
        stopping.join(2)
        assert not stopping.is_alive(), "nobody waits for the whole grace where nothing runs"


def test_a_stream_that_goes_on_is_cut_after_the_grace_and_its_backend_left() -> None:
    left = threading.Event()

    def endless(asked: Asked, wire: Wire) -> None:
        wire.send(stream_head() + chunk(sse("Hel", role="assistant")))
        if wire.wait_for_peer_to_leave(50):
            left.set()

    with backend(endless) as only, running({"backends": backends(only)}) as server, raw(server) as client:
        client.send(post("/api/chat", OLLAMA.body()))
        client.until(b"Hel")
        stopping = _stop(server, 0.1)
        stopping.join(20)
        assert not stopping.is_alive()
        assert not client.rest().endswith(b"0\r\n\r\n"), "it must not look whole"
        assert left.wait(20)


def test_connections_that_wait_for_nothing_are_closed_at_once() -> None:
    with (
        backend(says("Hello")) as only,
        running({"backends": backends(only)}) as server,
        raw(server) as idle,
        raw(server) as fresh,
    ):
        idle.send(post("/api/chat", OLLAMA.body()))
        assert idle.answer().status == 200
        stopping = _stop(server, 60.0)
        stopping.join(20)
        assert not stopping.is_alive()
        assert idle.ends()
        assert fresh.ends()


def test_stopping_twice_does_no_harm() -> None:
    with backend(says("Hello")) as only, running({"backends": backends(only)}) as server:
        server.do(lambda: server.server.stop(0.1))
        server.do(lambda: server.server.stop(0.1))


def test_a_place_that_is_taken_is_told_as_such() -> None:
    with backend(says("Hello")) as only, running({"backends": backends(only)}) as server:

        async def again() -> None:
            second = Server(server.server.config)
            try:
                with pytest.raises(OSError):
                    await second.start(server.host, server.port)
            finally:
                await second.stop(0.1)

        asyncio.run(again())
