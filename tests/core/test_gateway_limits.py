"""How many requests clients may make."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.driving import Asked, Driven, driven

from ollamux.contract import ClientRequest

MESSAGES = [{"role": "user", "content": "hi"}]
PATHS: dict[str, dict[str, Any]] = {
    "/api/chat": {"model": "m", "messages": MESSAGES},
    "/v1/chat/completions": {"model": "m", "messages": MESSAGES},
    "/v1/responses": {"model": "m", "input": "hi"},
    "/v1/messages": {"model": "m", "messages": MESSAGES, "max_tokens": 5},
    "/v1beta/models/m:generateContent": {"contents": [{"parts": [{"text": "hi"}]}]},
}


def ask(run: Driven, peer: str = "", key: str = "", path: str = "/api/chat") -> int:
    """The status of a refusal, 0 where the request went through."""
    headers = {"authorization": f"Bearer {key}"} if key else {}
    request = ClientRequest(
        "POST",
        path,
        {"host": "localhost"} | headers,
        b'{"model":"m","messages":[{"role":"user","content":"hi"}]}',
        peer,
    )
    asked = Asked(run, run.gateway.open(request, run.now), None)
    asked.do(asked.exchange.start(run.now))
    return asked.status if asked.over else 0


@pytest.mark.parametrize("path", PATHS)
def test_over_the_limit_is_a_429_in_the_clients_own_format_with_when_to_come_back(path: str) -> None:
    run = driven({"rate_limit": {"global": "1/min"}}, a="vllm")
    assert run.ask("POST", path, PATHS[path]).calls
    asked = run.ask("POST", path, PATHS[path])
    assert (asked.status, asked.calls) == (429, [])
    assert asked.headers["retry-after"] == "60"
    told = asked.json["error"]
    text = told if isinstance(told, str) else told["message"]
    assert text == "rate limit of all clients together exceeded, please try again in 60s"
    run.pass_time(61)
    assert run.ask("POST", path, PATHS[path]).calls


def test_each_address_has_its_own_limit() -> None:
    run = driven({"rate_limit": {"per_address": "1/min"}}, a="vllm")
    assert [ask(run, peer) for peer in ("10.0.0.1", "10.0.0.1", "10.0.0.2")] == [0, 429, 0]


def test_each_key_has_its_own_limit_by_its_name() -> None:
    keys = [{"name": name, "key": f"secret-{name}"} for name in ("one", "two")]
    run = driven({"server": {"keys": keys}, "rate_limit": {"per_key": "1/min"}}, a="vllm")
    assert [ask(run, "10.0.0.1", f"secret-{name}") for name in ("one", "one", "two")] == [0, 429, 0]
    assert ask(run, "10.0.0.1", "wrong") == 401


def test_what_calls_no_model_is_not_counted() -> None:
    run = driven({"rate_limit": {"global": "1/min"}}, a="vllm")
    for _ in range(3):
        assert run.ask("GET", "/api/version").status == 200
        assert run.ask("GET", "/health").status == 200
    assert ask(run) == 0


def test_who_is_refused_for_another_reason_uses_up_nothing() -> None:
    keys = [{"name": "one", "key": "secret"}]
    run = driven({"server": {"keys": keys}, "rate_limit": {"global": "1/min"}}, a="vllm")
    assert [ask(run, key=key) for key in ("wrong", "wrong", "secret", "secret")] == [401, 401, 0, 429]
