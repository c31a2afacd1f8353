"""A request that some backends alone may answer."""

from __future__ import annotations

import json

from tests.support.driving import Asked, Driven, driven

from ollamux.contract import ClientRequest


def ask(run: Driven, *among: str) -> Asked:
    """A chat that these backends may answer."""
    gateway = run.gateway
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
    request = ClientRequest("POST", "/api/chat", {}, body)
    asked = Asked(run, gateway.open_among(request, gateway.serving("ollama"), frozenset(among)), None)
    run.open.append(asked)
    asked.do(asked.exchange.start(run.now))
    run.drain()
    return asked


def test_only_the_backends_that_are_named_are_called() -> None:
    run = driven(a={"type": "vllm", "priority": 90}, b="vllm", c="vllm")
    assert run.chat().asked == ["a"]
    asked = ask(run, "c", "b")
    asked.called.fail("refused")
    asked.called.fail("refused")
    assert asked.asked == ["b", "c"] and asked.status == 502


def test_where_none_of_them_has_the_model_it_is_not_found() -> None:
    asked = ask(driven(a="vllm"), "x")
    asked.driven.pass_time(2)
    assert (asked.status, asked.calls) == (404, [])


def test_places_are_those_that_all_requests_share() -> None:
    run = driven(a={"type": "vllm", "max_concurrent_requests": 1})
    first, second = ask(run, "a"), ask(run, "a")
    assert (len(first.calls), len(second.calls), run.gateway.admission.waiting) == (1, 0, 1)
    first.leave()
    run.drain()
    assert len(second.calls) == 1
