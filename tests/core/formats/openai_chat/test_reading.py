"""Answers of OpenAI-style servers."""

from __future__ import annotations

import base64
import json
from array import array
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.clock import Clock
from ollamux.conversation import (
    Event,
    Finish,
    LogProb,
    Opaque,
    Reasoning,
    ReasoningDelta,
    RedactedDelta,
    RedactedReasoning,
    Refusal,
    RefusalDelta,
    Start,
    StreamFault,
    Text,
    TextDelta,
    Timings,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageUpdate,
)
from ollamux.errors import BackendError, BackendUnavailable
from ollamux.formats.base import RenderContext
from ollamux.formats.failures import error_message
from ollamux.formats.ollama.rendering import OllamaRenderer
from ollamux.formats.openai_chat.reading import ChatReader, finish_reason, read_answer, read_vectors
from ollamux.formats.openai_chat.rendering import OpenAIChatRenderer
from ollamux.streaming.translator import Renderer, Translator

FIELDS = ("reasoning_content", "reasoning")
TIMINGS = {"cache_n": 4, "prompt_n": 7, "prompt_ms": 12.5, "predicted_n": 3, "predicted_ms": 30.25}


def chunk(delta: dict[str, Any] | None = None, finish: str | None = None, **rest: Any) -> dict[str, Any]:
    return {
        "id": "x",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}],
        **rest,
    }


def stream(*events: dict[str, Any] | str) -> bytes:
    return b"".join(
        b"data: " + (event if isinstance(event, str) else json.dumps(event, ensure_ascii=False)).encode() + b"\n\n"
        for event in events
    )


def read(*events: dict[str, Any] | str) -> list[Event]:
    reader = ChatReader()
    found = reader.feed(stream(*events)) + reader.close()
    return [event for event in found if not isinstance(event, Start)]


CALLS = (
    chunk({"role": "assistant", "content": None}),
    chunk({"reasoning_content": "let me"}),
    chunk({"content": "calling ünïcödé 😀 "}),
    chunk(
        {"tool_calls": [{"index": 0, "id": "abc", "type": "function", "function": {"name": "w", "arguments": '{"c":'}}]}
    ),
    chunk({"tool_calls": [{"index": 0, "function": {"arguments": '"P"}'}}]}),
    chunk(
        {"tool_calls": [{"index": 1, "id": "def", "type": "function", "function": {"name": "t", "arguments": "{}"}}]}
    ),
    chunk({}, "tool_calls", timings=TIMINGS),
    {"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 3}, "timings": TIMINGS},
    "[DONE]",
)


def test_a_stream_is_read_event_by_event() -> None:
    assert read(*CALLS) == [
        ReasoningDelta("let me"),
        TextDelta("calling ünïcödé 😀 "),
        ToolCallStart(0, "abc", "w"),
        ToolCallDelta(0, '{"c":'),
        ToolCallDelta(0, '"P"}'),
        ToolCallStart(1, "def", "t"),
        ToolCallDelta(1, "{}"),
        Finish("tool_calls", "tool_calls"),
        UsageUpdate(Usage(7, 4, None, 3), Timings(12_500_000, 30_250_000)),
        UsageUpdate(Usage(11, None, None, 3), Timings(12_500_000, 30_250_000)),
    ]


def test_the_beginning_tells_the_answers_id() -> None:
    assert ChatReader().feed(stream(chunk({"content": "a"})))[0] == Start("x", "m", 1)


def test_both_fields_of_thinking_count_once() -> None:
    assert read(chunk({"reasoning_content": "a", "reasoning": "a"})) == [ReasoningDelta("a")]
    assert read(chunk({"reasoning": "b"})) == [ReasoningDelta("b")]


def test_a_refusal_is_a_refusal() -> None:
    assert read(chunk({"refusal": "no"})) == [RefusalDelta("no")]


def test_content_in_parts_is_text_and_thinking() -> None:
    parts = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "yes"}]
    assert read(chunk({"content": parts})) == [ReasoningDelta("hm"), TextDelta("yes")]


def test_a_completion_streams_text() -> None:
    assert read({"choices": [{"index": 0, "text": "a"}]}, {"choices": [{"text": "", "finish_reason": "stop"}]}) == [
        TextDelta("a"),
        Finish("stop", "stop"),
    ]


