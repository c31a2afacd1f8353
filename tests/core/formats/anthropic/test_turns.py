"""A neutral conversation as turns that the API takes."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    Audio,
    Bytes,
    Document,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    RedactedReasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.anthropic.turns import lay_down
from ollamux.formats.identifiers import Names

PATTERN = re.compile(r"[a-zA-Z0-9_-]+")


def user(*parts: Part) -> Message:
    return Message("user", list(parts))


def assistant(*parts: Part) -> Message:
    return Message("assistant", list(parts))


def system(text: str) -> Message:
    return Message("system", [Text(text)])


def tool(*parts: Part) -> Message:
    return Message("tool", list(parts))


def result(call_id: str, text: str = "r", **more: Any) -> ToolResult:
    return ToolResult(call_id, [Text(text)] if text else [], **more)


def call(call_id: str, name: str = "f", arguments: str = "{}") -> ToolCall:
    return ToolCall(call_id, name, arguments)


def laid(*messages: Message, system_turns: bool = False) -> tuple[list[Any], list[tuple[str, list[Any]]], list[str]]:
    warnings: list[str] = []
    ids, names = Names(PATTERN, 256), Names(PATTERN, 64)
    found = lay_down(ChatRequest("m", list(messages)), ids, names, system_turns, warnings)
    told = json.loads(msgspec.json.encode([(turn.role, turn.blocks) for turn in found.turns]))
    return found.system, [(role, blocks) for role, blocks in told], warnings


def turns(*messages: Message) -> list[tuple[str, list[str]]]:
    """The turns as roles and short words for their blocks."""
    short = {"text": "text", "tool_use": "id", "tool_result": "tool_use_id", "thinking": "thinking"}
    return [
        (role, [f"{block['type']}:{block.get(short.get(block['type'], ''), '')}" for block in blocks])
        for role, blocks in laid(*messages)[1]
    ]


def test_turns_of_one_role_are_one_turn() -> None:
    assert turns(user(Text("a")), user(Text("b")), assistant(Text("c"), Refusal("d"))) == [
        ("user", ["text:a", "text:b"]),
        ("assistant", ["text:c", "text:d"]),
    ]


def test_empty_texts_are_left_out_beside_calls_and_everywhere() -> None:
    assert turns(user(Text("a"), Text("  ")), assistant(Text(""), call("x")), tool(result("x"))) == [
        ("user", ["text:a"]),
        ("assistant", ["tool_use:x"]),
        ("user", ["tool_result:x"]),
    ]


@pytest.mark.parametrize("messages", [[], [user(Text(""))], [user()], [system("x")], [assistant(Text("x"))]])
def test_a_conversation_in_which_no_user_says_anything_is_refused(messages: list[Message]) -> None:
    with pytest.raises(InvalidRequest, match="must not be empty"):
        laid(*messages)


def test_all_results_of_a_turn_are_one_turn_in_the_order_of_the_calls() -> None:
    found = turns(user(Text("q")), assistant(call("x"), call("y")), tool(result("y")), tool(result("x")))
    assert found[-1] == ("user", ["tool_result:x", "tool_result:y"])


def test_results_come_first_in_their_turn_and_a_late_one_comes_back_to_its_place() -> None:
    assert turns(
        user(Text("q")),
        assistant(call("x")),
        user(Text("wait")),
        assistant(Text("hm")),
        tool(result("x")),
        user(Text("so")),
    ) == [
        ("user", ["text:q"]),
        ("assistant", ["tool_use:x"]),
        ("user", ["tool_result:x", "text:wait"]),
        ("assistant", ["text:hm"]),
        ("user", ["text:so"]),
    ]


def test_calls_are_the_last_of_their_turn() -> None:
    found = turns(user(Text("q")), assistant(call("x"), Text("after")), assistant(Text("more")), tool(result("x")))
    assert found[1] == ("assistant", ["text:after", "text:more", "tool_use:x"])


def test_a_call_without_any_result_is_refused_by_its_id() -> None:
    with pytest.raises(InvalidRequest, match="'lost' has no result"):
        laid(user(Text("q")), assistant(call("x"), call("lost")), tool(result("x")), user(Text("so")))


def test_a_result_of_no_call_is_refused_by_its_id() -> None:
    for part in (result("odd"), result("", name="f")):
        with pytest.raises(InvalidRequest, match="answers no tool call"):
            laid(user(Text("q")), tool(part))


def test_results_without_ids_belong_to_calls_by_name_and_by_order() -> None:
    found = turns(
        user(Text("q")),
        assistant(call("", "f"), call("", "g"), call("", "h")),
        tool(ToolResult("", [Text("of g")], "g")),
        tool(ToolResult("", [Text("of f")])),
        tool(ToolResult("", [Text("of h")])),
    )
    assert found[1:] == [
        ("assistant", ["tool_use:call_1_0", "tool_use:call_1_1", "tool_use:call_1_2"]),
        ("user", ["tool_result:call_1_0", "tool_result:call_1_1", "tool_result:call_1_2"]),
    ]
    blocks = laid(
        user(Text("q")),
        assistant(call("", "f"), call("", "g")),
        tool(ToolResult("", [Text("of g")], "g")),
        tool(ToolResult("", [Text("of f")])),
    )[1][-1][1]
    assert [block["content"] for block in blocks] == ["of f", "of g"]


def test_ids_that_begin_anew_in_each_turn_are_told_apart() -> None:
    found = turns(
        user(Text("q")),
        assistant(call("call_0")),
        tool(result("call_0")),
        assistant(call("call_0")),
        tool(result("call_0")),
    )
    assert [blocks for _, blocks in found[1:]] == [
        ["tool_use:call_0"],
        ["tool_result:call_0"],
        ["tool_use:call_0_3_0"],
        ["tool_result:call_0_3_0"],
    ]


def test_two_results_of_one_call_are_one() -> None:
    blocks = laid(user(Text("q")), assistant(call("x")), tool(result("x", "a"), result("x", "b")))[1][-1][1]
    assert [[part["text"] for part in block["content"]] for block in blocks] == [["a", "b"]]


def test_an_id_that_the_api_does_not_take_is_changed_alike_in_call_and_result() -> None:
    found = laid(user(Text("q")), assistant(call("functions.Bash:0")), tool(result("functions.Bash:0")))[1]
    assert found[1][1][0]["id"] == found[2][1][0]["tool_use_id"] != "functions.Bash:0"
    assert PATTERN.fullmatch(found[1][1][0]["id"])


def test_a_result_has_its_content_its_error_and_its_mark() -> None:
    picture = Image(Bytes("iVBORw0KGgo=", "image/png"))
    parts: list[Part] = [Text("seen"), picture, Document(Url("https://x"), "t")]
    message = tool(ToolResult("x", parts, "f", True, "1h"), ToolResult("y", [], "f"))
    one, two = laid(user(Text("q")), assistant(call("x"), call("y")), message)[1][-1][1]
    assert [block["type"] for block in one["content"]] == ["text", "image", "document"]
    assert (one["is_error"], one["cache_control"]) == (True, {"type": "ephemeral", "ttl": "1h"})
    assert two == {"type": "tool_result", "tool_use_id": "y"}


def test_pictures_beside_a_result_follow_it() -> None:
    found = turns(user(Text("q")), assistant(call("x")), tool(result("x"), Image(Url("https://x"))))
    assert found[-1] == ("user", ["tool_result:x", "image:"])


@pytest.mark.parametrize(
    ("arguments", "given_"),
    [
        ('{"a": 1.50}', b'{"a": 1.50}'),
        ("", b"{}"),
        ('{"a":1}{"b":2}', b'{"_raw":"{\\"a\\":1}{\\"b\\":2}"}'),
        ('{"a":', b'{"_raw":"{\\"a\\":"}'),
        ("[1]", b'{"_raw":"[1]"}'),
    ],
)
def test_arguments_are_an_object_and_what_is_none_is_kept_as_text(arguments: str, given_: bytes) -> None:
    warnings: list[str] = []
    messages = [user(Text("q")), assistant(call("x", "f", arguments)), tool(result("x"))]
    found = lay_down(ChatRequest("m", messages), Names(PATTERN, 64), Names(PATTERN, 64), False, warnings)
    assert msgspec.json.encode(found.turns[1].blocks[0]["input"]) == given_
    assert bool(warnings) == (b"_raw" in given_)


def test_thinking_that_this_format_signed_goes_back_byte_for_byte_and_no_other() -> None:
    signed, foreign = Opaque("anthropic", "EqQ="), Opaque("gemini", "x")
    _, found, warnings = laid(
        user(Text("q")),
        assistant(
            Reasoning("", signed),
            Reasoning("t ", signed),
            Reasoning("unsigned"),
            Reasoning("foreign", foreign),
            RedactedReasoning(Opaque("anthropic", "r")),
            RedactedReasoning(foreign),
            Text("a"),
            call("x"),
        ),
        tool(result("x")),
    )
    assert found[1][1][:-1] == [
        {"type": "thinking", "thinking": "", "signature": "EqQ="},
        {"type": "thinking", "thinking": "t ", "signature": "EqQ="},
        {"type": "redacted_thinking", "data": "r"},
        {"type": "text", "text": "a"},
    ]
    assert warnings == ["earlier thinking that this backend did not sign was left out"]


def test_the_first_system_messages_are_the_system_prompt() -> None:
    prompt, found, _ = laid(system("a"), Message("system", [Text("b", "5m"), Text("")]), user(Text("q")))
    assert prompt == [
        {"type": "text", "text": "a"},
        {"type": "text", "text": "b", "cache_control": {"type": "ephemeral"}},
    ]
    assert found == [("user", [{"type": "text", "text": "q"}])]


def test_a_system_message_in_the_middle_stays_where_it_may_and_never_becomes_an_assistants() -> None:
    messages = [system("a"), user(Text("q")), system("now"), assistant(Text("b")), system("late"), user(Text("c"))]
    prompt, found, _ = laid(*messages, system_turns=True)
    assert [role for role, _ in found] == ["user", "system", "assistant", "user"]
    assert [block["text"] for block in prompt] == ["a", "late"]
    prompt, found, _ = laid(*messages)
    assert [role for role, _ in found] == ["user", "assistant", "user"]
    assert [block["text"] for block in prompt] == ["a", "now", "late"]


def test_an_answer_to_go_on_with_ends_without_white_space() -> None:
    assert turns(user(Text("q")), assistant(Text("The answer is "))) == [
        ("user", ["text:q"]),
        ("assistant", ["text:The answer is"]),
    ]


def test_a_sound_is_refused_and_an_assistants_picture_left_out() -> None:
    with pytest.raises(InvalidRequest, match="sounds"):
        laid(user(Audio(Bytes("AA=="), "wav")))
    _, found, warnings = laid(user(Text("q")), assistant(Image(Url("https://x")), Text("a")))
    assert [block["type"] for block in found[1][1]] == ["text"] and len(warnings) == 1


PARTS = st.one_of(
    st.builds(Text, st.sampled_from(["", " ", "a"])),
    st.builds(ToolCall, st.sampled_from(["", "x", "y.z"]), st.sampled_from(["f", "g"]), st.just("{}")),
    st.builds(Reasoning, st.just("t"), st.none() | st.just(Opaque("anthropic", "s"))),
)
RESULTS = st.builds(ToolResult, st.sampled_from(["", "x", "y.z"]), st.just([]), st.sampled_from(["", "f", "g"]))
MESSAGES = st.one_of(
    st.builds(Message, st.just("assistant"), st.lists(PARTS, max_size=3)),
    st.builds(Message, st.just("tool"), st.lists(RESULTS, min_size=1, max_size=2)),
    st.builds(Message, st.sampled_from(["user", "system"]), st.lists(st.builds(Text, st.just("u")), max_size=2)),
)


@given(messages=st.lists(MESSAGES, max_size=8), system_turns=st.booleans())
def test_whatever_is_laid_down_keeps_the_rules_of_the_api(messages: list[Message], system_turns: bool) -> None:
    try:
        found = laid(*messages, system_turns=system_turns)[1]
    except InvalidRequest:
        return
    expected: list[str] = []
    seen: set[str] = set()
    before = ""
    for role, blocks in found:
        assert role != before and blocks
        before = role
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        assert [block["type"] for block in blocks[: len(results)]] == ["tool_result"] * len(results)
        assert results == expected
        calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        assert [block["type"] for block in blocks[len(blocks) - len(calls) :]] == ["tool_use"] * len(calls)
        assert not seen & set(calls) and len(set(calls)) == len(calls)
        seen |= set(calls)
        expected = calls
        assert all(block["text"].strip() for block in blocks if block["type"] == "text")
    assert expected == []
