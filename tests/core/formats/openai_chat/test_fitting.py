"""Ids and names that a server of this format would refuse."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from ollamux.chat import ChatRequest, PlainMessages
from ollamux.conversation import (
    Answer,
    Finish,
    Message,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    ToolChoice,
    ToolResult,
)
from ollamux.formats.base import Dialect
from ollamux.formats.openai_chat.fitting import NamedReader, fitted, named, names_of
from ollamux.formats.openai_chat.reading import ChatReader

NINE = Dialect(call_ids=9)
SHORT = Dialect(tool_names=64)


def history(id_: str, name: str) -> ChatRequest:
    messages = [
        Message("user", [Text("q")]),
        Message("assistant", [Text("a"), ToolCall(id_, name, '{"x":1}')]),
        Message("tool", [ToolResult(id_, [Text("1")], name)]),
    ]
    return ChatRequest("m", messages, tools=(Tool(name), Tool("other")), tool_choice=ToolChoice("named", name))


def calls_of(request: ChatRequest) -> tuple[ToolCall, ToolResult]:
    call, result = request.messages[1].parts[1], request.messages[2].parts[0]
    assert isinstance(call, ToolCall) and isinstance(result, ToolResult)
    return call, result


def test_what_fits_is_not_touched() -> None:
    request = history("a1b2c3d4e", "get_weather")
    assert fitted(request, SHORT) is request
    assert fitted(request, Dialect()) is request
    assert fitted(request, NINE) == request
    plain = ChatRequest("m", PlainMessages(b'[{"role":"user","content":"q"}]'), tools=(Tool("f"),))
    assert fitted(plain, Dialect(call_ids=9, tool_names=64)) is plain


@given(st.text(min_size=1))
def test_ids_have_the_length_and_the_signs_that_the_server_takes_alike_in_call_and_result(id_: str) -> None:
    request = history(id_, "f")
    call, result = calls_of(fitted(request, NINE))
    assert re.fullmatch("[a-zA-Z0-9]{9}", call.id) and call.id == result.call_id
    assert calls_of(fitted(request, NINE))[0].id == call.id
    assert call.arguments == '{"x":1}'


def test_results_without_ids_stay_without() -> None:
    call, result = calls_of(fitted(history("", "f"), NINE))
    assert (call.id, result.call_id) == ("", "")


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_names_are_changed_alike_everywhere_and_found_again(name: str) -> None:
    request = history("c", name)
    sent = fitted(request, SHORT)
    call, result = calls_of(sent)
    alias = sent.tools[0].name
    assert re.fullmatch("[a-zA-Z0-9_-]{1,64}", alias)
    assert (call.name, result.name, sent.tool_choice) == (alias, alias, ToolChoice("named", alias))
    names = names_of(request, SHORT)
    if names is None:
        assert alias == name
        return
    answer = named(Answer([Text("a"), ToolCall("c", alias, "{}")], "tool_calls"), names)
    assert answer == Answer([Text("a"), ToolCall("c", name, "{}")], "tool_calls")


def test_the_tools_that_are_allowed_have_the_same_names() -> None:
    request = ChatRequest(
        "m", [Message("user", [Text("q")])], tools=(Tool("a.b"),), tool_choice=ToolChoice("auto", None, ("a.b",))
    )
    sent = fitted(request, SHORT)
    assert sent.tool_choice == ToolChoice("auto", None, (sent.tools[0].name,)) and sent.tools[0].name != "a.b"


def test_a_stream_tells_the_clients_own_names() -> None:
    request = history("c", "a.b")
    names = names_of(request, SHORT)
    assert names is not None
    reader = NamedReader(ChatReader(("reasoning",)), names)
    call = b'{"index":0,"id":"x","function":{"name":"%b","arguments":"{}"}}' % names.out("a.b").encode()
    events = reader.feed(b'data: {"choices":[{"delta":{"tool_calls":[' + call + b"]}}]}\n\n")
    assert ToolCallStart(0, "x", "a.b") in events and not reader.complete
    assert reader.texts(ToolCallDelta(0, "{}")) == ["{}"] and reader.texts(TextDelta("a")) is None
    events = reader.feed(b'data: {"choices":[{"delta":{},"finish_reason":"tool_calls"}]}\n\n') + reader.close()
    assert Finish("tool_calls", "tool_calls") in events and reader.complete
