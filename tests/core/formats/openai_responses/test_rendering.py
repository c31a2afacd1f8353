"""Responses and their streams, held against the types of OpenAI's own SDK."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openai.types.responses import Response
from tests.core.formats.openai_responses.conftest import SERVED, Client, events_of

from ollamux.clock import Clock
from ollamux.conversation import (
    Answer,
    EmbedAnswer,
    Event,
    Finish,
    FinishReason,
    LogProb,
    Opaque,
    Reasoning,
    ReasoningDelta,
    RedactedDelta,
    RedactedReasoning,
    Refusal,
    RefusalDelta,
    Start,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageUpdate,
)
from ollamux.errors import BackendError, BackendTimeout, Busy, NotSupported
from ollamux.formats.base import RenderContext

ENCRYPTED = ["reasoning.encrypted_content"]
SUMMARY = {"effort": "high", "summary": "auto"}
SIGNED = Opaque("anthropic", "c2ln", "claude")


def kinds(events: list[dict[str, Any]]) -> list[str]:
    return [event["type"].removeprefix("response.") for event in events]


def whole(client: Client, answer: Answer, **body: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(client.renderer(**body).whole(answer, client.now))
    Response.model_validate(told, strict=True)
    return told


def test_a_text_is_told_in_the_order_of_openai_and_ends_without_done(client: Client) -> None:
    """36: every event with its item, its places and a rising number; no [DONE]."""
    events = client.stream([Start("x"), TextDelta("hel"), TextDelta("lo"), Finish("stop")])
    assert kinds(events) == [
        "created", "in_progress", "output_item.added", "content_part.added", "output_text.delta", "output_text.delta",
        "output_text.done", "content_part.done", "output_item.done", "completed",
    ]  # fmt: skip
    assert [event["delta"] for event in events[4:6]] == ["hel", "lo"]
    assert events[4]["logprobs"] == [] and events[4]["content_index"] == 0
    response = events[-1]["response"]
    assert response["status"] == "completed" and response["completed_at"] == 10
    assert response["output"] == [events[-2]["item"]]
    assert response["output"][0]["content"] == [
        {"type": "output_text", "text": "hello", "annotations": [], "logprobs": []}
    ]
    assert events[0]["response"]["status"] == "in_progress" and events[0]["response"]["output"] == []


def test_a_stream_is_completed_also_where_no_finish_reason_ever_came(client: Client) -> None:
    """36."""
    assert client.stream([TextDelta("hi")])[-1]["type"] == "response.completed"
    assert kinds(client.stream([])) == ["created", "in_progress", "completed"]


def test_a_response_begins_with_the_first_thing_to_see(client: Client) -> None:
    """Until then another backend may take over."""
    renderer = client.renderer(stream=True)
    assert renderer.events([Start("x", "up", 5), UsageUpdate(Usage(1))], 1.0) == b""
    assert b"response.created" in renderer.events([TextDelta("hi")], 1.0)


def test_usage_has_the_details_that_strict_clients_want_also_where_nothing_is_known(client: Client) -> None:
    usage = client.stream([TextDelta("hi")])[-1]["response"]["usage"]
    assert usage == {
        "input_tokens": 0,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": 0,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 0,
    }


def test_usage_sums_what_was_cached_and_what_was_thought(client: Client) -> None:
    """27: disjoint counters become sums."""
    spent = Usage(7, 9000, 100, 5, 3)
    said: list[Event] = [TextDelta("hi"), UsageUpdate(spent), UsageUpdate(None), Finish("stop")]
    for usage in (
        client.stream(said)[-1]["response"]["usage"],
        whole(client, Answer([Text("hi")], "stop", spent))["usage"],
    ):
        assert (usage["input_tokens"], usage["output_tokens"], usage["total_tokens"]) == (9107, 8, 9115)
        assert usage["input_tokens_details"] == {"cached_tokens": 9000, "cache_write_tokens": 100}
        assert usage["output_tokens_details"] == {"reasoning_tokens": 3}


def test_a_calls_item_has_an_id_of_its_own_beside_the_call_id(client: Client) -> None:
    """37."""
    events = client.stream([ToolCallStart(0, "call_1", "f"), ToolCallDelta(0, '{"a"'), ToolCallDelta(0, ":1}")])
    assert kinds(events)[2:] == [
        "output_item.added", "function_call_arguments.delta", "function_call_arguments.delta",
        "function_call_arguments.done", "output_item.done", "completed",
    ]  # fmt: skip
    item = events[-2]["item"]
    assert item["id"].startswith("fc_") and item["call_id"] == "call_1" != item["id"]
    assert events[2]["item"] == {**item, "status": "in_progress", "arguments": ""}
    assert item["arguments"] == '{"a":1}' and item["status"] == "completed"
    assert events[-1]["response"]["output"] == [item]
    assert (events[-3]["name"], events[-3]["arguments"]) == ("f", '{"a":1}')


def test_a_call_without_arguments_has_an_empty_object(client: Client) -> None:
    """9."""
    events = client.stream([ToolCallStart(0, "c", "f"), Finish("tool_calls")])
    assert events[-1]["response"]["output"][0]["arguments"] == "{}"
    assert events[-3]["arguments"] == "{}"


def test_calls_that_come_interleaved_are_told_one_after_the_other(client: Client) -> None:
    """2: one item is open at a time, nothing lands in the wrong one."""
    events = client.stream(
        [
            ToolCallStart(0, "a", "f"),
            ToolCallStart(1, "b", "g"),
            ToolCallDelta(1, '{"y":'),
            ToolCallDelta(0, '{"x":'),
            ToolCallDelta(0, "1}"),
            ToolCallDelta(1, "2}"),
            TextDelta("after"),
            Finish("tool_calls"),
        ]
    )
    output = events[-1]["response"]["output"]
    assert [(item.get("call_id"), item.get("arguments")) for item in output] == [
        ("a", '{"x":1}'),
        ("b", '{"y":2}'),
        (None, None),
    ]
    assert output[2]["content"][0]["text"] == "after"


def test_a_call_whose_arguments_never_become_whole_holds_back_what_follows_until_the_end(client: Client) -> None:
    events = client.stream(
        [
            ToolCallStart(0, "a", "f"),
            ToolCallDelta(0, '{"x'),
            TextDelta("one "),
            RefusalDelta("no"),
            TextDelta("two"),
            Finish("length"),
        ]
    )
    call, message = events[-1]["response"]["output"]
    assert call["arguments"] == '{"x' and call["status"] == "completed"
    assert message["status"] == "incomplete"
    assert [part.get("text") or part.get("refusal") for part in message["content"]] == ["one ", "no", "two"]


def test_arguments_of_a_call_that_is_over_or_unknown_are_passed_over(client: Client) -> None:
    events: list[Event] = [ToolCallStart(0, "a", "f"), ToolCallDelta(0, "{}"), TextDelta("x")]
    events += [ToolCallDelta(0, "!"), ToolCallDelta(7, "?")]
    assert client.stream(events)[-1]["response"]["output"][0]["arguments"] == "{}"


def test_text_and_refusal_are_parts_of_one_message(client: Client) -> None:
    events = client.stream([TextDelta("well, "), RefusalDelta("no"), RefusalDelta("!"), Finish("refusal")])
    assert kinds(events)[3:11] == [
        "content_part.added", "output_text.delta", "output_text.done", "content_part.done", "content_part.added",
        "refusal.delta", "refusal.delta", "refusal.done",
    ]  # fmt: skip
    (message,) = events[-1]["response"]["output"]
    assert message["content"][1] == {"type": "refusal", "refusal": "no!"}
    assert [event["content_index"] for event in events if "content_index" in event] == [0] * 4 + [1] * 5


def test_thinking_is_a_summary_where_one_was_asked_for(client: Client) -> None:
    events = client.stream([ReasoningDelta("let "), ReasoningDelta("me"), TextDelta("hi")], reasoning=SUMMARY)
    assert kinds(events)[2:9] == [
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.delta", "reasoning_summary_text.done", "reasoning_summary_part.done",
        "output_item.done",
    ]  # fmt: skip
    item = events[-1]["response"]["output"][0]
    assert item["id"].startswith("rs_") and item["summary"] == [{"type": "summary_text", "text": "let me"}]
    assert "encrypted_content" not in item


def test_thinking_is_its_text_where_no_summary_was_asked_for(client: Client) -> None:
    events = client.stream([ReasoningDelta("let me"), TextDelta("hi")])
    assert kinds(events)[2:8] == [
        "output_item.added", "content_part.added", "reasoning_text.delta", "reasoning_text.done", "content_part.done",
        "output_item.done",
    ]  # fmt: skip
    item = events[-1]["response"]["output"][0]
    assert item["summary"] == [] and item["content"] == [{"type": "reasoning_text", "text": "let me"}]


def test_signatures_are_carried_where_the_client_asks_for_encrypted_content(client: Client) -> None:
    said: list[Event] = [
        ReasoningDelta("a"),
        ReasoningDelta("", SIGNED),
        ReasoningDelta("b"),
        RedactedDelta(Opaque("anthropic", "xyz")),
        ReasoningDelta("", Opaque("openai_responses", "gAAA")),
        TextDelta("hi"),
        ToolCallStart(0, "c1", "f", Opaque("gemini", "thought")),
        ToolCallDelta(0, "{}"),
    ]
    output = client.stream(said, include=ENCRYPTED)[-1]["response"]["output"]
    assert [item["type"] for item in output] == [*["reasoning"] * 4, "message", "reasoning", "function_call"]
    assert output[3]["encrypted_content"] == "gAAA"
    assert all(item["encrypted_content"].startswith("ollamux.") for item in (output[0], output[2], output[5]))
    back = client.neutral(input=[{"role": "user", "content": "hi"}, *output, result("c1")])
    parts = back.messages[1].parts
    assert parts[0] == Reasoning("a", SIGNED) and parts[1] == Reasoning("b")
    assert parts[2] == RedactedReasoning(Opaque("anthropic", "xyz"))
    assert parts[3] == Reasoning("", Opaque("openai_responses", "gAAA"))
    assert parts[5] == ToolCall("c1", "f", "{}", Opaque("gemini", "thought"))


def result(call_id: str) -> dict[str, str]:
    return {"type": "function_call_output", "call_id": call_id, "output": "21C"}


def test_signatures_that_nobody_asked_to_see_are_kept_for_the_next_turn(client: Client) -> None:
    said: list[Event] = [
        ReasoningDelta("", SIGNED),
        ReasoningDelta("b"),
        ReasoningDelta("", SIGNED),
        ToolCallStart(0, "c1", "f", SIGNED),
        ToolCallDelta(0, "{}"),
    ]
    response = client.stream(said)[-1]["response"]
    assert [item["type"] for item in response["output"]] == ["reasoning", "function_call"]
    assert b"ollamux." not in json.dumps(response).encode()
    back = client.neutral(previous_response_id=response["id"], input=[result("c1")])
    assert back.messages[1].parts == [
        Reasoning("", SIGNED),
        Reasoning("b", SIGNED),
        ToolCall("c1", "f", "{}", SIGNED),
    ]


@pytest.mark.parametrize(
    ("reason", "status", "details"),
    [
        ("stop", "completed", None),
        ("stop_sequence", "completed", None),
        ("tool_calls", "completed", None),
        ("pause", "completed", None),
        ("refusal", "completed", None),
        ("length", "incomplete", {"reason": "max_output_tokens"}),
        ("context_exceeded", "incomplete", {"reason": "max_output_tokens"}),
        ("content_filter", "incomplete", {"reason": "content_filter"}),
    ],
)
def test_every_finish_reason_has_its_status(
    client: Client, reason: FinishReason, status: str, details: dict[str, str] | None
) -> None:
    last = client.stream([TextDelta("hi"), Finish(reason)])[-1]
    told = whole(client, Answer([Text("hi")], reason))
    assert last["type"] == f"response.{status}"
    for response in (last["response"], told):
        assert (response["status"], response["incomplete_details"]) == (status, details)
        assert response["output"][0]["status"] == status


def test_a_malformed_answer_is_a_response_that_failed(client: Client) -> None:
    renderer = client.renderer(stream=True)
    out = renderer.events([TextDelta("x"), Finish("malformed")], 1.0) + renderer.end(1.0)
    last = events_of(out)[-1]
    assert last["type"] == "response.failed" and last["response"]["error"]["code"] == "server_error"
    with pytest.raises(BackendError):
        client.renderer().whole(Answer([], "malformed"), 1.0)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BackendTimeout("late"), "server_error"),
        (BackendError("late", status=429), "rate_limit_exceeded"),
        (BackendError("x", status=400, body='{"error":{"message":"late"}}'), "invalid_prompt"),
    ],
)
def test_a_stream_that_broke_is_a_response_that_failed_with_what_was_there(
    client: Client, error: Any, code: str
) -> None:
    """30, 32: no response.completed is made up."""
    renderer = client.renderer(stream=True)
    out = renderer.events([ReasoningDelta("hm"), TextDelta("hel")], 1.0) + renderer.fault(error)
    events = events_of(out)
    assert events[-1]["type"] == "response.failed"
    failed = events[-1]["response"]
    assert failed["error"] == {"code": code, "message": "late"} and failed["status"] == "failed"
    assert [item["type"] for item in failed["output"]] == ["reasoning"]
    assert failed["id"] == events[0]["response"]["id"] and len(client.serving.responses) == 0


def test_an_error_before_the_response_began_is_a_response_that_failed_at_once(client: Client) -> None:
    events = events_of(client.renderer(stream=True).fault(Busy("later")))
    assert [event["type"] for event in events] == ["response.created", "response.in_progress", "response.failed"]
    assert events[-1]["response"]["error"] == {"code": "server_error", "message": "later"}
    assert events[-1]["response"]["id"] == events[0]["response"]["id"]


def test_a_sign_of_life_is_a_comment(client: Client) -> None:
    """60."""
    assert client.renderer(stream=True).keepalive(1.0) == b": keepalive\n\n"
    assert client.renderer(stream=True).frame(TextDelta("a")) is None


def test_log_probabilities_stand_beside_the_text(client: Client) -> None:
    said = LogProb("hi", -0.5, None, (LogProb("ho", -1.0, (104, 111)),))
    events = client.stream([TextDelta("hi", (said,)), TextDelta("")], top_logprobs=1)
    told = events[-1]["response"]["output"][0]["content"][0]["logprobs"]
    assert told == events[4]["logprobs"] == events[5]["logprobs"]
    assert told == [
        {
            "token": "hi",
            "logprob": -0.5,
            "bytes": [104, 105],
            "top_logprobs": [{"token": "ho", "logprob": -1.0, "bytes": [104, 111]}],
        }
    ]
    assert whole(client, Answer([Text("hi")], logprobs=(said,)))["output"][0]["content"][0]["logprobs"] == told


def test_a_custom_tools_input_is_taken_out_of_the_arguments(client: Client) -> None:
    tools = [{"type": "custom", "name": "patch"}]
    events = client.stream(
        [ToolCallStart(0, "c", "patch"), ToolCallDelta(0, '{"input":'), ToolCallDelta(0, '"*** Begin"}')], tools=tools
    )
    assert kinds(events)[2:] == [
        "output_item.added", "custom_tool_call_input.delta", "custom_tool_call_input.done", "output_item.done",
        "completed",
    ]  # fmt: skip
    (item,) = events[-1]["response"]["output"]
    assert item["id"].startswith("ctc_") and item["input"] == "*** Begin" and item["name"] == "patch"


def test_a_tool_of_a_namespace_is_called_by_the_clients_names(client: Client) -> None:
    space = {"type": "namespace", "name": "ns", "description": "d", "tools": [{"type": "function", "name": "f"}]}
    tools = [{"type": "function", "name": "f", "parameters": {}}, space]
    events = client.stream([ToolCallStart(0, "c", "ns__f"), ToolCallDelta(0, "{}")], tools=tools)
    (item,) = events[-1]["response"]["output"]
    assert (item["namespace"], item["name"]) == ("ns", "f")


def test_a_response_repeats_what_was_asked(client: Client) -> None:
    asked: dict[str, Any] = {
        "instructions": "be brief",
        "max_output_tokens": 50,
        "metadata": {"a": "b"},
        "reasoning": SUMMARY,
        "temperature": 0.5,
        "text": {"format": {"type": "json_object"}, "verbosity": "low"},
        "tools": [{"type": "function", "name": "f", "parameters": {"type": "object"}, "strict": False}],
        "tool_choice": {"type": "function", "name": "f"},
        "parallel_tool_calls": False,
        "truncation": "auto",
        "top_p": None,
    }
    told = whole(client, Answer([Text("{}")]), **asked)
    assert {name: told[name] for name in asked} == asked
    assert (told["model"], told["object"], told["store"], told["created_at"]) == ("m", "response", True, 10)
    plain = whole(client, Answer([Text("hi")]))
    assert plain["tools"] == [] and plain["tool_choice"] == "auto" and plain["temperature"] is None


def test_a_whole_answer_says_what_its_stream_says(client: Client) -> None:
    answer = Answer(
        [Reasoning("hm", SIGNED), RedactedReasoning(SIGNED), Text("a"), Refusal("no"), ToolCall("c", "f", '{"a":1}')],
        "tool_calls",
    )
    said: list[Event] = [
        ReasoningDelta("hm"),
        ReasoningDelta("", SIGNED),
        RedactedDelta(SIGNED),
        TextDelta("a"),
        RefusalDelta("no"),
        ToolCallStart(0, "c", "f"),
        ToolCallDelta(0, '{"a":1}'),
        Finish("tool_calls"),
    ]
    for asked in ({}, {"include": ENCRYPTED}, {"reasoning": SUMMARY}):
        one = whole(client, answer, **asked)["output"]
        other = client.stream(said, **asked)[-1]["response"]["output"]
        for item in (*one, *other):
            del item["id"]
        assert one == other


def test_a_response_is_kept_unless_the_client_says_otherwise(client: Client) -> None:
    kept = whole(client, Answer([Text("hi")]))
    streamed = client.stream([TextDelta("ho")])[-1]["response"]
    gone = whole(client, Answer([Text("hi")]), store=False)
    store = client.serving.responses
    assert json.loads(store.get(kept["id"], 11.0)[1]) == kept
    assert json.loads(store.get(streamed["id"], 11.0)[1]) == streamed
    assert store.get(gone["id"], 11.0)[0] == 404 and gone["store"] is False


def test_a_response_whose_history_is_not_known_here_is_not_kept(client: Client) -> None:
    unknown: dict[str, Any]
    for unknown in ({"previous_response_id": "resp_x"}, {"conversation": "conv_1"}, {"prompt": {"id": "p"}}):
        incoming = client.read(input="hi", **unknown)
        renderer = client.serving.renderer(incoming, RenderContext("m", Clock(), 1.0))
        renderer.whole(Answer([Text("hi")]), 1.0)
    assert len(client.serving.responses) == 0


def test_tokens_are_counted_and_what_is_no_chat_is_refused(client: Client) -> None:
    assert json.loads(client.renderer().counted(7, 1.0)) == {"object": "response.input_tokens", "input_tokens": 7}
    assert json.loads(client.renderer().loaded("load", 1.0))["output"] == []
    with pytest.raises(NotSupported):
        client.renderer().embedded(EmbedAnswer([]), 1.0)


def test_a_body_that_cannot_be_echoed_is_answered_all_the_same(client: Client) -> None:
    incoming = client.read(input="hi", include=5, reasoning="x")
    renderer = client.serving.renderer(incoming, RenderContext("m", Clock(), 1.0))
    assert json.loads(renderer.whole(Answer([Text("hi")]), 1.0))["reasoning"] == "x"
    assert SERVED.asked == "m"
