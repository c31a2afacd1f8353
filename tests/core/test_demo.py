"""What the built-in demo answers."""

from __future__ import annotations

import base64
import json
import math
from typing import Any, Literal

import msgspec
import pytest

from ollamux import demo
from ollamux.chat import ChatRequest
from ollamux.conversation import (
    Bytes,
    CompletionRequest,
    EmbedRequest,
    Event,
    Finish,
    Image,
    JsonFormat,
    Message,
    ReasoningDelta,
    ReasoningOptions,
    Sampling,
    Start,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolChoice,
    ToolResult,
    Url,
    Usage,
    UsageUpdate,
)
from ollamux.errors import InvalidRequest


def raw(value: object) -> msgspec.Raw:
    return msgspec.Raw(json.dumps(value).encode())


def chat(text: str = "Hello there", **fields: Any) -> ChatRequest:
    fields.setdefault("messages", [Message("user", [Text(text)])])
    return ChatRequest(model="demo", **fields)


def text_of(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


def usage_of(events: list[Event]) -> Usage:
    usage = next(event.usage for event in events if isinstance(event, UsageUpdate))
    assert usage is not None
    return usage


WEATHER = Tool(
    "get_weather",
    "Tells the temperature of a city. Ask it when somebody is in doubt.",
    parameters=raw({"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}),
)
CLOCK = Tool("clock")


def test_a_chat_says_that_no_model_is_behind_it_and_echoes_the_message() -> None:
    events = demo.answer(chat("Tell me of Oslo"))
    assert events[0] == Start(model="demo")
    assert events[-1] == Finish("stop")
    assert "no real model" in text_of(events)
    assert "“Tell me of Oslo”" in text_of(events)


def test_a_chat_streams_word_by_word() -> None:
    pieces = [event.text for event in demo.answer(chat()) if isinstance(event, TextDelta)]
    assert len(pieces) > 20
    assert all(len(piece.split()) <= 1 for piece in pieces)


def test_the_same_request_has_the_same_answer() -> None:
    assert demo.answer(chat()) == demo.answer(chat())


def test_a_long_message_is_echoed_in_part() -> None:
    assert len(text_of(demo.answer(chat("word " * 1000)))) < 600


def test_images_are_counted_and_described() -> None:
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(92)).decode()
    images = [Image(Bytes(png)), Image(Bytes("AAAA", "image/webp")), Image(Url("https://example.com/a.png"))]
    text = text_of(demo.answer(chat(messages=[Message("user", [Text("Look"), *images])])))
    assert "3 images (image/png, 100 bytes, image/webp, 3 bytes, by reference)" in text


def test_an_image_of_garbage_is_described_all_the_same() -> None:
    text = text_of(demo.answer(chat(messages=[Message("user", [Image(Bytes("!"))])])))
    assert "an image (unknown type, 0 bytes)" in text


@pytest.mark.parametrize(
    ("text", "called"),
    [
        ("What is the weather in Paris?", "get_weather"),
        ("Look at the clock", "clock"),
        ("call GET_WEATHER or clock", "clock"),
        ("How warm is it? Temperatures in Paris?", "get_weather"),
        ("Is it sunny? Clocks tell", "clock"),
    ],
)
def test_the_tool_that_the_message_hints_at_is_called(text: str, called: str) -> None:
    events = demo.answer(chat(text, tools=(CLOCK, WEATHER)))
    assert next(event.name for event in events if isinstance(event, ToolCallStart)) == called
    assert events[-1] == Finish("tool_calls")


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ("hi", WEATHER),
        ("Hello, what can you tell me?", WEATHER),
        ("if only", Tool("f", "Gets and makes what you want. Only if it is so.")),
        ("Write to me", Tool("x", "")),
        ("<system-reminder>The weather tool is called get_weather.</system-reminder>", WEATHER),
    ],
)
def test_a_message_that_speaks_of_no_tool_is_answered_with_a_text_that_says_how_one_is_called(
    text: str, tool: Tool
) -> None:
    events = demo.answer(chat(text, tools=(tool, CLOCK)))
    assert f"It may call “{tool.name}”, “clock”, where a message names it." in text_of(events)
    assert events[-1] == Finish("stop")