def test_a_call_without_an_index_is_the_next_one() -> None:
    first = {"id": "a", "function": {"name": "f", "arguments": ""}}
    second = {"id": "b", "function": {"name": "g", "arguments": "{"}}
    more = {"function": {"arguments": "}"}}
    events = read(chunk({"tool_calls": [first]}), chunk({"tool_calls": [second]}), chunk({"tool_calls": [more]}))
    assert events == [
        ToolCallStart(0, "a", "f"),
        ToolCallStart(1, "b", "g"),
        ToolCallDelta(1, "{"),
        ToolCallDelta(1, "}"),
    ]


def test_indexes_with_gaps_become_dense() -> None:
    calls = [{"index": index, "id": f"c{index}", "function": {"name": "f", "arguments": "{}"}} for index in (1, 5)]
    found = read(*(chunk({"tool_calls": [call]}) for call in calls))
    assert [event.index for event in found if isinstance(event, ToolCallStart)] == [0, 1]


def test_two_calls_under_one_index_are_two_calls() -> None:
    calls = [{"index": 0, "id": name, "function": {"name": name, "arguments": "{}"}} for name in "ab"]
    found = read(chunk({"tool_calls": calls}))
    assert [event for event in found if isinstance(event, ToolCallStart)] == [
        ToolCallStart(0, "a", "a"),
        ToolCallStart(1, "b", "b"),
    ]


def test_arguments_before_the_name_wait_for_it() -> None:
    events = read(
        chunk({"tool_calls": [{"index": 0, "id": "a", "function": {"arguments": '{"a"'}}]}),
        chunk({"tool_calls": [{"index": 0, "function": {"name": "f", "arguments": ":1}"}}]}),
    )
    assert events == [ToolCallStart(0, "a", "f"), ToolCallDelta(0, '{"a":1}')]


def test_arguments_as_an_object_keep_their_text() -> None:
    payload = '{"choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":{"b": 1.50}}}]}}]}'
    assert read(payload) == [ToolCallStart(0, "call_0", "f"), ToolCallDelta(0, '{"b": 1.50}')]


@pytest.mark.parametrize(
    ("native", "called", "expected"),
    [
        ("stop", False, "stop"),
        ("stop", True, "tool_calls"),
        ("tool_calls", True, "tool_calls"),
        ("tool_calls", False, "stop"),
        ("function_call", True, "tool_calls"),
        ("length", True, "length"),
        ("max_length", False, "length"),
        ("content_filter", True, "content_filter"),
        ("content-filter", False, "content_filter"),
        ("eos_token", False, "stop"),
        ("stop_sequence", False, "stop_sequence"),
        ("something_new", False, "stop"),
    ],
)
def test_finish_reasons_are_mapped(native: str, called: bool, expected: str) -> None:
    assert finish_reason(native, called) == expected


def test_a_call_that_broke_off_is_no_whole_call() -> None:
    call = {"index": 0, "id": "a", "function": {"name": "f", "arguments": '{"a":'}}
    assert read(chunk({"tool_calls": [call]}), chunk({}, "tool_calls"))[-1] == Finish("stop", "tool_calls")


def test_done_alone_completes_a_stream() -> None:
    reader = ChatReader()
    events = reader.feed(stream(chunk({"content": "a"}), "[DONE]"))
    assert reader.complete
    assert events[-1] == Finish("stop")


def test_a_finish_reason_alone_completes_a_stream() -> None:
    reader = ChatReader()
    reader.feed(stream(chunk({}, "length")))
    assert reader.complete


def test_a_stream_with_neither_is_not_complete() -> None:
    reader = ChatReader()
    reader.feed(stream(chunk({"content": "a"})) + b'data: {"choices":[{"del')
    assert reader.close() == []
    assert not reader.complete


def test_a_last_event_without_its_blank_line_still_counts() -> None:
    reader = ChatReader()
    reader.feed(stream(chunk({}, "stop")).rstrip())
    assert reader.close()[-1] == Finish("stop", "stop")
    assert reader.complete


