"""How an exchange ends: once, in the client's words, with everything given back."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.driving import Asked, Driven, delta, driven, ending

from ollamux.news import Decision

CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": False}
WHOLE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}]}
ASKING = {"model": "absent", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.parametrize(("length", "status"), [(200, 404), (500, 400)])
def test_an_error_names_the_request_that_it_ends_as_far_as_a_name_goes(length: int, status: int) -> None:
    run = driven(a="vllm")
    run.learn(a="m")
    asked = run.ask("POST", "/v1/messages", ASKING, {"x-request-id": "r" * length})
    assert (asked.status, asked.json["request_id"]) == (status, "r" * min(length, 200))


@pytest.mark.parametrize("late", ["data", "end", "fail"])
def test_what_is_reported_after_the_end_changes_nothing(late: str) -> None:
    run = driven(a="vllm")
    asked = run.chat(stream=False)
    called = asked.called
    called.answer(400, {"error": {"message": "no"}})
    said, status = asked.body, asked.status
    assert asked.over and run.running == 0
    if late == "data":
        called.data(b"more")
    elif late == "end":
        called.end()
    else:
        called.fail()
    assert (asked.body, asked.status, run.running) == (said, status, 0)


def names(asked: Asked) -> list[str]:
    """The names of a request that its answer has, in headers of whatever kind."""
    told = [*asked.heads[0].headers, *asked.exchange.extra_headers]
    return [value for name, value in told if name.lower() == "x-request-id"]


def heard_by(run: Driven, *, ordinary: bool) -> list[Decision]:
    found: list[Decision] = []
    run.gateway.feed.listen(lambda news: found.append(news) if isinstance(news, Decision) else None, ordinary=ordinary)
    return found


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions", "/api/version", "/api/nothing"])
def test_the_clients_name_for_its_request_is_on_every_answer(path: str) -> None:
    run = driven(a="vllm")
    asked = run.ask("POST" if "chat" in path else "GET", path, CHAT, {"x-request-id": "r-1\n"})
    if asked.calls:
        asked.called.answer(200, WHOLE, x_request_id="of the backend")
    assert names(asked) == ([] if path == "/api/nothing" else ["r-1?"])


def test_an_error_has_a_name_that_the_log_has_too_and_no_two_have_the_same() -> None:
    run = driven(a="vllm")
    found = heard_by(run, ordinary=False)
    told = []
    for body in (CHAT | {"model": "x"}, CHAT, CHAT):
        asked = run.ask("POST", "/api/chat", body)
        if asked.calls:
            asked.called.answer(400, {"error": {"message": "no"}})
        told += names(asked)
    assert len(set(told)) == 3 and [decision.request_id for decision in found] == told
    assert all(name.startswith("this-one-") for name in told)


@pytest.mark.parametrize("stream", [False, True])
def test_an_ordinary_answer_has_one_where_somebody_sees_it_in_a_log(stream: bool) -> None:
    run = driven(a="vllm")
    for place in range(3):
        found = heard_by(run, ordinary=True) if place else []
        asked = run.ask("POST", "/v1/chat/completions", CHAT | {"stream": stream})
        asked.called.stream(delta("x"), ending()) if stream else asked.called.answer(200, WHOLE)
        assert len(names(asked)) == min(place, 1) and names(asked) == [each.request_id for each in found]


def test_the_backends_name_for_it_stands_where_the_client_has_none() -> None:
    run = driven(a="vllm")
    found = heard_by(run, ordinary=True)
    for status, answer in ((200, WHOLE), (400, {"error": {"message": "no"}})):
        asked = run.ask("POST", "/v1/chat/completions", CHAT)
        asked.called.answer(status, answer, x_request_id=f"b-{status}")
        assert names(asked) == [f"b-{status}"] == [found[-1].request_id]
