"""Writes answers as Anthropic's Messages do: named events, whole messages, errors.

Strategy: a message begins with its first content, so that nothing has gone out while another backend may still take
over. One block is open at a time: what belongs to another one while a call's arguments are not yet whole JSON waits for
them, so that interleaved calls never mix.

Rules: every block that opens is closed once, in order; every thinking block has a signature, which says nothing where
the backend gave none; usage in the last event replaces what the first one could not know; a stream that broke ends with
an error event and without `message_stop`.
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
    Opaque,
    Operation,
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
from ollamux.errors import BackendError, NotSupported, OllamuxError
from ollamux.formats.anthropic.faults import error_event
from ollamux.formats.anthropic.signatures import FORMAT, carried, carried_for_call
from ollamux.formats.base import RenderContext
from ollamux.streaming.translator import TEXT, Delta, Frame

__all__ = ("AnthropicRenderer",)

_encode = msgspec.json.Encoder().encode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_FINISHES: dict[FinishReason, str] = {
    "stop_sequence": "stop_sequence",
    "length": "max_tokens",
    "context_exceeded": "model_context_window_exceeded",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
    "pause": "pause_turn",
}
_PING = b'event: ping\ndata: {"type":"ping"}\n\n'
_STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
_DELTA = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":'


class AnthropicRenderer:
    """Writes the answer to one request. `shows_thinking` False leaves thinking out, `quiet` only its text."""

    __slots__ = (
        "_arguments",
        "_block",
        "_call",
        "_context",
        "_finish",
        "_id",
        "_index",
        "_quiet",
        "_refusal",
        "_shows_thinking",
        "_signature",
        "_started",
        "_stop_sequence",
        "_usage",
        "_waiting",
    )

    def __init__(self, context: RenderContext, *, shows_thinking: bool = True, quiet: bool = False) -> None:
        self._context = context
        self._shows_thinking = shows_thinking
        self._quiet = quiet
        self._id = f"msg_{int(context.arrived * 1e9):x}"
        self._started = False
        self._block = ""  # what is open: text, thinking, call or nothing
        self._index = -1
        self._call = -1
        self._arguments: list[str] = []
        self._signature: Opaque | None = None
        self._waiting: list[Event] = []
        self._usage: Usage | None = None
        self._finish: FinishReason = "stop"
        self._stop_sequence: str | None = None
        self._refusal: str | None = None

    # A stream.

    def events(self, events: list[Event], now: float) -> bytes:
        out: list[bytes] = []
        for event in events:
            self._take(event, out)
        return b"".join(out)

    def end(self, now: float) -> bytes:
        out: list[bytes] = []
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            self._close(out)
            for event in waiting:
                self._take(event, out)
        self._close(out)
        if self._finish == "malformed":
            return b"".join(out) + self.fault(BackendError("the model's answer was malformed", status=502))
        self._begin(out)
        reason, details = self._reason()
        delta = {"stop_reason": reason, "stop_sequence": self._stop_sequence, "stop_details": details}
        self._event(out, "message_delta", {"delta": delta, "usage": _usage(self._usage)})
        out.append(_STOP)
        return b"".join(out)

    def fault(self, error: OllamuxError) -> bytes:
        return error_event(error)

    def keepalive(self, now: float) -> bytes:
        return _PING

    def frame(self, delta: Delta) -> Frame | None:
        if isinstance(delta, TextDelta):
            return self._frame(b"text_delta", b"text") if self._block == "text" else None
        if isinstance(delta, ToolCallDelta):
            if delta.index != self._call or self._waiting:
                return None
            return self._frame(b"input_json_delta", b"partial_json", self._arguments)
        if not self._shows_thinking:
            return None if self._block == "call" else Frame(())
        if self._block != "thinking" or self._signature is not None:
            return None
        return Frame(()) if self._quiet else self._frame(b"thinking_delta", b"thinking")

    def _frame(self, kind: bytes, member: bytes, texts: list[str] | None = None) -> Frame:
        before = b'%b%d,"delta":{"type":"%b","%b":"' % (_DELTA, self._index, kind, member)
        return Frame((before, TEXT, b'"}}\n\n'), texts=texts)

    def _take(self, event: Event, out: list[bytes]) -> None:
        match event:
            case Start():
                self._id = event.id or self._id
            case UsageUpdate(usage):
                self._usage = usage or self._usage
            case Finish(reason, _, stop_sequence):
                self._finish, self._stop_sequence = reason, stop_sequence
            case ToolCallDelta(index, arguments) if index == self._call:
                self._add(arguments, out)
            case _ if self._block == "call" and (self._waiting or not self._is_whole()):
                self._waiting.append(event)
            case ToolCallDelta():
                pass  # more of a call that was whole
            case _:
                self._write(event, out)

    def _write(self, event: Event, out: list[bytes]) -> None:
        """What may need another block than the open one."""
        match event:
            case TextDelta(text) | RefusalDelta(text):
                if isinstance(event, RefusalDelta):
                    self._refusal = (self._refusal or "") + text
                if text:
                    if self._block != "text":
                        self._open("text", {"type": "text", "text": ""}, out)
                    out.append(
                        b'%b%d,"delta":{"type":"text_delta","text":%b}}\n\n' % (_DELTA, self._index, _encode(text))
                    )
            case ReasoningDelta(text, signature):
                if self._shows_thinking:
                    self._think(text, signature, out)
            case RedactedDelta(content):
                if self._shows_thinking:
                    self._open("", {"type": "redacted_thinking", "data": carried(content)}, out)
                    self._event(out, "content_block_stop", {"index": self._index})
            case ToolCallStart(index, call_id, name, signature):
                if signature is not None and signature.format != FORMAT and self._shows_thinking:
                    self._open("signed", _THINKING, out)
                    self._delta(out, {"type": "signature_delta", "signature": carried_for_call(signature)})
                self._open("call", {"type": "tool_use", "id": call_id, "name": name, "input": {}}, out)
                self._call = index
                self._arguments = []
            case _:
                pass

    def _think(self, text: str, signature: Opaque | None, out: list[bytes]) -> None:
        if self._block != "thinking" or (text and self._signature is not None):
            if not text and signature is None:
                return
            self._open("thinking", _THINKING, out)
        if text and not self._quiet:
            self._delta(out, {"type": "thinking_delta", "thinking": text})
        self._signature = signature or self._signature

    def _add(self, arguments: str, out: list[bytes]) -> None:
        if not arguments:
            return
        self._arguments.append(arguments)
        self._delta(out, {"type": "input_json_delta", "partial_json": arguments})
        if self._waiting and self._is_whole():
            waiting, self._waiting = self._waiting, []
            for event in waiting:
                self._take(event, out)

    def _is_whole(self) -> bool:
        """Whether the open call's arguments are an object."""
        if len(self._arguments) > 1:
            self._arguments = ["".join(self._arguments)]
        return bool(self._arguments) and _object(self._arguments[0]) is not None

    def _begin(self, out: list[bytes]) -> None:
        if not self._started:
            self._started = True
            self._event(out, "message_start", {"message": self._message([], None, None)})

    def _open(self, block: str, content: dict[str, Any], out: list[bytes]) -> None:
        self._begin(out)
        self._close(out)
        self._block = block
        self._index += 1
        self._event(out, "content_block_start", {"index": self._index, "content_block": content})

    def _close(self, out: list[bytes]) -> None:
        if not self._block:
            return
        if self._block == "thinking":
            self._delta(out, {"type": "signature_delta", "signature": carried(self._signature)})
            self._signature = None
        self._block = ""
        self._call = -1
        self._event(out, "content_block_stop", {"index": self._index})

    def _delta(self, out: list[bytes], delta: dict[str, Any]) -> None:
        self._event(out, "content_block_delta", {"index": self._index, "delta": delta})

    def _event(self, out: list[bytes], name: str, members: dict[str, Any]) -> None:
        out += (b"event: ", name.encode(), b"\ndata: ", _encode({"type": name, **members}), b"\n\n")

    def _reason(self) -> tuple[str, dict[str, Any] | None]:
        reason = _FINISHES.get(self._finish, "end_turn")
        if self._refusal is not None and reason == "end_turn":
            reason = "refusal"
        if reason != "refusal":
            return reason, None
        return reason, {"type": "refusal", "category": None, "explanation": self._refusal}

    def _message(self, content: list[Any], reason: str | None, details: dict[str, Any] | None) -> dict[str, Any]:
        return {
            "id": self._id,
            "type": "message",
            "role": "assistant",
            "model": self._context.model,
            "content": content,
            "stop_reason": reason,
            "stop_sequence": self._stop_sequence,
            "stop_details": details,
            "usage": _usage(self._usage),
        }

    # A whole answer.

    def whole(self, answer: Answer, now: float) -> bytes:
        if answer.finish == "malformed":
            raise BackendError("the model's answer was malformed", status=502)
        content: list[dict[str, Any]] = []
        for part in answer.parts:
            match part:
                case Text(text) if text:
                    content.append({"type": "text", "text": text})
                case Refusal(text):
                    self._refusal = (self._refusal or "") + text
                    content.append({"type": "text", "text": text})
                case Reasoning(text, signature) if self._shows_thinking:
                    shown = "" if self._quiet else text
                    content.append({"type": "thinking", "thinking": shown, "signature": carried(signature)})
                case RedactedReasoning(opaque) if self._shows_thinking:
                    content.append({"type": "redacted_thinking", "data": carried(opaque)})
                case ToolCall(call_id, name, arguments, signature):
                    if signature is not None and signature.format != FORMAT and self._shows_thinking:
                        content.append(_THINKING | {"signature": carried_for_call(signature)})
                    content.append({"type": "tool_use", "id": call_id, "name": name, "input": _input(arguments)})
                case _:
                    pass
        self._id = answer.id or self._id
        self._usage = answer.usage
        self._finish = answer.finish or "stop"
        self._stop_sequence = answer.stop_sequence
        return _encode(self._message(content, *self._reason()))

    def embedded(self, answer: EmbedAnswer, now: float) -> bytes:
        raise NotSupported("this route gives no embeddings")

    def loaded(self, operation: Operation, now: float) -> bytes:
        return self.whole(Answer([]), now)

    def counted(self, tokens: int, now: float) -> bytes:
        return _encode({"input_tokens": tokens})


_THINKING: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}


def _object(arguments: str) -> bytes | None:
    text = arguments.encode("utf-8", "replace")
    try:
        _decode_object(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return text


def _input(arguments: str) -> msgspec.Raw | dict[str, str]:
    """A call's arguments as the object that they must be here; what is none is kept as its text."""
    if not arguments.strip():
        return {}
    text = _object(arguments)
    return {"_raw": arguments} if text is None else msgspec.Raw(text)


def _usage(usage: Usage | None) -> dict[str, Any]:
    """The counters; the two that clients insist on are 0 where nobody told them."""
    usage = usage or Usage()
    told: dict[str, Any] = {"input_tokens": usage.input_uncached or 0}
    if usage.cache_write is not None:
        told["cache_creation_input_tokens"] = usage.cache_write
    if usage.cache_read is not None:
        told["cache_read_input_tokens"] = usage.cache_read
    told["output_tokens"] = usage.output or 0
    if usage.reasoning is not None:
        told["output_tokens_details"] = {"thinking_tokens": usage.reasoning}
    return told
