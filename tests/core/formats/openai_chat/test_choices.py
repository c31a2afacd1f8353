"""Several choices of one answer, from backends that answer with one at a time."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types import Completion
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from ollamux.clock import Clock
from ollamux.conversation import (
    Answer,
    Event,
    Finish,
    Start,
    Text,
    TextDelta,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageUpdate,
)
from ollamux.errors import BackendError, InvalidRequest
from ollamux.formats.base import RenderContext, WholeRenderer
from ollamux.formats.openai_chat.choices import ChoicesRenderer, choices_of
from ollamux.formats.openai_chat.completions import CompletionsRenderer
from ollamux.formats.openai_chat.rendering import OpenAIChatRenderer

TRAP = '"choices":[{"index":0,'
"""A text that looks like the place that changes."""


def context() -> RenderContext:
    clock = Clock()
    clock.set(1_700_000_000, 0, 0.0)
    return RenderContext("m", clock, 1.0)


def chats(count: int, *, include_usage: bool = False) -> ChoicesRenderer:
    shared = context()

    def make(usage: bool) -> WholeRenderer:
        return OpenAIChatRenderer(shared, include_usage=usage)

    return ChoicesRenderer(shared, make, count, include_usage=include_usage)


def streamed(renderer: ChoicesRenderer, *choices: list[Event]) -> list[Any]:
    out = b""
    for place, events in enumerate(choices):
        for event in events:
            out += renderer.events([event], float(place))
        out += renderer.end(float(place))
    assert out.endswith(b"data: [DONE]\n\n") and out.count(b"[DONE]") == 1
    return [json.loads(event[6:]) for event in out.decode().split("\n\n")[:-2]]


def test_choices_are_streamed_one_after_the_other_each_with_its_role_its_number_and_its_end() -> None:
    call: list[Event] = [ToolCallStart(0, "c1", "f"), ToolCallDelta(0, '{"a":1}'), Finish("tool_calls")]
    text: list[Event] = [Start("up-1", "u", 5), TextDelta(TRAP), Finish("stop")]
    chunks = streamed(chats(3), text, [Start("up-2", "u", 9), TextDelta(TRAP), Finish("length")], call)
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk)
    told: dict[int, list[Any]] = {}
    for chunk in chunks:
        (choice,) = chunk["choices"]
        told.setdefault(choice["index"], []).append(choice)
    assert list(told) == [0, 1, 2]
    assert [choices[0]["delta"]["role"] for choices in told.values()] == ["assistant"] * 3
    assert [choices[-1]["finish_reason"] for choices in told.values()] == ["stop", "length", "tool_calls"]
    assert [told[place][0]["delta"]["content"] for place in (0, 1)] == [TRAP, TRAP]
    assert {(chunk["id"], chunk["created"]) for chunk in chunks} == {("up-1", 5)}


def test_the_moment_is_one_where_no_backend_tells_it() -> None:
    chunks = streamed(chats(2), [TextDelta("a"), Finish("stop")], [Finish("stop")])
    assert {chunk["created"] for chunk in chunks} == {1_700_000_000}
    assert len({chunk["id"] for chunk in chunks}) == 1


def test_the_usage_of_all_of_them_is_told_once_at_the_end_where_it_was_asked_for() -> None:
    def one(read: int, written: int) -> list[Event]:
        usage = UsageUpdate(Usage(read, None, None, written))
        return [TextDelta("a"), UsageUpdate(Usage(read)), Finish("stop"), usage]

    chunks = streamed(chats(2, include_usage=True), one(3, 4), one(3, 5))
    assert [chunk["usage"] for chunk in chunks if chunk.get("usage")] == [
        {"prompt_tokens": 6, "completion_tokens": 9, "total_tokens": 15}
    ]
    assert chunks[-1]["choices"] == []
    assert not any(chunk.get("usage") for chunk in streamed(chats(2), one(3, 4), one(3, 5)))


def test_a_choice_that_was_malformed_breaks_the_stream() -> None:
    renderer = chats(2)
    renderer.events([TextDelta("a"), Finish("malformed")], 0.0)
    with pytest.raises(BackendError):
        renderer.end(0.0)
    assert b"[DONE]" not in renderer.fault(BackendError("x", status=502))


def test_completions_have_choices_too() -> None:
    shared = context()

    def make(usage: bool) -> WholeRenderer:
        return CompletionsRenderer(shared, include_usage=usage, echo="Once ")

    renderer = ChoicesRenderer(shared, make, 2, include_usage=False)
    chunks = streamed(renderer, [TextDelta("a"), Finish("stop")], [TextDelta("b"), Finish("length")])
    texts = ["".join(c["choices"][0]["text"] for c in chunks if c["choices"][0]["index"] == place) for place in (0, 1)]
    assert texts == ["Once a", "Once b"]
    whole = json.loads(renderer.whole_of([Answer([Text("a")], "stop"), Answer([Text("b")], "stop")], 0.0))
    Completion.model_validate(whole)
    assert [(choice["index"], choice["text"]) for choice in whole["choices"]] == [(0, "Once a"), (1, "Once b")]


def test_whole_choices_stand_in_one_answer_with_the_usage_of_all() -> None:
    answers = [
        Answer([Text(TRAP)], "stop", Usage(3, 1, None, 4), id="x", created=5),
        Answer([Text("b")], "length", Usage(3, None, None, 5, 2), id="y"),
        Answer([Text("c")]),
    ]
    told = json.loads(chats(3).whole_of(answers, 0.0))
    ChatCompletion.model_validate(told)
    assert [choice["index"] for choice in told["choices"]] == [0, 1, 2]
    assert [choice["message"]["content"] for choice in told["choices"]] == [TRAP, "b", "c"]
    assert [choice["finish_reason"] for choice in told["choices"]] == ["stop", "length", "stop"]
    assert (told["id"], told["created"]) == ("x", 5)
    assert told["usage"] == {
        "prompt_tokens": 7,
        "completion_tokens": 11,
        "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 1},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }


def test_no_choices_and_very_many_are_refused() -> None:
    assert (choices_of(None), choices_of(1), choices_of(16)) == (1, 1, 16)
    for count in (0, -1, 17):
        with pytest.raises(InvalidRequest, match="n must be between 1 and 16"):
            choices_of(count)
