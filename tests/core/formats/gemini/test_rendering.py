"""Answers for Gemini clients."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.frames import written

from ollamux.clock import Clock
from ollamux.conversation import (
    Answer,
    EmbedAnswer,
    Event,
    Finish,
    FinishReason,
    LogProb,
    Opaque,
    Part,
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
from ollamux.errors import BackendError, BackendUnavailable, Busy, InvalidRequest, OllamuxError
from ollamux.exchange.gathering import gathered
from ollamux.formats.base import RenderContext
from ollamux.formats.gemini.contents import Turns
from ollamux.formats.gemini.fields import root
from ollamux.formats.gemini.framing import Frames
from ollamux.formats.gemini.rendering import GeminiRenderer, error_body, sentence

types = pytest.importorskip("google.genai.types")

THEIRS = Opaque("anthropic", "sig", "claude")
EVERYTHING: list[Event] = [
    Start("r"),
    ReasoningDelta("let me "),
    ReasoningDelta("see"),
    ReasoningDelta("", THEIRS),
    RedactedDelta(THEIRS),
    TextDelta("日本"),
    TextDelta(""),
    TextDelta(" 😀"),
    ToolCallStart(0, "a", "f", THEIRS),
    ToolCallStart(1, "b", "g"),
    ToolCallDelta(1, '{"y":'),
    ToolCallDelta(0, '{"x": 1.5'),
    ToolCallDelta(1, " 2}"),
    ToolCallDelta(0, "}"),
    UsageUpdate(Usage(5, 2, None, 3, 4)),
    Finish("tool_calls"),
]
PARTS: list[Part] = [
    Reasoning("let me see", THEIRS),
    RedactedReasoning(THEIRS),
    Text("日本 😀"),
    ToolCall("a", "f", '{"x": 1.5}', THEIRS),
    ToolCall("b", "g", '{"y": 2}'),
]


def renderer(*, events: bool = True, **more: Any) -> GeminiRenderer:
    return GeminiRenderer(RenderContext("m", Clock(), 1.0), Frames(events=events), **more)


def streamed(given: list[Event], *, events: bool = True) -> list[Any]:
    """The responses of a stream, each of which Google's own type takes."""
    writer = renderer(events=events)
    out = b"".join(writer.events([event], 1.0) for event in given) + writer.end(1.0)
    if events:
        pieces = [json.loads(block.removeprefix(b"data: ")) for block in out.split(b"\n\n") if block]
    else:
        pieces = json.loads(out)
    for piece in pieces:
        types.GenerateContentResponse.model_validate(piece)
    return pieces


def whole(answer: Answer) -> Any:
    found = json.loads(renderer().whole(answer, 1.0))
    types.GenerateContentResponse.model_validate(found)
    return found


def given_back(parts: list[Any]) -> list[Part]:
    """What a client that sends back these parts is read as."""
    turns = Turns()
    for content in root(json.dumps({"c": [{"role": "model", "parts": parts}]}).encode()).each("c"):
        turns.add(content)
    return turns.messages[0].parts


def test_a_stream_is_the_same_as_events_and_as_an_array() -> None:
    assert streamed(EVERYTHING) == streamed(EVERYTHING, events=False)


def test_what_a_stream_told_comes_back_with_the_signatures_of_others() -> None:
    parts = [part for piece in streamed(EVERYTHING) for part in piece["candidates"][0]["content"]["parts"]]
    assert given_back(parts) == PARTS
    assert parts[-2]["functionCall"] == {"id": "a", "name": "f", "args": {"x": 1.5}}


def test_a_whole_answer_is_what_its_stream_tells() -> None:
    found = whole(gathered(EVERYTHING))
    assert given_back(found["candidates"][0]["content"]["parts"]) == PARTS
    last = streamed(EVERYTHING)[-1]
    for name in ("usageMetadata", "modelVersion", "responseId"):
        assert found[name] == last[name]
    assert found["candidates"][0]["finishReason"] == last["candidates"][0]["finishReason"] == "STOP"


