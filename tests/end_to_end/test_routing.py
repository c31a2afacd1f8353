"""Where requests go, seen from outside: constraints in headers, and headers that tell of the decision."""

from __future__ import annotations

from typing import Any

from tests.support.dialogues import says
from tests.support.running import Answered, Running, running
from tests.support.scripted import backend

BODY = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": False}


def two(a: str, b: str) -> dict[str, Any]:
    return {
        "backends": [
            {"id": "a", "type": "vllm", "endpoint": a, "models": ["m"]},
            {"id": "b", "type": "vllm", "endpoint": b, "models": ["m"]},
        ]
    }


def ask(server: Running, path: str = "/v1/chat/completions", **headers: str) -> Answered:
    return server.ask("POST", path, BODY, {name.replace("_", "-"): value for name, value in headers.items()})


def test_a_request_goes_where_its_headers_say_and_the_answer_says_where_it_went() -> None:
    with backend(says("Hello")) as a, backend(says("Hello")) as b, running(two(a.url, b.url)) as server:
        found = ask(server, x_target_backend="b", x_latency_critical="true")
        assert (found.status, found.header("x-backend-used"), len(a.calls), len(b.calls)) == (200, "b", 0, 1)
        assert (found.header("x-routing-reason") or "").startswith("capability_based: b, ")
        assert float(found.header("x-estimated-latency-ms") or "nan") >= 0
        assert ask(server, x_target_backend="c").status == 400
        assert ask(server, x_priority="soon").status == 400
        b.stop()
        assert ask(server, x_target_backend="b").status >= 500 and len(a.calls) == 0


def test_a_request_is_explained_and_not_sent() -> None:
    with backend(says("Hello")) as a, backend(says("Hello")) as b, running(two(a.url, b.url)) as server:
        found = ask(server, "/api/route", x_provider="b")
        told = found.json
        assert (found.status, told["backend"], told["filtered"][0]["by"]) == (200, "b", "X-Provider")
        assert not [asked for each in (a, b) for asked in each.calls if asked.method == "POST"]
