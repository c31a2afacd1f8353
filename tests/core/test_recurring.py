"""A head that comes again: what is remembered of it, and what is not."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from tests.support.driving import Driven, driven

from ollamux.contract import ClientRequest
from ollamux.exchange import ModelExchange, Settled
from ollamux.exchange.base import Exchange
from ollamux.recurring import Recurring

BODY = b'{"model":"m","messages":[{"role":"user","content":"Hi"}]}'
KEYS = [{"name": "k", "key_sha256": hashlib.sha256(b"s3cret").hexdigest(), "scopes": ["inference"]}]


class Head(Recurring):
    """Headers as a front has them that knows its heads again."""

    def __init__(self, **fields: str) -> None:
        self.extended = any(name.startswith("x_") for name in fields)
        self.known = None
        self.fields = {"host": "localhost"} | {name.replace("_", "-"): value for name, value in fields.items()}

    def get(self, name: str, default: str | None = None) -> str | None:
        return self.fields.get(name, default)

    def __getitem__(self, name: str) -> str:
        return self.fields[name]

    def __contains__(self, name: object) -> bool:
        return name in self.fields

    def __iter__(self) -> Iterator[str]:
        return iter(self.fields)


def opened(run: Driven, head: Any, *, peer: str = "10.0.0.1", path: str = "/v1/chat/completions") -> Exchange:
    return run.gateway.open(ClientRequest("POST", path, head, BODY, peer), 1.0)


def test_a_head_that_was_let_in_is_let_in_again_under_the_same_name() -> None:
    run, head = driven({"server": {"keys": KEYS}}, a="vllm"), Head(authorization="Bearer s3cret")
    for _ in range(3):
        exchange = opened(run, head)
        assert (type(exchange), exchange.caller) == (ModelExchange, "k")
        assert head.known is not None


def test_a_head_that_was_kept_out_is_looked_at_again() -> None:
    run = driven({"server": {"keys": KEYS}}, a="vllm")
    for head in (Head(authorization="Bearer guess"), Head(authorization="Bearer s3cret", host="evil.example")):
        for _ in range(2):
            opened(run, head)
            assert head.known is None
    assert isinstance(opened(run, Head(authorization="Bearer guess")), Settled)


def test_each_request_of_a_head_counts_against_its_limits() -> None:
    run, head = driven({"rate_limit": {"per_address": "2/min"}}, a="vllm"), Head()
    assert [type(opened(run, head)) for _ in range(3)] == [ModelExchange, ModelExchange, Settled]
    assert type(opened(run, head, peer="10.0.0.2")) is ModelExchange


def test_another_gateway_looks_for_itself() -> None:
    head = Head()
    assert type(opened(driven(a="vllm"), head)) is ModelExchange
    assert type(opened(driven({"server": {"keys": KEYS}}, a="vllm"), head)) is Settled


def test_a_path_that_is_served_by_somebody_else_from_now_on_is_found_anew() -> None:
    run, head = driven(a="vllm"), Head()
    assert type(opened(run, head)) is ModelExchange
    run.gateway.mount("/v1/chat/completions", lambda request, now: Settled(200, (), b"mine"), method="POST")
    assert type(opened(run, head)) is Settled


def test_a_request_with_a_name_of_its_own_keeps_it() -> None:
    run, head = driven(a="vllm"), Head(x_request_id="mine")
    assert [opened(run, head).request_id for _ in range(2)] == ["mine", "mine"]
    assert head.known is None