@pytest.mark.parametrize(
    ("payload", "fault"),
    [
        ('{"error": {"code":500,"message":"boom"}}', StreamFault('{"code":500,"message":"boom"}', 500)),
        ('{"error":{"code":429,"message":"x"}}', StreamFault('{"code":429,"message":"x"}', 429, "rate_limit")),
        ('{"error":"plain"}', StreamFault("plain")),
        (
            '{"object":"error","message":"m","type":"t","code":400}',
            StreamFault('{"object":"error","message":"m","type":"t","code":400}', 400, "bad_request"),
        ),
        ('{"choices":[{"delta":{},"finish_reason":"error"}]}', StreamFault("the backend reported an error", 502)),
        ("oops", StreamFault("the backend sent something unreadable instead of an event: oops", 502)),
        (
            '{"choices":{}}',
            StreamFault('the backend sent something unreadable instead of an event: {"choices":{}}', 502),
        ),
    ],
)
def test_an_error_in_a_stream_is_a_fault(payload: str, fault: StreamFault) -> None:
    assert read(chunk({"content": "a"}), payload)[1:] == [fault]


def test_an_event_that_is_too_long_is_a_fault() -> None:
    reader = ChatReader()
    found: list[Event] = []
    for _ in range(10):
        found += reader.feed(b"data: " + b"x" * 1_000_000)
    assert isinstance(found[0], StreamFault)


def test_a_server_that_does_not_stream_is_read_whole() -> None:
    reader = ChatReader()
    body = json.dumps({"choices": [{"message": {"content": "hi"}, "finish_reason": "stop"}]}).encode()
    assert reader.feed(body[:10]) + reader.feed(body[10:]) == []
    assert reader.close()[1:] == [TextDelta("hi"), Finish("stop", "stop")]
    assert reader.complete


def test_an_error_instead_of_a_stream_is_a_fault() -> None:
    reader = ChatReader()
    reader.feed(b'{"error":{"message":"no"}}')
    assert reader.close() == [StreamFault('{"message":"no"}')]


def test_other_choices_are_left_out() -> None:
    assert read({"choices": [{"index": 1, "delta": {"content": "b"}}]}) == []


LOGPROBS = {"content": [{"token": "a", "logprob": -0.5, "top_logprobs": [{"token": "b", "logprob": -1}]}]}
LEGACY = {"tokens": ["a"], "token_logprobs": [-0.5], "top_logprobs": [{"b": -1}]}


@pytest.mark.parametrize("told", [LOGPROBS, LEGACY])
def test_log_probabilities_come_in_two_shapes(told: dict[str, Any]) -> None:
    event = {"choices": [{"delta": {"content": "a"}, "logprobs": told}]}
    assert read(event) == [TextDelta("a", (LogProb("a", -0.5, None, (LogProb("b", -1.0),)),))]


@pytest.mark.parametrize("told", [{}, {"content": []}, {"content": 5}, []])
def test_log_probabilities_of_no_known_shape_are_left_out(told: object) -> None:
    assert read({"choices": [{"delta": {"content": "a"}, "logprobs": told}]}) == [TextDelta("a")]


def context() -> RenderContext:
    clock = Clock()
    clock.set(1_700_000_000.0, 0, 0.0)
    return RenderContext("m", clock, 1.0, 1.5)


def renderers() -> list[Renderer]:
    return [
        OllamaRenderer("chat", context()),
        OllamaRenderer("generate", context(), turns=[("user", "hi")]),
        OpenAIChatRenderer(context(), include_usage=True),
    ]


def converted(renderer: Renderer, pieces: list[bytes]) -> tuple[bytes, bool, StreamFault | None, Usage | None]:
    translator = Translator(ChatReader(), renderer)
    out = b"".join(translator.feed(piece, 2.0) for piece in pieces) + translator.close(2.0)
    return out, translator.complete, translator.fault, translator.usage


STREAMS = {
    "whole": stream(*CALLS),
    "cut": stream(*CALLS[:3]),
    "error": stream(*CALLS[:3], '{"error":{"code":500,"message":"boom"}}'),
    "crlf": stream(*CALLS).replace(b"\n", b"\r\n"),
    "cr": stream(*CALLS).replace(b"\n", b"\r"),
    "comments": b"\xef\xbb\xbf: ka\n\n" + stream(*CALLS[:3]) + b": ka\n\n" + stream(*CALLS[3:]).rstrip(),
}


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("which", range(3))
def test_a_stream_reads_the_same_wherever_it_is_cut(name: str, which: int) -> None:
    data = STREAMS[name]
    expected = converted(renderers()[which], [data])
    assert expected[1] is (name not in ("cut", "error"))
    assert converted(renderers()[which], [data[at : at + 1] for at in range(len(data))]) == expected
    for cut in range(len(data)):
        assert converted(renderers()[which], [data[:cut], data[cut:]]) == expected


