"""What Converse answers, as AWS's own library reads it."""

from __future__ import annotations

import base64
import json
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.aws import read_stream, read_whole
from tests.support.event_streams import event, exception, failed, frame

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    Answer,
    Event,
    Finish,
    Message,
    Opaque,
    Reasoning,
    ReasoningDelta,
    RedactedDelta,
    RedactedReasoning,
    Start,
    StreamFault,
    Text,
    TextDelta,
    Tool,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageUpdate,
)
from ollamux.errors import BackendUnavailable
from ollamux.exchange.gathering import gathered
from ollamux.formats.bedrock.reading import ConverseReader, read_answer
from ollamux.formats.bedrock.turns import names_of

LONG = "look.up." + "x" * 70
REQUEST = ChatRequest("m", [Message("user", [Text("x")])], tools=(Tool("f"), Tool(LONG)))
ALIAS = names_of(REQUEST).out(LONG)
SIGNATURE = Opaque("anthropic", "sig==")


def delta(block: int, **told: Any) -> bytes:
    return event("contentBlockDelta", contentBlockIndex=block, delta=told)


def opened(block: int, id_: str, name: str, **more: Any) -> bytes:
    return event(
        "contentBlockStart", contentBlockIndex=block, start={"toolUse": {"toolUseId": id_, "name": name, **more}}
    )


def closed(block: int) -> bytes:
    return event("contentBlockStop", contentBlockIndex=block)


def stopped(reason: str = "end_turn") -> bytes:
    return event("messageStop", stopReason=reason)


BEGUN = event("messageStart", role="assistant")
USAGE = event(
    "metadata",
    usage={
        "inputTokens": 7,
        "outputTokens": 5,
        "totalTokens": 9112,
        "cacheReadInputTokens": 9000,
        "cacheWriteInputTokens": 100,
    },
    metrics={"latencyMs": 400},
)


def read(*pieces: bytes) -> list[Event]:
    reader = ConverseReader(names_of(REQUEST))
    found = [event for piece in pieces for event in reader.feed(piece)]
    return found + reader.close()


def test_a_text_has_no_start() -> None:
    stream = BEGUN + delta(0, text="hel") + delta(0, text="l\u00f6") + closed(0) + stopped() + USAGE
    assert read(stream) == [
        Start(),
        TextDelta("hel"),
        TextDelta("l\u00f6"),
        Finish("stop", "end_turn"),
        UsageUpdate(Usage(7, 9000, 100, 5)),
    ]


def test_usage_counts_the_cache_beside_the_rest() -> None:
    """Seven tokens beside nine thousand from the cache and a hundred into it."""
    (told,) = [found for found in read(USAGE) if isinstance(found, UsageUpdate)]
    assert told.usage is not None and (told.usage.input, told.usage.output) == (9107, 5)
    assert read(event("metadata", usage={"inputTokens": 1}))[0] == UsageUpdate(Usage(1))
    assert read(event("metadata", metrics={"latencyMs": 1})) == []


def test_a_stream_is_complete_when_its_message_stops_and_not_before() -> None:
    reader = ConverseReader(names_of(REQUEST))
    reader.feed(BEGUN + delta(0, text="x") + closed(0))
    assert not reader.complete
    reader.feed(stopped())
    assert reader.complete
    assert reader.feed(stopped() + USAGE) == [UsageUpdate(Usage(7, 9000, 100, 5))]


def test_calls_are_numbered_without_gaps_and_have_the_clients_names() -> None:
    stream = BEGUN + delta(0, text="so") + closed(0)
    stream += opened(1, "t1", "f") + delta(1, toolUse={"input": ""}) + delta(1, toolUse={"input": '{"a"'})
    stream += opened(3, "t2", ALIAS) + delta(1, toolUse={"input": ":1}"}) + closed(1) + closed(3) + stopped("tool_use")
    assert read(stream)[2:] == [
        ToolCallStart(0, "t1", "f"),
        ToolCallDelta(0, '{"a"'),
        ToolCallStart(1, "t2", LONG),
        ToolCallDelta(0, ":1}"),
        Finish("tool_calls", "tool_use"),
    ]


def test_a_tool_that_the_service_calls_itself_is_no_business_of_the_client() -> None:
    stream = opened(0, "s", "search", type="server_tool_use") + delta(0, toolUse={"input": "{}"})
    stream += event("contentBlockStart", contentBlockIndex=1, start={"toolResult": {"toolUseId": "s"}})
    stream += delta(1, toolResult=[{"text": "found"}]) + delta(2, citation={"title": "t"}) + delta(2, text="x")
    assert read(stream + stopped()) == [TextDelta("x"), Finish("stop", "end_turn")]


