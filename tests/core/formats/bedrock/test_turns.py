"""Conversations as turns."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.aws import checked

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    Bytes,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    RedactedReasoning,
    Refusal,
    Role,
    Text,
    ToolCall,
    ToolResult,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.base import Dialect, Outgoing
from ollamux.formats.bedrock.building import build_chat

CLAUDE, LLAMA = "anthropic.claude-opus-4-6-v1", "meta.llama3-70b-instruct-v1:0"
PNG = "iVBORw0KGgoAAAAA"


def say(role: Role, *parts: Part | str) -> Message:
    return Message(role, [Text(part) if isinstance(part, str) else part for part in parts])


def call(id_: str = "c", name: str = "f", arguments: str = "{}") -> ToolCall:
    return ToolCall(id_, name, arguments)


def result(id_: str = "c", text: str = "done", name: str = "") -> ToolResult:
    return ToolResult(id_, [Text(text)], name)


def built(*messages: Message, model: str = CLAUDE) -> Outgoing:
    outgoing = build_chat(ChatRequest("m", list(messages)), model, Dialect())
    checked(outgoing, model)
    return outgoing


def turns(*messages: Message, model: str = CLAUDE) -> list[tuple[str, list[dict[str, Any]]]]:
    body = checked(built(*messages, model=model), model)
    return [(turn["role"], turn["content"]) for turn in body["messages"]]


def ids(content: list[dict[str, Any]]) -> list[str]:
    return [block.get("toolUse", block.get("toolResult", {})).get("toolUseId", "") for block in content]


def test_sides_alternate() -> None:
    found = turns(say("user", "a"), say("user", "b"), say("assistant", "c"), say("assistant", "d"), say("user", "e"))
    assert found == [
        ("user", [{"text": "a"}, {"text": "b"}]),
        ("assistant", [{"text": "c"}, {"text": "d"}]),
        ("user", [{"text": "e"}]),
    ]


def test_system_prompts_stand_in_front_and_never_become_the_assistants() -> None:
    outgoing = built(say("system", "one"), say("system", "two", " "), say("user", "a"))
    assert checked(outgoing, CLAUDE)["system"] == [{"text": "one"}, {"text": "two"}] and outgoing.warnings == ()
    outgoing = built(say("user", "a"), say("system", "late"), say("user", "b"))
    body = checked(outgoing, CLAUDE)
    assert body["system"] == [{"text": "late"}] and len(body["messages"]) == 1
    assert outgoing.warnings == ("system prompts were moved to the front",)


def test_a_system_prompt_may_end_a_cache() -> None:
    outgoing = built(Message("system", [Text("s", cache="1h")]), say("user", "a"))
    assert checked(outgoing, CLAUDE)["system"][1] == {"cachePoint": {"type": "default", "ttl": "1h"}}


@pytest.mark.parametrize("text", ["", " ", "\n\t"])
def test_blank_texts_are_left_out(text: str) -> None:
    """A client sends an empty content beside its calls."""
    found = turns(say("user", "x"), say("assistant", text, call()), say("tool", result()), say("user", text))
    assert found[1] == ("assistant", [{"toolUse": {"toolUseId": "c", "name": "f", "input": {}}}])
    assert len(found) == 3 and len(found[2][1]) == 1


def test_a_blank_turn_between_two_of_one_side_makes_one_of_them() -> None:
    assert turns(say("user", "a"), say("assistant", ""), say("user", "b")) == [("user", [{"text": "a"}, {"text": "b"}])]


@pytest.mark.parametrize("messages", [[], [say("user", "")], [say("system", "s")], [say("assistant", " ")]])
def test_a_request_without_a_message_is_refused(messages: list[Message]) -> None:
    with pytest.raises(InvalidRequest, match="no message with anything in it"):
        built(*messages)


def test_results_of_one_turn_are_one_turn_in_the_order_of_the_calls_and_stand_first() -> None:
    """Two messages of tools one after the other."""
    found = turns(
        say("user", "x"),
        say("assistant", call("a"), call("b")),
        say("user", "meanwhile"),
        say("tool", result("b", "two")),
        say("tool", result("a", "one")),
        say("user", "go on"),
    )
    assert [role for role, _ in found] == ["user", "assistant", "user"]
    assert ids(found[2][1]) == ["a", "b", "", ""]
    assert found[2][1][2:] == [{"text": "meanwhile"}, {"text": "go on"}]


def test_results_without_ids_belong_to_the_calls_by_name_or_by_order() -> None:
    """As many results as calls."""
    calls = say("assistant", call("a", "f"), call("b", "g"))
    by_order = turns(say("user", "x"), calls, say("tool", result("", "1")), say("tool", result("", "2")))
    assert [block["toolResult"]["content"] for block in by_order[2][1]] == [[{"text": "1"}], [{"text": "2"}]]
    by_name = turns(say("user", "x"), calls, say("tool", result("", "2", "g")), say("tool", result("", "1", "f")))
    assert by_name == by_order


def test_calls_stand_last_in_their_turn() -> None:
    results = say("tool", result("a"), result("b"))
    found = turns(say("user", "x"), say("assistant", call("a"), "now", call("b")), results)
    assert ids(found[1][1]) == ["", "a", "b"]


@pytest.mark.parametrize(
    "messages",
    [
        [say("assistant", call("lost")), say("user", "go on")],
        [say("assistant", call("lost"))],
        [say("assistant", call("lost")), say("user", "")],
        [say("assistant", call("kept"), call("lost")), say("tool", result("kept")), say("assistant", "so")],
        [say("assistant", call("lost")), say("user", "x"), say("assistant", "y"), say("tool", result("lost"))],
    ],
)
def test_a_call_without_a_result_is_refused_with_its_id(messages: list[Message]) -> None:
    with pytest.raises(InvalidRequest, match="the tool call 'lost' has no result"):
        built(say("user", "x"), *messages)


@pytest.mark.parametrize(
    "messages",
    [
        [say("tool", result("stray"))],
        [say("assistant", call("a")), say("tool", result("a"), result("stray"))],
        [say("assistant", call("stray")), say("tool", result("stray"), result("stray"))],
    ],
)
def test_a_result_without_a_call_is_refused_with_its_id(messages: list[Message]) -> None:
    with pytest.raises(InvalidRequest, match="the result 'stray' answers no tool call"):
        built(say("user", "x"), *messages)


@pytest.mark.parametrize("arguments", ['{"a":1}{"b":2}', '{"a":', "[1]", "7", '"x"', "null", "[" * 100000])
def test_arguments_that_are_no_object_go_as_text_with_a_warning(arguments: str) -> None:
    outgoing = built(say("user", "x"), say("assistant", call("c", "f", arguments)), say("tool", result()))
    assert checked(outgoing, CLAUDE)["messages"][1]["content"][0]["toolUse"]["input"] == {"_raw": arguments}
    assert any("arguments that are no JSON object" in warning for warning in outgoing.warnings)


def test_arguments_keep_their_bytes() -> None:
    arguments = '{"z": 1.50, "a":12345678901234567890123, "z2":"\\u00fc"}'
    outgoing = build_chat(
        ChatRequest("m", [say("user", "x"), say("assistant", call("c", "f", arguments)), say("tool", result())]),
        CLAUDE,
        Dialect(),
    )
    assert arguments.encode() in outgoing.body


@pytest.mark.parametrize("arguments", ["", " "])
def test_no_arguments_are_an_empty_object(arguments: str) -> None:
    found = turns(say("user", "x"), say("assistant", call("c", "f", arguments)), say("tool", result()))
    assert found[1][1][0]["toolUse"]["input"] == {}


LONG = "call_" + "x" * 78


@pytest.mark.parametrize("id_", [LONG, "functions.Bash:0", "with space", "", "\u00fc"])
def test_an_id_that_is_too_long_or_has_other_signs_is_mapped_alike_in_call_and_result(id_: str) -> None:
    found = turns(say("user", "x"), say("assistant", call(id_)), say("tool", result(id_)))
    assert ids(found[1][1]) == ids(found[2][1]) and ids(found[1][1]) != [id_]
    assert found == turns(say("user", "x"), say("assistant", call(id_)), say("tool", result(id_)))


def test_an_id_that_is_allowed_is_left_alone() -> None:
    assert ids(
        turns(say("user", "x"), say("assistant", call("toolu_01-A")), say("tool", result("toolu_01-A")))[1][1]
    ) == ["toolu_01-A"]
    kimi = "functions.Bash:0"
    found = turns(
        say("user", "x"), say("assistant", call(kimi)), say("tool", result(kimi)), model="moonshotai.kimi-k2.5"
    )
    assert ids(found[1][1]) == [kimi]


def test_an_id_that_comes_again_in_a_later_turn_is_told_apart() -> None:
    again = [say("assistant", call("call_0")), say("tool", result("call_0"))]
    found = turns(say("user", "x"), *again, *again, *again)
    told = [ids(content)[0] for _, content in found[1:]]
    assert told[0::2] == told[1::2] and len(set(told)) == 3 and told[0] == "call_0"


def test_two_calls_of_one_turn_with_one_id_are_answered_in_order() -> None:
    found = turns(say("user", "x"), say("assistant", call(), call()), say("tool", result("c", "1"), result("c", "2")))
    assert ids(found[1][1]) == ids(found[2][1]) and len(set(ids(found[1][1]))) == 2
    assert [block["toolResult"]["content"][0]["text"] for block in found[2][1]] == ["1", "2"]


@given(st.lists(st.text(max_size=80), min_size=1, max_size=6))
def test_whatever_ids_a_client_uses_calls_and_results_meet(names: list[str]) -> None:
    messages = [say("user", "x"), say("assistant", *(call(name) for name in names))]
    messages.append(say("tool", *(result(name, str(at)) for at, name in enumerate(names))))
    found = turns(*messages)
    assert ids(found[1][1]) == ids(found[2][1]) and len(set(ids(found[1][1]))) == len(names)


def test_signed_thoughts_go_back_to_a_claude_as_they_were_even_empty_ones() -> None:
    thought = Reasoning("", Opaque("anthropic", "sig==", "claude"))
    (_, content) = turns(say("user", "x"), say("assistant", thought, "y"), say("user", "z"))[1]
    assert content[0] == {"reasoningContent": {"reasoningText": {"text": "", "signature": "sig=="}}}


def test_sealed_thoughts_go_back_to_where_they_came_from() -> None:
    sealed = RedactedReasoning(Opaque("bedrock", "c2VhbGVk"))
    (_, content) = turns(say("user", "x"), say("assistant", sealed, "y"), say("user", "z"))[1]
    assert content[0] == {"reasoningContent": {"redactedContent": "c2VhbGVk"}}


@pytest.mark.parametrize(
    ("thought", "model"),
    [
        (Reasoning("hm"), CLAUDE),
        (Reasoning("hm", Opaque("gemini", "s")), CLAUDE),
        (Reasoning("hm", Opaque("anthropic", "s")), LLAMA),
        (RedactedReasoning(Opaque("anthropic", "s")), CLAUDE),
        (RedactedReasoning(Opaque("bedrock", "cw==")), LLAMA),
    ],
)
def test_thoughts_that_the_model_would_not_know_again_are_left_out(thought: Part, model: str) -> None:
    found = turns(say("user", "x"), say("assistant", thought, "y"), say("user", "z"), model=model)
    assert found[1] == ("assistant", [{"text": "y"}])


@pytest.mark.parametrize("thought", [Reasoning("hm", Opaque("gemini", "s")), RedactedReasoning(Opaque("gemini", "s"))])
def test_a_thought_that_another_signed_is_missed_and_one_that_nobody_signed_is_not(thought: Part) -> None:
    missed = built(say("user", "x"), say("assistant", thought, "y"), say("user", "z"))
    assert missed.warnings == ("the backend does not take these: signed thinking of another model",)
    assert built(say("user", "x"), say("assistant", Reasoning("hm"), "y"), say("user", "z")).warnings == ()


def test_what_has_no_place_on_a_side_is_left_out_with_a_warning() -> None:
    picture = Image(Bytes(PNG))
    outgoing = built(
        say("system", "s", picture),
        say("user", "x", call("u"), Reasoning("hm")),
        say("assistant", picture, Refusal("I will not")),
        say("user", "y"),
    )
    assert outgoing.warnings == (
        "the backend does not take these: pictures and files in a system prompt, thoughts and calls of the user, "
        "pictures and files of the assistant",
    )
    assert checked(outgoing, CLAUDE)["messages"][1]["content"] == [{"text": "I will not"}]
