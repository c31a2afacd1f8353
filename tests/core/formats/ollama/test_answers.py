"""Answers of Ollama servers."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.clock import Clock
from ollamux.conversation import (
    Event,
    Finish,
    LogProb,
    Reasoning,
    ReasoningDelta,
    Start,
    StreamFault,
    Text,
    TextDelta,
    Timings,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageUpdate,
)
from ollamux.errors import BackendError, BackendUnavailable
from ollamux.formats.base import RenderContext
from ollamux.formats.ollama.answers import OllamaReader, error_of, read_answer, read_vectors
from ollamux.formats.ollama.rendering import OllamaRenderer
from ollamux.streaming.translator import Translator

SPENT: dict[str, Any] = {"prompt_eval_count": 11, "prompt_eval_duration": 12, "eval_count": 3, "eval_duration": 30}


def line(content: str = "", *, done: bool = False, **rest: Any) -> bytes:
    message = {"role": "assistant", "content": content, **rest.pop("message", {})}
    return json.dumps({"model": "m", "message": message, "done": done, **rest}, ensure_ascii=False).encode() + b"\n"


CALL = {
    "tool_calls": [
        {"id": "c", "function": {"index": 0, "name": "f", "arguments": {"x": 1}}},
        {"function": {"name": "g"}},
    ]
}
CHAT = (
    line(message={"thinking": "hm"})
    + line("Hel")
    + line("lö 😀")
    + line(message=CALL)
    + line(done=True, done_reason="stop", **SPENT)
)


def read(data: bytes) -> list[Event]:
    reader = OllamaReader()
    return [event for event in reader.feed(data) + reader.close() if not isinstance(event, Start)]


def test_a_chat_is_read_line_by_line() -> None:
    assert read(CHAT) == [
        ReasoningDelta("hm"),
        TextDelta("Hel"),
        TextDelta("lö 😀"),
        ToolCallStart(0, "c", "f"),
        ToolCallDelta(0, '{"x": 1}'),
        ToolCallStart(1, "call_1", "g"),
        ToolCallDelta(1, "{}"),
        UsageUpdate(Usage(11, None, None, 3), Timings(12, 30)),
        Finish("tool_calls", "stop"),
    ]


def test_a_generate_is_read_line_by_line() -> None:
    data = b'{"response":"a","thinking":"b","done":false}\n{"response":"","done":true,"done_reason":"length"}'
    assert read(data) == [
        ReasoningDelta("b"),
        TextDelta("a"),
        UsageUpdate(None, Timings()),
        Finish("length", "length"),
    ]


@pytest.mark.parametrize("end", [b"", b'{"model":"m","mess'])
def test_only_done_completes_a_stream(end: bytes) -> None:
    reader = OllamaReader()
    reader.feed(line("a") + end)
    assert reader.close() == []
    assert not reader.complete


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        (b'{"error":"boom"}\n', StreamFault("boom")),
        (b'{"error":{"a":1}}\n', StreamFault('{"a":1}')),
        (b"oops\n", StreamFault("the backend sent something unreadable instead of a line: oops", 502)),
    ],
)
def test_an_error_in_a_stream_is_a_fault(bad: bytes, fault: StreamFault) -> None:
    assert read(line("a") + bad)[1:] == [fault]


def test_a_line_that_is_too_long_is_a_fault() -> None:
    reader = OllamaReader()
    events = [event for _ in range(10) for event in reader.feed(b"x" * 1_000_000)]
    assert isinstance(events[0], StreamFault)


def test_log_probabilities_are_read() -> None:
    token = {"token": "a", "logprob": -0.5, "bytes": [97], "top_logprobs": [{"token": "b", "logprob": -1}]}
    assert read(line("a", logprobs=[token])) == [TextDelta("a", (LogProb("a", -0.5, (97,), (LogProb("b", -1.0),)),))]


def converted(pieces: list[bytes]) -> tuple[bytes, bool, Usage | None]:
    clock = Clock()
    translator = Translator(OllamaReader(), OllamaRenderer("chat", RenderContext("m", clock, 1.0)))
    out = b"".join(translator.feed(piece, 2.0) for piece in pieces) + translator.close(2.0)
    return out, translator.complete, translator.usage


def test_a_stream_reads_the_same_wherever_it_is_cut() -> None:
    expected = converted([CHAT])
    assert expected[1]
    for data in (CHAT, CHAT.replace(b"\n", b"\r\n"), CHAT.rstrip(), CHAT.replace(b"\n", b"\n\n")):
        assert converted([data[at : at + 1] for at in range(len(data))]) == expected
        for cut in range(len(data)):
            assert converted([data[:cut], data[cut:]]) == expected


@given(st.binary(max_size=100))
def test_noise_never_raises(data: bytes) -> None:
    reader = OllamaReader()
    reader.feed(data + b"\n")
    reader.close()


def test_a_whole_answer_is_read() -> None:
    body = line("a", done=True, done_reason="stop", message={"thinking": "hm", **CALL}, **SPENT)
    found = read_answer(body)
    assert found.parts == [Reasoning("hm"), Text("a"), ToolCall("c", "f", '{"x": 1}'), ToolCall("call_1", "g", "{}")]
    assert (found.finish, found.usage, found.timings) == ("tool_calls", Usage(11, None, None, 3), Timings(12, 30))


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b'{"message":{"content":"a"},"done":false}'])
def test_what_is_no_answer_is_a_backend_that_is_not_there(body: bytes) -> None:
    with pytest.raises(BackendUnavailable):
        read_answer(body)


def test_an_error_with_status_200_is_the_backends() -> None:
    with pytest.raises(BackendError, match="boom"):
        read_answer(b'{"error":"boom"}')
    with pytest.raises(BackendError, match="boom"):
        read_vectors(b'{"error":"boom"}', 1)


def test_vectors_are_read() -> None:
    found = read_vectors(b'{"model":"e","embeddings":[[1,2]],"prompt_eval_count":5}', 1)
    assert (found.vectors, found.input_tokens, found.model) == ([[1.0, 2.0]], 5, "e")
    for body in (b'{"embeddings":[]}', b'{"done":true}'):
        with pytest.raises(BackendUnavailable):
            read_vectors(body, 1)


@pytest.mark.parametrize(
    ("body", "text"), [(b'{"error":"x"}', "x"), (b"{}", ""), (b"no", ""), (b'{"error":[1]}', "[1]")]
)
def test_the_sentence_in_an_error_is_found(body: bytes, text: str) -> None:
    assert error_of(body) == text
