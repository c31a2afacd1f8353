"""What servers of OpenAI's Responses answer."""

from __future__ import annotations

import json
from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.conversation import (
    Event,
    Finish,
    LogProb,
    Opaque,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Start,
    StreamFault,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageUpdate,
)
from ollamux.errors import BackendError, BackendUnavailable
from ollamux.formats.identifiers import Names
from ollamux.formats.openai_responses.building import NAME
from ollamux.formats.openai_responses.reading import ResponsesReader, fault_of, read_answer

SIGNED = Opaque("openai_responses", "gAAA")
USAGE = {
    "input_tokens": 9107,
    "input_tokens_details": {"cached_tokens": 9000, "cache_write_tokens": 100},
    "output_tokens": 8,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 9115,
}


def names() -> Names:
    return Names(NAME, 64, ["f", "my.tool"])


def event(kind: str, **members: Any) -> bytes:
    told = {"type": kind, "sequence_number": 1, **members}
    return f"event: {kind}\ndata: {json.dumps(told)}\n\n".encode()


def added(index: int, **item: Any) -> bytes:
    return event("response.output_item.added", output_index=index, item=item)


def done(index: int, **item: Any) -> bytes:
    return event("response.output_item.done", output_index=index, item=item)


def delta(kind: str, index: int, text: str, **more: Any) -> bytes:
    return event(f"response.{kind}.delta", output_index=index, delta=text, **more)


def completed(status: str = "completed", **members: Any) -> bytes:
    return event(f"response.{status}", response={"id": "resp_1", "status": status, "output": [], **members})


CREATED = event("response.created", response={"id": "resp_1", "model": "up", "created_at": 5, "status": "in_progress"})
CALL = {"type": "function_call", "id": "fc_1", "call_id": "call_1", "name": "f"}
STREAM = b"".join(
    [
        CREATED,
        added(0, type="reasoning", id="rs_1", summary=[]),
        delta("reasoning_summary_text", 0, "let ", summary_index=0),
        delta("reasoning_summary_text", 0, "me", summary_index=0),
        delta("reasoning_summary_text", 0, "think", summary_index=1),
        done(0, type="reasoning", id="rs_1", encrypted_content="gAAA", summary=[{"type": "summary_text", "text": "x"}]),
        added(1, type="message", id="msg_1", role="assistant", content=[]),
        b": keepalive\n\n",
        delta("output_text", 1, "h\u00e9", content_index=0, logprobs=[]),
        delta("output_text", 1, "\U0001f600", content_index=0, logprobs=[]),
        event("response.output_text.done", output_index=1, content_index=0, text="h\u00e9\U0001f600"),
        done(1, type="message", id="msg_1", content=[{"type": "output_text", "text": "h\u00e9\U0001f600"}]),
        added(2, **CALL, arguments=""),
        delta("function_call_arguments", 2, '{"a"'),
        delta("function_call_arguments", 2, ":1}"),
        event("response.function_call_arguments.done", output_index=2, arguments='{"a":1}'),
        done(2, **CALL, arguments='{"a":1}'),
        completed(usage=USAGE),
    ]
)
READ: list[Event] = [
    Start("resp_1", "up", 5),
    ReasoningDelta("let "),
    ReasoningDelta("me"),
    ReasoningDelta("\n\nthink"),
    ReasoningDelta("", SIGNED),
    TextDelta("h\u00e9"),
    TextDelta("\U0001f600"),
    ToolCallStart(0, "call_1", "f"),
    ToolCallDelta(0, '{"a"'),
    ToolCallDelta(0, ":1}"),
    UsageUpdate(Usage(7, 9000, 100, 5, 3)),
    Finish("tool_calls", "completed"),
]


def read(*pieces: bytes, close: bool = True) -> tuple[list[Event], ResponsesReader]:
    reader = ResponsesReader(names())
    events = [one for piece in pieces for one in reader.feed(piece)]
    return events + (reader.close() if close else []), reader


def events(*pieces: bytes) -> list[Event]:
    return read(*pieces)[0]


def test_a_stream_is_read_from_its_start_to_its_end() -> None:
    found, reader = read(STREAM)
    assert found == READ and reader.complete


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64])
@pytest.mark.parametrize("ending", [b"\n", b"\r\n"])
def test_a_stream_is_read_alike_wherever_it_is_cut(size: int, ending: bytes) -> None:
    """29."""
    data = STREAM.replace(b"\n", ending)
    assert events(*(data[at : at + size] for at in range(0, len(data), size))) == READ