def test_the_end_tells_the_reason_and_the_cost_once() -> None:
    pieces = streamed(EVERYTHING)
    assert ["finishReason" in piece["candidates"][0] for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    assert [piece["usageMetadata"] for piece in pieces if "usageMetadata" in piece] == [
        {
            "promptTokenCount": 7,
            "candidatesTokenCount": 3,
            "totalTokenCount": 14,
            "cachedContentTokenCount": 2,
            "thoughtsTokenCount": 4,
        }
    ]
    assert {(piece["modelVersion"], piece["responseId"]) for piece in pieces} == {("m", "r")}


def test_absent_is_not_zero() -> None:
    assert "usageMetadata" not in streamed([TextDelta("a"), Finish("stop")])[-1]
    (piece,) = streamed([UsageUpdate(Usage(3)), Finish("stop")])
    assert piece["usageMetadata"] == {"promptTokenCount": 3, "totalTokenCount": 3}
    assert piece["candidates"][0]["content"]["parts"] == [{"text": ""}] and piece["responseId"]


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("stop", "STOP"),
        ("stop_sequence", "STOP"),
        ("tool_calls", "STOP"),
        ("length", "MAX_TOKENS"),
        ("context_exceeded", "MAX_TOKENS"),
        ("content_filter", "SAFETY"),
        ("refusal", "SAFETY"),
        ("pause", "CONTINUATION"),
        ("malformed", "MALFORMED_RESPONSE"),
    ],
)
def test_every_reason_has_googles_word(reason: FinishReason, word: str) -> None:
    assert streamed([TextDelta("a"), Finish(reason)])[-1]["candidates"][0]["finishReason"] == word
    assert whole(Answer([Text("a")], reason))["candidates"][0]["finishReason"] == word


def test_a_malformed_call_has_a_word_of_its_own_and_its_arguments_are_kept() -> None:
    last = streamed([ToolCallStart(0, "a", "f"), ToolCallDelta(0, '{"x":'), Finish("malformed")])[-1]["candidates"][0]
    assert last["finishReason"] == "MALFORMED_FUNCTION_CALL"
    assert last["content"]["parts"][0]["functionCall"]["args"] == {"_raw": '{"x":'}


def test_a_call_without_arguments_has_an_empty_object() -> None:
    last = streamed([ToolCallStart(0, "a", "f"), ToolCallDelta(7, "lost"), Finish("tool_calls")])[-1]["candidates"][0]
    assert last["content"]["parts"] == [{"functionCall": {"id": "a", "name": "f", "args": {}}}]


def test_a_refusal_is_text() -> None:
    assert streamed([RefusalDelta("no"), Finish("refusal")])[0]["candidates"][0]["content"]["parts"] == [{"text": "no"}]
    parts = whole(Answer([Refusal("no"), Text("")], "refusal"))["candidates"][0]["content"]["parts"]
    assert parts == [{"text": "no"}]


def test_log_probabilities_stand_beside_the_text() -> None:
    probable = (LogProb("a", -0.5, None, (LogProb("a", -0.5), LogProb("b", -1.0))),)
    told = {
        "chosenCandidates": [{"token": "a", "logProbability": -0.5}],
        "topCandidates": [
            {"candidates": [{"token": "a", "logProbability": -0.5}, {"token": "b", "logProbability": -1.0}]}
        ],
    }
    assert streamed([TextDelta("a", probable), Finish("stop")])[0]["candidates"][0]["logprobsResult"] == told
    assert whole(Answer([Text("a")], "stop", logprobs=probable))["candidates"][0]["logprobsResult"] == told
    bare = whole(Answer([Text("a")], "stop", logprobs=(LogProb("a", -1),)))["candidates"][0]["logprobsResult"]
    assert "topCandidates" not in bare


@pytest.mark.parametrize("events", [True, False])
def test_a_broken_stream_ends_with_an_error_and_without_a_reason(events: bool) -> None:
    writer = renderer(events=events)
    out = writer.events([TextDelta("a")], 1.0) + writer.fault(BackendUnavailable("gone"))
    told = json.loads(out.rpartition(b"data: ")[2]) if events else json.loads(out)[-1]
    assert told == {"error": {"code": 502, "message": "gone", "status": "UNAVAILABLE"}}
    assert b"finishReason" not in out
    assert json.loads(renderer(events=False).fault(BackendUnavailable("gone")))[0]["error"]["code"] == 502


@pytest.mark.parametrize("events", [True, False])
def test_a_frame_of_text_makes_what_rendering_makes_and_a_sign_of_life_is_blank(events: bool) -> None:
    writer = renderer(events=events)
    assert writer.frame(TextDelta("a")) is None and writer.keepalive(1.0).strip() == b""
    writer.events([Start("r")], 1.0)
    assert (writer.frame(TextDelta("a")) is None) is not events
    writer.events([TextDelta("a")], 1.0)
    frame = writer.frame(TextDelta("a"))
    assert frame is not None
    assert writer.events([TextDelta("b")], 1.0) == written(frame, b"b")


