"""What a request leaves in the ledger, and what those who listen hear of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.driving import Driven, delta, driven, line

from ollamux.accounting.ledger import GONE, Row
from ollamux.news import Decision, News

USAGE = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
WHOLE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "x"}, "finish_reason": "stop"}]}


def rows(run: Driven) -> list[Row]:
    return list(run.gateway.ledger.rows())


def listening(run: Driven) -> list[Any]:
    """What is told from now on."""
    heard: list[Any] = []

    def hear(news: News) -> None:
        heard.append(news)

    run.gateway.feed.listen(hear)
    return heard


def test_a_stream_is_counted_with_its_first_token_its_time_and_its_usage() -> None:
    run = driven(a="vllm")
    asked = run.chat()
    run.now += 0.25
    asked.called.head()
    asked.called.data(delta("x"))
    run.now += 0.5
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}], "usage": USAGE}
    asked.called.data(b"data: " + json.dumps(last).encode() + b"\n\ndata: [DONE]\n\n")
    asked.called.end()
    (row,) = rows(run)
    assert (row.backend, row.model, row.operation, row.requests, row.failures) == ("a", "m", "chat", 1, {})
    assert (row.first_token.total, row.seconds[""].total) == (0.25, 0.75)
    assert (row.input, row.output) == (5, 3)
    assert run.gateway.ledger.exchanges == {("ollama", ""): 1}


def test_a_whole_answer_is_counted_without_a_first_token() -> None:
    run = driven(a="vllm")
    run.chat(stream=False).called.answer(200, {**WHOLE, "usage": USAGE})
    (row,) = rows(run)
    assert (row.requests, row.first_token.count, row.input, row.output) == (1, 0, 5, 3)


def test_a_whole_answer_that_passes_through_is_counted_with_its_usage() -> None:
    run = driven(a="vllm")
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    run.ask("POST", "/v1/chat/completions", body).called.answer(200, {**WHOLE, "model": "m", "usage": USAGE})
    (row,) = rows(run)
    assert (row.input, row.output) == (5, 3)


def test_each_attempt_is_counted_where_it_was_made_and_the_exchange_once() -> None:
    run = driven(a={"type": "vllm", "priority": 90}, b="vllm")
    heard = listening(run)
    asked = run.chat(stream=False)
    asked.called.fail("refused")
    run.now += 2
    asked.called.answer(200, WHOLE)
    assert [(row.backend, row.requests, row.failures) for row in rows(run)] == [
        ("a", 1, {"upstream_bad": 1}),
        ("b", 1, {}),
    ]
    assert run.gateway.ledger.fallbacks == 1 and run.gateway.ledger.exchanges == {("ollama", ""): 1}
    (told,) = [news for news in heard if isinstance(news, Decision)]
    assert (told.backend, told.calls, told.failure, told.seconds, told.status) == ("b", 2, "", 2, 200)


def test_an_answer_that_is_an_error_is_counted_by_its_kind() -> None:
    run = driven(a="vllm")
    heard = listening(run)
    run.chat().called.answer(429, {"error": {"message": "slow down"}})
    (row,) = rows(run)
    assert row.failures == {"rate_limit": 1}
    (told,) = [news for news in heard if isinstance(news, Decision)]
    assert (told.failure, told.status, told.backend) == ("rate_limit", 429, "a")


def test_a_client_that_leaves_is_counted_as_one() -> None:
    run = driven(a="vllm")
    run.chat().leave()
    (row,) = rows(run)
    assert row.failures == {GONE: 1} and run.gateway.ledger.exchanges == {("ollama", GONE): 1}


def test_a_request_for_what_is_not_there_touches_no_backend() -> None:
    run = driven(a="vllm")
    run.chat("nope")
    run.pass_time(2)
    assert rows(run) == [] and run.gateway.ledger.exchanges == {("ollama", "not_found"): 1}
    run.ask("POST", "/v1/chat/completions", b"{")
    assert run.gateway.ledger.exchanges["openai_chat", "bad_request"] == 1


def test_the_time_in_the_queue_is_no_time_of_the_backend() -> None:
    run = driven(a={"type": "vllm", "max_concurrent_requests": 1})
    first, second = run.chat(stream=False), run.chat(stream=False)
    run.now += 4
    first.called.answer(200, WHOLE)
    run.drain()
    run.now += 1
    second.called.answer(200, WHOLE)
    ledger = run.gateway.ledger
    assert (ledger.waits.count, ledger.waits.total) == (1, 4.0)
    assert ledger.sums().seconds.total == 5.0


def test_a_backend_that_fails_is_noticed_at_once() -> None:
    run = driven(a="vllm")
    heard = listening(run)
    run.chat().called.fail("refused")
    assert [(each.backend, each.state) for each in heard if not isinstance(each, Decision)] == [("a", "degraded")]


@pytest.mark.parametrize("stream", [False, True])
def test_a_request_that_goes_out_in_parts_is_counted_once_with_the_tokens_of_all(stream: bool) -> None:
    run = driven(o="ollama")
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "n": 2, "stream": stream}
    asked = run.ask("POST", "/v1/chat/completions", body)
    for _ in range(2):
        if stream:
            end = line(done=True, prompt_eval_count=2, eval_count=3)
            asked.called.stream(line("a"), end, kind="application/x-ndjson")
        else:
            whole = {"model": "m", "message": {"role": "assistant", "content": "a"}, "done": True}
            asked.called.answer(200, {**whole, "done_reason": "stop", "prompt_eval_count": 2, "eval_count": 3})
    (row,) = rows(run)
    assert asked.over and (row.requests, row.input, row.output) == (1, 4, 6)