def test_the_only_tool_is_called_whatever_the_message_says() -> None:
    assert demo.answer(chat("hi", tools=(WEATHER,)))[-1] == Finish("tool_calls")


def test_what_a_program_puts_beside_the_words_of_its_user_is_not_taken_for_them() -> None:
    beside = Text("<environment_context>\n<cwd>/weather</cwd>\n</environment_context>")
    before = Message("user", [beside])
    for messages in (
        [before, Message("user", [Text("hi")])],
        [Message("user", [beside, Text("hi")])],
        [Message("user", [Text("hi")]), before],
    ):
        assert "You said: “hi”" in text_of(demo.answer(chat(messages=messages, tools=(WEATHER, CLOCK))))


def test_only_tools_that_are_allowed_are_called() -> None:
    choice = ToolChoice("auto", allowed=("clock",))
    events = demo.answer(chat("get_weather, please", tools=(WEATHER, CLOCK), tool_choice=choice))
    assert events[-1] == Finish("stop")
    demanded = demo.answer(chat("hi", tools=(WEATHER, CLOCK), tool_choice=ToolChoice("required", allowed=("clock",))))
    assert next(event.name for event in demanded if isinstance(event, ToolCallStart)) == "clock"


def test_a_call_is_made_where_one_is_required_whatever_the_message_says() -> None:
    events = demo.answer(chat("hi", tools=(WEATHER, CLOCK), tool_choice=ToolChoice("required")))
    assert next(event.name for event in events if isinstance(event, ToolCallStart)) == "get_weather"


def test_no_tool_is_called_again_once_one_has_answered_and_a_later_message_may_have_one_called() -> None:
    history = [
        Message("user", [Text("weather in Paris")]),
        Message("assistant", [ToolCall("1", "get_weather", "{}")]),
        Message("tool", [ToolResult("1", [Text("21 degrees")])]),
        Message("user", [Text("And the weather in Rome?")]),
    ]
    assert demo.answer(chat(messages=history, tools=(WEATHER,)))[-1] == Finish("stop")
    history.insert(3, Message("assistant", [Text("It is warm")]))
    assert demo.answer(chat(messages=history, tools=(WEATHER,)))[-1] == Finish("tool_calls")


def test_the_arguments_of_a_call_fit_its_schema() -> None:
    events = demo.answer(chat("What is the weather in Paris?", tools=(WEATHER,)))
    arguments = "".join(event.arguments for event in events if isinstance(event, ToolCallDelta))
    assert json.loads(arguments) == {"city": "Paris"}


def test_each_call_of_a_conversation_has_its_own_id() -> None:
    history = [Message("user", [Text("clock")]), Message("assistant", [ToolCall("call_demo_1", "clock", "{}")])]
    events = demo.answer(chat(messages=[*history, Message("user", [Text("The clock again")])], tools=(CLOCK,)))
    assert next(event.id for event in events if isinstance(event, ToolCallStart)) == "call_demo_2"


def test_a_demanded_tool_is_called_whatever_the_message_says() -> None:
    events = demo.answer(chat("clock", tools=(CLOCK, WEATHER), tool_choice=ToolChoice("named", "get_weather")))
    assert next(event.name for event in events if isinstance(event, ToolCallStart)) == "get_weather"


def test_no_tool_is_called_where_the_choice_is_none() -> None:
    events = demo.answer(chat(tools=(CLOCK,), tool_choice=ToolChoice("none")))
    assert "no real model" in text_of(events)


@pytest.mark.parametrize("role", ["tool", "user"])
def test_the_result_of_a_tool_is_quoted(role: Literal["tool", "user"]) -> None:
    history = [
        Message("user", [Text("weather in Paris")]),
        Message("assistant", [ToolCall("1", "get_weather", "{}")]),
        Message(role, [ToolResult("1", [Text("21 degrees and sunny")])]),
    ]
    assert "21 degrees and sunny" in text_of(demo.answer(chat(messages=history, tools=(WEATHER,))))