def test_thoughts_come_with_their_signature() -> None:
    stream = delta(0, reasoningContent={"text": "hm"}) + delta(0, reasoningContent={"signature": "sig=="}) + closed(0)
    assert read(stream) == [ReasoningDelta("hm"), ReasoningDelta("", SIGNATURE)]


def test_a_sealed_thought_comes_whole_in_however_many_pieces_it_came() -> None:
    pieces = [base64.b64encode(piece).decode() for piece in (b"a", b"bcd", b"ef")]
    stream = b"".join(delta(0, reasoningContent={"redactedContent": piece}) for piece in pieces)
    assert read(stream) == []
    assert read(stream + closed(0)) == [RedactedDelta(Opaque("bedrock", base64.b64encode(b"abcdef").decode()))]


REASONS = [
    ("end_turn", "stop"),
    ("stop_sequence", "stop_sequence"),
    ("max_tokens", "length"),
    ("model_context_window_exceeded", "context_exceeded"),
    ("guardrail_intervened", "content_filter"),
    ("content_filtered", "content_filter"),
    ("malformed_model_output", "malformed"),
    ("malformed_tool_use", "malformed"),
    ("tool_use", "stop"),
    ("something_new", "stop"),
]


@pytest.mark.parametrize(("native", "reason"), REASONS)
def test_why_a_model_stopped_is_told_in_our_words_and_its_own(native: str, reason: Any) -> None:
    """A word that nobody knows is a stop; calls are what it stopped for only where there was one."""
    assert read(stopped(native)) == [Finish(reason, native)]
    assert whole([{"text": "x"}], native).finish == reason


@pytest.mark.parametrize(
    ("native", "arguments", "reason"),
    [
        ("tool_use", "", "tool_calls"),
        ("end_turn", "{}", "tool_calls"),
        ("max_tokens", "{}", "length"),
        ("guardrail_intervened", "{}", "content_filter"),
        ("tool_use", '{"a":', "stop"),
        ("tool_use", "[]", "stop"),
    ],
)
def test_calls_are_what_it_stopped_for_only_where_one_is_whole(native: str, arguments: str, reason: Any) -> None:
    stream = opened(0, "t", "f") + delta(0, toolUse={"input": arguments}) + closed(0) + stopped(native)
    assert read(stream)[-1] == Finish(reason, native)


# What goes wrong ------------------------------------------------------------------------------------------------------


def test_an_exception_in_a_stream_is_a_fault_at_every_cut() -> None:
    stream = BEGUN + delta(0, text="x") + exception("throttlingException", message="slow down")
    expected = [Start(), TextDelta("x"), StreamFault("slow down", 429, "rate_limit")]
    for at in range(len(stream)):
        assert read(stream[:at], stream[at:]) == expected
    assert read(*(stream[at : at + 1] for at in range(len(stream)))) == expected
    with pytest.raises(Exception, match="slow down"):
        read_stream(stream)


def test_an_error_in_a_stream_is_a_fault() -> None:
    assert read(failed("InternalFailure", "it broke")) == [StreamFault("it broke", 500, "upstream_bad")]
    assert read(failed("ExpiredTokenException", "arn:x")) == [
        StreamFault("the backend refused the gateway's credentials", 502)
    ]


def test_a_wrong_checksum_is_a_fault_behind_what_was_right() -> None:
    bad = bytearray(delta(0, text="lo"))
    bad[-1] ^= 1
    found = read(BEGUN + delta(0, text="hel") + bytes(bad) + stopped())
    assert found[:2] == [Start(), TextDelta("hel")] and len(found) == 3
    assert isinstance(found[2], StreamFault) and "checksum" in found[2].detail and found[2].status == 502


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"{",
        b"[]",
        b"\xff",
        b'{"contentBlockIndex":"0","delta":{"text":"x"}}',
        b'{"delta":{"text":7}}',
        b'{"delta":{"reasoningContent":{"redactedContent":"*"}}}',
        b'{"x":' + b"[" * 100000,
    ],
)
def test_an_event_that_cannot_be_read_is_a_fault(payload: bytes) -> None:
    (found,) = read(frame({":message-type": "event", ":event-type": "contentBlockDelta"}, payload))
    assert isinstance(found, StreamFault) and found.status == 502


