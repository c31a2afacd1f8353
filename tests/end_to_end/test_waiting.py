"""A stream that has to wait says so before somebody in between gives up, and commits to nothing by it."""

from __future__ import annotations

import threading

import pytest
from tests.support.dialogues import OLLAMA, OPENAI, Dialect, backends, says
from tests.support.raw import post, raw
from tests.support.running import running
from tests.support.scripted import Asked, Script, Wire, backend

from ollamux.exchange import model

both = pytest.mark.parametrize("dialect", [OLLAMA, OPENAI], ids=["api", "v1"])
pytestmark = pytest.mark.usefixtures("_soon")


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "KEEPALIVE", 0.1)


def _when(go: threading.Event, script: Script) -> Script:
    def late(asked: Asked, wire: Wire) -> None:
        go.wait(20)
        script(asked, wire)

    return late


def _fails(status: int, body: dict[str, object]) -> Script:
    def script(asked: Asked, wire: Wire) -> None:
        wire.answer(status, body)

    return script


@both
def test_a_sign_of_life_comes_before_the_first_token_and_does_no_harm(dialect: Dialect) -> None:
    go = threading.Event()
    with (
        backend(_when(go, says("Hel", "lo"))) as only,
        running({"backends": backends(only)}) as server,
        raw(server) as client,
    ):
        client.send(post(dialect.path, dialect.body()))
        assert client.head()[0] == 200
        pieces = client.chunks()
        first = next(pieces)
        go.set()
        rest = b"".join(pieces)
        if dialect is OPENAI:
            assert first.startswith(b":")
            assert b'"content":"Hel"' in rest.replace(b" ", b"")
        else:
            assert b'"done":false' in first
            assert b"Hel" in rest


@both
def test_there_is_still_another_backend_after_a_sign_of_life(dialect: Dialect) -> None:
    go = threading.Event()
    with (
        backend(_when(go, _fails(503, {"error": "overloaded"}))) as first,
        backend(says("Hello")) as second,
        running({"backends": backends(first, second)}) as server,
        raw(server) as client,
    ):
        client.send(post(dialect.path, dialect.body()))
        assert client.head()[0] == 200
        go.set()
        body = b"".join(client.chunks())
        assert b"Hello" in body
        assert b"overloaded" not in body


@both
def test_an_error_after_a_sign_of_life_is_told_in_the_stream(dialect: Dialect) -> None:
    go = threading.Event()
    with (
        backend(_when(go, _fails(400, {"error": {"message": "the prompt is too long"}}))) as only,
        running({"backends": backends(only)}) as server,
        raw(server) as client,
    ):
        client.send(post(dialect.path, dialect.body()))
        assert client.head()[0] == 200
        go.set()
        assert "too long" in dialect.fault(b"".join(client.chunks()))


def test_who_waits_in_the_queue_hears_of_it_too() -> None:
    go = threading.Event()
    with (
        backend(_when(go, says("Hello"))) as only,
        running({"backends": backends(only, max_concurrent_requests=1)}) as server,
        raw(server) as first,
        raw(server) as second,
    ):
        first.send(post("/api/chat", OLLAMA.body()))
        second.send(post("/api/chat", OLLAMA.body()))
        assert first.head()[0] == second.head()[0] == 200
        go.set()
        for client in (first, second):
            assert b"Hello" in b"".join(client.chunks())


def test_an_answer_that_is_not_streamed_just_waits() -> None:
    whole = OPENAI._replace(stream=False)
    go = threading.Event()
    with backend(_when(go, says("Hello"))) as only, running({"backends": backends(only)}) as server:
        late = threading.Timer(0.25, go.set)
        late.start()
        assert whole.text(whole.ask(server)) == "Hello"
        late.join()
