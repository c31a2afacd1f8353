"""Places and the queue in front of them."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import Any

import pytest
from tests.support.dialogues import OLLAMA, OPENAI, Dialect, backends, says
from tests.support.raw import Raw, eventually, post, raw
from tests.support.running import Running, running
from tests.support.scripted import Asked, Backend, Script, Wire, backend

FULL = "server busy, please try again.  maximum pending requests exceeded"


class _Slow:
    """Answers one request for each `release`."""

    def __init__(self) -> None:
        self.turns = threading.Semaphore(0)
        self.order: list[str] = []
        self.running = 0
        self.most = 0
        self._lock = threading.Lock()

    def __call__(self, asked: Asked, wire: Wire) -> None:
        with self._lock:
            self.order.append(asked.json["messages"][0]["content"])
            self.running += 1
            self.most = max(self.most, self.running)
        self.turns.acquire(timeout=5)
        with self._lock:
            self.running -= 1
        says("Hello")(asked, wire)


def _send(client: Raw, dialect: Dialect, text: str) -> None:
    client.send(post(dialect.path, dialect.body() | {"messages": [{"role": "user", "content": text}]}))


def _waiting(server: Running) -> int:
    return server.server.gateway.admission.waiting


def _fill(server: Running, only: Backend, clients: list[Raw], running_: int) -> None:
    """Sends a request on each connection, in their order."""
    for n, client in enumerate(clients):
        _send(client, OLLAMA, str(n))
        assert eventually(lambda n=n: len(only.calls) + _waiting(server) == n + 1)  # type: ignore[misc]
    assert len(only.calls) == running_


@pytest.mark.parametrize("limit", ["of the backend", "of all"])
def test_a_backend_gets_no_more_than_its_places_and_the_rest_wait_in_their_order(limit: str) -> None:
    slow = _Slow()
    with backend(slow) as only, ExitStack() as stack:
        settings: dict[str, Any] = {"backends": backends(only)}
        if limit == "of all":
            settings["queue"] = {"concurrency": 2}
        else:
            settings["backends"][0]["max_concurrent_requests"] = 2
        server = stack.enter_context(running(settings))
        clients = [stack.enter_context(raw(server)) for _ in range(6)]
        _fill(server, only, clients, 2)
        for n in range(3, 7):
            slow.turns.release()
            assert eventually(lambda n=n: len(slow.order) == n)  # type: ignore[misc]
        slow.turns.release(2)
        for client in clients:
            assert OLLAMA.text(client.answer()) == "Hello"
        assert slow.order[2:] == ["2", "3", "4", "5"]
        assert slow.most == 2


@pytest.mark.parametrize("dialect", [OLLAMA, OPENAI], ids=["api", "v1"])
def test_a_queue_that_is_full_is_503_in_ollamas_words(dialect: Dialect) -> None:
    slow = _Slow()
    with backend(slow) as only, ExitStack() as stack:
        settings = {"backends": backends(only, max_concurrent_requests=1), "queue": {"size": 1}}
        server = stack.enter_context(running(settings))
        clients = [stack.enter_context(raw(server)) for _ in range(2)]
        _fill(server, only, clients, 1)
        answer = dialect.ask(server)
        assert answer.status == 503
        assert dialect.error(answer) == FULL
        slow.turns.release(3)
        for client in clients:
            assert OLLAMA.text(client.answer()) == "Hello"
        assert dialect.text(dialect.ask(server)) == "Hello"


@pytest.mark.parametrize("dialect", [OLLAMA, OPENAI], ids=["api", "v1"])
def test_who_waits_longer_than_the_queues_timeout_gets_503_and_when_to_come_again(dialect: Dialect) -> None:
    slow = _Slow()
    with backend(slow) as only:
        settings = {"backends": backends(only, max_concurrent_requests=1), "queue": {"timeout": 0.1}}
        with running(settings) as server, raw(server) as client:
            _fill(server, only, [client], 1)
            answer = dialect.ask(server)
            assert answer.status == 503
            assert [value for name, value in answer.headers if name == "retry-after"] == ["5"]
            assert "busy" in dialect.error(answer)
            assert _waiting(server) == 0
            slow.turns.release()
            assert OLLAMA.text(client.answer()) == "Hello"
            assert len(only.calls) == 1


def test_a_backend_without_a_free_place_is_passed_over_for_the_next() -> None:
    slow = _Slow()
    with backend(slow) as first, backend(says("second")) as second:
        found = backends(first, second, max_concurrent_requests=1)
        with running({"backends": found}) as server, raw(server) as client:
            _fill(server, first, [client], 1)
            assert OLLAMA.text(OLLAMA.ask(server)) == "second"
            slow.turns.release()
            assert OLLAMA.text(client.answer()) == "Hello"


@pytest.mark.parametrize("end", ["the client leaves", "the backend fails", "the backend refuses"])
def test_a_place_is_free_again_however_its_request_ends(end: str) -> None:
    go = threading.Event()

    def script(asked: Asked, wire: Wire) -> None:
        if len(only.calls) > 1:
            return says("Hello")(asked, wire)
        go.wait(5)
        if end == "the backend fails":
            wire.send(b"HTTP/1.1 200 OK\r\n")
            wire.close()
        else:
            wire.answer(400, {"error": "no"})
        return None

    found: Script = script
    with (
        backend(found) as only,
        running({"backends": backends(only, max_concurrent_requests=1)}) as server,
        raw(server) as first,
        raw(server) as second,
    ):
        _send(first, OLLAMA, "1")
        assert eventually(lambda: len(only.calls) == 1)
        _send(second, OPENAI, "2")
        assert eventually(lambda: _waiting(server) == 1)
        if end == "the client leaves":
            first.sock.close()
        else:
            go.set()
        assert OPENAI.text(second.answer()) == "Hello"
        assert server.server.gateway.admission.running("a") == 0


def test_a_thousand_requests_leave_nothing_behind() -> None:
    with (
        backend(says("Hello")) as only,
        running({"backends": backends(only, max_concurrent_requests=4)}) as server,
        ExitStack() as stack,
    ):
        clients = [stack.enter_context(raw(server, 20)) for _ in range(20)]
        for round_ in range(10):
            for n, client in enumerate(clients):
                dialect = (OLLAMA, OPENAI)[(n + round_) % 2]
                client.send(post(dialect.path, dialect.body()) * 5)
            for n, client in enumerate(clients):
                for _ in range(5):
                    assert (OLLAMA, OPENAI)[(n + round_) % 2].text(client.answer()) == "Hello"
        admission = server.server.gateway.admission
        assert (admission.waiting, admission.running("a")) == (0, 0)
        assert len(only.calls) == 1000
