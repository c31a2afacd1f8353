"""Writes answers as OpenAI's Responses do: whole responses, and streams of events.

Strategy: a whole answer is put together by the same steps as a stream, so that both say the same; what the request said
is echoed as the text it came as. A response that is complete goes into the store, unless the client said otherwise.

Rules: every stream begins with `response.created` and `response.in_progress` and ends with `response.completed`,
`incomplete` or `failed`, and with nothing behind it; an error before the beginning is an `error` event.
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
from ollamux.formats.openai_responses.failing import response_error
from ollamux.formats.openai_responses.incoming import ResponsesIncoming
from ollamux.formats.openai_responses.output import Events, Output
from ollamux.formats.openai_responses.tools import Toolbox
from ollamux.streaming.translator import Delta, Frame

__all__ = ("ResponsesRenderer",)

_encode = msgspec.json.Encoder().encode
_NOTHING = (b"", b"null")
_INCOMPLETE: dict[FinishReason, str] = {
    "length": "max_output_tokens",
    "context_exceeded": "max_output_tokens",
    "content_filter": "content_filter",
}
_SILENT = frozenset((Start, UsageUpdate, Finish))
"""What holds nothing that a client could see: as long as nothing else came, another backend may still take over."""
_ENCRYPTED = b'"reasoning.encrypted_content"'


class _Echo(msgspec.Struct, gc=False):
    """What a response repeats of its request."""

    background: msgspec.Raw = msgspec.Raw(b"false")
    instructions: msgspec.Raw = msgspec.Raw()
    max_output_tokens: msgspec.Raw = msgspec.Raw()
    max_tool_calls: msgspec.Raw = msgspec.Raw()
    parallel_tool_calls: msgspec.Raw = msgspec.Raw(b"true")
    previous_response_id: msgspec.Raw = msgspec.Raw()
    prompt_cache_key: msgspec.Raw = msgspec.Raw()
    reasoning: msgspec.Raw = msgspec.Raw(b'{"effort":null,"summary":null}')
    safety_identifier: msgspec.Raw = msgspec.Raw()
    service_tier: msgspec.Raw = msgspec.Raw()
    store: msgspec.Raw = msgspec.Raw(b"true")
    temperature: msgspec.Raw = msgspec.Raw()
    text: msgspec.Raw = msgspec.Raw(b'{"format":{"type":"text"}}')
    tool_choice: msgspec.Raw = msgspec.Raw(b'"auto"')
    tools: msgspec.Raw = msgspec.Raw(b"[]")
    top_logprobs: msgspec.Raw = msgspec.Raw(b"0")
    top_p: msgspec.Raw = msgspec.Raw()
    truncation: msgspec.Raw = msgspec.Raw(b'"disabled"')
    user: msgspec.Raw = msgspec.Raw()
    metadata: msgspec.Raw = msgspec.Raw(b"{}")


_NULL = msgspec.Raw(b"null")
_FIELDS = _Echo.__struct_fields__
_DEFAULTS: dict[str, msgspec.Raw] = {
    name: told if bytes(told) else _NULL for name, told in ((name, getattr(_Echo(), name)) for name in _FIELDS)
}
_decode_echo = msgspec.json.Decoder(_Echo).decode


class _Shown(msgspec.Struct, gc=False):
    include: list[str] | None = None
    reasoning: Any = None


_decode_shown = msgspec.json.Decoder(_Shown).decode


class ResponsesRenderer:
    """Writes the answer to one request."""

    __slots__ = (
        "_base",
        "_context",
        "_created",
        "_echo",
        "_events",
        "_finish",
        "_incoming",
        "_open",
        "_output",
        "_usage",
    )

    def __init__(self, incoming: ResponsesIncoming, context: RenderContext) -> None:
        self._incoming = incoming
        self._context = context
        self._base = incoming.responses.fresh(context.arrived)
        self._created = 0
        self._open = False
        self._finish: FinishReason = "stop"
        self._usage: Usage | None = None
        self._events = Events()
        shown = _shown(incoming.body)
        summary = bool(shown.reasoning.get("summary") or shown.reasoning.get("generate_summary"))
        self._output = Output(
            self._base,
            self._events,
            incoming.toolbox or Toolbox(()),
            summary=summary,
            shown="reasoning.encrypted_content" in (shown.include or ()),
        )
        self._echo: dict[str, Any] = {}

    # A stream.

    def events(self, events: list[Event], now: float) -> bytes:
        output = self._output
        for event in events:
            if not self._open and type(event) not in _SILENT:
                self._begin(now)
            match event:
                case TextDelta(text, logprobs):
                    if text or logprobs:
                        output.text(text, logprobs)
                case ReasoningDelta(text, signature):
                    output.reasoning(text, signature)
                case RedactedDelta(content):
                    output.redacted(content)
                case ToolCallStart(index, call_id, name, signature):
                    output.call(index, call_id, name, signature)
                case ToolCallDelta(index, arguments):
                    output.arguments(index, arguments)
                case RefusalDelta(text):
                    if text:
                        output.text(text, refusal=True)
                case UsageUpdate(usage):
                    self._usage = usage or self._usage
                case Finish(reason):
                    self._finish = reason
                case _:
                    pass
        return self._events.taken()

    def end(self, now: float) -> bytes:
        if not self._open:
            self._begin(now)
        if self._finish == "malformed":
            return self._events.taken() + self.fault(BackendError("the model's answer was malformed", status=502))
        self._output.end(incomplete=self._finish in _INCOMPLETE)
        response = self._final(now)
        self._events.add(f"response.{response['status']}", {"response": response})
        self._keep(response, now)
        return self._events.taken()

    def fault(self, error: OllamuxError) -> bytes:
        progress = self._incoming.progress
        if progress.head is not None and not self._open:
            self._events.number = progress.number
            failed: dict[str, Any] = {**progress.head, "status": "failed", "error": response_error(error)}
        else:
            if not self._open:  # clients take a stream that does not begin with a response for a broken one
                self._begin(self._context.arrived)
            failed = self._response("failed", self._output.values, error=response_error(error))
        self._events.add("response.failed", {"response": failed})
        return self._events.taken()

    def keepalive(self, now: float) -> bytes:
        return b": keepalive\n\n"

    def frame(self, delta: Delta) -> Frame | None:
        return self._output.frame(delta)

    def _begin(self, now: float) -> None:
        self._open = True
        self._created = int(self._context.clock.unix(now))
        try:
            echo = _decode_echo(self._incoming.body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            echo = _Echo()
        for name in _FIELDS:
            told = getattr(echo, name)
            self._echo[name] = _DEFAULTS[name] if bytes(told) in _NOTHING else told
        response = self._response("in_progress", [])
        self._events.add("response.created", {"response": response})
        self._events.add("response.in_progress", {"response": response})

    def _response(self, status: str, items: list[dict[str, Any]], **members: Any) -> dict[str, Any]:
        return {
            "id": f"resp_{self._base}",
            "object": "response",
            "created_at": self._created,
            "status": status,
            "completed_at": None,
            "error": None,
            "incomplete_details": None,
            "model": self._context.model,
            "output": items,
            "usage": None,
            **self._echo,
            **members,
        }

    def _final(self, now: float) -> dict[str, Any]:
        usage = _usage(self._usage)
        reason = _INCOMPLETE.get(self._finish)
        if reason is not None:
            return self._response("incomplete", self._output.values, incomplete_details={"reason": reason}, usage=usage)
        done = int(self._context.clock.unix(now))
        return self._response("completed", self._output.values, completed_at=done, usage=usage)

    def _keep(self, response: dict[str, Any], now: float) -> bytes:
        body = _encode(response)
        if self._incoming.kept:
            self._incoming.keep(response["id"], body, [_encode(item) for item in self._output.stored], now)
        return body

    # A whole answer.

    def whole(self, answer: Answer, now: float) -> bytes:
        if answer.finish == "malformed":
            raise BackendError("the model's answer was malformed", status=502)
        self._events.muted = True
        self._begin(now)
        output = self._output
        logprobs: tuple[LogProb, ...] | None = answer.logprobs
        for position, part in enumerate(answer.parts):
            if isinstance(part, Text):
                output.text(part.text, logprobs)
                logprobs = None
            elif isinstance(part, Refusal):
                output.text(part.text, refusal=True)
            elif isinstance(part, Reasoning):
                output.reasoning(part.text, part.signature)
            elif isinstance(part, RedactedReasoning):
                output.redacted(part.content)
            elif isinstance(part, ToolCall):
                output.call(position, part.id, part.name, part.signature)
                output.arguments(position, part.arguments)
        self._finish = answer.finish or "stop"
        self._usage = answer.usage
        output.end(incomplete=self._finish in _INCOMPLETE)
        return self._keep(self._final(now), now)

    def embedded(self, answer: EmbedAnswer, now: float) -> bytes:
        raise NotSupported("this route gives no embeddings")

    def loaded(self, operation: Operation, now: float) -> bytes:
        return self.whole(Answer([]), now)

    def counted(self, tokens: int, now: float) -> bytes:
        return _encode({"object": "response.input_tokens", "input_tokens": tokens})


def _shown(body: bytes) -> _Shown:
    """What the client asked to see of the thinking."""
    try:
        shown = _decode_shown(body) if _ENCRYPTED in body or b'"reasoning"' in body else _Shown()
    except (msgspec.DecodeError, UnicodeDecodeError):
        shown = _Shown()
    if not isinstance(shown.reasoning, dict):
        shown.reasoning = {}
    return shown


def _usage(usage: Usage | None) -> dict[str, Any]:
    usage = usage or Usage()
    read, written = usage.input or 0, usage.output or 0
    return {
        "input_tokens": read,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read or 0,
            "cache_write_tokens": usage.cache_write or 0,
        },
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
        "total_tokens": read + written,
    }