def test_vectors_stand_in_a_list_or_alone_and_are_cut_to_the_length_that_was_asked_for() -> None:
    answer = EmbedAnswer([[3.0, 4.0, 12.0], [0.0, 0.0, 1.0]], 5)
    found = json.loads(renderer(dimensions=2).embedded(answer, 1.0))
    assert found == {
        "embeddings": [{"values": [0.6, 0.8]}, {"values": [0.0, 0.0]}],
        "usageMetadata": {"promptTokenCount": 5},
    }
    types.EmbedContentResponse.model_validate(found)
    alone = json.loads(renderer(single=True).embedded(EmbedAnswer([[1.0, 2.0]]), 1.0))
    assert alone == {"embedding": {"values": [1.0, 2.0]}}


def test_tokens_are_counted_and_a_load_is_an_empty_answer() -> None:
    assert json.loads(renderer().counted(7, 1.0)) == {"totalTokens": 7}
    assert json.loads(renderer().loaded("load", 1.0))["candidates"][0]["finishReason"] == "STOP"


@pytest.mark.parametrize(
    ("error", "code", "status", "message"),
    [
        (InvalidRequest("bad"), 400, "INVALID_ARGUMENT", "bad"),
        (InvalidRequest("big", status=413), 413, "INVALID_ARGUMENT", "big"),
        (BackendError("x", status=507), 507, "INTERNAL", "x"),
        (BackendError("x", status=429, body='{"error":{"message":"slow"}}'), 429, "RESOURCE_EXHAUSTED", "slow"),
        (BackendError('{"message":"told"}', status=500, body=""), 500, "INTERNAL", "told"),
        (BackendError("x", status=529, body="<html>"), 529, "UNAVAILABLE", "x"),
    ],
)
def test_an_error_has_googles_form(error: OllamuxError, code: int, status: str, message: str) -> None:
    assert json.loads(error_body(error)) == {"error": {"code": code, "message": message, "status": status}}


def test_an_error_says_when_to_come_back() -> None:
    (detail,) = json.loads(error_body(Busy("full", retry_after=2.5)))["error"]["details"]
    assert detail == {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "3s"}


@pytest.mark.parametrize(
    ("detail", "text"),
    [
        ('{"error":{"message":"a"}}', "a"),
        ('[{"error":{"message":"a"}}]', "a"),
        ('{"error":"a"}', "a"),
        ('{"detail":"a"}', "a"),
        ("[]", ""),
        ("{", ""),
        ("plain", ""),
        ('{"error":7}', ""),
        ("[" * 100_000, ""),
    ],
)
def test_the_sentence_in_another_servers_error_is_found(detail: str, text: str) -> None:
    assert sentence(detail) == text


@pytest.mark.parametrize(
    ("finish", "native", "reason", "message"),
    [
        ("content_filter", "RECITATION", "RECITATION", None),
        ("content_filter", "guardrail_intervened", "SAFETY", "guardrail_intervened"),
        ("stop", "end_turn", "STOP", None),
        ("tool_calls", "STOP", "STOP", None),
        ("stop", "eos_unheard_of", "STOP", "eos_unheard_of"),
        ("malformed", "MISSING_THOUGHT_SIGNATURE", "MISSING_THOUGHT_SIGNATURE", None),
        ("length", "", "MAX_TOKENS", None),
    ],
)
def test_the_backends_own_word_for_the_end_is_told_where_it_says_more(
    finish: FinishReason, native: str, reason: str, message: str | None
) -> None:
    renderer = GeminiRenderer(RenderContext("m", Clock(), 0.0), Frames(events=True))
    whole = json.loads(renderer.whole(Answer([Text("a")], finish, native=native), 0.0))["candidates"][0]
    assert (whole["finishReason"], whole.get("finishMessage")) == (reason, message)
    renderer = GeminiRenderer(RenderContext("m", Clock(), 0.0), Frames(events=True))
    renderer.events([TextDelta("a"), Finish(finish, native)], 0.0)
    last = json.loads(renderer.end(0.0).removeprefix(b"data: "))["candidates"][0]
    assert (last["finishReason"], last.get("finishMessage")) == (reason, message)
