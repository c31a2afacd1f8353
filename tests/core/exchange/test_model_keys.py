"""Several keys of one backend, and keys that are missing, as a client meets them."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from tests.support.driving import Called, Driven, delta, driven

from ollamux.config import Layer, load
from ollamux.gateway import Gateway

KEYS = ["a", "b", "c"]


def shown(called: Called) -> str:
    return dict(called.call.headers)["Authorization"].removeprefix("Bearer ")


def answered(made: Driven, *statuses: int, **headers: str) -> Any:
    """A chat whose calls are answered with these statuses, one after the other."""
    left = list(statuses)

    def play(called: Called) -> None:
        status = left.pop(0)
        message = {"role": "assistant", "content": "Hello"}
        whole = {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
        called.answer(status, whole if status == 200 else {"error": {"message": "no"}}, **headers)

    return made.chat("m", stream=False, player=play)


def run(**more: Any) -> Driven:
    return driven(up={"type": "vllm", "api_keys": KEYS, **more})


def test_keys_share_the_load() -> None:
    made = run()
    assert {shown(answered(made, 200).called) for _ in range(3)} == set(KEYS)


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_request_whose_key_is_refused_or_limited_is_tried_with_another_and_the_client_notices_nothing(
    status: int,
) -> None:
    made = run()
    asked = answered(made, status, 200)
    assert asked.status == 200 and b"Hello" in asked.body
    first, second = asked.calls
    assert shown(first) != shown(second)
    assert [shown(answered(made, 200).called) for _ in range(4)].count(shown(first)) == 0
    made.pass_time(301)
    assert shown(first) in [shown(answered(made, 200).called) for _ in range(3)]


def test_a_limited_key_rests_for_as_long_as_the_backend_says() -> None:
    made = run(api_keys=["a", "b"])
    first, _ = answered(made, 429, 200, retry_after="7").calls
    made.pass_time(6)
    assert shown(answered(made, 200).called) != shown(first)
    made.pass_time(2)
    assert shown(first) in [shown(answered(made, 200).called) for _ in range(2)]


def test_all_calls_of_a_request_are_counted() -> None:
    asked = answered(run(), 429, 429, 429, retry_after="60")
    assert len(asked.calls) == 3 and asked.status == 429 and asked.headers["retry-after"] == "60"


def test_a_probe_whose_key_is_refused_is_made_with_the_next_one_and_the_backend_stays_well() -> None:
    made = driven(learn=False, up={"type": "vllm", "api_keys": ["a", "b"]})
    (first,) = made.chores()
    made.tell(first, {"error": "no"}, status=401)
    assert made.gateway.hurry and made.state("up")[0] == "checking"
    (second,) = made.chores()
    assert dict(first.call.headers)["Authorization"] != dict(second.call.headers)["Authorization"]
    made.tell(second, {"data": [{"id": "m"}]})
    assert made.state("up") == ("ready", "")
    assert {shown(answered(made, 200).called) for _ in range(3)} == {"b"}


def test_where_every_key_is_refused_the_backend_is_out_of_reach() -> None:
    made = driven(learn=False, up={"type": "vllm", "api_keys": ["a", "b"]})
    for _ in range(2):
        (probe,) = made.chores()
        made.tell(probe, {"error": "no"}, status=401)
    assert made.state("up") == ("unreachable", "it refuses the API key (status 401)") and made.chores() == []


def test_an_error_that_says_nothing_of_the_key_is_not_tried_with_another() -> None:
    asked = answered(run(), 400)
    assert len(asked.calls) == 1 and asked.status == 400


def test_with_one_key_a_refusal_is_final() -> None:
    asked = answered(driven(up={"type": "vllm", "api_key": "a"}), 401)
    assert len(asked.calls) == 1 and asked.status == 502 and b"credentials" in asked.body


def unkeyed() -> Driven:
    """A vendor without its key beside a backend that needs none."""
    backends = [{"id": "openai"}, {"id": "up", "type": "vllm", "endpoint": "http://up:1"}]
    config = load([Layer("f", {"backends": backends})], {})
    openai, up = tuple(config.backends or ())
    missing = replace(openai, key_missing="OPENAI_API_KEY is not set in the environment")
    made = Driven(Gateway(replace(config, backends=(missing, up))))
    made.learn()
    return made


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
def test_a_request_for_a_model_of_a_vendor_without_a_key_names_the_variable(path: str) -> None:
    made = unkeyed()
    asked = made.ask("POST", path, {"model": "gpt-4o", "messages": [{"role": "user", "content": "hi"}]})
    assert asked.status == 503 and b"OPENAI_API_KEY is not set in the environment" in asked.body
    assert asked.calls == []


def test_it_takes_no_other_backend_down() -> None:
    assert answered(unkeyed(), 200).status == 200


def test_a_model_that_nobody_knows_is_not_found_all_the_same() -> None:
    assert unkeyed().chat("teapot").status == 404


def test_an_error_that_repeats_a_key_is_told_without_it() -> None:
    for wire in ("/api/chat", "/v1/chat/completions"):
        run = driven(a={"type": "vllm", "api_key": "sk-nobody-may-see"})
        asked = run.ask("POST", wire, {"model": "m", "messages": [{"role": "user", "content": "hi"}]})
        asked.called.answer(404, {"error": {"message": "no m for sk-nobody-may-see"}})
        assert asked.status == 404 and b"no m for ***" in asked.body and b"sk-nobody" not in asked.body


@pytest.mark.parametrize("wire", ["/api/chat", "/v1/chat/completions"])
@pytest.mark.parametrize("begun", [False, True])
def test_an_error_in_a_stream_is_told_without_it(wire: str, begun: bool) -> None:
    run = driven(a={"type": "vllm", "api_key": "sk-nobody-may-see"})
    asked = run.ask("POST", wire, {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True})
    asked.called.head(200, "text/event-stream")
    if begun:
        asked.called.data(delta("Hel"))
    asked.called.data(b'data: {"error":{"message":"no m for sk-nobody-may-see"}}\n\n')
    assert asked.over and b"no m for ***" in asked.body and b"sk-nobody" not in asked.body


def test_an_error_that_came_with_a_good_status_is_told_without_it() -> None:
    run = driven(a={"type": "vllm", "api_key": "sk-nobody-may-see"})
    for wire in ("/api/chat", "/v1/chat/completions"):
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": False}
        asked = run.ask("POST", wire, body)
        asked.called.answer(200, {"error": {"message": "no m for sk-nobody-may-see"}})
        assert asked.status >= 400 and b"sk-nobody" not in asked.body
