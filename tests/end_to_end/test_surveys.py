"""What all backends have, told as one, without waiting for those that do not answer."""

from __future__ import annotations

import socket
import threading
import time
from contextlib import ExitStack
from typing import Any

import pytest
from tests.support.dialogues import OLLAMA, backends, says, speaks
from tests.support.raw import raw
from tests.support.running import running
from tests.support.scripted import Wire, backend


def test_tags_unite_all_backends_and_ps_what_they_have_loaded() -> None:
    with (
        backend(speaks("x"), "one:latest", "both", style="ollama") as first,
        backend(says("x"), "two", "both") as second,
        running({"backends": backends(first, second)}) as server,
    ):
        rows = server.ask("GET", "/api/tags").json["models"]
        assert sorted(row["name"].removesuffix(":latest") for row in rows) == ["auto", "both", "one", "two"]
        assert server.ask("GET", "/api/ps").json == {"models": []}
        shown = server.ask("POST", "/api/show", {"model": "two"})
        assert shown.status == 200
        assert "completion" in shown.json["capabilities"]


def test_a_black_hole_keeps_nobody_waiting_once_it_is_known() -> None:
    with socket.socket() as hole, backend(says("Hello")) as good:
        hole.bind(("127.0.0.1", 0))
        found = [
            {
                "id": "hole",
                "type": "openai_compatible",
                "endpoint": f"http://127.0.0.1:{hole.getsockname()[1]}",
                "priority": 99,
            },
            *backends(good),
        ]
        settings: dict[str, Any] = {"backends": found, "health": {"timeout": 60}}
        with running(settings) as server:  # which finds that nothing listens there
            hole.listen()
            for path in ("/api/tags", "/api/ps"):
                assert server.ask("GET", path).status == 200
            assert server.ask("POST", "/api/show", {"model": "nothing"}).status == 404
            assert OLLAMA.text(OLLAMA.ask(server)) == "Hello"
            assert server.ask("GET", "/readyz").body == b"ready: 1/2 backends healthy"


def test_a_backend_that_falls_silent_is_waited_for_no_longer_than_a_moment() -> None:
    silent = threading.Event()

    with backend(says("x"), "one") as falls_silent, backend(says("x"), "two") as good:
        answers = falls_silent._lists

        def lists(path: str, wire: Wire) -> bool:
            if silent.is_set():
                wire.wait_for_peer_to_leave(50)
            return answers(path, wire)

        falls_silent._lists = lists  # type: ignore[method-assign]
        with running({"backends": backends(falls_silent, good), "health": {"timeout": 60}}) as server:
            silent.set()
            time.sleep(1.2)
            good.models = ("two", "three")
            names = [row["name"] for row in server.ask("GET", "/api/tags").json["models"]]
            assert {name.removesuffix(":latest") for name in names} == {"one", "two", "three", "auto"}


def test_a_model_that_appeared_since_is_found_by_the_first_who_asks_for_it() -> None:
    with backend(says("Hello")) as only, running({"backends": backends(only)}) as server:
        time.sleep(1.2)
        only.models = ("m", "fresh")
        assert OLLAMA.text(server.ask("POST", "/api/chat", OLLAMA.body("fresh"))) == "Hello"
        assert server.ask("POST", "/api/chat", OLLAMA.body("never")).status == 404


@pytest.mark.parametrize("path", ["/", "/api/version", "/api/tags"])
def test_head_is_answered_as_get_without_the_body(path: str) -> None:
    with backend(says("Hello")) as only, running({"backends": backends(only)}) as server, raw(server) as client:
        whole = server.ask("GET", path)
        for _ in range(2):
            client.send(f"HEAD {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            answer = client.answer(head_only=True)
            assert answer.status == 200
            assert answer.header("content-length") == str(len(whole.body))


def test_many_who_ask_at_once_ask_the_backends_once() -> None:
    go = threading.Event()

    with backend(says("Hello")) as only, running({"backends": backends(only)}) as server, ExitStack() as stack:
        answers = only._lists

        def lists(path: str, wire: Wire) -> bool:
            go.wait(20)
            return answers(path, wire)

        async def nothing() -> None:
            pass

        time.sleep(1.2)
        before = len(only.asked)
        only._lists = lists  # type: ignore[method-assign]
        clients = [stack.enter_context(raw(server)) for _ in range(10)]
        for client in clients:
            client.send(b"GET /api/tags HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for _ in range(5):  # turns of its loop, in which all of them are read
            server.do(nothing)
        go.set()
        assert [client.answer().status for client in clients] == [200] * 10
        assert len(only.asked) == before + 1
