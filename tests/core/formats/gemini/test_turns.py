"""Messages as Gemini's contents."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

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
    Tool,
    ToolCall,
    ToolResult,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.gemini.functions import function_names
from ollamux.formats.gemini.signatures import SKIP
from ollamux.formats.gemini.turns import Contents, knows_levels

OURS = Opaque("gemini", "c2ln")
THEIRS = Opaque("anthropic", "sig", "claude")
PIXEL = Image(Bytes("AAAA", "image/png"))


def message(role: Role, *parts: Part) -> Message:
    return Message(role, list(parts))


def built(*messages: Message, model: str = "gemini-3-pro") -> Contents:
    contents = Contents(model, function_names(ChatRequest("m", list(messages), tools=(Tool("f"),))))
    for one in messages:
        contents.add(one)
    contents.close()
    return contents


def made(*messages: Message, model: str = "gemini-3-pro") -> list[Any]:
    found: list[Any] = json.loads(msgspec.json.encode(built(*messages, model=model).made))
    return found


HI = message("user", Text("hi"))


def test_system_prompts_are_hoisted_in_their_order_and_never_become_the_models() -> None:
    contents = built(message("system", Text("a")), HI, message("system", Text("b"), Text("")))
    assert contents.instruction == [{"text": "a"}, {"text": "b"}]
    assert contents.made == [{"role": "user", "parts": [{"text": "hi"}]}]


def test_two_results_are_one_content_in_the_order_of_the_calls_with_names_found_by_their_ids() -> None:
    """As many parts as calls."""
    calls = message("assistant", ToolCall("call_a", "f", '{"x":1}'), ToolCall("call_b", "g", ""))
    second = message("tool", ToolResult("call_b", [Text("2")]))
    first = message("tool", ToolResult("call_a", [Text("1")]))
    _, model, results = made(HI, calls, second, first)
    assert [part["functionCall"] for part in model["parts"]] == [
        {"name": "f", "args": {"x": 1}, "id": "call_a"},
        {"name": "g", "args": {}, "id": "call_b"},
    ]
    assert results == {
        "role": "user",
        "parts": [
            {"functionResponse": {"name": "f", "response": {"output": "1"}, "id": "call_a"}},
            {"functionResponse": {"name": "g", "response": {"output": "2"}, "id": "call_b"}},
        ],
    }


def test_results_without_ids_pair_by_name_and_order() -> None:
    calls = message("assistant", ToolCall("", "f", "{}"), ToolCall("", "g", "{}"))
    results = message("tool", ToolResult("", [Text("2")], "g"), ToolResult("", [Text("1")]))
    parts = made(HI, calls, results)[-1]["parts"]
    assert [part["functionResponse"] for part in parts] == [
        {"name": "f", "response": {"output": "1"}},
        {"name": "g", "response": {"output": "2"}},
    ]


def test_the_same_id_in_two_turns_is_two_calls() -> None:
    call, result = (
        message("assistant", ToolCall("call_0", "f", "{}")),
        message("tool", ToolResult("call_0", [Text("x")])),
    )
    assert [content["role"] for content in made(HI, call, result, call, result)] == [
        "user",
        "model",
        "user",
        "model",
        "user",
    ]


@pytest.mark.parametrize(
    ("result", "response"),
    [
        (ToolResult("c", [Text('{"a": 1.50}')]), b'{"a": 1.50}'),
        (ToolResult("c", [Text('{"a": 1}')], is_error=True), b'{"error":{"a": 1}}'),
        (ToolResult("c", [Text("no")], is_error=True), b'{"error":"no"}'),
        (ToolResult("c", [Text("[1]")]), b'{"output":"[1]"}'),
        (ToolResult("c", []), b'{"output":""}'),
        (ToolResult("c", [Text("a"), Refusal("b")]), b'{"output":"a\\nb"}'),
    ],
)
def test_an_object_is_a_response_as_it_is_and_anything_else_an_output_or_an_error(
    result: ToolResult, response: bytes
) -> None:
    contents = built(HI, message("assistant", ToolCall("c", "f", "{}")), message("tool", result))
    told: Any = contents.made[-1]["parts"][0]["functionResponse"]["response"]
    assert msgspec.json.encode(told) == response


def test_a_picture_of_a_tool_stands_in_its_response_or_behind_it_for_models_that_cannot_see_it_there() -> None:
    turns = (HI, message("assistant", ToolCall("c", "f", "{}")), message("tool", ToolResult("c", [Text("a"), PIXEL])))
    picture = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}
    assert made(*turns)[-1]["parts"][0]["functionResponse"]["parts"] == [picture]
    *_, response, beside = made(*turns, model="gemini-2.5-flash")
    assert "parts" not in response["parts"][0]["functionResponse"] and beside == {"role": "user", "parts": [picture]}


def test_what_a_user_says_beside_results_follows_them() -> None:
    mixed = message("user", Text("and?"), ToolResult("c", [Text("1")]))
    assert made(HI, message("assistant", ToolCall("c", "f", "{}")), mixed)[2:] == [
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "1"}, "id": "c"}}]},
        {"role": "user", "parts": [{"text": "and?"}]},
    ]


@pytest.mark.parametrize(
    "turns",
    [
        (message("assistant", ToolCall("call_x", "f", "{}")),),
        (message("assistant", ToolCall("call_x", "f", "{}")), HI),
        (message("assistant", ToolCall("call_x", "f", "{}")), message("assistant", Text("done"))),
        (
            message("assistant", ToolCall("y", "f", "{}"), ToolCall("call_x", "f", "{}")),
            message("tool", ToolResult("y", [])),
            HI,
        ),
        (message("tool", ToolResult("call_x", [])),),
        (
            message("assistant", ToolCall("call_x", "f", "{}")),
            message("tool", ToolResult("call_x", []), ToolResult("call_x", [])),
        ),
    ],
)
def test_a_call_without_its_result_and_a_result_without_its_call_are_refused_by_their_id(
    turns: tuple[Message, ...],
) -> None:
    with pytest.raises(InvalidRequest, match="call_x"):
        built(HI, *turns)


def test_a_result_of_a_name_that_nobody_called_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="'g'"):
        built(HI, message("tool", ToolResult("", [], "g")))


def test_geminis_signature_stands_on_the_part_that_it_came_with() -> None:
    said = message(
        "assistant", Text("a"), Reasoning("", OURS), ToolCall("1", "f", "{}", OURS), ToolCall("2", "f", "{}")
    )
    results = message("tool", ToolResult("1", []), ToolResult("2", []))
    parts = made(HI, said, results)[1]["parts"]
    assert parts[:2] == [{"text": "a"}, {"text": "", "thoughtSignature": "c2ln"}]
    assert [part.get("thoughtSignature") for part in parts[2:]] == ["c2ln", None]


@pytest.mark.parametrize("signature", [None, THEIRS])
def test_foreign_history_says_on_the_first_call_of_a_turn_alone_that_there_is_no_signature(
    signature: Opaque | None,
) -> None:
    said = message(
        "assistant", Reasoning("hm", signature), ToolCall("1", "f", "{}", signature), ToolCall("2", "f", "{}")
    )
    results = message("tool", ToolResult("1", []), ToolResult("2", []))
    contents = made(HI, said, results, said, results)
    for turn in (contents[1], contents[3]):
        assert [part.get("thoughtSignature") for part in turn["parts"]] == [SKIP, None]
    older = made(HI, said, results, model="gemini-2.5-flash")
    assert [part.get("thoughtSignature") for part in older[1]["parts"]] == [None, None]


def test_thinking_goes_back_only_with_geminis_own_signature() -> None:
    said = message(
        "assistant",
        Reasoning("theirs", THEIRS),
        RedactedReasoning(THEIRS),
        Reasoning("bare"),
        Reasoning("ours", OURS),
        Text("x"),
    )
    assert made(HI, said)[1]["parts"] == [{"text": "ours", "thought": True, "thoughtSignature": "c2ln"}, {"text": "x"}]


@pytest.mark.parametrize(
    ("parts", "missed"),
    [
        ([Reasoning("hm", THEIRS), Text("x")], True),
        ([RedactedReasoning(THEIRS), Text("x")], True),
        ([Reasoning("hm"), ToolCall("1", "f", "{}")], True),
        ([Reasoning("hm"), ToolCall("1", "f", "{}", OURS)], False),
        ([Reasoning("hm"), Text("x")], False),
    ],
)
def test_thinking_is_missed_where_its_model_would_go_on_from_it(parts: list[Part], missed: bool) -> None:
    results = [ToolResult(part.id, []) for part in parts if isinstance(part, ToolCall)]
    turns = [message("assistant", *parts), message("tool", *results)] if results else [message("assistant", *parts)]
    warnings = built(HI, *turns).warnings
    assert warnings == (["earlier thinking that this backend did not sign was left out"] if missed else [])


def test_what_the_model_said_in_several_messages_is_one_turn_and_empty_ones_are_left_out() -> None:
    turns = (
        HI,
        message("assistant", Text("a")),
        message("assistant", Refusal("b"), PIXEL),
        message("assistant", Text("")),
    )
    assert [len(content["parts"]) for content in made(*turns)] == [1, 3]


@pytest.mark.parametrize("arguments", ['{"a":1}{"b":2}', '{"a":', "[1]", "nonsense"])
def test_arguments_that_are_no_object_are_kept_raw_with_a_warning(arguments: str) -> None:
    contents = built(HI, message("assistant", ToolCall("c", "f", arguments)), message("tool", ToolResult("c", [])))
    assert contents.made[1]["parts"][0]["functionCall"]["args"] == {"_raw": arguments}
    assert len(contents.warnings) == 1 and "'c'" in contents.warnings[0]


def test_a_conversation_of_system_prompts_alone_is_refused() -> None:
    for turns in ((), (message("system", Text("a")),), (message("user", Text("")),)):
        with pytest.raises(InvalidRequest):
            built(*turns)


@pytest.mark.parametrize(
    ("model", "levels"),
    [
        ("gemini-3-pro", True),
        ("gemini-3.1-flash", True),
        ("gemini-flash-latest", True),
        ("gemini-2.5-pro", False),
        ("gemini-1.5-flash-002", False),
        ("tunedModels/gemini-2.0-x", False),
        ("gemini-12", True),
    ],
)
def test_models_since_gemini_3_think_by_levels(model: str, levels: bool) -> None:
    assert knows_levels(model) is levels
