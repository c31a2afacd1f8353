"""Streams that break after text has gone out, and another backend that goes on with them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.driving import Asked, Called, Driven, delta, driven, ending, line

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    CompletionRequest,
    EmbedRequest,
    JsonFormat,
    Message,
    ReasoningDelta,
    Sampling,
    Start,
    Text,
    TextDelta,
    ToolCallStart,
)
from ollamux.exchange.resuming import MOST, Sent

ON: dict[str, Any] = {"routing": {"resume": True}}
SAID = ("The quick ", "brown ", "fox jumps ", "over the ", "lazy dög ", "again.")
WHOLE = "".join(SAID)


def run_of() -> Driven:
    return driven(ON, a={"type": "llama_cpp", "priority": 90}, b="llama_cpp")


def native(called: Called) -> bool:
    return "/api/" in called.url


def say(called: Called, *texts: str) -> None:
    for text in texts:
        called.data(line(text) if native(called) else delta(text))


def finish(called: Called) -> None:
    called.data(line(done=True) if native(called) else ending())
    called.end()


def head(called: Called) -> None:
    called.head(200, "application/x-ndjson" if native(called) else "text/event-stream")


def prefix(called: Called) -> str:
    """What a call says of the answer so far."""
    last = called.json["messages"][-1]
    return str(last["content"]) if last["role"] == "assistant" else ""


def read(asked: Asked) -> tuple[str, bool]:
    """The text that a client of /api/chat or /v1/chat/completions has, and whether it was told of an error."""
    if asked.headers["content-type"].startswith("application/x-ndjson"):
        rows = asked.lines
        return "".join(row["message"]["content"] for row in rows if "message" in row), any("error" in r for r in rows)
    rows = [json.loads(row[6:]) for row in asked.body.split(b"\n\n") if row[:7] == b"data: {"]
    text = "".join(c["delta"].get("content") or "" for row in rows for c in row.get("choices", ()))
    return text, any("error" in row for row in rows)


def ask(run: Driven, path: str = "/api/chat", **fields: Any) -> Asked:
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": True, **fields}
    return run.ask("POST", path, body)


ROADS = [
    ("/api/chat", "llama_cpp", "llama_cpp"),  # translated
    ("/api/chat", "ollama", "ollama"),  # passed through
    ("/api/chat", "ollama", "llama_cpp"),
    ("/api/chat", "llama_cpp", "ollama"),
    ("/v1/chat/completions", "llama_cpp", "llama_cpp"),
    ("/v1/chat/completions", "vllm", "vllm"),
    ("/v1/chat/completions", "ollama", "llama_cpp"),
    ("/v1/chat/completions", "llama_cpp", "ollama"),
]


@pytest.mark.parametrize(("path", "first", "second"), ROADS)
def test_wherever_a_stream_breaks_the_client_reads_the_whole_text_once(path: str, first: str, second: str) -> None:
    patient = {**ON, "breaker": {"failures": 0}, "health": {"unhealthy_after": 1_000_000}, "retry": {"budget": 1}}
    run = driven(patient, a={"type": first, "priority": 90}, b=second)
    as_lines = native(ask(run, path).called)
    stream = b"".join(map(line if as_lines else delta, SAID[:3]))
    run.open[0].leave()
    for cut in range(len(stream)):
        asked = ask(run, path)
        head(asked.called)
        asked.called.data(stream[:cut])
        asked.called.fail("reset")
        assert asked.asked == ["a", "b"]
        before = read(asked)[0] if asked.heads else ""
        assert WHOLE.startswith(before) and prefix(asked.called) == before.rstrip()
        head(asked.called)
        say(asked.called, WHOLE[len(before.rstrip()) :])
        finish(asked.called)
        assert read(asked) == (WHOLE, False) and asked.over and len(asked.heads) == 1
        assert run.running == 0


def told(asked: Asked) -> list[Any]:
    """The events of a stream of server-sent events."""
    rows = [row for event in asked.body.split(b"\n\n") for row in event.split(b"\n")]
    return [json.loads(row[6:]) for row in rows if row[:7] == b"data: {"]


def event(kind: str, **more: Any) -> bytes:
    """One event of an Anthropic stream."""
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "m", "usage": {}}


@pytest.mark.parametrize("first", ["anthropic", "llama_cpp"])
@pytest.mark.parametrize("second", ["anthropic", "llama_cpp"])
def test_a_client_of_anthropic_sees_one_message_with_one_block(first: str, second: str) -> None:
    run = driven(
        {**ON, "models": {"m": {"backend": "a", "fallbacks": ["n"]}, "n": {"backend": "b", "api_model": "m"}}},
        a={"type": first, "api_key": "k"},
        b={"type": second, "api_key": "k"},
    )
    body = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}], "stream": True}
    asked = run.ask("POST", "/v1/messages", body)

    def begin(texts: tuple[str, ...]) -> None:
        called = asked.called
        called.head()
        if called.url.endswith("/v1/messages") and (first if called is asked.calls[0] else second) == "anthropic":
            called.data(event("message_start", message=MESSAGE))
            called.data(event("content_block_start", index=0, content_block={"type": "text", "text": ""}))
            for text in texts:
                called.data(event("content_block_delta", index=0, delta={"type": "text_delta", "text": text}))
        else:
            say(called, *texts)

    begin(SAID[:2])
    asked.called.fail("reset")
    assert asked.asked == ["a", "b"] and str(asked.called.json["messages"][-1]).count("The quick brown") == 1
    begin((" fox",))
    if second == "anthropic":
        asked.called.data(event("content_block_stop", index=0))
        asked.called.data(event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 3}))
        asked.called.data(event("message_stop"))
        asked.called.end()
    else:
        finish(asked.called)
    rows = told(asked)
    kinds = [row["type"] for row in rows if row["type"] != "ping"]
    assert [kinds.count(kind) for kind in ("message_start", "content_block_start", "content_block_stop")] == [1, 1, 1]
    assert kinds[-1] == "message_stop" and {row["index"] for row in rows if "index" in row} == {0}
    text = "".join(row["delta"]["text"] for row in rows if row["type"] == "content_block_delta")
    assert text == "The quick brown fox" and run.running == 0


def test_nobody_goes_on_behind_the_end_of_a_text_that_passed_through() -> None:
    run = driven(ON, a={"type": "anthropic", "api_key": "k"}, b={"type": "anthropic", "api_key": "k"})
    body = {"model": "m", "max_tokens": 100, "messages": [{"role": "user", "content": "hi"}], "stream": True}
    asked = run.ask("POST", "/v1/messages", body)
    called = asked.called
    called.head()
    called.data(event("message_start", message=MESSAGE))
    called.data(event("content_block_start", index=0, content_block={"type": "text", "text": ""}))
    called.data(event("content_block_delta", index=0, delta={"type": "text_delta", "text": "All"}))
    called.data(event("content_block_stop", index=0))
    called.fail("reset")
    assert len(asked.calls) == 1 and told(asked)[-1]["type"] == "error" and run.running == 0


def test_a_response_is_complete_with_what_both_said() -> None:
    run = run_of()
    asked = run.ask("POST", "/v1/responses", {"model": "m", "input": "hi", "stream": True})
    head(asked.called)
    say(asked.called, *SAID[:2])
    asked.called.fail("reset")
    head(asked.called)
    say(asked.called, " fox")
    finish(asked.called)
    last = told(asked)[-1]
    assert last["type"] == "response.completed"
    assert last["response"]["output"][0]["content"][0]["text"] == "The quick brown fox"


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_it_may_break_again_and_again_in_any_way(data: st.DataObject) -> None:
    road = data.draw(st.sampled_from(ROADS))
    run = driven(
        {"routing": {"resume": True}, "retry": {"attempts": 4}},
        a={"type": road[1], "priority": 90},
        b={"type": road[2], "priority": 80},
        c="llama_cpp",
        d="llama_cpp",
    )
    asked = ask(run, road[0])
    for attempt in range(4):
        assert len(asked.calls) == attempt + 1 and not asked.over
        begun = prefix(asked.called)
        rest = WHOLE[len(begun) :]
        head(asked.called)
        part = data.draw(st.integers(0, len(rest))) if attempt < 3 else len(rest)
        cut = data.draw(st.integers(0, part))
        say(asked.called, *[piece for piece in (rest[:cut], rest[cut:part]) if piece])
        if attempt == 3:
            finish(asked.called)
        else:
            how = data.draw(st.sampled_from(["reset", "end", "silent", "fault"]))
            if how == "reset":
                asked.called.fail("reset")
            elif how == "end":
                asked.called.end()
            elif how == "silent":
                for _ in range(1000):
                    if len(asked.calls) == attempt + 1:
                        run.pass_time(1)
            else:
                fault = b'{"error":"oh"}\n' if native(asked.called) else b'data: {"error":{"message":"oh"}}\n\n'
                asked.called.data(fault)
    assert read(asked) == (WHOLE, False) and asked.over and run.running == 0


def test_it_is_off_unless_asked_for() -> None:
    run = driven(a={"type": "llama_cpp", "priority": 90}, b="llama_cpp")
    asked = ask(run)
    head(asked.called)
    say(asked.called, "The ")
    asked.called.fail("reset")
    assert asked.asked == ["a"] and read(asked) == ("The ", True)


def test_who_cannot_be_told_how_an_answer_begins_is_passed_over() -> None:
    run = driven(ON, a={"type": "llama_cpp", "priority": 90}, b={"type": "openai_compatible", "priority": 80}, c="vllm")
    asked = ask(run)
    head(asked.called)
    say(asked.called, "The ")
    asked.called.fail("reset")
    assert asked.asked == ["a", "c"] and asked.called.json["continue_final_message"] is True
    assert asked.called.json["add_generation_prompt"] is False


def test_where_nobody_can_go_on_the_client_is_told_that_it_broke() -> None:
    run = driven(ON, a={"type": "llama_cpp", "priority": 90}, b="openai_compatible")
    asked = ask(run)
    head(asked.called)
    say(asked.called, "The ")
    asked.called.fail("reset")
    assert asked.asked == ["a"] and read(asked) == ("The ", True) and run.running == 0


@pytest.mark.parametrize("status", [400, 422, 500])
def test_who_refuses_to_go_on_is_followed_by_another_and_the_last_one_by_the_error(status: int) -> None:
    run = driven(ON, a={"type": "llama_cpp", "priority": 90}, b="llama_cpp", c="llama_cpp")
    asked = ask(run)
    head(asked.called)
    say(asked.called, "The ")
    asked.called.fail("reset")
    asked.called.answer(status, {"error": {"message": "no prefill"}})
    assert asked.asked == ["a", "b", "c"]
    asked.called.answer(status, {"error": {"message": "no prefill"}})
    assert read(asked) == ("The ", True) and asked.over and run.running == 0


def test_nobody_goes_on_with_the_call_of_a_tool() -> None:
    call = {"index": 0, "id": "t", "type": "function", "function": {"name": "f", "arguments": "{"}}
    for stream_path in ("/api/chat", "/v1/chat/completions"):
        run = run_of()
        asked = ask(run, stream_path)
        head(asked.called)
        say(asked.called, "The ")
        asked.called.data(delta(tool_calls=[call]))
        asked.called.fail("reset")
        assert asked.asked == ["a"] and read(asked)[1]


def test_nobody_goes_on_in_the_middle_of_thinking_and_thinking_is_not_asked_for_again() -> None:
    run = run_of()
    asked = ask(run)
    head(asked.called)
    asked.called.data(delta(reasoning_content="hm"))
    asked.called.fail("reset")
    assert asked.asked == ["a"] and "error" in asked.lines[-1]
    asked = ask(run)
    head(asked.called)
    asked.called.data(delta(reasoning_content="hm"))
    say(asked.called, "The ")
    asked.called.fail("reset")
    assert asked.called.json["chat_template_kwargs"] == {"enable_thinking": False}
    head(asked.called)
    asked.called.data(delta(reasoning_content="hm again"))
    say(asked.called, "fox")
    finish(asked.called)
    assert read(asked) == ("The fox", False) and b"again" not in asked.body


def test_structured_output_is_not_gone_on_with() -> None:
    asked = ask(run_of(), format="json")
    head(asked.called)
    say(asked.called, "{")
    asked.called.fail("reset")
    assert asked.asked == ["a"]


def test_a_text_without_a_conversation_is_gone_on_with_by_its_prompt() -> None:
    run = run_of()
    asked = run.ask("POST", "/v1/completions", {"model": "m", "prompt": "Once ", "stream": True, "max_tokens": 100})
    head(asked.called)
    piece = {
        "id": "x",
        "object": "text_completion",
        "choices": [{"index": 0, "text": "upon a ", "finish_reason": None}],
    }
    asked.called.data(b"data: " + json.dumps(piece).encode() + b"\n\n")
    asked.called.fail("reset")
    assert asked.called.json["prompt"] == "Once upon a " and asked.called.json["max_tokens"] == 99


def test_a_model_that_stands_in_goes_on_too() -> None:
    settings_ = {**ON, "models": {"m": {"backend": "a", "fallbacks": ["other"]}, "other": {"backend": "b"}}}
    run = driven(settings_, a="llama_cpp", b="llama_cpp")
    asked = ask(run)
    if len(asked.calls) == 1 and asked.asked == ["a"]:
        head(asked.called)
        say(asked.called, "The ")
        asked.called.fail("reset")
    assert asked.asked == ["a", "b"] and prefix(asked.called) == "The"


def test_it_waits_for_a_place_with_signs_of_life() -> None:
    one = {"type": "llama_cpp", "max_concurrent_requests": 1}
    run = driven(ON, a={**one, "priority": 90}, b=one)
    asked = ask(run)
    other = ask(run)
    assert (asked.asked, other.asked) == (["a"], ["b"])
    head(asked.called)
    say(asked.called, "The ")
    asked.called.fail("reset")
    assert asked.asked == ["a"] and run.gateway.admission.waiting == 1
    run.pass_time(16)
    other.leave()
    run.drain()
    assert asked.asked == ["a", "b"]
    head(asked.called)
    say(asked.called, " fox")
    finish(asked.called)
    assert read(asked) == ("The fox", False) and run.running == 0


def test_a_client_that_leaves_while_another_goes_on_ends_it() -> None:
    run = run_of()
    asked = ask(run)
    head(asked.called)
    say(asked.called, "The ")
    asked.called.fail("reset")
    asked.leave()
    assert asked.called.cancelled and run.running == 0


CHAT = ChatRequest("m", [Message("user", [Text("hi")])], sampling=Sampling(max_tokens=10))


def test_what_was_sent_is_kept_as_far_as_it_may_be() -> None:
    sent = Sent(CHAT)
    sent.note([Start(), ReasoningDelta("a"), ReasoningDelta("b")])
    assert sent.usable and not sent.resumable
    sent.note([TextDelta("x"), TextDelta("y \n")])
    assert sent.resumable and sent.again() == [Start(), ReasoningDelta("ab"), TextDelta("xy \n")]
    request = sent.request(CHAT)
    assert isinstance(request, ChatRequest) and request.messages[-1] == Message("assistant", [Text("xy")])
    assert sent.gap == " \n"
    sent.note([TextDelta("z" * MOST)])
    assert not sent.resumable and sent.text == ""


def test_what_only_its_maker_could_go_on_with_is_not_kept() -> None:
    for request in (EmbedRequest("m", ["x"]), CompletionRequest("m", "x", suffix="y")):
        assert not Sent(request).usable
    assert not Sent(ChatRequest("m", [], output=JsonFormat())).usable
    sent = Sent(CHAT)
    sent.note([TextDelta("x"), ToolCallStart(0, "t", "f")])
    assert not sent.resumable


def test_the_tokens_that_are_left_are_those_that_were_not_sent() -> None:
    sent = Sent(CHAT)
    sent.note([TextDelta("x" * 12)])
    assert sent.request(CHAT).sampling.max_tokens == 7
    sent.note([TextDelta("x" * 1000)])
    assert sent.request(CHAT).sampling.max_tokens == 1
