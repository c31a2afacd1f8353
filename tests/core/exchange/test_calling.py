"""Requests that a backend takes only in parts, and pictures that it cannot fetch itself."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from tests.support.driving import Asked, Driven, delta, driven, line

CHAT = "/v1/chat/completions"
PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 16
URL = "https://a.example/1.png"
USER = {"role": "user", "content": "hi"}


def asked_for(run: Driven, **fields: Any) -> Asked:
    return run.ask("POST", CHAT, {"model": "m", "messages": [USER], **fields})


def whole(text: str) -> Any:
    message = {"role": "assistant", "content": text}
    end = {"done": True, "done_reason": "stop", "prompt_eval_count": 2, "eval_count": 3}
    return {"model": "m", "message": message, **end}


def test_several_choices_are_asked_for_one_after_the_other_in_one_place() -> None:
    run = driven(o={"type": "ollama", "max_concurrent_requests": 1})
    asked = asked_for(run, n=3, seed=5)
    for place, text in enumerate("abc"):
        assert len(asked.calls) == place + 1 and run.running == 1
        assert asked.called.json["options"]["seed"] == 5 + place
        asked.called.answer(200, whole(text))
    assert asked.over and run.running == 0
    assert [(one["index"], one["message"]["content"]) for one in asked.json["choices"]] == [
        (0, "a"),
        (1, "b"),
        (2, "c"),
    ]
    assert asked.json["usage"] == {"prompt_tokens": 6, "completion_tokens": 9, "total_tokens": 15}


def test_all_choices_count_against_a_limit_at_once_and_those_never_asked_for_do_not() -> None:
    run = driven(a={"type": "ollama", "rate_limit": {"requests": "4/min"}})
    first, fails = (asked_for(run, n=3) for _ in range(2))
    assert (len(first.calls), fails.calls) == (1, [])
    for _ in range(3):
        first.called.answer(200, whole("x"))
    assert first.status == 200
    run.pass_time(29)
    assert fails.calls == []
    run.pass_time(2)
    fails.called.answer(400, {"error": "no"})
    assert fails.status == 400
    assert run.gateway.guards.quotas["a"].wait(0.0, run.now, 2.0) == 0.0


def test_several_choices_are_streamed_one_after_the_other() -> None:
    run = driven(o="ollama")
    asked = asked_for(run, n=2, stream=True, stream_options={"include_usage": True})
    asked.called.stream(line("a"), line("", done=True, eval_count=3), kind="application/x-ndjson")
    assert not asked.over and b"[DONE]" not in asked.body and len(asked.calls) == 2
    asked.called.stream(line("b"), line("", done=True, eval_count=4), kind="application/x-ndjson")
    assert asked.over and asked.body.endswith(b"data: [DONE]\n\n") and run.running == 0
    chunks = [json.loads(event[6:]) for event in asked.body.decode().split("\n\n")[:-2]]
    texts = {0: "", 1: ""}
    for choice in (choice for chunk in chunks for choice in chunk["choices"]):
        texts[choice["index"]] += choice["delta"].get("content") or ""
    assert texts == {0: "a", 1: "b"} and chunks[-1]["usage"]["completion_tokens"] == 7


@pytest.mark.parametrize("how", ["reset", "status", "cut", "slow"])
def test_a_choice_that_fails_behind_another_ends_the_stream_as_broken_and_nobody_begins_anew(how: str) -> None:
    run = driven(o={"type": "ollama", "timeouts": {"first_byte": 5}}, p="ollama")
    asked = asked_for(run, n=2, stream=True)
    asked.called.stream(line("a"), line("", done=True), kind="application/x-ndjson")
    if how == "reset":
        asked.called.fail("reset")
    elif how == "status":
        asked.called.answer(503, {"error": "busy"})
    elif how == "cut":
        asked.called.stream(line("b"), kind="application/x-ndjson")
    else:
        run.pass_time(6)
    assert asked.over and asked.asked == ["o", "o"] and run.running == 0
    assert b"[DONE]" not in asked.body and b'"error"' in asked.body.split(b"\n\n")[-2]


def test_whole_choices_begin_anew_on_the_next_backend_where_one_fails() -> None:
    run = driven(o="ollama", p="ollama")
    asked = asked_for(run, n=2)
    asked.called.answer(200, whole("a"))
    asked.called.fail("reset")
    asked.called.answer(200, whole("b"))
    asked.called.answer(200, whole("c"))
    assert asked.asked == ["o", "o", "p", "p"]
    assert [one["message"]["content"] for one in asked.json["choices"]] == ["b", "c"]


def test_a_client_that_leaves_between_two_parts_cancels_the_one_under_way() -> None:
    run = driven(o="ollama")
    asked = asked_for(run, n=2)
    asked.called.answer(200, whole("a"))
    asked.leave()
    assert asked.called.cancelled and run.running == 0


def test_completions_have_choices_too_and_a_server_of_the_same_format_is_asked_once() -> None:
    run = driven(o="ollama")
    asked = run.ask("POST", "/v1/completions", {"model": "m", "prompt": "Once", "n": 2})
    for text in "ab":
        asked.called.answer(200, {"model": "m", "response": text, "done": True, "done_reason": "stop"})
    assert [(one["index"], one["text"]) for one in asked.json["choices"]] == [(0, "a"), (1, "b")]
    passed = asked_for(driven(v="vllm"), n=2)
    assert passed.called.json["n"] == 2


def test_texts_are_embedded_as_many_at_a_time_as_the_model_takes() -> None:
    keys = {"type": "aws_bedrock", "api_key": "k", "endpoint": "http://b:1"}
    run = driven({"models": {"m": {"backend": "b", "api_model": "amazon.titan-embed-text-v2:0"}}}, b=keys)
    asked = run.ask("POST", "/api/embed", {"model": "m", "input": ["a", "b"]})
    for text, vector in (("a", [3.0, 4.0]), ("b", [0.0, 2.0])):
        assert asked.called.json == {"inputText": text}
        asked.called.answer(200, {"embedding": vector, "inputTextTokenCount": 2})
    assert asked.json["embeddings"] == [[0.6, 0.8], [0.0, 1.0]] and asked.json["prompt_eval_count"] == 4


# Pictures -------------------------------------------------------------------------------------------------------------


def shown(run: Driven, *urls: str, **fields: Any) -> Asked:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return asked_for(run, messages=[{"role": "user", "content": parts}], **fields)


def test_a_picture_is_fetched_from_the_open_internet_and_sent_as_its_bytes() -> None:
    run = driven(o="ollama")
    asked = shown(run, URL, "http://b.example/2", URL)
    for url in (URL, "http://b.example/2"):
        call = asked.called.call
        assert (call.method, call.url, call.public_only) == ("GET", url, True)
        asked.called.answer(200, PNG, "image/png")
    assert asked.called.backend == "o"
    data = base64.b64encode(PNG).decode()
    assert asked.called.json["messages"][0]["images"] == [data] * 3
    asked.called.answer(200, whole("a"))
    assert asked.status == 200 and run.running == 0


def test_what_cannot_be_fetched_is_the_clients_to_mend_and_no_backend_is_called_or_blamed() -> None:
    run = driven(o="ollama")
    for fail in (
        lambda asked: asked.called.answer(404, b"no"),
        lambda asked: asked.called.answer(200, b"<html>"),
        lambda asked: asked.called.fail("configuration"),
        lambda asked: run.pass_time(16),
    ):
        asked = shown(run, URL)
        fail(asked)
        assert asked.status == 400 and "a.example/1.png" in asked.json["error"]["message"]
        assert asked.asked == [""] and run.running == 0
        assert not asked.called.open
    assert run.state("o")[0] == "ready"
    refused = shown(run, "https://user:pw@a.example/")
    assert refused.status == 400 and refused.calls == [] and b"pw" not in refused.body


def test_a_picture_is_fetched_once_though_the_first_backend_fails() -> None:
    run = driven(o="ollama", p="ollama")
    asked = shown(run, URL, stream=True)
    asked.called.answer(200, PNG)
    asked.called.fail("reset")
    assert asked.asked == ["", "o", "p"]
    assert asked.called.json["messages"][0]["images"]
    asked.called.stream(line("a"), line("", done=True), kind="application/x-ndjson")
    assert asked.status == 200 and asked.over


def test_a_client_that_leaves_meanwhile_stops_the_fetching() -> None:
    run = driven(o="ollama")
    asked = shown(run, URL)
    asked.leave()
    assert asked.called.cancelled and run.running == 0


def test_a_backend_that_fetches_itself_is_sent_the_address() -> None:
    asked = run_anthropic()
    assert asked.called.json["messages"][0]["content"][0]["source"] == {"type": "url", "url": URL}


def run_anthropic() -> Asked:
    settings = {"models": {"m": {"backend": "a", "api_model": "claude-sonnet-4-5"}}}
    return shown(driven(settings, a={"type": "anthropic", "api_key": "k"}), URL)


def test_names_that_a_service_does_not_take_come_back_as_the_client_gave_them() -> None:
    settings = {"models": {"m": {"backend": "o", "api_model": "gpt-4o", "api": "chat"}}}
    tools = [{"type": "function", "function": {"name": "files.read", "parameters": {"type": "object"}}}]
    for stream in (False, True):
        asked = driven(settings, o={"type": "openai", "api_key": "k"}).chat(tools=tools, stream=stream)
        name = asked.called.json["tools"][0]["function"]["name"]
        assert "." not in name
        call = {"index": 0, "id": "c", "type": "function", "function": {"name": name, "arguments": "{}"}}
        if stream:
            asked.called.stream(delta(tool_calls=[call]), delta(finish="tool_calls"), b"data: [DONE]\n\n")
            told = [call for row in asked.lines for call in row["message"].get("tool_calls", ())]
        else:
            asked.called.answer(200, {"choices": [{"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}]})
            told = asked.json["message"]["tool_calls"]
        assert [call["function"]["name"] for call in told] == ["files.read"]


def test_the_number_of_a_request_stands_in_anthropics_errors() -> None:
    body = {"model": "nobodys", "max_tokens": 1, "messages": [USER]}
    asked = driven(o="ollama").ask("POST", "/v1/messages", body, {"x-request-id": "r-1"})
    assert (asked.status, asked.json["request_id"]) == (404, "r-1")


def test_every_part_counts_against_the_rate_of_its_backend() -> None:
    run = driven(o={"type": "ollama", "rate_limit": {"requests": "3/min"}})
    asked = asked_for(run, n=3)
    for text in "abc":
        asked.called.answer(200, whole(text))
    assert asked.over
    late = asked_for(run)
    assert not late.calls
    run.pass_time(21)
    assert len(late.calls) == 1


@pytest.mark.parametrize(("fetch", "public"), [("public", True), ("anywhere", False)])
def test_pictures_of_private_addresses_are_fetched_where_the_configuration_lets_them(fetch: str, public: bool) -> None:
    asked = shown(driven({"pictures": {"fetch": fetch}}, o="ollama"), "http://192.168.0.9/1.png")
    assert asked.called.call.public_only is public


def test_no_picture_is_fetched_where_the_configuration_forbids_it() -> None:
    asked = shown(driven({"pictures": {"fetch": "never"}}, o="ollama"), URL)
    assert asked.status == 400 and asked.calls == []
    assert "not fetched by their address" in asked.json["error"]["message"]
