"""Reads what an Ollama server answers: NDJSON streams into neutral events, whole answers and vectors.

Rules: only a line with `done` true makes a stream complete; a line with `error` is a fault with Ollama's own words;
unknown fields are skipped unread; a call's arguments stay the text they came as.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ollamux.conversation import (
    Answer,
    EmbedAnswer,
    Event,
    Finish,
    FinishReason,
    LogProb,
    Part,
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
from ollamux.errors import BackendError
from ollamux.formats.failures import LONGEST, unreadable
from ollamux.streaming.framing import FrameTooLarge, NdjsonDecoder
from ollamux.streaming.translator import Delta

__all__ = ("REASONS", "OllamaReader", "error_of", "read_answer", "read_vectors")

REASONS: dict[str, FinishReason] = {"stop": "stop", "length": "length", "load": "load", "unload": "unload"}


class Function(msgspec.Struct, gc=False):
    """A called function."""

    name: str | None = None
    arguments: msgspec.Raw = msgspec.Raw()


class Call(msgspec.Struct, gc=False):
    """A tool call, always whole."""

    id: str | None = None
    function: Function | None = None


class Said(msgspec.Struct, gc=False):
    """The message of a chat's chunk."""

    content: str | None = None
    thinking: str | None = None
    tool_calls: list[Call] | None = None


class Token(msgspec.Struct, gc=False):
    """A token's log probability."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list[Token] | None = None


class Chunk(msgspec.Struct, gc=False):
    """A line of a stream, or a whole answer: of a chat (`message`) or of a generate (`response`)."""

    model: str | None = None
    message: Said | None = None
    response: str | None = None
    thinking: str | None = None
    tool_calls: list[Call] | None = None
    done: bool = False
    done_reason: str | None = None
    logprobs: list[Token] | None = None
    prompt_eval_count: int | None = None
    prompt_eval_duration: int | None = None
    eval_count: int | None = None
    eval_duration: int | None = None
    error: Any = None


class Vectors(msgspec.Struct, gc=False):
    """The answer of /api/embed."""

    embeddings: list[list[float]]
    prompt_eval_count: int | None = None
    model: str | None = None


class _Failed(msgspec.Struct, gc=False):
    error: Any = None


_decode = msgspec.json.Decoder(Chunk).decode
_decode_vectors = msgspec.json.Decoder(Vectors).decode
_decode_failed = msgspec.json.Decoder(_Failed).decode


class OllamaReader:
    """Reads the stream of a chat or a generate."""

    __slots__ = ("_calls", "_decoder", "_started", "complete")

    def __init__(self) -> None:
        self.complete = False
        self._decoder = NdjsonDecoder()
        self._started = False
        self._calls = 0

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        try:
            for line in self._decoder.feed(data):
                self._read(line, events, last=False)
        except FrameTooLarge as error:
            events.append(StreamFault(error.message, error.status, error.kind))
        return events

    def close(self) -> list[Event]:
        events: list[Event] = []
        for line in self._decoder.close():
            self._read(line, events, last=True)
        return events

    def texts(self, delta: Delta) -> list[str] | None:
        """Nothing is kept."""
        return None

    def _read(self, line: bytes, events: list[Event], *, last: bool) -> None:
        try:
            chunk = _decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if not last:
                events.append(StreamFault(unreadable(line, "a line").message, 502))
            return
        if chunk.error is not None:
            events.append(StreamFault(_error_text(chunk.error)))
            return
        if not self._started:
            self._started = True
            events.append(Start("", chunk.model or ""))
        text, thinking, calls = _spoken(chunk)
        logprobs = _logprobs(chunk.logprobs)
        if thinking:
            events.append(ReasoningDelta(thinking))
        if text or logprobs:
            events.append(TextDelta(text, logprobs))
        for call in calls:
            function = call.function
            if function is not None and function.name:
                index = self._calls
                self._calls += 1
                events.append(ToolCallStart(index, call.id or f"call_{index}", function.name))
                events.append(ToolCallDelta(index, _arguments(function.arguments)))
        if chunk.done:
            self.complete = True
            events.append(UsageUpdate(_usage(chunk), Timings(chunk.prompt_eval_duration, chunk.eval_duration)))
            events.append(Finish(_reason(chunk.done_reason, self._calls), chunk.done_reason or ""))


def read_answer(body: bytes) -> Answer:
    """A whole chat or generate. Raises BackendError for an error, BackendUnavailable for what is no answer."""
    try:
        chunk = _decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise unreadable(body) from None
    if chunk.error is not None:
        raise BackendError(_error_text(chunk.error), status=500)
    if not chunk.done:
        raise unreadable(body)
    text, thinking, calls = _spoken(chunk)
    parts: list[Part] = []
    if thinking:
        parts.append(Reasoning(thinking))
    if text:
        parts.append(Text(text))
    count = 0
    for call in calls:
        function = call.function
        if function is not None and function.name:
            parts.append(ToolCall(call.id or f"call_{count}", function.name, _arguments(function.arguments)))
            count += 1
    return Answer(
        parts,
        _reason(chunk.done_reason, count),
        _usage(chunk),
        Timings(chunk.prompt_eval_duration, chunk.eval_duration),
        _logprobs(chunk.logprobs),
        model=chunk.model or "",
        native=chunk.done_reason or "",
    )


def read_vectors(body: bytes, count: int) -> EmbedAnswer:
    """The vectors of `count` inputs. Raises as `read_answer`."""
    try:
        answer = _decode_vectors(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        read_answer(body)
        raise unreadable(body) from None
    if len(answer.embeddings) != count:
        raise unreadable(body)
    return EmbedAnswer(answer.embeddings, answer.prompt_eval_count, answer.model or "")


def error_of(body: bytes) -> str:
    """The sentence in an error's body, or an empty text."""
    try:
        error = _decode_failed(body).error
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return "" if error is None else _error_text(error)


def _error_text(error: Any) -> str:
    return (error if isinstance(error, str) else msgspec.json.encode(error).decode())[:LONGEST]


def _spoken(chunk: Chunk) -> tuple[str, str, list[Call]]:
    said = chunk.message
    if said is None:
        return chunk.response or "", chunk.thinking or "", chunk.tool_calls or []
    return said.content or "", said.thinking or "", said.tool_calls or []


def _arguments(raw: msgspec.Raw) -> str:
    text = bytes(raw).decode("utf-8", "replace")
    return "{}" if text in ("", "null") else text


def _reason(native: str | None, calls: int) -> FinishReason:
    reason = REASONS.get(native or "", "stop")
    return "tool_calls" if calls and reason == "stop" else reason


def _usage(chunk: Chunk) -> Usage | None:
    """Ollama leaves out a count of zero."""
    if chunk.prompt_eval_count is None and chunk.eval_count is None:
        return None
    return Usage(chunk.prompt_eval_count, output_text=chunk.eval_count)


def _logprobs(tokens: list[Token] | None) -> tuple[LogProb, ...] | None:
    if not tokens:
        return None
    return tuple(
        LogProb(
            token.token,
            token.logprob,
            None if token.bytes is None else tuple(token.bytes),
            _logprobs(token.top_logprobs) or (),
        )
        for token in tokens
    )
