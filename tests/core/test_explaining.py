"""Where a request would go, told without sending it."""

from __future__ import annotations

from typing import Any

from tests.support.driving import IN_ORDER, Asked, Driven, driven

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def ask(run: Driven, **headers: str) -> Asked:
    return run.ask("POST", "/api/route", BODY, {name.replace("_", "-"): value for name, value in headers.items()})


def test_a_route_is_explained_without_being_taken() -> None:
    run = driven(a="vllm", b="vllm")
    told = ask(run, x_target_backend="b")
    assert (told.status, told.calls, told.json["backend"]) == (200, [], "b")
    assert told.json["filtered"] == [{"backend": "a", "model": "m", "by": "X-Target-Backend"}]
    assert set(told.json["candidates"][0]["terms"])


def test_a_route_that_leads_nowhere_is_explained_too() -> None:
    run = driven(a="vllm", b="vllm")
    told = ask(run, x_max_latency_ms="0")
    assert told.status == 400 and [each["by"] for each in told.json["filtered"]] == ["X-Max-Latency-Ms"] * 2
    missing = run.ask("POST", "/api/route", {"model": "unknown"}, {})
    assert missing.status == 404
    ordered = ask(driven(IN_ORDER, a="vllm", b="vllm"))
    assert (ordered.json["backend"], ordered.json["alternatives"]) == ("a", ["b"])