@given(st.data())
def test_a_stream_reads_the_same_in_any_pieces(data: st.DataObject) -> None:
    body = STREAMS[data.draw(st.sampled_from(sorted(STREAMS)))]
    cuts = sorted(data.draw(st.lists(st.integers(0, len(body)), max_size=12)))
    pieces = [body[a:b] for a, b in zip([0, *cuts], [*cuts, len(body)], strict=True)]
    assert converted(renderers()[0], pieces) == converted(renderers()[0], [body])


@given(st.binary(max_size=200))
def test_noise_never_raises(data: bytes) -> None:
    reader = ChatReader()
    reader.feed(b"data: " + data + b"\n\n")
    reader.close()


def answer(message: dict[str, Any], finish: str | None = "stop", **rest: Any) -> bytes:
    return json.dumps(
        {"id": "x", "model": "m", "created": 5, "choices": [{"message": message, "finish_reason": finish}], **rest}
    ).encode()


def test_a_whole_answer_is_read_in_order() -> None:
    message = {
        "content": "text",
        "reasoning_content": "hm",
        "refusal": "no",
        "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": '{"x": 1}'}}, {"function": {"name": "g"}}],
    }
    usage = {
        "prompt_tokens": 20, "completion_tokens": 9,
        "prompt_tokens_details": {"cached_tokens": 5, "cache_write_tokens": 3},
        "completion_tokens_details": {"reasoning_tokens": 4},
    }  # fmt: skip
    found = read_answer(answer(message, usage=usage, timings=TIMINGS), FIELDS)
    assert found.parts == [
        Reasoning("hm"),
        Text("text"),
        Refusal("no"),
        ToolCall("a", "f", '{"x": 1}'),
        ToolCall("call_1", "g", "{}"),
    ]
    assert found.finish == "tool_calls"
    assert found.usage == Usage(12, 5, 3, 5, 4)
    assert found.timings == Timings(12_500_000, 30_250_000)
    assert (found.id, found.model, found.created) == ("x", "m", 5)


def test_timings_stand_in_for_usage() -> None:
    assert read_answer(answer({"content": "a"}, timings=TIMINGS), FIELDS).usage == Usage(7, 4, None, 3)


def test_a_completion_is_read_whole() -> None:
    body = b'{"choices":[{"text":"abc","finish_reason":"length"}]}'
    found = read_answer(body, FIELDS)
    assert (found.parts, found.finish) == ([Text("abc")], "length")


@pytest.mark.parametrize("body", [b"", b"<html>", b"null", b"[]", b"{}", b'{"choices":[]}', b'{"choices":[', b"\xff"])
def test_what_is_no_answer_is_a_backend_that_is_not_there(body: bytes) -> None:
    with pytest.raises(BackendUnavailable):
        read_answer(body, FIELDS)


def test_an_error_with_status_200_is_the_backends() -> None:
    with pytest.raises(BackendError) as caught:
        read_answer(b'{"error":{"code":503,"message":"loading"}}', FIELDS)
    assert (caught.value.status, caught.value.message) == (503, "loading")


@pytest.mark.parametrize(
    ("detail", "text"),
    [
        ('{"error":{"message":"a"}}', "a"),
        ('{"message":"a","type":"t"}', "a"),
        ('{"error":"a"}', "a"),
        ('{"detail":"a"}', "a"),
        ('{"x":1}', '{"x":1}'),
        ("plain", "plain"),
    ],
)
def test_the_sentence_in_an_error_is_found(detail: str, text: str) -> None:
    assert error_message(detail) == text


def test_vectors_come_in_the_order_of_their_inputs() -> None:
    rows = [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2.5]}]
    found = read_vectors(json.dumps({"data": rows, "usage": {"prompt_tokens": 7}, "model": "e"}).encode(), 2)
    assert (found.vectors, found.input_tokens, found.model) == ([[1.0, 2.5], [3.0, 4.0]], 7, "e")