@given(st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_a_stream_is_read_alike_at_any_cuts(cuts: list[int]) -> None:
    at = [0, *sorted(cuts), len(STREAM)]
    assert events(*(STREAM[one:two] for one, two in pairwise(at))) == READ


def test_a_last_event_without_its_blank_line_counts_and_half_of_one_does_not() -> None:
    assert read(STREAM[:-2])[1].complete
    found, reader = read(STREAM[:-20])
    assert not reader.complete and not any(isinstance(one, StreamFault | Finish) for one in found)


def test_a_stream_without_its_last_event_is_not_complete_though_done_is_said() -> None:
    """30, 36."""
    assert not read(CREATED, delta("output_text", 0, "hi"), b"data: [DONE]\n\n")[1].complete


def test_calls_are_numbered_without_gaps_and_known_by_their_call_ids() -> None:
    """3."""
    found = events(
        added(0, type="message", id="msg_1"),
        added(1, type="function_call", id="fc_1", call_id="a", name="f", arguments=""),
        added(2, type="function_call", id="fc_2", call_id="b", name="f", arguments=""),
        delta("function_call_arguments", 2, "{}"),
        delta("function_call_arguments", 1, "[]"),
    )
    assert found == [
        ToolCallStart(0, "a", "f"),
        ToolCallStart(1, "b", "f"),
        ToolCallDelta(1, "{}"),
        ToolCallDelta(0, "[]"),
    ]


def test_what_a_server_tells_only_at_the_end_of_an_item_is_told_then() -> None:
    """llama.cpp leaves out indices and what is done."""
    assert events(
        added(0, **CALL),
        event("response.function_call_arguments.done", output_index=0, arguments='{"a":1}'),
        done(0, **CALL, arguments='{"a":1}'),
        done(1, type="function_call", call_id="b", name="f", arguments={"b": 2}),
        done(2, type="message", content=[{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "b"}]),
        done(
            3, type="reasoning", summary=[], content=[{"type": "reasoning_text", "text": "c"}], encrypted_content="gAAA"
        ),
        done(4, type="message", content="d"),
        done(5, type="custom_tool_call", call_id="e", name="p", input="x"),
        event("response.output_text.done", output_index=6, text="f"),
        event("response.refusal.done", output_index=7, refusal="g"),
    ) == [
        ToolCallStart(0, "call_1", "f"),
        ToolCallDelta(0, '{"a":1}'),
        ToolCallStart(1, "b", "f"),
        ToolCallDelta(1, '{"b": 2}'),
        TextDelta("a"),
        RefusalDelta("b"),
        ReasoningDelta("c"),
        ReasoningDelta("", SIGNED),
        TextDelta("d"),
        ToolCallStart(2, "e", "p"),
        ToolCallDelta(2, '{"input":"x"}'),
        TextDelta("f"),
        RefusalDelta("g"),
    ]


def test_events_without_an_index_belong_to_the_newest_item() -> None:
    assert events(
        event("response.output_item.added", item={"type": "reasoning"}),
        event("response.reasoning_text.delta", delta="hm"),
        event("response.output_item.added", item=CALL),
        event("response.function_call_arguments.delta", delta="{}"),
        event("response.output_item.done", item={**CALL, "arguments": "{}"}),
        event("response.output_item.added", item={"type": "message"}),
        event("response.output_text.delta", delta="hi"),
    ) == [ReasoningDelta("hm"), ToolCallStart(0, "call_1", "f"), ToolCallDelta(0, "{}"), TextDelta("hi")]


def test_items_that_come_with_the_last_event_alone_are_read_from_it() -> None:
    message = {"type": "message", "content": [{"type": "output_text", "text": "hi"}]}
    assert events(completed(output=[message])) == [TextDelta("hi"), Finish("stop", "completed")]
    found, reader = read(completed(output=[5]))
    assert isinstance(found[0], StreamFault) and not reader.complete


def test_of_a_summary_and_the_thinking_itself_only_one_is_told() -> None:
    """45: not twice."""
    assert events(
        delta("reasoning_text", 0, "a", content_index=0),
        delta("reasoning_summary_text", 0, "b", summary_index=0),
        delta("reasoning_text", 0, "c", content_index=0),
    ) == [ReasoningDelta("a"), ReasoningDelta("c")]


def test_a_refusal_is_read_and_is_what_the_stream_finished_with() -> None:
    assert events(delta("refusal", 0, "no", content_index=0), completed()) == [
        RefusalDelta("no"),
        Finish("refusal", "completed"),
    ]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [("max_output_tokens", "length"), ("content_filter", "content_filter"), ("steered", "stop"), (None, "stop")],
)
def test_an_incomplete_response_says_why(reason: str | None, finish: str) -> None:
    """58: an unknown word is kept as the server's own."""
    (told,) = events(completed("incomplete", incomplete_details={"reason": reason}))
    assert told == Finish(finish, reason or "incomplete")  # type: ignore[arg-type]
    call = [added(0, **CALL), delta("function_call_arguments", 0, "{")]
    assert events(*call, completed("incomplete", incomplete_details={"reason": reason}))[-1] == told


def test_names_of_tools_come_back_as_the_request_has_them() -> None:
    """44."""
    alias = names().out("my.tool")
    assert alias != "my.tool"
    assert events(added(0, type="function_call", call_id="c", name=alias)) == [ToolCallStart(0, "c", "my.tool")]


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        ({"code": "server_error", "message": "boom"}, 500, "upstream_bad"),
        ({"code": "rate_limit_exceeded", "message": "boom"}, 429, "rate_limit"),
        ({"code": 503, "message": "boom"}, 503, "overloaded"),
        ({"code": None, "type": "invalid_request_error", "message": "boom"}, 400, "bad_request"),
        ("boom", 500, "upstream_bad"),
    ],
)
def test_a_response_that_failed_and_an_error_are_faults_with_the_servers_words(
    error: Any, status: int, kind: str
) -> None:
    """32."""
    for stream in (
        event("response.failed", response={"status": "failed", "error": error}),
        b"data: " + json.dumps({"error": error}).encode() + b"\n\n",
        event("error", error=error),
    ):
        found, reader = read(CREATED, stream)
        fault = found[-1]
        assert isinstance(fault, StreamFault) and (fault.status, fault.kind) == (status, kind)
        assert "boom" in fault.detail and not reader.complete


