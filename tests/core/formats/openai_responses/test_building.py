"""Requests for servers of OpenAI's Responses."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from openai.types.responses.response_create_params import ResponseCreateParamsNonStreaming
from pydantic import TypeAdapter

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    Audio,
    Bytes,
    CompletionRequest,
    Document,
    FileId,
    Image,
    JsonFormat,
    Message,
    Opaque,
    Part,
    Reasoning,
    ReasoningOptions,
    RedactedReasoning,
    Refusal,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Url,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.base import Dialect, Outgoing
from ollamux.formats.openai_responses.building import build_chat, build_completion

PARAMS: TypeAdapter[Any] = TypeAdapter(ResponseCreateParamsNonStreaming)
SIGNED = Opaque("openai_responses", "gAAA")
TOOL = Tool("f", "d", msgspec.Raw(b'{"type":"object"}'))


def outgoing(*messages: Message, dialect: Dialect = Dialect(), **more: Any) -> Outgoing:  # noqa: B008
    return build_chat(ChatRequest("m", list(messages) or [user(Text("hi"))], **more), "up", dialect)


def build(*messages: Message, **more: Any) -> dict[str, Any]:
    found = outgoing(*messages, **more)
    assert found.path == "/responses"
    # What the SDK's types want and the server does not: ids of what it keeps nothing of.
    judged = json.loads(found.body)
    judged.pop("stream", None)
    for item in judged["input"]:
        if item["type"] == "reasoning":
            item["id"] = "rs_1"
        elif isinstance(item.get("content"), list) and item["role"] == "assistant":
            item |= {"id": "msg_1", "status": "completed"}
            for part in item["content"]:
                part["annotations"] = []
    PARAMS.validate_python(judged)
    body: dict[str, Any] = json.loads(found.body)
    return body


def user(*parts: Part) -> Message:
    return Message("user", list(parts))


def said(*parts: Part) -> Message:
    return Message("assistant", list(parts))


def result(call_id: str, *parts: Part) -> Message:
    return Message("tool", [ToolResult(call_id, list(parts))])


def test_a_plain_chat_says_no_more_than_is_needed() -> None:
    assert build(user(Text("hi"))) == {
        "model": "up",
        "input": [{"type": "message", "role": "user", "content": "hi"}],
        "store": False,
    }
    assert build(user(Text("hi")), stream=True)["stream"] is True


def test_the_first_system_messages_are_instructions_and_later_ones_stay_in_their_place() -> None:
    """15."""
    system = Message("system", [Text("a")])
    body = build(system, Message("system", [Text("b")]), user(Text("c")), system)
    assert body["instructions"] == "a\n\nb"
    assert [(item["role"], item["content"]) for item in body["input"]] == [("user", "c"), ("developer", "a")]
    old = build(user(Text("c")), system, dialect=Dialect(developer=False))
    assert [item["role"] for item in old["input"]] == ["user", "system"]


def test_a_history_becomes_items_in_order() -> None:
    items = build(
        user(Text("hi")),
        said(Reasoning("hm", SIGNED), Text("let me see"), ToolCall("c1", "f", '{ "a":1 }'), ToolCall("c2", "f", "")),
        result("c1", Text("21"), Text("C")),
        result("c2"),
        said(Text("so "), Refusal("no")),
    )["input"]
    assert items[1:] == [
        {
            "type": "reasoning",
            "summary": [{"type": "summary_text", "text": "hm"}],
            "encrypted_content": "gAAA",
        },
        {"type": "message", "role": "assistant", "content": "let me see"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": '{ "a":1 }'},
        {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "21\nC"},
        {"type": "function_call_output", "call_id": "c2", "output": ""},
        {
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": "so "}, {"type": "refusal", "refusal": "no"}],
        },
    ]


def test_the_servers_own_reasoning_goes_back_without_an_id_and_is_asked_for_again() -> None:
    """34."""
    body = build(said(RedactedReasoning(SIGNED), Text("a")), user(Text("b")))
    assert body["input"][0] == {"type": "reasoning", "summary": [], "encrypted_content": "gAAA"}
    assert body["include"] == ["reasoning.encrypted_content"] and body["store"] is False


def test_anothers_thinking_is_left_out_with_a_warning_where_it_was_signed() -> None:
    """35."""
    told = outgoing(
        said(Reasoning("a", Opaque("anthropic", "x")), RedactedReasoning(Opaque("anthropic", "y")), Text("b"))
    )
    assert len(told.warnings) == 1 and "signed thinking" in told.warnings[0]
    assert len(json.loads(told.body)["input"]) == 1
    assert outgoing(said(Reasoning("a"), Text("b"))).warnings == ()


def test_unsigned_thinking_is_missed_only_where_its_model_would_go_on_from_it() -> None:
    call, result = ToolCall("c", "f", "{}"), Message("tool", [ToolResult("c", [Text("1")])])
    told = build_chat(
        ChatRequest("m", [Message("user", [Text("q")]), Message("assistant", [Reasoning("a"), call]), result]),
        "up",
        Dialect(),
    )
    assert told.warnings == ("earlier thinking that this backend did not sign was left out",)


def test_a_call_with_no_text_beside_it_has_no_message() -> None:
    """10."""
    items = build(said(Text(""), ToolCall("c", "f", "{}")), result("c", Text("x")))["input"]
    assert [item["type"] for item in items] == ["function_call", "function_call_output"]
    assert build(user(Text("")))["input"][0]["content"] == ""


def test_results_of_clients_that_keep_no_ids_answer_the_calls_in_order() -> None:
    calls = said(ToolCall("a", "f", "{}"), ToolCall("b", "g", "{}"))
    items = build(calls, result("", Text("1")), result("", Text("2")))["input"]
    assert [item["call_id"] for item in items] == ["a", "b", "a", "b"]


@pytest.mark.parametrize("call_id", ["x" * 83, "functions.Bash:0", "a b"])
def test_ids_that_the_format_does_not_take_are_mapped_alike_for_call_and_result(call_id: str) -> None:
    """43: at most 64 of the letters allowed; what fits is not touched."""
    items = build(said(ToolCall(call_id, "f", "{}"), ToolCall("ok-1", "f", "{}")), result(call_id), result("ok-1"))[
        "input"
    ]
    first, second = items[0]["call_id"], items[1]["call_id"]
    assert first == items[2]["call_id"] != call_id and len(first) <= 64 and second == "ok-1" == items[3]["call_id"]


def test_names_that_the_format_does_not_take_are_mapped_alike_everywhere() -> None:
    """44."""
    body = build(
        said(ToolCall("c", "my.tool", "{}")),
        result("c"),
        tools=(Tool("my.tool"), Tool("x" * 80)),
        tool_choice=ToolChoice("named", "my.tool"),
    )
    alias = body["tools"][0]["name"]
    assert alias == body["tool_choice"]["name"] == body["input"][0]["name"] != "my.tool"
    assert len(body["tools"][1]["name"]) <= 64


def test_pictures_and_files_go_in_as_they_came() -> None:
    """52."""
    content = build(
        user(
            Text("see"),
            Image(Bytes("AA==", "image/jpeg"), "low"),
            Image(Bytes("AA==")),
            Image(Url("https://x/y")),
            Image(FileId("openai", "file-1")),
            Document(Bytes("AA==", "application/pdf"), "a.pdf"),
            Document(Bytes("AA==")),
            Document(Url("https://x/a.pdf")),
        )
    )["input"][0]["content"]
    assert content == [
        {"type": "input_text", "text": "see"},
        {"type": "input_image", "detail": "low", "image_url": "data:image/jpeg;base64,AA=="},
        {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,AA=="},
        {"type": "input_image", "detail": "auto", "image_url": "https://x/y"},
        {"type": "input_image", "detail": "auto", "file_id": "file-1"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,AA==", "filename": "a.pdf"},
        {"type": "input_file", "file_data": "data:application/pdf;base64,AA==", "filename": "file.pdf"},
        {"type": "input_file", "file_url": "https://x/a.pdf"},
    ]


def test_a_picture_that_a_tool_gave_stays_in_its_output() -> None:
    items = build(said(ToolCall("c", "f", "{}")), result("c", Text("see"), Image(Url("https://x/y"))))["input"]
    assert [part["type"] for part in items[1]["output"]] == ["input_text", "input_image"]


@pytest.mark.parametrize(
    "part", [Audio(Bytes("AA==")), Image(FileId("anthropic", "f")), Document(FileId("google", "f"))]
)
def test_what_cannot_be_carried_without_loss_of_meaning_is_refused(part: Part) -> None:
    with pytest.raises(InvalidRequest):
        outgoing(user(Text("hear"), part))


def test_a_picture_of_the_model_itself_is_left_out_with_a_warning() -> None:
    told = outgoing(said(Text("a"), Image(Url("https://x"))))
    assert "pictures" in told.warnings[0]
    assert json.loads(told.body)["input"][0]["content"] == [{"type": "output_text", "text": "a"}]
    assert json.loads(outgoing(said(Image(Url("https://x")))).body)["input"] == []


def test_a_tools_schema_stays_as_it_is_and_is_not_made_strict() -> None:
    schema = msgspec.Raw(b'{ "type":"object", "x":1.50 }')
    found = outgoing(user(Text("a")), tools=(Tool("f", "d", schema), Tool("g", strict=True)))
    assert b'{ "type":"object", "x":1.50 }' in found.body
    one, two = json.loads(found.body)["tools"]
    assert one["strict"] is False and two["strict"] is True and "description" not in two
    assert two["parameters"] == {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (None, None),
        (ToolChoice("auto"), None),
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("named", "f"), {"type": "function", "name": "f"}),
        (
            ToolChoice("auto", allowed=("f",)),
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "f"}]},
        ),
        (
            ToolChoice("required", allowed=("gone", "f")),
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
        ),
        (ToolChoice("auto", allowed=("gone",)), "none"),
    ],
)
def test_every_choice_of_tools_is_said(choice: ToolChoice | None, told: Any) -> None:
    body = build(user(Text("a")), tools=(TOOL,), tool_choice=choice, parallel_tool_calls=False)
    assert body.get("tool_choice") == told and body["parallel_tool_calls"] is False
    assert "tool_choice" not in build(user(Text("a")), tool_choice=choice)


@pytest.mark.parametrize(
    ("asked", "other", "told"),
    [
        (None, {}, None),
        (ReasoningOptions(True), {}, None),
        (ReasoningOptions(False), {"reasoning_effort": "high", "summary_level": "auto"}, {"effort": "none"}),
        (
            ReasoningOptions(True, "low", summary="auto"),
            {"reasoning_effort": "high"},
            {"effort": "low", "summary": "auto"},
        ),
        (None, {"reasoning_effort": "high", "summary_level": "detailed"}, {"effort": "high", "summary": "detailed"}),
        (ReasoningOptions(True, budget=1024), {}, {"effort": "low"}),
        (ReasoningOptions(True, budget=8000), {}, {"effort": "medium"}),
        (ReasoningOptions(True, budget=32000), {}, {"effort": "high"}),
        (ReasoningOptions(True, "high", summary="omitted"), {"summary_level": "auto"}, {"effort": "high"}),
    ],
)
def test_thinking_is_asked_for_by_the_request_else_by_the_configuration(
    asked: ReasoningOptions | None, other: dict[str, str], told: Any
) -> None:
    body = build(user(Text("a")), reasoning=asked, sampling=Sampling(other=other))
    assert body.get("reasoning") == told
    thinks = told["effort"] != "none" if told is not None else asked is not None
    assert body.get("include") == (["reasoning.encrypted_content"] if thinks else None)


def test_a_model_that_thinks_unasked_is_asked_for_its_reasoning_too() -> None:
    thinker = Dialect(think="reasoning_effort")
    assert build(user(Text("a")), dialect=thinker)["include"] == ["reasoning.encrypted_content"]
    assert "include" not in build(user(Text("a")), dialect=thinker, reasoning=ReasoningOptions(False))


def test_verbosity_and_truncation_come_from_the_request_else_from_the_configuration() -> None:
    other = {"verbosity_level": "low", "truncation_strategy": "auto"}
    body = build(user(Text("a")), sampling=Sampling(other=other))
    assert (body["text"], body["truncation"]) == ({"verbosity": "low"}, "auto")
    assert build(user(Text("a")), sampling=Sampling(other=other), truncate=False)["truncation"] == "disabled"
    assert build(user(Text("a")), truncate=True)["truncation"] == "auto"


def test_forms_of_output_are_said() -> None:
    schema = msgspec.Raw(b'{"type":"object"}')
    assert build(user(Text("a")), output=JsonFormat())["text"] == {"format": {"type": "json_object"}}
    assert build(user(Text("a")), output=JsonFormat(schema))["text"]["format"] == {
        "type": "json_schema",
        "name": "schema",
        "schema": {"type": "object"},
    }
    told = build(user(Text("a")), output=JsonFormat(schema, "n", True, "d"))["text"]["format"]
    assert (told["name"], told["strict"], told["description"]) == ("n", True, "d")


def test_knobs_go_by_their_names_and_what_has_none_is_told() -> None:
    found = outgoing(
        user(Text("a")),
        sampling=Sampling(max_tokens=50, temperature=0, top_p=0.5, stop=("x",), seed=1, other={"num_ctx": 5}),
    )
    body = json.loads(found.body)
    assert (body["max_output_tokens"], body["temperature"], body["top_p"]) == (50, 0, 0.5)
    assert found.warnings == ("the backend does not take these options: num_ctx, seed, stop",)


def test_a_limit_below_what_the_server_takes_is_raised_with_a_warning() -> None:
    found = outgoing(user(Text("a")), sampling=Sampling(max_tokens=1))
    assert json.loads(found.body)["max_output_tokens"] == 16 and "16" in found.warnings[0]


def test_a_dialect_renames_drops_and_adds() -> None:
    """42: a reasoning model is sent no temperature."""
    dialect = Dialect(
        sampling={"temperature": None, "top_k": "top_k"},
        refuses=frozenset({"top_p", "user"}),
        extra={"x": 1, "store": 5},
    )
    found = outgoing(user(Text("a")), dialect=dialect, sampling=Sampling(temperature=1.0, top_k=4, top_p=1.0), user="u")
    body = json.loads(found.body)
    assert body["top_k"] == 4 and body["x"] == 1 and body["store"] is False
    assert not {"temperature", "top_p", "user"} & body.keys()
    assert [warning.rpartition(": ")[2] for warning in found.warnings] == ["temperature", "top_p, user"]


def test_log_probabilities_and_who_asks_are_said() -> None:
    body = build(user(Text("a")), logprobs=True, top_logprobs=3, user="u", metadata={"a": "b"}, service_tier="flex")
    assert body["include"] == ["message.output_text.logprobs"] and body["top_logprobs"] == 3
    assert (body["user"], body["metadata"], body["service_tier"]) == ("u", {"a": "b"}, "flex")
    assert "top_logprobs" not in build(user(Text("a")), logprobs=True)


def test_a_prompt_without_a_template_is_a_users_message() -> None:
    found = json.loads(build_completion(CompletionRequest("m", "once", stream=True), "up", Dialect()).body)
    assert found["input"] == [{"type": "message", "role": "user", "content": "once"}] and found["stream"] is True
    with pytest.raises(InvalidRequest):
        build_completion(CompletionRequest("m", "a", suffix="b"), "up", Dialect())