def test_vectors_may_be_base64_or_nested() -> None:
    packed = base64.b64encode(array("f", [0.5, -2.0]).tobytes()).decode()
    assert read_vectors(json.dumps({"data": [{"embedding": packed}]}).encode(), 1).vectors == [[0.5, -2.0]]
    assert read_vectors(b'{"data":[{"index":0,"embedding":[[1,2],[3,4]]}]}', 1).vectors == [[1.0, 2.0]]


@pytest.mark.parametrize(
    "body", [b'{"data":[]}', b'{"data":[{"embedding":"@@"}]}', b"nope", b'{"data":[{"embedding":{}}]}']
)
def test_vectors_that_are_missing_or_broken_are_refused(body: bytes) -> None:
    with pytest.raises(BackendUnavailable):
        read_vectors(body, 1)


def test_an_error_in_place_of_vectors_is_the_backends() -> None:
    with pytest.raises(BackendError, match="no embeddings"):
        read_vectors(b'{"error":{"message":"no embeddings"}}', 1)


CLAUDE = {"format": "anthropic-claude-v1", "index": 0}
SIGNED_CALL = {
    "index": 0,
    "id": "c",
    "function": {"name": "f", "arguments": "{}"},
    "extra_content": {"google": {"thought_signature": "Z29v"}},
}


def test_what_signed_the_thinking_of_a_stream_is_kept_and_its_text_is_not_told_twice() -> None:
    found = read(
        chunk({"reasoning": "hm", "reasoning_details": [{"type": "reasoning.text", "text": "hm", **CLAUDE}]}),
        chunk({"reasoning_details": [{"type": "reasoning.text", "text": "", "signature": "s1", **CLAUDE}]}),
        chunk({"reasoning_details": [{"type": "reasoning.encrypted", "data": "ZW5j", **CLAUDE}]}),
        chunk({"content": "a"}),
        chunk({}, "stop"),
    )
    assert found == [
        ReasoningDelta("hm"),
        ReasoningDelta("", Opaque("anthropic", "s1")),
        RedactedDelta(Opaque("anthropic", "ZW5j")),
        TextDelta("a"),
        Finish("stop", "stop"),
    ]


def test_thinking_that_stands_in_the_details_alone_is_read() -> None:
    items = [{"type": "reasoning.summary", "summary": "so"}, {"type": "reasoning.text", "text": "hm", "signature": "s"}]
    assert read(chunk({"reasoning_details": items}))[:2] == [
        ReasoningDelta("so"),
        ReasoningDelta("hm", Opaque("openai_chat", "s")),  # whose signature it is was not said
    ]


@pytest.mark.parametrize("details", ["x", {"a": 1}, [None, 1, "x", {}], [{"type": "reasoning.text", "text": 5}]])
def test_details_that_make_no_sense_are_passed_over(details: Any) -> None:
    assert read(chunk({"content": "a", "reasoning_details": details}))[0] == TextDelta("a")
    message = {"content": "a", "reasoning": "hm", "reasoning_details": details}
    body = json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]}).encode()
    assert read_answer(body, FIELDS).parts == [Reasoning("hm"), Text("a")]


def test_the_signature_of_a_call_is_kept() -> None:
    signature = Opaque("gemini", "Z29v")
    assert read(chunk({"tool_calls": [SIGNED_CALL]}))[0] == ToolCallStart(0, "c", "f", signature)
    body = json.dumps({"choices": [{"message": {"tool_calls": [SIGNED_CALL]}, "finish_reason": "tool_calls"}]}).encode()
    assert read_answer(body, FIELDS).parts == [ToolCall("c", "f", "{}", signature)]


def test_a_whole_answers_thinking_is_read_with_what_signed_it_and_its_finish_in_the_servers_word() -> None:
    items = [
        {"type": "reasoning.text", "text": "hm", "signature": "s", **CLAUDE},
        {"type": "reasoning.encrypted", "data": "d", "format": "openai-responses-v1"},
    ]
    message = {"content": "a", "reasoning": "hm", "reasoning_details": items}
    answer = read_answer(json.dumps({"choices": [{"message": message, "finish_reason": "eos"}]}).encode(), FIELDS)
    assert answer.parts == [
        Reasoning("hm", Opaque("anthropic", "s")),
        RedactedReasoning(Opaque("openai_responses", "d")),
        Text("a"),
    ]
    assert (answer.finish, answer.native) == ("stop", "eos")