@pytest.mark.parametrize("body", [b'{"message":"no stream here"}', b"<html><body>Bad gateway</body></html>"])
def test_what_is_no_event_stream_is_a_fault(body: bytes) -> None:
    (found,) = read(body)
    assert isinstance(found, StreamFault) and "damaged event stream" in found.detail


def test_what_nobody_has_heard_of_is_passed_over() -> None:
    assert read(event("initial-response") + event("somethingNew", x=1) + frame({":message-type": "odd"}, b"")) == []
    assert read(event("contentBlockDelta", contentBlockIndex=4, delta={"toolUse": {"input": "{"}})) == []
    assert read(event("contentBlockDelta") + event("contentBlockStart") + delta(0, image={})) == []


# Whole answers --------------------------------------------------------------------------------------------------------


def whole(content: list[dict[str, Any]], reason: str = "end_turn") -> Answer:
    body = {"output": {"message": {"role": "assistant", "content": content}}, "stopReason": reason, "metrics": {}}
    return read_answer(json.dumps(body).encode(), names_of(REQUEST))


def test_a_whole_answer_has_its_parts_in_order() -> None:
    answer = whole(
        [
            {"reasoningContent": {"reasoningText": {"text": "hm", "signature": "sig=="}}},
            {"reasoningContent": {"reasoningText": {"text": ""}}},
            {"reasoningContent": {"redactedContent": "c2VhbGVk"}},
            {"text": "so"},
            {"text": ""},
            {"citationsContent": {"content": [{"text": "it "}, {"text": "is"}], "citations": []}},
            {"toolUse": {"toolUseId": "t1", "name": ALIAS, "input": {}}},
            {"toolUse": {"toolUseId": "s", "name": "search", "input": {}, "type": "server_tool_use"}},
            {"somethingNew": 1},
        ],
        "tool_use",
    )
    assert answer == Answer(
        [
            Reasoning("hm", SIGNATURE),
            RedactedReasoning(Opaque("bedrock", "c2VhbGVk")),
            Text("so"),
            Text("it is"),
            ToolCall("t1", LONG, "{}"),
        ],
        "tool_calls",
        native="tool_use",
    )


def test_arguments_keep_their_bytes() -> None:
    body = b'{"output":{"message":{"content":[{"toolUse":{"toolUseId":"t","name":"f","input":{ "b":1.50,"a":2 }}}]}}}'
    answer = read_answer(body, names_of(REQUEST))
    assert answer.parts == [ToolCall("t", "f", '{ "b":1.50,"a":2 }')]


def test_a_whole_answer_tells_its_usage() -> None:
    body = b'{"output":{"message":{"content":[]}},"stopReason":"end_turn","usage":{"inputTokens":7,"outputTokens":0}}'
    assert read_answer(body, names_of(REQUEST)).usage == Usage(7, None, None, 0)


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"<html>", b"\xff", b'{"output":{}}', b'{"message":"no"}', b'{"output":' + b"[" * 100000],
)
def test_what_is_no_answer_is_an_error(body: bytes) -> None:
    with pytest.raises(BackendUnavailable):
        read_answer(body, names_of(REQUEST))


# As the reference reads them ------------------------------------------------------------------------------------------

words = st.text(st.characters(codec="utf-8"), min_size=1, max_size=6)
blocks = st.one_of(
    st.tuples(st.just("text"), st.lists(words, min_size=1, max_size=3)),
    st.tuples(st.just("thought"), st.lists(words, min_size=1, max_size=3)),
    st.tuples(st.just("call"), st.sampled_from([["{}"], [""], ['{"a":', "1}"], ['{"\u00fc":"', "x", '"}']])),
)
answers = st.lists(blocks, max_size=5)
reasons = st.sampled_from([native for native, _ in REASONS if native != "something_new"])
counts = st.integers(0, 10**6)


def streamed(content: list[tuple[str, list[str]]], reason: str, read_: int, written: int) -> bytes:
    out = BEGUN
    for block, (kind, pieces) in enumerate(content):
        out += opened(block, f"t{block}", "f") if kind == "call" else b""
        for piece in pieces:
            match kind:
                case "text":
                    out += delta(block, text=piece)
                case "thought":
                    out += delta(block, reasoningContent={"text": piece})
                case _:
                    out += delta(block, toolUse={"input": piece})
        out += delta(block, reasoningContent={"signature": f"s{block}"}) if kind == "thought" else b""
        out += closed(block)
    usage = {"inputTokens": read_, "outputTokens": written, "totalTokens": read_ + written}
    return out + stopped(reason) + event("metadata", usage=usage, metrics={"latencyMs": 1})


