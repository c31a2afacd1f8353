"""Answers in OpenAI's form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.frames import written

from ollamux.clock import Clock
from ollamux.conversation import (
    Answer,
    EmbedAnswer,
    Event,
    Finish,
    FinishReason,
    LogProb,
    Part,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Start,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageUpdate,
)
from ollamux.errors import BackendError, NotSupported
from ollamux.formats.base import RenderContext
from ollamux.formats.openai_chat.rendering import OpenAIChatRenderer


def renderer(*, include_usage: bool = False) -> OpenAIChatRenderer:
    clock = Clock()
    clock.set(1_700_000_000.0, 0, 0.0)
    return OpenAIChatRenderer(RenderContext("m", clock, 1.0, 1.5), include_usage=include_usage)


def chunks(out: bytes) -> list[Any]:
    assert out.endswith(b"\n\n")
    return [data if data == b"[DONE]" else json.loads(data) for data in out[6:-2].split(b"\n\ndata: ")]


def streamed(*events: Event, include_usage: bool = False) -> list[Any]:
    one = renderer(include_usage=include_usage)
    return chunks(one.events(list(events), 2.0) + one.end(2.0))


def test_a_stream_tells_its_role_first_and_ends_with_done() -> None:
    first, second, finish, done = streamed(Start("x", "up", 5), TextDelta("a"), TextDelta("b"), Finish("length"))
    assert first == {
        "id": "x", "object": "chat.completion.chunk", "created": 5, "model": "m",
        "choices": [
            {"index": 0, "delta": {"role": "assistant", "content": "a"}, "logprobs": None, "finish_reason": None},
        ],
    }  # fmt: skip
    assert second["choices"][0]["delta"] == {"content": "b"}
    assert finish["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}]
    assert done == b"[DONE]"


def test_an_empty_stream_still_tells_its_role() -> None:
    first, _, done = streamed(Finish("stop"))
    assert first["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    assert first["created"] == 1_700_000_002
    assert done == b"[DONE]"


def test_calls_go_out_in_pieces() -> None:
    found = streamed(
        ReasoningDelta("hm"), ToolCallStart(0, "c", "f"), ToolCallDelta(0, '{"a"'), ToolCallDelta(0, ":1}"),
        ToolCallStart(1, "d", "g"), Finish("tool_calls"),
    )  # fmt: skip
    deltas = [chunk["choices"][0]["delta"] for chunk in found[:-1]]
    assert deltas == [
        {"role": "assistant", "content": None, "reasoning_content": "hm", "reasoning": "hm"},
        {"tool_calls": [{"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": '{"a"'}}]},
        {"tool_calls": [{"index": 0, "function": {"arguments": ":1}"}}]},
        {"tool_calls": [{"index": 1, "id": "d", "type": "function", "function": {"name": "g", "arguments": ""}}]},
        {"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]},
        {},
    ]


def test_usage_comes_last_and_only_where_it_was_asked_for() -> None:
    events = (TextDelta("a"), UsageUpdate(Usage(7, 9000, 100, 3, 2)), Finish("stop"))
    assert [chunk["choices"] for chunk in streamed(*events)[:-1]][-1] != []
    usage = streamed(*events, include_usage=True)[-2]
    assert usage["choices"] == []
    assert usage["usage"] == {
        "prompt_tokens": 9107, "completion_tokens": 5, "total_tokens": 9112,
        "prompt_tokens_details": {"cached_tokens": 9000, "cache_write_tokens": 100},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }  # fmt: skip


def test_a_refusal_streams_as_one() -> None:
    assert streamed(TextDelta("a"), RefusalDelta("no"))[1]["choices"][0]["delta"] == {"refusal": "no"}


def test_log_probabilities_have_bytes() -> None:
    top = (LogProb("ü", -0.5, None), LogProb("x", -2.0, (1, 2)))
    found = streamed(TextDelta("ü", (LogProb("ü", -0.5, None, top),)))[0]["choices"][0]["logprobs"]["content"]
    assert found == [
        {
            "token": "ü", "logprob": -0.5, "bytes": [195, 188],
            "top_logprobs": [
                {"token": "ü", "logprob": -0.5, "bytes": [195, 188]},
                {"token": "x", "logprob": -2.0, "bytes": [1, 2]},
            ],
        }
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["plain", "ü 😀", "\n\t", "<b>&"])
def test_the_frame_is_what_a_text_looks_like(text: str) -> None:
    one = renderer()
    assert one.frame(TextDelta("a")) is None
    one.events([TextDelta("a")], 2.0)
    frame = one.frame(TextDelta("a"))
    assert frame is not None
    inner = json.dumps(text, ensure_ascii=False)[1:-1].encode()
    assert one.events([TextDelta(text)], 3.0) == written(frame, inner)


def test_a_stream_that_broke_ends_with_an_error() -> None:
    out = renderer().fault(BackendError('{"code":500,"message":"boom"}', status=500))
    assert out == b'data: {"error":{"message":"boom","type":"api_error","param":null,"code":null}}\n\n'


def test_a_malformed_answer_is_an_error() -> None:
    one = renderer()
    one.events([Finish("malformed")], 2.0)
    assert b'"error"' in one.end(2.0)
    with pytest.raises(BackendError):
        renderer().whole(Answer([], "malformed"), 2.0)


def test_a_keepalive_is_a_comment() -> None:
    assert renderer().keepalive(1.0) == b": keepalive\n\n"


@pytest.mark.parametrize(
    ("finish", "expected"),
    [
        ("stop", "stop"), ("stop_sequence", "stop"), ("length", "length"), ("context_exceeded", "length"),
        ("tool_calls", "tool_calls"), ("content_filter", "content_filter"), ("refusal", "content_filter"),
        ("pause", "stop"), (None, "stop"),
    ],
)  # fmt: skip
def test_finish_reasons_are_openais(finish: FinishReason | None, expected: str) -> None:
    assert json.loads(renderer().whole(Answer([], finish), 2.0))["choices"][0]["finish_reason"] == expected


def test_a_whole_answer_has_everything() -> None:
    parts: list[Part] = [Reasoning("hm"), Text("a"), Text("b"), ToolCall("c", "f", '{ "x":1 }')]
    found = json.loads(renderer().whole(Answer(parts, "tool_calls", Usage(1, None, None, 2), id="x", created=7), 2.0))
    assert found == {
        "id": "x", "object": "chat.completion", "created": 7, "model": "m",
        "choices": [{
            "index": 0,
            "message": {
                "role": "assistant", "content": "ab", "reasoning_content": "hm", "reasoning": "hm",
                "refusal": None,
                "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{ "x":1 }'}}],
            },
            "logprobs": None, "finish_reason": "tool_calls",
        }],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "content"),
    [([], ""), ([Text("a")], "a"), ([ToolCall("c", "f", "{}")], None), ([Refusal("no")], None)],
)
def test_content_is_null_only_beside_something_else(parts: list[Any], content: str | None) -> None:
    assert json.loads(renderer().whole(Answer(parts), 2.0))["choices"][0]["message"]["content"] == content


def test_a_chat_has_no_vectors() -> None:
    with pytest.raises(NotSupported):
        renderer().embedded(EmbedAnswer([[1.0]]), 1.0)
    assert json.loads(renderer().loaded("load", 1.0))["choices"][0]["message"]["content"] == ""


def test_a_finish_that_only_the_backend_knows_is_told_beside_openais_own() -> None:
    """Whole and streamed; the backend's word is left out where it is OpenAI's."""
    assert streamed(Finish("stop", "SURPRISE"))[1]["choices"][0] == {
        "index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop", "native_finish_reason": "SURPRISE",
    }  # fmt: skip
    whole = json.loads(renderer().whole(Answer([Text("a")], "stop", native="SURPRISE"), 2.0))["choices"][0]
    assert (whole["finish_reason"], whole["native_finish_reason"]) == ("stop", "SURPRISE")
    assert "native_finish_reason" not in streamed(Finish("length", "length"))[1]["choices"][0]


def test_thinking_has_both_names_whole_and_streamed() -> None:
    message = json.loads(renderer().whole(Answer([Reasoning("hm"), Text("a")]), 2.0))["choices"][0]["message"]
    delta = streamed(ReasoningDelta("hm"))[0]["choices"][0]["delta"]
    for told in (message, delta):
        assert told["reasoning"] == told["reasoning_content"] == "hm"


def test_a_refusal_in_words_has_stopped_and_one_without_was_filtered() -> None:
    assert streamed(RefusalDelta("no"), Finish("refusal"))[1]["choices"][0]["finish_reason"] == "stop"
    assert streamed(Finish("refusal"))[1]["choices"][0]["finish_reason"] == "content_filter"


def test_a_call_whose_arguments_were_an_empty_piece_ends_with_an_empty_object() -> None:
    one = renderer()
    assert one.events([ToolCallStart(0, "c", "f"), ToolCallDelta(0, "")], 2.0).count(b"data: ") == 1
    assert b'"arguments":"{}"' in one.end(2.0)
    found = streamed(ToolCallStart(0, "c", "f"), ToolCallDelta(0, ""), Finish("tool_calls"))
    pieces = [call for chunk in found[:-1] for call in chunk["choices"][0]["delta"].get("tool_calls", ())]
    assert "".join(piece["function"]["arguments"] for piece in pieces) == "{}"
