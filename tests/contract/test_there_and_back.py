"""Any conversation, written in a format and read again, means what it meant; so does any answer, whole and streamed.

Strategy: Hypothesis makes neutral requests and answers of what all formats can say; each format writes one as it would
for a backend (or a client) and reads it as it would of a client (or a backend). Meanings are compared, not spellings:
the texts of a message as one, arguments and schemas as values."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ollamux.chat import ChatRequest
from ollamux.clock import Clock
from ollamux.conversation import (
    Answer,
    Bytes,
    Event,
    Finish,
    Image,
    JsonFormat,
    Message,
    Part,
    Reasoning,
    ReasoningDelta,
    Refusal,
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
    Usage,
    UsageUpdate,
)
from ollamux.exchange.gathering import gathered
from ollamux.formats import calling, callings, servings
from ollamux.formats.base import Dialect, Incoming, Place, RenderContext, Served

SERVINGS = {serving.name: serving for serving in servings()}
BOTH = sorted(SERVINGS.keys() & {called.name for called in callings()})
"""The formats that clients and backends speak."""

SERVED = Served(asked="m", display="m", capabilities=frozenset({"completion", "tools", "vision", "thinking"}))
DIALECT = Dialect(files=True)

TEXTS = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=30).filter(
    lambda text: text.strip() == text
)
NAMES = st.from_regex(r"[a-z][a-z0-9_]{0,20}", fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=4,
)
OBJECTS = st.dictionaries(NAMES, VALUES, max_size=3)
PIXEL = b"\x89PNG\r\n\x1a\n" + bytes(20)
PICTURES = st.binary(max_size=9).map(lambda end: Image(Bytes(base64.b64encode(PIXEL + end).decode(), "image/png")))
TOOLS = st.lists(NAMES, min_size=1, max_size=3, unique=True).map(
    lambda names: tuple(
        Tool(name, f"does {name}", msgspec.Raw(b'{"type":"object","properties":{"a":{"type":"string"}}}'))
        for name in names
    )
)


@st.composite
def conversations(draw: st.DrawFn) -> ChatRequest:
    """One that ends with what a user said, or a tool."""
    tools = draw(TOOLS)
    messages: list[Message] = []
    if draw(st.booleans()):
        messages.append(Message("system", [Text(draw(TEXTS))]))
    number = 0
    for _ in range(draw(st.integers(0, 3))):
        messages.append(_asking(draw))
        calls: list[Part] = []
        for _ in range(draw(st.integers(0, 2))):
            number += 1
            name = draw(st.sampled_from(tools)).name
            calls.append(ToolCall(f"call{number}", name, json.dumps(draw(OBJECTS))))
        said: list[Part] = [Text(draw(TEXTS))] if not calls or draw(st.booleans()) else []
        messages.append(Message("assistant", said + calls))
        for call in calls:
            assert isinstance(call, ToolCall)
            messages.append(Message("tool", [ToolResult(call.id, [Text(draw(TEXTS))], call.name)]))
        if calls:
            messages.append(Message("assistant", [Text(draw(TEXTS))]))
    messages.append(_asking(draw))
    stop = draw(st.none() | st.lists(TEXTS, min_size=1, max_size=2, unique=True))
    return ChatRequest(
        "m",
        messages,
        draw(st.booleans()),
        tools,
        draw(st.sampled_from([None, ToolChoice("auto"), ToolChoice("required"), ToolChoice("named", tools[0].name)])),
        sampling=Sampling(
            max_tokens=draw(st.integers(16, 9000)),
            temperature=draw(st.none() | st.sampled_from([0.0, 0.25, 1.0])),
            top_p=draw(st.none() | st.sampled_from([0.5, 1.0])),
            stop=None if stop is None else tuple(stop),
        ),
        output=draw(st.none() | st.just(JsonFormat(msgspec.Raw(b'{"type":"object","additionalProperties":false}')))),
    )


def _asking(draw: st.DrawFn) -> Message:
    pictures: list[Part] = list(draw(st.lists(PICTURES, max_size=1)))
    return Message("user", [Text(draw(TEXTS)), *pictures])


@st.composite
def answers(draw: st.DrawFn) -> Answer:
    """One of texts, thinking and calls."""
    parts: list[Part] = [Reasoning(draw(TEXTS))] if draw(st.booleans()) else []
    calls: list[Part] = [
        ToolCall(f"call{number}", draw(NAMES), json.dumps(draw(OBJECTS))) for number in range(draw(st.integers(0, 2)))
    ]
    parts += [Text(draw(TEXTS))] if not calls or draw(st.booleans()) else []
    finish = draw(st.sampled_from(["stop", "length"]))
    usage = Usage(draw(st.integers(1, 10**6)), output_text=draw(st.integers(1, 10**6)))
    return Answer(parts + calls, "tool_calls" if calls and finish == "stop" else finish, usage, model="m")


# Meanings -------------------------------------------------------------------------------------------------------------


def said(messages: Any) -> list[tuple[str, str, Any]]:
    """What was said, in order, by whom: texts of one message as one."""
    found: list[tuple[str, str, Any]] = []
    for message in messages:
        for part in message.parts:
            match part:
                case Text(text) | Refusal(text):
                    found.append((message.role, "text", text))
                case Image(Bytes(data, mime)):
                    found.append((message.role, "picture", (data, mime or "image/png")))
                case ToolCall(id_, name, arguments):
                    found.append((message.role, "call", (id_, name, json.loads(arguments))))
                case ToolResult(call_id, parts):
                    found.append(
                        ("tool", "result", (call_id, "".join(one.text for one in parts if isinstance(one, Text))))
                    )
                case Reasoning(text):
                    found.append((message.role, "thought", text))
                case _:
                    raise AssertionError(part)
    return found


def offered(request: ChatRequest) -> list[tuple[str, str, Any]]:
    return [(tool.name, tool.description or "", json.loads(bytes(tool.parameters or b"{}"))) for tool in request.tools]


def shape(output: JsonFormat | None) -> Any:
    return None if output is None else json.loads(bytes(output.schema or b"null"))


def incoming(name: str, body: bytes, stream: bool) -> Incoming:
    """What a client of this format is read as."""
    serving = SERVINGS[name]
    if name == "gemini":
        method = "streamGenerateContent" if stream else "generateContent"
        route = next(route for route in serving.routes if route.name == f"v1beta/{method}")
        return serving.read(route, body, {}, Place("m", "alt=sse"))
    route = next(route for route in serving.routes if route.name in ("chat", "responses"))
    return serving.read(route, body, {})


@pytest.mark.parametrize("name", BOTH)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(request=conversations())
def test_a_conversation_means_what_it_meant(name: str, request: ChatRequest) -> None:
    outgoing = calling(name).build(request, "m", DIALECT)
    found = incoming(name, outgoing.body, request.stream).neutral(SERVED, {})
    assert isinstance(found, ChatRequest)
    assert said(found.messages) == said(request.messages)
    chosen = request.tool_choice or ToolChoice("auto")
    if name == "ollama":  # it has no word for a choice: what may not be called is not offered
        wanted = [tool for tool in offered(request) if chosen.mode != "named" or tool[0] == chosen.name]
        assert offered(found) == wanted
    else:
        assert offered(found) == offered(request)
        choice = found.tool_choice or ToolChoice("auto")
        asked, told = ("required", request.tools[0].name), (choice.mode, (choice.allowed or (None,))[0])
        assert choice == chosen or (chosen.mode == "named" and told == asked)
    assert shape(found.output) == shape(request.output)
    assert found.stream is request.stream
    stop = None if name == "openai_responses" else request.sampling.stop  # it has none
    assert found.sampling == msgspec.structs.replace(request.sampling, stop=stop, other=found.sampling.other)


def renderer(name: str, stream: bool) -> Any:
    request = ChatRequest("m", [Message("user", [Text("hi")])], stream, sampling=Sampling(max_tokens=99))
    outgoing = calling(name).build(request, "m", DIALECT)
    found = incoming(name, outgoing.body, stream)
    found.neutral(SERVED, {})
    return SERVINGS[name].renderer(found, RenderContext("m", Clock(), 0.0)), request


def told(name: str, answer: Answer) -> Any:
    parts = said([Message("assistant", answer.parts)])
    if name in ("gemini", "ollama"):  # a call's id may be the format's own
        parts = [(role, kind, what[1:] if kind == "call" else what) for role, kind, what in parts]
    usage = answer.usage or Usage()
    return parts, answer.finish, usage.input, usage.output


@pytest.mark.parametrize("name", BOTH)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(answer=answers())
def test_a_whole_answer_means_what_it_meant(name: str, answer: Answer) -> None:
    writer, request = renderer(name, False)
    found = calling(name).whole(request, writer.whole(answer, 1.0), DIALECT)
    assert isinstance(found, Answer)
    assert told(name, found) == told(name, answer)


@pytest.mark.parametrize("name", BOTH)
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(answer=answers(), data=st.data())
def test_a_streamed_answer_means_what_it_meant_wherever_it_is_cut(name: str, answer: Answer, data: Any) -> None:
    writer, request = renderer(name, True)
    wire = b"".join(writer.events([event], 1.0) for event in played(answer)) + writer.end(2.0)
    cut = data.draw(st.integers(0, len(wire)))
    reader = calling(name).reader(request, DIALECT)
    events = [*reader.feed(wire[:cut]), *reader.feed(wire[cut:]), *reader.close()]
    assert reader.complete
    assert told(name, gathered(events)) == told(name, answer)


def played(answer: Answer) -> list[Event]:
    """The events of which the answer is made."""
    events: list[Event] = [Start("x", "m", 1)]
    calls = 0
    for part in answer.parts:
        match part:
            case Text(text):
                events += [TextDelta(text[:1]), *([TextDelta(text[1:])] if text[1:] else [])]
            case Reasoning(text):
                events.append(ReasoningDelta(text))
            case ToolCall(id_, name, arguments):
                events.append(ToolCallStart(calls, id_, name))
                events += [
                    ToolCallDelta(calls, arguments[:2]),
                    *([ToolCallDelta(calls, arguments[2:])] * bool(arguments[2:])),
                ]
                calls += 1
            case _:
                raise AssertionError(part)
    assert answer.finish is not None
    return [*events, UsageUpdate(answer.usage), Finish(answer.finish)]
