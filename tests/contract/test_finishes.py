"""Why a model stopped: what each client is told, and what each backend means. One table each, over all formats."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.chat import ChatRequest
from ollamux.clock import Clock
from ollamux.conversation import (
    Answer,
    Finish,
    FinishReason,
    Message,
    Part,
    Refusal,
    RefusalDelta,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
)
from ollamux.errors import (
    OllamuxError,
)
from ollamux.formats import calling, servings
from ollamux.formats.base import Dialect, Place, RenderContext, ServingRoute

CLIENTS = {serving.name: serving for serving in servings()}
ASKS: dict[str, tuple[dict[str, Any], Place]] = {
    "ollama": ({"messages": [{"role": "user", "content": "hi"}]}, Place()),
    "openai_chat": ({"messages": [{"role": "user", "content": "hi"}]}, Place()),
    "openai_responses": ({"input": "hi"}, Place()),
    "anthropic": ({"messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}, Place()),
    "gemini": ({"contents": [{"parts": [{"text": "hi"}]}]}, Place("m", "alt=sse")),
}
COLUMNS = ("openai_chat", "openai_responses", "anthropic", "gemini", "ollama")

FINISHES: dict[FinishReason, tuple[str, ...]] = {
    "stop": ("stop", "completed", "end_turn", "STOP", "stop"),
    "stop_sequence": ("stop", "completed", "stop_sequence", "STOP", "stop"),
    "length": ("length", "incomplete: max_output_tokens", "max_tokens", "MAX_TOKENS", "length"),
    "context_exceeded": (
        "length",
        "incomplete: max_output_tokens",
        "model_context_window_exceeded",
        "MAX_TOKENS",
        "length",
    ),
    "tool_calls": ("tool_calls", "completed", "tool_use", "STOP", "stop"),
    "content_filter": ("content_filter", "incomplete: content_filter", "refusal", "SAFETY", "stop"),
    "refusal": ("stop", "completed", "refusal", "SAFETY", "stop"),
    "pause": ("stop", "completed", "pause_turn", "CONTINUATION", "stop"),
}
"""What each client is told, in the order of `COLUMNS`."""

NATIVES: dict[str, dict[str, FinishReason]] = {
    "openai_chat": {
        "stop": "stop",
        "length": "length",
        "tool_calls": "tool_calls",
        "function_call": "tool_calls",
        "tool-calls": "tool_calls",
        "content_filter": "content_filter",
        "content-filter": "content_filter",
        "eos": "stop",
        "eos_token": "stop",
        "stop_sequence": "stop_sequence",
        "max_length": "length",
        "never heard of": "stop",
    },
    "anthropic": {
        "end_turn": "stop",
        "stop_sequence": "stop_sequence",
        "max_tokens": "length",
        "model_context_window_exceeded": "context_exceeded",
        "tool_use": "tool_calls",
        "refusal": "refusal",
        "pause_turn": "pause",
        "never heard of": "stop",
    },
    "gemini": {
        "STOP": "stop",
        "MAX_TOKENS": "length",
        "CONTINUATION": "pause",
        **dict.fromkeys(
            (
                "SAFETY",
                "RECITATION",
                "BLOCKLIST",
                "PROHIBITED_CONTENT",
                "SPII",
                "LANGUAGE",
                "IMAGE_SAFETY",
                "IMAGE_OTHER",
                "MODEL_ARMOR",
            ),
            "content_filter",
        ),
        **dict.fromkeys(
            (
                "MALFORMED_FUNCTION_CALL",
                "MALFORMED_RESPONSE",
                "UNEXPECTED_TOOL_CALL",
                "TOO_MANY_TOOL_CALLS",
                "MISSING_THOUGHT_SIGNATURE",
            ),
            "malformed",
        ),
        "NEVER_HEARD_OF": "stop",
    },
    "bedrock": {
        "end_turn": "stop",
        "stop_sequence": "stop_sequence",
        "max_tokens": "length",
        "model_context_window_exceeded": "context_exceeded",
        "tool_use": "tool_calls",
        "guardrail_intervened": "content_filter",
        "content_filtered": "content_filter",
        "malformed_model_output": "malformed",
        "malformed_tool_use": "malformed",
        "never heard of": "stop",
    },
    "ollama": {"stop": "stop", "length": "length", "load": "load", "unload": "unload"},
}
"""What each backend's word means. What follows calls is said of an answer with a call."""


def rendered(client: str, answer: Answer) -> Any:
    serving, (body, place) = CLIENTS[client], ASKS[client]
    incoming = serving.read(route_of(client), json.dumps({"model": "m", **body}).encode(), {}, place)
    return json.loads(serving.renderer(incoming, RenderContext("m", Clock(), 0.0)).whole(answer, 0.0))


