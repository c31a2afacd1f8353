"""A stream that has to wait says so before somebody in between gives up, and commits to nothing by it."""

from __future__ import annotations

import time

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


def _after(seconds: float, script: Script) -> Script:
    def late(asked: Asked, wire: Wire) -> None:
        time.sleep(seconds)
        script(asked, wire)

    return late


@both
def test_a_sign_of_life_comes_before_the_first_token_and_does_no_harm(dialect: Dialect) -> None:
    with (
        backend(_after(0.35, says("Hel", "lo"))) as only,
        running({"backends": backends(only)}) as server,
        raw(server) as client,
    ):
        begun = time.monotonic()
        client.send(post(dialect.path, dialect.body()))
        assert client.head()[0] == 200
        pieces = client.chunks()
        first = next(pieces)
        assert time.monotonic() - begun < 0.33
        rest = b"".join(pieces)
        if dialect is OPENAI:
            assert first.startswith(b":")
            assert b'"content":"Hel"' in rest.replace(b" ", b"")
        else:
            assert b'"done":false' in first
            assert b"Hel" in rest


@both
def test_there_is_still_another_backend_after_a_sign_of_life(dialect: Dialect) -> None:
    def fails(asked: Asked, wire: Wire) -> None:
        time.sleep(0.2)
        wire.answer(503, {"error": "overloaded"})

    with (
        backend(fails) as first,
        backend(says("Hello")) as second,
        running({"backends": backends(first, second)}) as server,
    ):
        answer = dialect.ask(server)
        assert answer.status == 200
        assert b"Hello" in answer.body
        assert b"overloaded" not in answer.body


@both
def test_an_error_after_a_sign_of_life_is_told_in_the_stream(dialect: Dialect) -> None:
    def fails(asked: Asked, wire: Wire) -> None:
        time.sleep(0.2)
        wire.answer(400, {"error": {"message": "the prompt is too long"}})

    with backend(fails) as only, running({"backends": backends(only)}) as server:
        answer = dialect.ask(server)
        assert answer.status == 200
        assert "too long" in dialect.fault(answer.body)


def test_who_waits_in_the_queue_hears_of_it_too() -> None:
    with (
        backend(_after(0.3, says("Hello"))) as only,
        running({"backends": backends(only, max_concurrent_requests=1)}) as server,
        raw(server) as first,
        raw(server) as second,
    ):
        first.send(post("/api/chat", OLLAMA.body()))
        second.send(post("/api/chat", OLLAMA.body()))
        assert first.head()[0] == second.head()[0] == 200
        for client in (first, second):
            assert b"Hello" in b"".join(client.chunks())


def test_an_answer_that_is_not_streamed_just_waits() -> None:
    whole = OPENAI._replace(stream=False)
    with backend(_after(0.25, says("Hello"))) as only, running({"backends": backends(only)}) as server:
        assert whole.text(whole.ask(server)) == "Hello"
