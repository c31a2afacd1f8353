"""Reads what OpenAI-style servers answer: streams into neutral events, whole answers and vectors into neutral values.

Strategy: one typed decode for each event. Tool calls are gathered by the server's index and numbered anew, without
gaps, in the order in which they open; a call opens when its name is known.

Rules: a finish reason or `[DONE]` makes a stream complete, nothing else does; `tool_calls` is what a stream finished
with only where a whole call was seen; an error event is a fault whose detail is the server's own JSON; what cannot be
read is a fault too, but not half an event at the very end, which is a stream cut off.
"""

from __future__ import annotations

import base64
import struct
from typing import TYPE_CHECKING, Any, cast

import msgspec

from ollamux.answer import Answer
from ollamux.conversation import (
    EmbedAnswer,
    Event,
    Finish,
    FinishReason,
    LogProb,
    Part,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
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
from ollamux.formats.failures import LONGEST, error_message, unreadable
from ollamux.formats.openai_chat import schema
from ollamux.formats.openai_chat.carrying import ITSELF, deltas_of, signature_of, thoughts_of
from ollamux.formats.openai_chat.plain import read_plain
from ollamux.formats.sse_reading import SseReader
from ollamux.streaming.translator import Delta

if TYPE_CHECKING:
    from ollamux.streaming._chunk import PlainChunk, read_chunk
else:
    try:
        from ollamux.streaming._chunk import read_chunk
    except ImportError:

        def read_chunk(payload: bytes) -> None:
            """Nothing is read quickly."""


__all__ = ("FINISHES", "ChatReader", "read_answer", "read_answer_carefully", "read_vectors")

FINISHES: dict[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop_sequence",
    "length": "length",
    "max_length": "length",
    "tool_calls": "tool_calls",
    "tool-calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
    "content-filter": "content_filter",
}
"""The servers' words for why they stopped; others count as `stop`."""

_KINDS = {400: "bad_request", 408: "timeout", 429: "rate_limit", 503: "overloaded", 504: "timeout", 529: "overloaded"}
_NOTHING = (b"", b"null")
_DONE = b"[DONE]"
_decode_text = msgspec.json.Decoder(str).decode


class ChatReader(SseReader):
    """Reads the stream of a chat or a completion."""

    __slots__ = ("_calls", "_fields", "_finished", "_order", "_started")

    def __init__(self, fields: tuple[str, ...] = ("reasoning_content", "reasoning")) -> None:
        SseReader.__init__(self)  # super() costs as much as all the rest
        self._fields = fields
        self._calls: dict[int, _Call] = {}
        self._order: list[_Call] = []
        self._started = False
        self._finished = False

    def _read_whole(self, body: bytes, events: list[Event]) -> None:
        self._read(body, "", events, True)

    def _read(self, payload: bytes, name: str, events: list[Event], last: bool) -> None:
        if payload == _DONE:
            self._end(events)
            return
        plain = read_chunk(payload)
        if plain is not None:
            self._read_plain(plain, events)
            return
        try:
            reply = schema.decode_reply(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if payload.strip() == _DONE:
                self._end(events)
            elif not last and payload.strip() and payload[:1] != b":":
                events.append(StreamFault(unreadable(payload, "an event").message, 502))
            return
        error = _error_text(reply, payload)
        if error is not None:
            events.append(_fault(error))
            return
        choices = reply.choices
        if choices:
            if not self._started:
                self._started = True
                events.append(Start(_text(reply.id), _text(reply.model), _number(reply.created)))
            choice = choices[0]
            if not choice.index:
                self._read_choice(choice, events)
        usage = _usage(reply)
        if usage is not None:
            events.append(usage)

    def _read_plain(self, chunk: PlainChunk, events: list[Event]) -> None:
        if chunk.chosen and not self._started:
            self._started = True
            events.append(Start(chunk.id, chunk.model, chunk.created or 0))
        text = chunk.thought
        if text:
            events.append(ReasoningDelta(text))
        text = chunk.text
        if text:
            events.append(TextDelta(text))
        if chunk.ended and not self._finished:
            self._finish(chunk.finish, events)
        if chunk.usage is not None:
            events.append(UsageUpdate(chunk.usage, chunk.timings))

    def _finish(self, native: str, events: list[Event]) -> None:
        self._finished = self.complete = True
        events.append(Finish(finish_reason(native, _whole_call(self._order)), native))

    def texts(self, delta: Delta) -> list[str] | None:
        return self._order[delta.index].arguments if isinstance(delta, ToolCallDelta) else None

    def _read_choice(self, choice: schema.Choice, events: list[Event]) -> None:
        logprobs = _logprobs(choice.logprobs)
        if choice.text:
            events.append(TextDelta(choice.text, logprobs))
        delta = choice.delta or choice.message
        if delta is not None:
            thought, text = _spoken(delta, self._fields)
            if thought:
                events.append(ReasoningDelta(thought))
            if delta.reasoning_details:
                events += deltas_of(delta.reasoning_details, bool(thought))
            if text:
                events.append(TextDelta(text, logprobs))
            elif logprobs and not choice.text:
                events.append(TextDelta("", logprobs))
            if delta.refusal:
                events.append(RefusalDelta(delta.refusal))
            if delta.tool_calls:
                for piece in delta.tool_calls:
                    self._read_call(piece, events)
        if choice.finish_reason and not self._finished:
            if choice.finish_reason == "error":
                events.append(StreamFault("the backend reported an error", 502))
                return
            self._finish(choice.finish_reason, events)

    def _read_call(self, piece: schema.CallPiece, events: list[Event]) -> None:
        function = piece.function
        name = function.name if function is not None else None
        index = piece.index
        if index is None:
            index = max(self._calls, default=-1)
            if index < 0 or piece.id or name:
                index += 1
        call = self._calls.get(index)
        if call is None or (piece.id and call.id and piece.id != call.id and name):
            call = self._calls[index] = _Call()
        if piece.id and not call.id:
            call.id = piece.id
        arguments = _arguments(function.arguments) if function is not None else ""
        if name and call.index < 0:
            call.index = len(self._order)
            call.name = name
            self._order.append(call)
            call.id = call.id or f"call_{call.index}"
            signature = None if piece.extra_content is None else signature_of(piece.extra_content)
            events.append(ToolCallStart(call.index, call.id, name, signature))
            arguments = "".join(call.arguments) + arguments
            call.arguments.clear()
        if arguments:
            call.arguments.append(arguments)
            if call.index >= 0:
                events.append(ToolCallDelta(call.index, arguments))

    def _end(self, events: list[Event]) -> None:
        if not self._finished:
            self._finished = self.complete = True
            events.append(Finish(finish_reason("stop", _whole_call(self._order))))


class _Call:
    """A tool call while it comes in; `index` is negative until it has opened."""

    __slots__ = ("arguments", "id", "index", "name")

    def __init__(self) -> None:
        self.index = -1
        self.id = ""
        self.name = ""
        self.arguments: list[str] = []

    @property
    def complete(self) -> bool:
        arguments = "".join(self.arguments)
        if not arguments.strip():
            return True
        try:
            msgspec.json.decode(arguments)
        except (ValueError, RecursionError):
            return False
        return True


def _whole_call(calls: list[_Call]) -> bool:
    return any(call.complete for call in calls)


def finish_reason(native: str, complete_call: bool) -> FinishReason:
    """What a server's word means, where a whole tool call was seen or none."""
    reason = FINISHES.get(native, "stop")
    if reason in ("stop", "tool_calls", "stop_sequence"):
        return "tool_calls" if complete_call else "stop" if reason == "tool_calls" else reason
    return reason


def read_answer(body: bytes, fields: tuple[str, ...]) -> Answer:
    """A whole chat or completion. Raises BackendError for an error, BackendUnavailable for what is no answer."""
    plain = read_plain(body)
    return read_answer_carefully(body, fields) if plain is None else plain


def read_answer_carefully(body: bytes, fields: tuple[str, ...]) -> Answer:
    """The same by way of a typed decode, whatever the answer is."""
    try:
        reply = schema.decode_reply(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise unreadable(body) from None
    error = _error_text(reply, body)
    if error is not None:
        fault = _fault(error)
        raise BackendError(error_message(fault.detail), status=fault.status, body=fault.detail)
    if not reply.choices:
        raise unreadable(body)
    choice = reply.choices[0]
    parts: list[Part] = []
    message = choice.message or choice.delta
    complete_call = False
    if choice.text:
        parts.append(Text(choice.text))
    if message is not None:
        thought, text = _spoken(message, fields)
        if message.reasoning_details:
            parts += thoughts_of(message.reasoning_details, thought, ITSELF)
        elif thought:
            parts.append(Reasoning(thought))
        if text:
            parts.append(Text(text))
        if message.refusal:
            parts.append(Refusal(message.refusal))
        for position, piece in enumerate(message.tool_calls or ()):
            function = piece.function
            if function is not None and function.name:
                complete_call = True
                arguments = _arguments(function.arguments) or "{}"
                signature = None if piece.extra_content is None else signature_of(piece.extra_content)
                parts.append(ToolCall(piece.id or f"call_{position}", function.name, arguments, signature))
    native = choice.finish_reason
    if native == "error":
        raise BackendError("the backend reported an error", status=502)
    told = _usage(reply)
    return Answer(
        parts,
        finish_reason(native or "stop", complete_call),
        told.usage if told is not None else None,
        told.timings if told is not None else None,
        _logprobs(choice.logprobs),
        _text(reply.id),
        _text(reply.model),
        _number(reply.created),
        native or "",
    )


def read_vectors(body: bytes, count: int) -> EmbedAnswer:
    """The vectors of `count` inputs, in their order. Raises as `read_answer`."""
    answer: schema.Embeddings | schema.NestedEmbeddings
    rows: list[tuple[int | None, list[float] | str]]
    try:
        answer = schema.decode_embeddings(body)
        rows = [(row.index, row.embedding) for row in answer.data]
    except (msgspec.DecodeError, UnicodeDecodeError):
        answer = _nested(body)
        rows = [(row.index, row.embedding[0]) for row in answer.data if row.embedding]
    if len(rows) != count:
        raise unreadable(body)
    vectors = [
        vector if isinstance(vector, list) else _float32(vector, body)
        for _, vector in sorted(rows, key=lambda row: row[0] or 0)
    ]
    usage = answer.usage
    return EmbedAnswer(vectors, usage.prompt_tokens if usage is not None else None, _text(answer.model))


def _nested(body: bytes) -> schema.NestedEmbeddings:
    try:
        return schema.decode_nested(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        read_answer(body, ())
        raise unreadable(body) from None


def _float32(text: str, body: bytes) -> list[float]:
    try:
        data = base64.b64decode(text, validate=True)
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    except (ValueError, struct.error):
        raise unreadable(body) from None


def _error_text(reply: schema.Reply, payload: bytes) -> str | None:
    if reply.error is not None and (error := bytes(reply.error)) not in _NOTHING:
        return error.decode("utf-8", "replace")
    if reply.object == "error" and not reply.choices:
        return payload.decode("utf-8", "replace")
    return None


def _fault(error: str) -> StreamFault:
    status = 500
    try:
        told: Any = msgspec.json.decode(error)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, str):
        error = told
    elif isinstance(told, dict):
        code = cast(dict[str, Any], told).get("code")
        if isinstance(code, int) and 400 <= code <= 599:
            status = code
    return StreamFault(error[:LONGEST], status, _KINDS.get(status, "upstream_bad"))


def _spoken(message: schema.Message, fields: tuple[str, ...]) -> tuple[str, str]:
    """Thinking and text. Of several fields for thinking only the first that holds some counts."""
    content = message.content
    thought = ""
    if message.reasoning_content or message.reasoning:
        for field in fields:
            thought = getattr(message, field, None) or ""
            if thought:
                break
    if isinstance(content, list):
        texts, thoughts = _from_parts(content)
        return thought or thoughts, texts
    return thought, content or ""


def _from_parts(parts: list[dict[str, Any]]) -> tuple[str, str]:
    texts = thoughts = ""
    for part in parts:
        if part.get("type") == "thinking":
            inner = part.get("thinking")
            thoughts += (
                _from_parts(cast(list[dict[str, Any]], inner))[0] if isinstance(inner, list) else str(inner or "")
            )
        else:
            texts += str(part.get("text") or "")
    return texts, thoughts


def _arguments(raw: msgspec.Raw | None) -> str:
    if raw is None or (text := bytes(raw)) in _NOTHING:
        return ""
    return _decode_text(text) if text[:1] == b'"' else text.decode()


def _usage(reply: schema.Reply) -> UsageUpdate | None:
    usage, timings = reply.usage, reply.timings
    if usage is None and timings is None:
        return None
    spent: Usage | None = None
    speed: Timings | None = None
    if usage is not None and (prompt := usage.prompt_tokens) is not None:
        read, written, output = usage.prompt_tokens_details, usage.completion_tokens_details, usage.completion_tokens
        cached = stored = thought = None
        if read is not None:
            cached, stored = read.cached_tokens, read.cache_write_tokens
            prompt = max(0, prompt - (cached or 0) - (stored or 0))
        if written is not None and (thought := written.reasoning_tokens) and output is not None:
            output = max(0, output - thought)
        spent = Usage(prompt, cached, stored, output, thought)
    elif timings is not None and timings.prompt_n is not None:
        spent = Usage(timings.prompt_n, timings.cache_n, None, timings.predicted_n)
    if timings is not None:
        speed = Timings(_nanoseconds(timings.prompt_ms), _nanoseconds(timings.predicted_ms))
    return UsageUpdate(spent, speed)


def _nanoseconds(millis: float | None) -> int | None:
    """None where it is not told, or no time that anything takes."""
    return int(millis * 1_000_000) if millis is not None and 0 <= millis < 1e12 else None


def _logprobs(raw: msgspec.Raw | None) -> tuple[LogProb, ...] | None:
    if raw is None or (text := bytes(raw)) in _NOTHING:
        return None
    try:
        found = schema.decode_logprobs(text)
    except ValueError:
        return None
    if found.content is not None:
        return tuple(_logprob(token) for token in found.content) or None
    if not found.tokens or not found.token_logprobs:
        return None
    tops = found.top_logprobs or []
    return tuple(
        LogProb(token, value or 0.0, None, _tops(tops[position] if position < len(tops) else None))
        for position, (token, value) in enumerate(zip(found.tokens, found.token_logprobs, strict=False))
    )


def _logprob(token: schema.TokenLogProb) -> LogProb:
    data = None if token.bytes is None else tuple(token.bytes)
    return LogProb(token.token, token.logprob or 0.0, data, tuple(_logprob(one) for one in token.top_logprobs or ()))


def _tops(top: dict[str, float] | None) -> tuple[LogProb, ...]:
    return tuple(LogProb(token, value) for token, value in (top or {}).items())


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    return int(value) if isinstance(value, int | float) else 0