def streamed(client: str, answer: Answer) -> str:
    serving, (body, place) = CLIENTS[client], ASKS[client]
    incoming = serving.read(
        route_of(client, stream=True), json.dumps({"model": "m", "stream": True, **body}).encode(), {}, place
    )
    renderer = serving.renderer(incoming, RenderContext("m", Clock(), 0.0))
    out = b""
    for part in answer.parts:
        if isinstance(part, Text):
            out += renderer.events([TextDelta(part.text)], 0.0)
        elif isinstance(part, Refusal):
            out += renderer.events([RefusalDelta(part.text)], 0.0)
        elif isinstance(part, ToolCall):
            out += renderer.events([ToolCallStart(0, part.id, part.name), ToolCallDelta(0, part.arguments)], 0.0)
    assert answer.finish is not None
    out += renderer.events([Finish(answer.finish)], 0.0)
    return (out + renderer.end(0.0)).decode()


def route_of(client: str, *, stream: bool = False) -> ServingRoute:
    wanted = {"gemini": "stream" if stream else "generate", "openai_responses": "responses"}.get(client, "chat")
    routes = CLIENTS[client].routes
    return next((route for route in routes if wanted in (route.name, route.path)), routes[0])


def answer_with(finish: FinishReason) -> Answer:
    parts: dict[str, Part] = {"tool_calls": ToolCall("c", "f", "{}"), "refusal": Refusal("I will not")}
    return Answer([parts.get(finish, Text("a"))], finish)


def word(client: str, told: Any) -> str:
    match client:
        case "openai_chat":
            return str(told["choices"][0]["finish_reason"])
        case "openai_responses":
            reason = (told.get("incomplete_details") or {}).get("reason")
            return f"{told['status']}: {reason}" if reason else str(told["status"])
        case "anthropic":
            return str(told["stop_reason"])
        case "gemini":
            return str(told["candidates"][0]["finishReason"])
        case _:
            return str(told["done_reason"])


@pytest.mark.parametrize("client", COLUMNS)
@pytest.mark.parametrize("finish", FINISHES)
def test_why_a_model_stopped_is_told_in_the_clients_word(finish: FinishReason, client: str) -> None:
    expected = FINISHES[finish][COLUMNS.index(client)]
    assert word(client, rendered(client, answer_with(finish))) == expected
    last = expected.rpartition(": ")[2]
    assert f'"{last}"' in streamed(client, answer_with(finish))


@pytest.mark.parametrize("client", COLUMNS)
def test_a_malformed_answer_is_an_error_and_a_refusal_without_words_was_filtered(client: str) -> None:
    if client == "gemini":  # has a word of its own for it
        assert word(client, rendered(client, Answer([], "malformed"))) == "MALFORMED_RESPONSE"
    else:
        with pytest.raises(OllamuxError):
            rendered(client, Answer([], "malformed"))
    if client == "openai_chat":
        assert word(client, rendered(client, Answer([], "refusal"))) == "content_filter"


def whole_of(format_: str, native: str, *, called: bool) -> Any:
    """A backend's whole answer that ends with this word."""
    match format_:
        case "openai_chat":
            call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
            message = {"content": "a", **({"tool_calls": [call]} if called else {})}
            return {"choices": [{"message": message, "finish_reason": native}]}
        case "anthropic":
            block = (
                {"type": "tool_use", "id": "c", "name": "f", "input": {}} if called else {"type": "text", "text": "a"}
            )
            return {"id": "x", "model": "m", "content": [block], "stop_reason": native, "usage": {}}
        case "gemini":
            return {"candidates": [{"content": {"parts": [{"text": "a"}]}, "finishReason": native}]}
        case "bedrock":
            use = {"toolUse": {"toolUseId": "c", "name": "f", "input": {}}} if called else {"text": "a"}
            return {"output": {"message": {"content": [use]}}, "stopReason": native}
        case _:
            return {"message": {"role": "assistant", "content": "a"}, "done": True, "done_reason": native}


@pytest.mark.parametrize(
    ("format_", "native"), [(format_, native) for format_, natives in NATIVES.items() for native in natives]
)
def test_a_backends_word_for_the_end_has_its_meaning(format_: str, native: str) -> None:
    expected = NATIVES[format_][native]
    request = ChatRequest("m", [Message("user", [Text("hi")])])
    body = whole_of(format_, native, called=expected == "tool_calls")
    answer = calling(format_).whole(request, json.dumps(body).encode(), Dialect())
    assert isinstance(answer, Answer) and answer.finish == expected
    if "ever" in native.lower():
        assert answer.native == native
