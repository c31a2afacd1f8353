"""Answers of servers that speak this format."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.conversation import (
    Event,
    Finish,
    Opaque,
    Reasoning,
    ReasoningDelta,
    RedactedDelta,
    RedactedReasoning,
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
from ollamux.formats.anthropic.reading import Counter, MessageReader, read_answer
from ollamux.formats.anthropic.schema import TokenDetails
from ollamux.formats.anthropic.schema import Usage as Told
from ollamux.formats.identifiers import Names

PATTERN = re.compile(r"[a-zA-Z0-9_-]+")
SIGNED = Opaque("anthropic", "EqQ=")


def names(*originals: str) -> Names:
    return Names(PATTERN, 64, originals)


def event(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members}, ensure_ascii=False)}\n\n".encode()


def begin(**usage: int) -> bytes:
    return event("message_start", message={"id": "msg_1", "model": "up", "content": [], "usage": usage})


def block(index: int, content: dict[str, Any], *deltas: dict[str, Any]) -> bytes:
    out = event("content_block_start", index=index, content_block=content)
    out += b"".join(event("content_block_delta", index=index, delta=delta) for delta in deltas)
    return out + event("content_block_stop", index=index)


def said(index: int, *texts: str) -> bytes:
    return block(index, {"type": "text", "text": ""}, *({"type": "text_delta", "text": text} for text in texts))


def called(index: int, id_: str, name: str, *pieces: str) -> bytes:
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return block(index, {"type": "tool_use", "id": id_, "name": name, "input": {}}, *deltas)


def end(reason: str | None = "end_turn", **usage: int) -> bytes:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return event("message_delta", delta=delta, usage=usage) + event("message_stop")


def read(data: bytes, known: Names | None = None) -> list[Event]:
    reader = MessageReader(known or names())
    return reader.feed(data) + reader.close()


def merged(events: list[Event]) -> list[Event]:
    """The same with neighbouring pieces joined."""
    found: list[Event] = []
    for one in events:
        last = found[-1] if found else None
        if isinstance(one, TextDelta) and isinstance(last, TextDelta):
            found[-1] = TextDelta(last.text + one.text)
        else:
            found.append(one)
    return found


def test_a_stream_is_read_from_its_start_to_its_end() -> None:
    data = begin(input_tokens=7, output_tokens=1) + event("ping") + said(0, "für ", "東京") + end(output_tokens=5)
    assert read(data) == [
        Start("msg_1", "up"),
        UsageUpdate(Usage(input_uncached=7, output_text=1)),
        TextDelta("für "),
        TextDelta("東京"),
        UsageUpdate(Usage(input_uncached=7, output_text=5)),
        Finish("stop", "end_turn"),
    ]


def test_calls_are_counted_apart_from_the_blocks_around_them() -> None:
    data = begin() + said(0, "a") + called(1, "x", "f", "", '{"a"', ":1}") + called(2, "y", "g", "{}")
    assert [one for one in read(data + end("tool_use")) if isinstance(one, ToolCallStart | ToolCallDelta | Finish)] == [
        ToolCallStart(0, "x", "f"),
        ToolCallDelta(0, '{"a"'),
        ToolCallDelta(0, ":1}"),
        ToolCallStart(1, "y", "g"),
        ToolCallDelta(1, "{}"),
        Finish("tool_calls", "tool_use"),
    ]


@pytest.mark.parametrize("pieces", [(), ("",)])
def test_a_call_whose_only_piece_is_empty_has_an_empty_object(pieces: tuple[str, ...]) -> None:
    found = read(begin() + called(0, "x", "f", *pieces) + end("tool_use"))
    assert ToolCallDelta(0, "{}") in found and ToolCallDelta(0, "") not in found


def test_a_call_that_came_whole_in_its_start_has_these_arguments() -> None:
    content = {"type": "tool_use", "id": "x", "name": "f", "input": {"a": 1}}
    assert ToolCallDelta(0, '{"a": 1}') in read(begin() + block(0, content) + end("tool_use"))


def test_a_tool_gets_its_own_name_back() -> None:
    known = names("a.b", "plain")
    data = begin() + called(0, "x", known.out("a.b"), "{}") + called(1, "y", "plain", "{}") + end("tool_use")
    starts = [one.name for one in read(data, known) if isinstance(one, ToolCallStart)]
    assert starts == ["a.b", "plain"]


def test_a_signature_is_told_when_its_block_closes_and_the_last_one_counts() -> None:
    thinking = {"type": "thinking", "thinking": "", "signature": ""}
    deltas = [
        {"type": "thinking_delta", "thinking": "hm"},
        {"type": "signature_delta", "signature": "old"},
        {"type": "signature_delta", "signature": "EqQ="},
    ]
    found = read(begin() + block(0, thinking, *deltas) + said(1, "a") + end())
    assert [one for one in found if isinstance(one, ReasoningDelta | TextDelta)] == [
        ReasoningDelta("hm"),
        ReasoningDelta("", SIGNED),
        TextDelta("a"),
    ]


def test_a_thought_without_text_and_one_without_signature_are_read() -> None:
    only = block(0, {"type": "thinking", "thinking": ""}, {"type": "signature_delta", "signature": "EqQ="})
    unsigned = block(1, {"type": "thinking", "thinking": "a"}, {"type": "signature_delta", "signature": ""})
    redacted = block(2, {"type": "redacted_thinking", "data": "x"})
    found = read(begin() + only + unsigned + redacted + end())
    assert found[1:-2] == [
        UsageUpdate(None),
        ReasoningDelta("", SIGNED),
        ReasoningDelta("a"),
        RedactedDelta(Opaque("anthropic", "x")),
    ]


def test_counters_are_disjoint_and_one_that_is_not_named_again_keeps_its_value() -> None:
    data = begin(input_tokens=7, cache_read_input_tokens=9000, cache_creation_input_tokens=100, output_tokens=1)
    usages = [one.usage for one in read(data + end(output_tokens=50)) if isinstance(one, UsageUpdate)]
    last = usages[-1]
    assert last is not None and last.input == 9107
    assert last == Usage(input_uncached=7, cache_read=9000, cache_write=100, output_text=50)


def test_thinking_is_counted_apart() -> None:
    told = Told(output_tokens=50, output_tokens_details=TokenDetails(thinking_tokens=20))
    assert Counter().add(told) == Usage(output_text=30, reasoning=20)
    assert Counter().add(None) is None


@pytest.mark.parametrize(
    ("native", "reason"),
    [
        ("end_turn", "stop"),
        ("max_tokens", "length"),
        ("stop_sequence", "stop_sequence"),
        ("pause_turn", "pause"),
        ("refusal", "refusal"),
        ("model_context_window_exceeded", "context_exceeded"),
        ("tool_use", "stop"),
        ("brand_new", "stop"),
    ],
)
def test_every_word_for_the_end_is_read_and_kept(native: str, reason: str) -> None:
    assert read(begin() + said(0, "a") + end(native))[-1] == Finish(reason, native)  # type: ignore[arg-type]
    whole = read_answer(json.dumps({"content": [], "stop_reason": native}).encode(), names())
    assert (whole.finish, whole.native) == (reason, native)


def test_the_sequence_that_stopped_it_is_read() -> None:
    delta = {"stop_reason": "stop_sequence", "stop_sequence": "END"}
    data = begin() + event("message_delta", delta=delta) + event("message_stop")
    assert read(data)[-1] == Finish("stop_sequence", "stop_sequence", "END")


def test_a_refusal_says_why() -> None:
    delta = {"stop_reason": "refusal", "stop_details": {"type": "refusal", "category": "bio", "explanation": "No."}}
    data = begin() + event("message_delta", delta=delta) + event("message_stop")
    assert RefusalDelta("No.") in read(data)


def test_a_stream_without_message_stop_never_ended() -> None:
    reader = MessageReader(names())
    data = begin() + said(0, "a") + event("message_delta", delta={"stop_reason": "end_turn"}, usage={})
    found = reader.feed(data) + reader.close()
    assert not reader.complete and not any(isinstance(one, Finish) for one in found)


def test_an_overload_inside_a_stream_is_a_fault_of_that_kind() -> None:
    error = {"type": "overloaded_error", "message": "Overloaded"}
    assert read(begin() + said(0, "a") + event("error", error=error))[-1] == StreamFault(
        "Overloaded", 503, "overloaded"
    )
    assert read(b'data: {"error":{"message":"odd"}}\n\n') == [StreamFault("odd", 500, "upstream_bad")]


def test_what_only_the_vendors_servers_do_is_passed_over() -> None:
    server = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    piece = {"type": "input_json_delta", "partial_json": '{"q":1}'}
    cited = {"type": "citations_delta", "citation": {}}
    data = (
        begin() + block(0, server, piece) + block(1, {"type": "text", "text": "x"}, cited) + event("new_thing") + end()
    )
    assert [one for one in read(data) if not isinstance(one, Start | UsageUpdate)] == [
        TextDelta("x"),
        Finish("stop", "end_turn"),
    ]


def test_a_delta_for_a_block_that_never_opened_does_no_harm() -> None:
    deltas = [
        {"type": "text_delta", "text": "a"},
        {"type": "input_json_delta", "partial_json": "{"},
        {"type": "signature_delta", "signature": "s"},
    ]
    data = b"".join(event("content_block_delta", index=9, delta=delta) for delta in deltas)
    assert read(data + event("content_block_stop", index=9)) == [TextDelta("a")]


def test_what_is_no_event_is_a_fault_but_half_an_event_at_the_end_is_not() -> None:
    assert isinstance(read(b"data: <html>\n\n")[0], StreamFault)
    assert read(b'data: {"type":"content_bl') == []


def test_nothing_is_read_behind_the_end() -> None:
    assert isinstance(read(begin() + end() + said(0, "late"))[-1], Finish)


def test_a_server_that_does_not_stream_is_read_all_the_same() -> None:
    content: list[dict[str, Any]]
    content = [{"type": "thinking", "thinking": "t", "signature": "EqQ="}, {"type": "redacted_thinking", "data": "x"}]
    content += [{"type": "text", "text": "a"}, {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}]
    body = {"id": "msg_1", "model": "up", "content": content, "stop_reason": "tool_use", "usage": {"input_tokens": 3}}
    reader = MessageReader(names())
    data = json.dumps(body).encode()
    assert reader.feed(data[:9]) + reader.feed(data[9:]) == []
    assert reader.close() == [
        Start("msg_1", "up"),
        ReasoningDelta("t", SIGNED),
        RedactedDelta(Opaque("anthropic", "x")),
        TextDelta("a"),
        ToolCallStart(0, "c", "f"),
        ToolCallDelta(0, '{"a": 1}'),
        UsageUpdate(Usage(input_uncached=3)),
        Finish("tool_calls", "tool_use"),
    ]
    assert reader.complete
    refused = json.dumps({"content": [], "stop_reason": "refusal", "stop_details": {"explanation": "No."}}).encode()
    assert RefusalDelta("No.") in read(refused)
    assert read(b'{"type":"error","error":{"message":"x"}}') == [StreamFault("x", 500, "upstream_bad")]


WHOLE = begin(input_tokens=1) + said(0, "für ", "東京 😀") + called(1, "x", "f", "", '{"a"', ":1}") + end("tool_use")


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_a_stream_cut_anywhere_reads_the_same(line_end: bytes) -> None:
    data = WHOLE.replace(b"\n", line_end)
    expected = read(WHOLE)
    for at in range(len(data)):
        reader = MessageReader(names())
        assert reader.feed(data[:at]) + reader.feed(data[at:]) + reader.close() == expected
    reader = MessageReader(names())
    single = [one for byte in data for one in reader.feed(bytes([byte]))]
    assert single + reader.close() == expected


@given(cuts=st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_a_stream_in_random_pieces_reads_the_same(cuts: list[int]) -> None:
    reader = MessageReader(names())
    edges = [0, *sorted(cuts), len(WHOLE)]
    found = [one for a, b in pairwise(edges) for one in reader.feed(WHOLE[a:b])]
    assert found + reader.close() == read(WHOLE)


@given(data=st.binary(max_size=60) | st.binary(max_size=30).map(lambda noise: WHOLE[:200] + noise + WHOLE[200:]))
def test_garbage_in_a_stream_is_at_most_a_fault(data: bytes) -> None:
    try:
        read(data)
    except BackendUnavailable:
        assert data.lstrip()[:1] == b"{"


def test_a_whole_message_is_read() -> None:
    content: list[dict[str, Any]] = [
        {"type": "thinking", "thinking": "", "signature": "EqQ="},
        {"type": "thinking", "thinking": "t"},
        {"type": "thinking", "thinking": ""},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "a", "citations": None},
        {"type": "text", "text": ""},
        {"type": "tool_use", "id": "c", "name": "f", "input": {}},
        {"type": "server_tool_use", "id": "s", "name": "w", "input": {}},
    ]
    body = {"id": "msg_1", "type": "message", "model": "up", "content": content, "stop_reason": "tool_use"}
    usage = {"input_tokens": 7, "cache_read_input_tokens": 2, "cache_creation_input_tokens": None, "output_tokens": 3}
    found = read_answer(json.dumps({**body, "usage": usage}).encode(), names())
    assert found.parts == [
        Reasoning("", SIGNED),
        Reasoning("t"),
        RedactedReasoning(Opaque("anthropic", "x")),
        Text("a"),
        ToolCall("c", "f", "{}"),
    ]
    assert (found.finish, found.id, found.model) == ("tool_calls", "msg_1", "up")
    assert found.usage == Usage(input_uncached=7, cache_read=2, output_text=3)


def test_a_whole_refusal_says_why() -> None:
    body = {"content": [], "stop_reason": "refusal", "stop_details": {"explanation": "No."}}
    assert read_answer(json.dumps(body).encode(), names()).parts == [Refusal("No.")]


def test_an_error_under_status_200_is_an_error() -> None:
    with pytest.raises(BackendError) as caught:
        read_answer(b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}', names())
    assert (caught.value.message, caught.value.status) == ("Overloaded", 503)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"content":5}', b"\xff"])
def test_what_is_no_message_is_a_bad_gateway(body: bytes) -> None:
    with pytest.raises(BackendUnavailable):
        read_answer(body, names())
