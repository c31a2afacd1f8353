"""Answers of Gemini."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.chat import ChatRequest
from ollamux.clock import Clock
from ollamux.conversation import (
    Answer,
    EmbedAnswer,
    Event,
    Finish,
    LogProb,
    Message,
    Opaque,
    Reasoning,
    ReasoningDelta,
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
from ollamux.errors import BackendError, BackendUnavailable
from ollamux.exchange.gathering import gathered
from ollamux.formats.base import RenderContext
from ollamux.formats.gemini.functions import function_names
from ollamux.formats.gemini.reading import GeminiReader, read_answer, read_vectors, usage_of
from ollamux.formats.gemini.schema import Usage as Told
from ollamux.formats.openai_chat.rendering import OpenAIChatRenderer
from ollamux.streaming.translator import Translator

REQUEST = ChatRequest("m", [Message("user", [Text("hi")])], tools=(Tool("f"),))
SIGNED = Opaque("gemini", "c2ln")


def response(*parts: dict[str, Any], finish: str | None = None, **more: Any) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": list(parts), "role": "model"} if parts else {}, "index": 0}
    if finish:
        candidate["finishReason"] = finish
    return {"candidates": [candidate], "modelVersion": "g", "responseId": "r", **more}


def call(name: str = "f", **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": {"a": 1}}, **more}


def stream(*responses: Any) -> bytes:
    return b"".join(b"data: " + json.dumps(one, ensure_ascii=False).encode() + b"\r\n\r\n" for one in responses)


def read(data: bytes | list[bytes], request: ChatRequest = REQUEST) -> tuple[list[Event], bool]:
    reader = GeminiReader(request)
    events: list[Event] = []
    for piece in [data] if isinstance(data, bytes) else data:
        events += reader.feed(piece)
    events += reader.close()
    return events, reader.complete


def whole(*parts: dict[str, Any], **more: Any) -> Answer:
    return read_answer(json.dumps(response(*parts, **more)).encode(), REQUEST)


EVERYTHING = stream(
    response({"text": "grübeln", "thought": True}, usageMetadata={"promptTokenCount": 7, "thoughtsTokenCount": 2}),
    response({"text": "日本"}),
    response({"text": " 😀"}, call(thoughtSignature="c2ln"), call(name="g")),
    response(
        {"text": "", "thoughtSignature": "ZW5k"},
        finish="STOP",
        usageMetadata={"promptTokenCount": 7, "candidatesTokenCount": 3},
    ),
)
EVENTS: list[Event] = [
    Start("r", "g"),
    UsageUpdate(Usage(7, None, None, None, 2)),
    ReasoningDelta("grübeln"),
    TextDelta("日本"),
    TextDelta(" 😀"),
    ToolCallStart(0, "call_r_0", "f", SIGNED),
    ToolCallDelta(0, '{"a": 1}'),
    ToolCallStart(1, "call_r_1", "g"),
    ToolCallDelta(1, '{"a": 1}'),
    UsageUpdate(Usage(7, None, None, 3)),
    ReasoningDelta("", Opaque("gemini", "ZW5k")),
    Finish("tool_calls", "STOP"),
]


def test_a_stream_is_read_at_every_cut() -> None:
    assert read(EVERYTHING) == (EVENTS, True)
    assert read([EVERYTHING[at : at + 1] for at in range(len(EVERYTHING))]) == (EVENTS, True)
    assert read(EVERYTHING.removesuffix(b"\r\n\r\n")) == (EVENTS, True)
    assert read(EVERYTHING.replace(b"\r\n", b"\n")) == (EVENTS, True)


@given(st.lists(st.integers(0, len(EVERYTHING)), max_size=8))
def test_a_stream_is_read_wherever_it_is_cut(cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(EVERYTHING)]
    assert read([EVERYTHING[a:b] for a, b in pairwise(bounds)]) == (EVENTS, True)


def test_a_stop_after_the_call_in_an_empty_chunk_is_tool_calls_once_and_no_empty_text() -> None:
    events, complete = read(stream(response(call()), response({"text": ""}, finish="STOP")))
    assert [event for event in events if isinstance(event, Finish | TextDelta)] == [Finish("tool_calls", "STOP")]
    assert complete
    translator = Translator(GeminiReader(REQUEST), OpenAIChatRenderer(RenderContext("m", Clock(), 0.0)))
    out = translator.feed(stream(response(call()), response({"text": ""}, finish="STOP")), 0.0) + translator.close(0.0)
    assert out.count(b'"finish_reason":"tool_calls"') == 1 and b'"content":""' not in out


def test_a_reason_in_every_chunk_ends_nothing_too_early() -> None:
    events, _ = read(stream(response({"text": "a"}, finish="STOP"), response(call(), finish="STOP")))
    assert [event for event in events if isinstance(event, Finish)] == [Finish("tool_calls", "STOP")] == events[-1:]


@pytest.mark.parametrize(
    ("native", "finish"),
    [
        ("MAX_TOKENS", Finish("length", "MAX_TOKENS")),
        ("SAFETY", Finish("content_filter", "SAFETY")),
        ("MALFORMED_FUNCTION_CALL", Finish("malformed", "MALFORMED_FUNCTION_CALL")),
        ("BRAND_NEW", Finish("stop", "BRAND_NEW")),
    ],
)
def test_the_native_word_is_kept_beside_what_it_means(native: str, finish: Finish) -> None:
    assert read(stream(response({"text": "a"}, finish=native)))[0][-1] == finish
    answer = whole({"text": "a"}, finish=native)
    assert (answer.finish, answer.native) == (finish.reason, native)


def test_a_prompt_that_is_blocked_is_a_filters_doing() -> None:
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "usageMetadata": {"promptTokenCount": 4}}
    events, complete = read(stream(blocked))
    assert complete and events[-1] == Finish("content_filter", "SAFETY")
    answer = read_answer(json.dumps(blocked).encode(), REQUEST)
    assert (answer.parts, answer.finish, answer.native, answer.usage) == ([], "content_filter", "SAFETY", Usage(4))


def test_a_stream_without_a_reason_is_broken() -> None:
    events, complete = read(stream(response({"text": "a"})))
    assert not complete and not any(isinstance(event, Finish) for event in events)
    assert read(stream(response({"text": "a"})) + b'data: {"candid') == (events, False)
    assert read(b"") == ([], False)


def test_an_error_in_the_stream_is_a_fault() -> None:
    error = {"error": {"code": 503, "message": "overloaded", "status": "UNAVAILABLE"}}
    assert read(stream(response({"text": "a"}), error))[0][-1] == StreamFault("overloaded", 503, "overloaded")
    assert read(b"data: <html>\n\n")[0][0] == StreamFault("the backend sent HTML instead of an event: <html>", 502)
    (fault,) = read(b"data: " + b"x" * (9 << 20))[0]
    assert isinstance(fault, StreamFault)


@pytest.mark.parametrize("as_list", [False, True])
def test_a_server_that_does_not_stream_is_read_all_the_same(as_list: bool) -> None:
    one = response({"text": "a"}, finish="STOP")
    body = json.dumps([one] if as_list else one, indent=1).encode()
    assert read([body[:9], body[9:]]) == ([Start("r", "g"), TextDelta("a"), Finish("stop", "STOP")], True)
    assert read(b'[{"error":{"code":429,"message":"slow"}}]')[0] == [StreamFault("slow", 429, "rate_limit")]
    assert read(b'{"candidates": 3}') == read(body[:-3]) == ([], False)


def test_the_other_candidates_and_comments_are_passed_over() -> None:
    other = response({"text": "b"}, finish="STOP")
    other["candidates"][0]["index"] = 1
    assert read(b": keepalive\n\n" + stream(other)) == ([Start("r", "g")], False)


def test_an_alias_leads_back_to_the_clients_own_name() -> None:
    request = ChatRequest("m", REQUEST.messages, tools=(Tool("no good name"),))
    alias = function_names(request).out("no good name")
    events, _ = read(stream(response(call(alias), finish="STOP")), request)
    assert ToolCallStart(0, "call_r_0", "no good name") in events
    (part,) = read_answer(json.dumps(response(call(alias))).encode(), request).parts
    assert isinstance(part, ToolCall) and part.name == "no good name"


def test_ids_are_the_models_own_or_made_of_the_answers() -> None:
    parts = [{"functionCall": {"name": "f", "id": "x"}}, {"functionCall": {"name": "f"}}]
    calls = whole(*parts, finish="STOP").parts
    assert calls == [ToolCall("x", "f", "{}"), ToolCall("call_r_1", "f", "{}")]
    (unnamed,) = whole(parts[1], responseId="").parts
    assert isinstance(unnamed, ToolCall) and unnamed.id == "call_0"


def test_arguments_keep_their_bytes() -> None:
    body = (
        b'{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{ "n" : 12345678901234567890 }}}]}}]}'
    )
    (part,) = read_answer(body, REQUEST).parts
    assert isinstance(part, ToolCall) and part.arguments == '{ "n" : 12345678901234567890 }'


@given(
    st.permutations(
        [
            {"text": "a"},
            {"text": "hm", "thought": True},
            call(thoughtSignature="c2ln"),
            {"text": "", "thoughtSignature": "ZW5k"},
        ]
    )
)
def test_a_whole_answer_says_what_its_stream_says(parts: list[dict[str, Any]]) -> None:
    answer = whole(*parts, finish="STOP")
    events, _ = read(stream(response(*parts, finish="STOP")))
    told = gathered(events)
    assert sorted(map(repr, told.parts)) == sorted(map(repr, answer.parts)) or any(
        isinstance(part, Reasoning) and part.text and part.signature for part in told.parts
    )
    assert (told.finish, told.id, told.model) == (answer.finish, answer.id, answer.model) == ("tool_calls", "r", "g")


@pytest.mark.parametrize(
    ("told", "usage"),
    [
        (Told(10, None, 4, None, None), Usage(10, None, None, 4)),
        (Told(10, 6, 4, 3, 2), Usage(6, 6, None, 4, 3)),
        (Told(None, None, None, None, None), Usage()),
        (Told(5, 9, 0, None, None), Usage(0, 9, None, 0)),
    ],
)
def test_counters_are_disjoint_and_tools_add_to_the_prompt(told: Told, usage: Usage) -> None:
    assert usage_of(told) == usage


def test_log_probabilities_are_read_with_what_else_was_likely() -> None:
    probable = {
        "chosenCandidates": [
            {"token": "a", "logProbability": -0.5, "tokenId": 3},
            {"token": "b", "logProbability": -1},
        ],
        "topCandidates": [
            {"candidates": [{"token": "a", "logProbability": -0.5}, {"token": "c", "logProbability": -2}]}
        ],
    }
    found = (LogProb("a", -0.5, None, (LogProb("a", -0.5), LogProb("c", -2.0))), LogProb("b", -1.0))
    one = response({"text": "ab"}, finish="STOP")
    one["candidates"][0]["logprobsResult"] = probable
    assert read_answer(json.dumps(one).encode(), REQUEST).logprobs == found
    assert TextDelta("ab", found) in read(stream(one))[0]
    one["candidates"][0]["content"] = {}
    assert TextDelta("", found) in read(stream(one))[0]


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b"null", b"{}", b'{"candidates":[]}', b'{"promptFeedback":{}}', b"\xff"]
)
def test_what_is_no_answer_is_an_error(body: bytes) -> None:
    with pytest.raises(BackendUnavailable):
        read_answer(body, REQUEST)


def test_an_error_in_the_place_of_an_answer_keeps_its_status() -> None:
    body = b'{"error":{"code":429,"message":"slow down"}}'
    for read_it in (lambda: read_answer(body, REQUEST), lambda: read_vectors(body, 1)):
        with pytest.raises(BackendError) as caught:
            read_it()
        assert (caught.value.status, caught.value.message) == (429, "slow down")


def test_vectors_come_in_a_list_or_alone() -> None:
    assert read_vectors(b'{"embeddings":[{"values":[1,2]},{"values":[3]}]}', 2) == EmbedAnswer([[1.0, 2.0], [3.0]])
    alone = b'{"embedding":{"values":[1]},"usageMetadata":{"promptTokenCount":3}}'
    assert read_vectors(alone, 1) == EmbedAnswer([[1.0]], 3)
    for body in (b'{"embeddings":[{"values":[1]}]}', b'{"embeddings":[{},{}]}', b"{}", b"<html>", b'{"embeddings":3}'):
        with pytest.raises(BackendUnavailable):
            read_vectors(body, 2)


def test_whatever_a_backend_sends_is_an_answer_or_a_fault() -> None:
    text = EVERYTHING.split(b"\r\n\r\n")[2].removeprefix(b"data: ").decode()
    for junk in ("null", "-1", "1e300", '""', "true", "[]", "{}", "[[null]]", '[{"x":null}]'):
        for found in re.finditer(r':\s*("[^"]*"|\d+|(?=[\[{]))', text):
            end = found.end() if found.group(1) else len(text)
            body = (text[: found.start(1)] + junk + text[end:]).encode()
            read(b"data: " + body + b"\n\n")
            read(body)
            for attempt in (lambda body=body: read_answer(body, REQUEST), lambda body=body: read_vectors(body, 1)):
                try:
                    attempt()
                except (BackendError, BackendUnavailable):
                    pass


def test_what_vertex_predicts_are_vectors_with_what_they_cost() -> None:
    def predicted(*rows: Any) -> bytes:
        return json.dumps({"predictions": [{"embeddings": row} for row in rows]}).encode()

    one = {"values": [1.0], "statistics": {"token_count": 3.0, "truncated": False}}
    assert read_vectors(predicted(one, {"values": [2.0]}), 2) == EmbedAnswer([[1.0], [2.0]], 3)
    assert read_vectors(predicted({"values": [2.0]}), 1).input_tokens is None
    for body in (predicted(one), predicted(one, None), predicted(one, {"values": []})):
        with pytest.raises(BackendUnavailable):
            read_vectors(body, 2)
