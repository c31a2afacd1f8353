"""Histories as clients of OpenAI's chats send them, and what other formats are built from them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.chat import ChatRequest
from ollamux.conversation import Message, Opaque, Reasoning, Text, ToolCall, ToolChoice, ToolResult
from ollamux.errors import InvalidRequest
from ollamux.formats import calling
from ollamux.formats.base import Dialect, Served
from ollamux.formats.openai_chat.incoming import read_route

SERVED = Served("m", "m", frozenset())
USER = {"role": "user", "content": "hi"}


def neutral(*messages: dict[str, Any], **more: Any) -> ChatRequest:
    return read_route(json.dumps({"model": "m", "messages": [*messages], **more}).encode()).neutral(SERVED, {})


def ollama(*messages: dict[str, Any]) -> list[dict[str, Any]]:
    outgoing = calling("ollama").build(neutral(*messages), "up", Dialect())
    found: list[dict[str, Any]] = json.loads(outgoing.body)["messages"]
    return found


def called(arguments: Any = '{"a":1}', id_: str | None = "c", **more: Any) -> dict[str, Any]:
    call = {"id": id_, "type": "function", "function": {"name": "f", "arguments": arguments}, **more}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


RESULT = {"role": "tool", "tool_call_id": "c", "content": "42"}


def test_arguments_are_text_here_and_an_object_for_ollama() -> None:
    """And the other way round, a text again."""
    history = (USER, called('{"b": 1, "a": 12345678901234567890}'), RESULT)
    assert ollama(*history)[1]["tool_calls"][0]["function"]["arguments"] == {"b": 1, "a": 12345678901234567890}
    again = calling("openai_chat").build(neutral(*history), "up", Dialect())
    sent = json.loads(again.body)["messages"][1]["tool_calls"][0]["function"]["arguments"]
    assert sent == '{"b": 1, "a": 12345678901234567890}'


def test_a_list_of_texts_beside_calls_is_one_text_for_ollama_and_the_calls_stay() -> None:
    said = called() | {"content": [{"type": "text", "text": "let me"}, {"type": "text", "text": "look"}]}
    turn = ollama(USER, said, RESULT)[1]
    assert turn["content"] == "let me\nlook" and turn["tool_calls"][0]["function"]["name"] == "f"


@pytest.mark.parametrize("arguments", ['{"a":1}{"b":2}', '{"a":', "[1]", "5"])
def test_arguments_that_are_no_object_are_kept_as_they_are(arguments: str) -> None:
    """Never an empty object in silence."""
    assert neutral(USER, called(arguments), RESULT).messages[1].parts == [ToolCall("c", "f", arguments)]
    turn = ollama(USER, called(arguments), RESULT)[1]
    assert turn["tool_calls"][0]["function"]["arguments"] == {"_raw": arguments}


@pytest.mark.parametrize("arguments", ["", " ", None, "null"])
def test_no_arguments_are_an_empty_object(arguments: str | None) -> None:
    assert neutral(USER, called(arguments), RESULT).messages[1].parts == [ToolCall("c", "f", "{}")]


def test_arguments_that_are_no_text_at_all_are_refused() -> None:
    body = json.dumps({"model": "m", "messages": [USER, called("@")]}).replace('"@"', '"\\ud800"')
    with pytest.raises(InvalidRequest):
        read_route(body.encode()).neutral(SERVED, {})


@pytest.mark.parametrize("content", ["", None])
def test_no_text_beside_a_call_is_no_part(content: str | None) -> None:
    message = neutral(USER, called() | {"content": content}, RESULT).messages[1]
    assert [type(part) for part in message.parts] == [ToolCall]


@pytest.mark.parametrize(
    "history", [(USER, called()), (USER, called(), USER), (USER, called(), {**RESULT, "tool_call_id": "d"})]
)
def test_a_call_that_nobody_answered_is_refused_by_its_id(history: tuple[dict[str, Any], ...]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        neutral(*history)
    assert "'c'" in caught.value.message and caught.value.param == "messages[1].tool_calls"


@pytest.mark.parametrize(
    "history",
    [
        (USER, called(), {"role": "tool", "content": "42"}),
        (USER, called(), {"role": "system", "content": "x"}, RESULT),
        (USER, called(id_=None)),
    ],
)
def test_results_without_an_id_and_calls_without_one_pair_by_order(history: tuple[dict[str, Any], ...]) -> None:
    assert neutral(*history).messages


def test_system_prompts_and_developers_stay_in_their_places() -> None:
    """And never become the assistant."""
    history = [USER, {"role": "developer", "content": "a"}, USER, {"role": "system", "content": "b"}]
    assert [message.role for message in neutral(*history).messages] == ["user", "system", "user", "system"]
    assert [turn["role"] for turn in ollama(*history)] == ["user", "system", "user", "system"]


@pytest.mark.parametrize("field", ["reasoning", "reasoning_content"])
def test_thinking_is_read_under_either_name_and_once(field: str) -> None:
    assert neutral({"role": "assistant", "content": "a", field: "hm"}).messages[0].parts == [Reasoning("hm"), Text("a")]
    both = {"role": "assistant", "content": "a", "reasoning": "hm", "reasoning_content": "hm"}
    assert neutral(both).messages[0].parts == [Reasoning("hm"), Text("a")]


def test_what_clients_add_of_their_own_is_passed_over() -> None:
    history = (USER, called(index=0) | {"provider_specific_fields": {"x": 1}}, {**RESULT, "name": "f"})
    assert neutral(*history).messages[2] == Message("tool", [ToolResult("c", [Text("42")], "f")])


def test_the_signature_of_a_call_comes_back_with_it() -> None:
    told = called(extra_content={"google": {"thought_signature": "s"}})
    assert neutral(USER, told, RESULT).messages[1].parts == [ToolCall("c", "f", '{"a":1}', Opaque("gemini", "s"))]


def test_the_old_way_to_call_is_read_as_well() -> None:
    old = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
    history = (USER, old, {"role": "function", "name": "f", "content": "42"})
    found = neutral(*history).messages
    assert found[1].parts == [ToolCall("call_1_0", "f", "{}")]
    assert found[2] == Message("tool", [ToolResult("", [Text("42")], "f")])


def test_a_call_that_is_no_function_is_refused() -> None:
    custom = {"id": "c", "type": "custom", "custom": {"name": "x", "input": "y"}}
    with pytest.raises(InvalidRequest, match="custom"):
        neutral(USER, {"role": "assistant", "tool_calls": [custom]}, RESULT)


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_a_choice_among_allowed_tools(mode: str) -> None:
    tools = [{"type": "function", "function": {"name": "f"}}, {"type": "function", "name": "g"}]
    told = {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": tools}}
    choice = neutral(USER, tool_choice=told).tool_choice
    assert choice is not None and (choice.mode, choice.allowed) == (mode, ("f", "g"))
    assert neutral(USER, tool_choice="none").tool_choice == ToolChoice("none")


@pytest.mark.parametrize(
    "told",
    [
        {"type": "allowed_tools"},
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": ["f"]}},
        {"type": "allowed_tools", "allowed_tools": {"mode": "none", "tools": [{"type": "function", "name": "g"}]}},
        {"type": "custom", "custom": {"name": "f"}},
    ],
)
def test_a_choice_that_cannot_be_read_is_refused(told: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        neutral(USER, tool_choice=told)
    assert caught.value.param == "tool_choice"