def test_an_error_event_has_its_words_at_the_top() -> None:
    fault = events(event("error", code="rate_limit_exceeded", message="slow down", param=None))[0]
    assert isinstance(fault, StreamFault) and fault.status == 429 and "slow down" in fault.detail
    empty = events(event("response.failed", response={"status": "failed", "error": None}))[0]
    assert isinstance(empty, StreamFault) and "failed" in empty.detail
    assert fault_of(b"\xff").status == 500


@pytest.mark.parametrize(
    "data", [b"data: {\n\n", b"data: <html>\n\n", b"data: \xff\n\n", b'data: {"type":5}\n\n', b"data: 5\n\n"]
)
def test_an_event_that_cannot_be_read_is_a_fault(data: bytes) -> None:
    (fault,) = read(data, close=False)[0]
    assert isinstance(fault, StreamFault) and fault.status == 502


def test_what_is_not_known_is_passed_over() -> None:
    assert events(
        event("response.web_search_call.searching", output_index=0),
        event("response.output_text.delta", output_index=0, delta=""),
        event("response.output_text.annotation.added", annotation={}),
        b"data: \n\n",
        done(0, type="web_search_call"),
        event("response.created"),
        event("response.output_item.added"),
        event("response.output_item.done"),
    ) == []  # fmt: skip


def test_log_probabilities_are_read() -> None:
    told = [{"token": "a", "logprob": -1, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": None}, 5]}, {}]
    (found,) = events(delta("output_text", 0, "a", logprobs=told))
    assert found == TextDelta("a", (LogProb("a", -1.0, (97,), (LogProb("b", 0.0),)), LogProb("", 0.0)))


def whole(**members: Any) -> bytes:
    return json.dumps({"id": "resp_1", "model": "up", "created_at": 5.5, "status": "completed", **members}).encode()


OUTPUT: list[dict[str, Any]] = [
    {"type": "reasoning", "summary": [{"text": "a"}, {"text": "b"}], "encrypted_content": "gAAA"},
    {"type": "reasoning", "summary": []},
    {"type": "message", "content": [{"type": "output_text", "text": "hi", "logprobs": [{"token": "hi"}]}]},
    {"type": "web_search_call"},
    {"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": ""},
    {"type": "message", "content": [{"type": "refusal", "refusal": "no"}]},
]


def test_a_whole_answer_is_read() -> None:
    found = read_answer(whole(output=OUTPUT, usage=USAGE), names())
    assert found.parts == [Reasoning("a\n\nb", SIGNED), Text("hi"), ToolCall("c", "f", "{}"), Refusal("no")]
    assert (found.finish, found.native, found.id, found.model, found.created) == (
        "tool_calls",
        "completed",
        "resp_1",
        "up",
        5,
    )
    assert found.usage == Usage(7, 9000, 100, 5, 3) and found.logprobs == (LogProb("hi", 0.0),)


def test_a_whole_answer_that_is_incomplete_says_why() -> None:
    cut = whole(status="incomplete", incomplete_details={"reason": "max_output_tokens"}, output=OUTPUT)
    assert read_answer(cut, names()).finish == "length"
    assert read_answer(whole(output=[]), names()).finish == "stop"
    assert read_answer(whole(output=OUTPUT[-1:], usage={"input_tokens": 1}), names()).finish == "refusal"


@pytest.mark.parametrize("error", [{"message": "boom"}, {"code": "server_error", "message": "boom"}, "boom"])
def test_a_whole_answer_that_failed_is_the_backends_error(error: Any) -> None:
    with pytest.raises(BackendError) as caught:
        read_answer(whole(status="failed", error=error), names())
    assert caught.value.message == "boom"


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"[]", b"<html>", b"\xff", b'{"output":5}', b'{"output":[5]}', b'{"output":']
)
def test_what_is_no_answer_is_an_unusable_backend(body: bytes) -> None:
    with pytest.raises(BackendUnavailable):
        read_answer(body, names())


def pieces(data: bytes, size: int) -> Iterable[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def test_a_server_that_does_not_stream_is_read_all_the_same() -> None:
    found, reader = read(*pieces(b" " + whole(output=OUTPUT, usage=USAGE), 50))
    assert reader.complete and TextDelta("hi", (LogProb("hi", 0.0),)) in found and found[0] == Start("resp_1", "up", 5)
    assert isinstance(found[-1], Finish)
    failed, reader = read(whole(error={"message": "boom"}))
    assert isinstance(failed[0], StreamFault) and not reader.complete
    assert read(b'{"id":"r')[1].complete is False
