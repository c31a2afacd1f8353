"""Writes answers as OpenAI's chat completions do: chunks, whole answers, errors.

Strategy: every chunk of a stream begins with the same bytes; the first one tells the role, the finish, the usage (where
it was asked for) and `[DONE]` come at the end.

Rules: a call's id and name go out once, in its first piece, and its arguments are JSON at its end, though the model
wrote none; thinking has both names that clients look for, and what signed it; `content` is null beside nothing but
calls; a stream that broke ends with an error and without `[DONE]`.
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
from ollamux.formats.base import RenderContext
from ollamux.formats.openai_chat.carrying import detail_of, extra_of
from ollamux.formats.openai_chat.faults import error_body
from ollamux.streaming.translator import TEXT, Delta, Frame

__all__ = ("OpenAIChatRenderer", "finish_word", "usage_of")

_encode = msgspec.json.Encoder().encode
_FINISHES: dict[FinishReason, str] = {
    "length": "length",
    "context_exceeded": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}


class OpenAIChatRenderer:
    """Writes the answer to one request."""

    __slots__ = (
        "_bare_call",
        "_context",
        "_details",
        "_finish",
        "_head",
        "_id",
        "_include_usage",
        "_native",
        "_opened",
        "_refused",
        "_thought",
        "_usage",
        "created",
    )

    def __init__(self, context: RenderContext, *, include_usage: bool = False) -> None:
        self._context = context
        self._include_usage = include_usage
        self._id = f"chatcmpl-{int(context.arrived * 1e9):x}"
        self.created = 0
        self._head = b""
        self._opened = False
        self._finish: FinishReason = "stop"
        self._native = ""
        self._usage: Usage | None = None
        self._thought: list[str] = []
        self._details = 0
        self._refused = False
        self._bare_call = -1

    # A stream.

    def events(self, events: list[Event], now: float) -> bytes:
        pieces: list[bytes] = []
        for event in events:
            match event:
                case TextDelta(text, logprobs):
                    if text or logprobs:
                        pieces.append(self._chunk({"content": text}, now, logprobs))
                case ReasoningDelta(text, signature):
                    if text:
                        self._thought.append(text)
                        pieces.append(self._chunk({"reasoning_content": text, "reasoning": text}, now))
                    if signature is not None:
                        pieces.append(self._detail(Reasoning("".join(self._thought), signature), now))
                        self._thought = []
                case RedactedDelta(content):
                    pieces.append(self._detail(RedactedReasoning(content), now))
                case ToolCallStart(index, call_id, name, signature):
                    pieces.append(self._finished_call(now))
                    call: dict[str, Any] = {"index": index, "id": call_id, "type": "function"}
                    call["function"] = {"name": name, "arguments": ""}
                    if signature is not None:
                        call["extra_content"] = extra_of(signature)
                    pieces.append(self._chunk({"tool_calls": [call]}, now))
                    self._bare_call = index
                case ToolCallDelta(index, arguments):
                    if arguments:
                        if index == self._bare_call:
                            self._bare_call = -1
                        piece = {"index": index, "function": {"arguments": arguments}}
                        pieces.append(self._chunk({"tool_calls": [piece]}, now))
                case RefusalDelta(text):
                    self._refused = True
                    pieces.append(self._chunk({"refusal": text}, now))
                case Start():
                    self._start(event.id, event.created, now)
                case UsageUpdate(usage):
                    self._usage = usage or self._usage
                case Finish(reason, native):
                    pieces.append(self._finished_call(now))
                    self._finish, self._native = reason, native
                case _:
                    pass
        return b"".join(pieces)

    def end(self, now: float) -> bytes:
        if self._finish == "malformed":
            return self.fault(BackendError("the model's answer was malformed", status=502))
        first = self._finished_call(now) if self._opened else self._chunk({}, now)
        finish: dict[str, Any] = {"index": 0, "delta": {}, "logprobs": None}
        finish |= _finish(self._finish, self._native, refused=self._refused)
        pieces = [first, self._head, b'"choices":[', _encode(finish), b"]}\n\n"]
        if self._include_usage:
            pieces += (self._head, b'"choices":[],"usage":', _encode(usage_of(self._usage)), b"}\n\n")
        pieces.append(b"data: [DONE]\n\n")
        return b"".join(pieces)

    def fault(self, error: OllamuxError) -> bytes:
        return b"data: " + error_body(error) + b"\n\n"

    def keepalive(self, now: float) -> bytes:
        return b": keepalive\n\n"

    def frame(self, delta: Delta) -> Frame | None:
        if not self._opened or (isinstance(delta, ToolCallDelta) and delta.index == self._bare_call):
            return None
        before = self._head + b'"choices":[{"index":0,"delta":{"'
        after = b'},"logprobs":null,"finish_reason":null}]}\n\n'
        if isinstance(delta, TextDelta):
            return Frame((before + b'content":"', TEXT, b'"' + after))
        if isinstance(delta, ReasoningDelta):
            pieces = (before + b'reasoning_content":"', TEXT, b'","reasoning":"', TEXT, b'"' + after)
            return Frame(pieces, texts=self._thought)
        call = b'%btool_calls":[{"index":%d,"function":{"arguments":"' % (before, delta.index)
        return Frame((call, TEXT, b'"}}]' + after))

    def _start(self, upstream_id: str, created: int, now: float) -> None:
        if upstream_id:
            self._id = upstream_id
        self.created = self.created or created or int(self._context.clock.unix(now))
        shared = {
            "id": self._id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self._context.model,
        }
        self._head = b"data: " + _encode(shared)[:-1] + b","

    def _chunk(self, delta: dict[str, Any], now: float, logprobs: tuple[LogProb, ...] | None = None) -> bytes:
        if not self._head:
            self._start("", 0, now)
        if not self._opened:
            self._opened = True
            delta = {"role": "assistant", "content": None if delta else "", **delta}
        choice = {"index": 0, "delta": delta, "logprobs": _logprobs(logprobs), "finish_reason": None}
        return self._head + b'"choices":[' + _encode(choice) + b"]}\n\n"

    def _detail(self, block: Reasoning | RedactedReasoning, now: float) -> bytes:
        detail = detail_of(block, self._details)
        self._details += 1
        return self._chunk({"reasoning_details": [detail]}, now)

    def _finished_call(self, now: float) -> bytes:
        """What a call without arguments still lacks: clients parse them as JSON."""
        index, self._bare_call = self._bare_call, -1
        if index < 0:
            return b""
        return self._chunk({"tool_calls": [{"index": index, "function": {"arguments": "{}"}}]}, now)

    # A whole answer.

    def whole(self, answer: Answer, now: float) -> bytes:
        if answer.finish == "malformed":
            raise BackendError("the model's answer was malformed", status=502)
        text = thinking = refusal = ""
        calls: list[dict[str, Any]] = []
        details: list[dict[str, Any]] = []
        for part in answer.parts:
            if isinstance(part, Text):
                text += part.text
            elif isinstance(part, (Reasoning, RedactedReasoning)):
                thinking += part.text if isinstance(part, Reasoning) else ""
                detail = detail_of(part, len(details))
                if detail is not None:
                    details.append(detail)
            elif isinstance(part, Refusal):
                refusal += part.text
            elif isinstance(part, ToolCall):
                function = {"name": part.name, "arguments": part.arguments or "{}"}
                call: dict[str, Any] = {"id": part.id, "type": "function", "function": function}
                if part.signature is not None:
                    call["extra_content"] = extra_of(part.signature)
                calls.append(call)
        message: dict[str, Any] = {"role": "assistant", "content": text if text or not (calls or refusal) else None}
        if thinking:
            message["reasoning_content"] = message["reasoning"] = thinking
        if details:
            message["reasoning_details"] = details
        message["refusal"] = refusal or None
        if calls:
            message["tool_calls"] = calls
        return _encode(
            {
                "id": answer.id or self._id,
                "object": "chat.completion",
                "created": answer.created or int(self._context.clock.unix(now)),
                "model": self._context.model,
                "choices": [
                    {
                        "index": 0,
                        "message": message,
                        "logprobs": _logprobs(answer.logprobs),
                        **_finish(answer.finish, answer.native, refused=bool(refusal)),
                    }
                ],
                "usage": usage_of(answer.usage),
            }
        )

    def embedded(self, answer: EmbedAnswer, now: float) -> bytes:
        raise NotSupported("this route gives no embeddings")

    def loaded(self, operation: Operation, now: float) -> bytes:
        return self.whole(Answer([]), now)

    def counted(self, tokens: int, now: float) -> bytes:
        raise NotSupported("this route counts no tokens")


def finish_word(reason: FinishReason | None, *, refused: bool = False) -> str:
    """OpenAI's word. A refusal without words is a filter's."""
    if reason == "refusal":
        return "stop" if refused else "content_filter"
    return _FINISHES.get(reason or "stop", "stop")


def _finish(reason: FinishReason | None, native: str, *, refused: bool) -> dict[str, str]:
    word = finish_word(reason, refused=refused)
    return {"finish_reason": word} | ({"native_finish_reason": native} if native not in ("", word) else {})


def usage_of(usage: Usage | None) -> dict[str, Any]:
    """Sums in OpenAI's form, with their parts as far as they are known."""
    usage = usage or Usage()
    read, written = usage.input or 0, usage.output or 0
    told: dict[str, Any] = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
    if usage.cache_read is not None or usage.cache_write is not None:
        details = {"cached_tokens": usage.cache_read or 0}
        if usage.cache_write is not None:
            details["cache_write_tokens"] = usage.cache_write
        told["prompt_tokens_details"] = details
    if usage.reasoning is not None:
        told["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning}
    return told


def _logprobs(logprobs: tuple[LogProb, ...] | None) -> dict[str, Any] | None:
    if logprobs is None:
        return None
    return {"content": [{**_token(one), "top_logprobs": [_token(other) for other in one.top]} for one in logprobs]}


def _token(one: LogProb) -> dict[str, Any]:
    return {
        "token": one.token,
        "logprob": one.logprob,
        "bytes": list(one.token.encode() if one.bytes is None else one.bytes),
    }