def told(events: list[dict[str, Any]]) -> dict[str, Any]:
    """What the reference's events say, put together."""
    found: dict[str, Any] = {"text": "", "thoughts": [], "calls": [], "reason": "", "usage": None}
    arguments: dict[int, str] = {}
    for entry in events:
        ((kind, value),) = entry.items()
        if kind == "contentBlockStart":
            arguments[value["contentBlockIndex"]] = ""
            found["calls"].append((value["start"]["toolUse"]["toolUseId"], value["contentBlockIndex"]))
        elif kind == "contentBlockDelta":
            piece, block = value["delta"], value["contentBlockIndex"]
            found["text"] += piece.get("text", "")
            if "toolUse" in piece:
                arguments[block] += piece["toolUse"]["input"]
            if "reasoningContent" in piece:
                thoughts = found["thoughts"]
                if not thoughts or thoughts[-1][0] != block:
                    thoughts.append([block, "", ""])
                thoughts[-1][1] += piece["reasoningContent"].get("text", "")
                thoughts[-1][2] += piece["reasoningContent"].get("signature", "")
        elif kind == "messageStop":
            found["reason"] = value["stopReason"]
        elif kind == "metadata":
            found["usage"] = (value["usage"]["inputTokens"], value["usage"]["outputTokens"])
    found["thoughts"] = [(text, signature) for _, text, signature in found["thoughts"]]
    found["calls"] = [(id_, arguments[block]) for id_, block in found["calls"]]
    return found


def said(answer: Answer) -> dict[str, Any]:
    """The same of our own reading."""
    usage = answer.usage
    return {
        "text": "".join(part.text for part in answer.parts if isinstance(part, Text)),
        "thoughts": [
            (part.text, part.signature.value if part.signature else "")
            for part in answer.parts
            if isinstance(part, Reasoning)
        ],
        "calls": [(part.id, part.arguments) for part in answer.parts if isinstance(part, ToolCall)],
        "reason": answer.native,
        "usage": None if usage is None else (usage.input, usage.output),
    }


@settings(max_examples=60)
@given(answers, reasons, counts, counts, st.lists(st.integers(0, 4000), max_size=8).map(sorted))
def test_every_stream_is_read_as_the_reference_reads_it_wherever_it_is_cut(
    content: list[tuple[str, list[str]]], reason: str, read_: int, written: int, cuts: list[int]
) -> None:
    stream = streamed(content, reason, read_, written)
    edges = [0, *(min(cut, len(stream)) for cut in cuts), len(stream)]
    ours = read(*(stream[begin:end] for begin, end in pairwise(edges)))
    assert said(gathered(ours)) == told(read_stream(stream))


@settings(max_examples=60)
@given(answers, reasons, counts, counts)
def test_every_whole_answer_is_read_as_the_reference_reads_it(
    content: list[tuple[str, list[str]]], reason: str, read_: int, written: int
) -> None:
    blocks_: list[dict[str, Any]] = []
    for block, (kind, pieces) in enumerate(content):
        text = "".join(pieces)
        if kind == "text":
            blocks_.append({"text": text})
        elif kind == "thought":
            blocks_.append({"reasoningContent": {"reasoningText": {"text": text, "signature": f"s{block}"}}})
        else:
            blocks_.append({"toolUse": {"toolUseId": f"t{block}", "name": "f", "input": json.loads(text or "{}")}})
    usage = {"inputTokens": read_, "outputTokens": written, "totalTokens": read_ + written}
    message = {"role": "assistant", "content": blocks_}
    body = json.dumps({"output": {"message": message}, "stopReason": reason, "usage": usage, "metrics": {}}).encode()
    theirs = read_whole(body)
    ours = said(read_answer(body, names_of(REQUEST)))
    assert ours["reason"] == theirs["stopReason"]
    assert ours["usage"] == (theirs["usage"]["inputTokens"], theirs["usage"]["outputTokens"])
    content_ = theirs["output"]["message"]["content"]
    assert ours["text"] == "".join(found.get("text", "") for found in content_)
    thoughts = [found["reasoningContent"]["reasoningText"] for found in content_ if "reasoningContent" in found]
    assert ours["thoughts"] == [(thought["text"], thought["signature"]) for thought in thoughts]
    calls = [found["toolUse"] for found in content_ if "toolUse" in found]
    assert [(id_, json.loads(text)) for id_, text in ours["calls"]] == [
        (call["toolUseId"], call["input"]) for call in calls
    ]