def test_thinking_comes_first_and_only_where_it_is_asked_for() -> None:
    events = demo.answer(chat(reasoning=ReasoningOptions(enabled=True)))
    assert isinstance(events[1], ReasoningDelta)
    assert usage_of(events).reasoning
    assert not any(isinstance(event, ReasoningDelta) for event in demo.answer(chat()))
    quiet = demo.answer(chat(reasoning=ReasoningOptions(effort="none")))
    assert not any(isinstance(event, ReasoningDelta) for event in quiet)


def test_structured_output_fits_its_schema() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    assert json.loads(text_of(demo.answer(chat(output=JsonFormat(raw(schema)))))) == {"n": 1}


def test_json_without_a_schema_is_an_object() -> None:
    assert isinstance(json.loads(text_of(demo.answer(chat(output=JsonFormat())))), dict)


def test_a_schema_that_is_no_object_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="invalid JSON schema"):
        demo.answer(chat(output=JsonFormat(msgspec.Raw(b"5"))))


@pytest.mark.parametrize("limit", [1, 3, 10])
def test_max_tokens_cuts_the_answer(limit: int) -> None:
    events = demo.answer(chat(sampling=Sampling(max_tokens=limit)))
    assert events[-1] == Finish("length")
    assert usage_of(events).output_text == limit


def test_thinking_counts_against_max_tokens() -> None:
    events = demo.answer(chat(sampling=Sampling(max_tokens=3), reasoning=ReasoningOptions(enabled=True)))
    assert text_of(events) == ""
    assert usage_of(events).output == 3
    assert events[-1] == Finish("length")


def test_a_call_that_does_not_fit_is_not_begun() -> None:
    events = demo.answer(chat("weather", tools=(WEATHER,), sampling=Sampling(max_tokens=2)))
    assert not any(isinstance(event, ToolCallStart) for event in events)
    assert events[-1] == Finish("length")


@pytest.mark.parametrize("limit", [-2, -1, 0])
def test_a_limit_that_is_not_positive_is_none(limit: int) -> None:
    assert demo.answer(chat(sampling=Sampling(max_tokens=limit)))[-1] == Finish("stop")


def test_the_first_stop_sequence_ends_the_answer() -> None:
    events = demo.answer(chat(sampling=Sampling(stop=("", "model", "demo"))))
    assert text_of(events) == "This is the built-in "
    assert events[-1] == Finish("stop_sequence")


def test_usage_counts_what_was_read_and_written() -> None:
    events = demo.answer(chat("12345678"))
    assert usage_of(events).input == 2
    assert usage_of(events).output == math.ceil(len(text_of(events)) / 4)


def test_a_completion_echoes_its_prompt_and_a_suffix_is_filled_in() -> None:
    assert "“Once upon”" in text_of(demo.answer(CompletionRequest("demo", "Once upon")))
    filled = text_of(demo.answer(CompletionRequest("demo", "def f(", suffix="):")))
    assert "no real model" not in filled and filled


def test_a_vector_has_unit_length_and_one_stands_for_each_input() -> None:
    answer = demo.embed(EmbedRequest("demo", ["a cat", "", "日本語 text"]))
    assert [len(vector) for vector in answer.vectors] == [384] * 3
    assert all(math.isclose(math.hypot(*vector), 1.0) for vector in answer.vectors)
    assert answer.input_tokens == 4


def test_similar_texts_have_similar_vectors() -> None:
    one, near, far = demo.embed(
        EmbedRequest("demo", ["the cat sat on the mat", "a cat sits on a mat", "quarterly tax report"])
    ).vectors
    assert sum(a * b for a, b in zip(one, near, strict=True)) > sum(a * b for a, b in zip(one, far, strict=True)) + 0.2


def test_dimensions_shorten_the_vectors() -> None:
    (vector,) = demo.embed(EmbedRequest("demo", ["a cat"], dimensions=16)).vectors
    assert len(vector) == 16
    assert math.isclose(math.hypot(*vector), 1.0)
