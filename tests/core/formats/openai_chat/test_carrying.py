"""Signatures, out to a client that knows of none and back in with its history."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.clock import Clock
from ollamux.conversation import (
    Answer,
    Event,
    Finish,
    Opaque,
    Part,
    Reasoning,
    ReasoningDelta,
    RedactedDelta,
    RedactedReasoning,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
)
from ollamux.formats.base import RenderContext, Served
from ollamux.formats.openai_chat.carrying import detail_of, extra_of, signature_of, thoughts_of
from ollamux.formats.openai_chat.incoming import read_route
from ollamux.formats.openai_chat.rendering import OpenAIChatRenderer

SIGNED = Opaque("anthropic", "c2ln", "claude-opus")
GOOGLE = Opaque("gemini", "Z29v")


def renderer() -> OpenAIChatRenderer:
    return OpenAIChatRenderer(RenderContext("m", Clock(), 1.0))


def read_back(message: dict[str, Any]) -> list[Part]:
    history = [message, *({"role": "tool", "tool_call_id": call["id"]} for call in message.get("tool_calls", ()))]
    body = json.dumps({"model": "m", "messages": history}).encode()
    return read_route(body).neutral(Served("m", "m", frozenset()), {}).messages[0].parts


PARTS: list[Part] = [
    Reasoning("first", SIGNED),
    RedactedReasoning(Opaque("anthropic", "ZW5j")),
    Reasoning("", Opaque("made-up", "x")),
    Text("said"),
    ToolCall("c", "f", '{"a":1}', GOOGLE),
    ToolCall("d", "g", "{}", Opaque("bedrock", "s", "nova")),
]


def test_a_whole_answer_comes_back_as_it_was_signed() -> None:
    message = json.loads(renderer().whole(Answer(PARTS), 1.0))["choices"][0]["message"]
    assert message["reasoning_content"] == message["reasoning"] == "first"
    assert message["tool_calls"][0]["extra_content"] == {"google": {"thought_signature": "Z29v"}}
    assert message["reasoning_details"][0] == {
        "type": "reasoning.text",
        "text": "first",
        "signature": "c2ln",
        "format": "anthropic-claude-v1",
        "family": "claude-opus",
        "index": 0,
    }
    assert read_back(message) == PARTS


def test_a_stream_tells_a_block_whole_where_its_signature_comes() -> None:
    events: list[Event] = [
        ReasoningDelta("fir"), ReasoningDelta("st"), ReasoningDelta("", SIGNED),
        RedactedDelta(Opaque("anthropic", "ZW5j")), ReasoningDelta("", Opaque("made-up", "x")), TextDelta("said"),
        ToolCallStart(0, "c", "f", GOOGLE), ToolCallDelta(0, '{"a":1}'),
        ToolCallStart(1, "d", "g", Opaque("bedrock", "s", "nova")), Finish("tool_calls"),
    ]  # fmt: skip
    one = renderer()
    out = one.events(events, 1.0) + one.end(1.0)
    message: dict[str, Any] = {"role": "assistant", "content": "", "reasoning_details": [], "tool_calls": []}
    for chunk in out.split(b"\n\n")[:-2]:
        delta = json.loads(chunk[6:])["choices"][0]["delta"]
        message["content"] += delta.get("content") or ""
        message["reasoning_details"] += delta.get("reasoning_details", [])
        for call in delta.get("tool_calls", ()):
            if "id" in call:
                message["tool_calls"].append(call)
            else:
                message["tool_calls"][call["index"]]["function"]["arguments"] += call["function"]["arguments"]
    assert read_back(message) == PARTS


def test_thinking_without_a_signature_has_no_item() -> None:
    assert detail_of(Reasoning("x"), 0) is None
    assert (
        "reasoning_details" not in json.loads(renderer().whole(Answer([Reasoning("x")]), 1.0))["choices"][0]["message"]
    )


def test_a_plain_signature_of_google_stands_where_google_has_it() -> None:
    assert extra_of(GOOGLE) == {"google": {"thought_signature": "Z29v"}}
    assert signature_of({"google": {"thought_signature": "Z29v"}}) == GOOGLE


@pytest.mark.parametrize(
    "extra", [None, 5, [], {}, {"google": 5}, {"google": {}}, {"ollamux": {}}, {"ollamux": {"signature": 5}}]
)
def test_what_is_no_signature_is_none(extra: object) -> None:
    assert signature_of(extra) is None


@pytest.mark.parametrize(
    ("details", "expected"),
    [
        (None, [Reasoning("told")]),
        ([], [Reasoning("told")]),
        (["x", {}, {"type": "other"}, {"type": "reasoning.text"}], [Reasoning("told")]),
        ([{"type": "reasoning.encrypted", "data": 5}], [Reasoning("told")]),
        ([{"type": "reasoning.text", "text": "item"}], [Reasoning("item")]),
        ([{"type": "reasoning.summary", "summary": "short"}], [Reasoning("short")]),
        (
            [{"type": "reasoning.encrypted", "data": "x", "format": "xai-responses-v1"}],
            [Reasoning("told"), RedactedReasoning(Opaque("xai-responses-v1", "x"))],
        ),
    ],
)
def test_thinking_that_is_there_twice_is_read_once(details: object, expected: list[Part]) -> None:
    assert thoughts_of(details, "told") == expected
