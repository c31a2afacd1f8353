"""What happens after failures, over real sockets: repeats, circuits, limits and models that follow."""

from __future__ import annotations

import time
from typing import Any

from tests.support.dialogues import says
from tests.support.running import Answered, Running, running
from tests.support.scripted import Asked, Script, Wire, backend

CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": False}
OPENAI = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def ask(server: Running, **more: Any) -> Answered:
    return server.ask("POST", "/api/chat", CHAT | more)


def settings(*endpoints: str, **more: Any) -> dict[str, Any]:
    ids = "abc"[: len(endpoints)]
    backends = [
        {"id": id_, "type": "vllm", "endpoint": endpoint, "models": ["m"]}
        for id_, endpoint in zip(ids, endpoints, strict=True)
    ]
    return {"backends": backends, **more}


def failing(times: int, status: int = 503, **headers: str) -> Script:
    """Fails so often, then answers."""
    well = says("Hello")
    left = [times]

    def script(asked: Asked, wire: Wire) -> None:
        left[0] -= 1
        if left[0] >= 0:
            lines = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
            wire.answer(status, {"error": {"message": "not now"}}, "application/json", *lines)
        else:
            well(asked, wire)

    return script


def test_retry_same_repeats_the_call_and_the_client_sees_the_answer_alone() -> None:
    with backend(failing(2)) as only:
        more = {"routing": {"fallback": "retry_same"}, "retry": {"base": "50ms", "jitter": 0}}
        with running(settings(only.url, **more)) as server:
            began = time.monotonic()
            found = ask(server)
            assert (found.status, found.json["message"]["content"]) == (200, "Hello")
            assert time.monotonic() - began >= 0.14 and len(only.calls) == 3


def test_the_only_backends_limit_reaches_clients_with_when_to_come_back() -> None:
    with backend(failing(9, 429, Retry_After="17")) as only, running(settings(only.url)) as server:
        found = ask(server)
        assert (found.status, found.header("retry-after")) == (429, "17")
        found = server.ask("POST", "/v1/chat/completions", OPENAI)
        assert (found.status, found.header("retry-after")) == (429, "17")


def test_a_backend_that_is_gone_is_not_called_in_vain() -> None:
    with backend(says("Hello")) as only, running(settings(only.url, breaker={"failures": 2})) as server:
        only.stop()
        assert [ask(server).status for _ in range(3)] == [502, 502, 503]
        found = ask(server)
        assert found.header("retry-after") is not None and "'a'" in found.json["error"]


def test_a_backend_that_erred_for_long_is_called_again_after_a_good_probe() -> None:
    with backend(failing(3, 500)) as bad, backend(says("Hello")) as good:
        more = {"breaker": {"failures": 3}, "health": {"unhealthy_after": 9, "interval": "1h"}}
        more["routing"] = {"load_balancing": False}
        with running(settings(bad.url, good.url, **more)) as server:
            assert [ask(server).header("x-backend-used") for _ in range(5)] == ["b"] * 5
            assert len(bad.calls) == 3
            used: set[str | None] = set()
            while "a" not in used:  # a probe that was asked before the circuit opened would tell nothing
                server.refresh()
                used |= {ask(server).header("x-backend-used") for _ in range(4)}


def test_a_models_own_fallback_answers_where_its_backend_fails() -> None:
    with backend(failing(99, 500)) as bad, backend(says("Hello")) as good:
        found = settings(bad.url, good.url)
        found["backends"][0]["models"] = ["big"]
        found["models"] = {"big": {"backend": "a", "fallbacks": ["m"]}}
        with running(found) as server:
            answer = ask(server, model="big")
            assert (answer.status, answer.json["model"], answer.json["message"]["content"]) == (200, "big", "Hello")
            assert answer.header("x-backend-used") == "b"


def test_clients_over_their_limit_are_told_when_to_come_back() -> None:
    with backend(says("Hello")) as only, running(settings(only.url, rate_limit={"per_address": "2/min"})) as server:
        assert [ask(server).status for _ in range(3)] == [200, 200, 429]
        assert int(ask(server).header("retry-after") or 0) in range(20, 61)
        assert len(only.calls) == 2
