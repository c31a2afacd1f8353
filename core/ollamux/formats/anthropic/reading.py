"""Reads what servers of this format answer: streams into neutral events, whole messages into neutral answers.

Strategy: one typed decode for each event. Blocks are known by the server's index; calls are numbered anew, without
gaps, in the order in which they open.

Rules: `message_stop` alone makes a stream complete; a signature is told when its block closes, since a later one
replaces it; a call without arguments has `{}`; counters are cumulative, and one that is not named keeps its value; what
cannot be read is a fault, but not half an event at the very end, which is a stream cut off.
"""

from __future__ import annotations

import msgspec

from ollamux.conversation import (
    Answer,
    Event,
    Finish,
    FinishReason,
    Opaque,
    Part,
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
from ollamux.errors import BackendError
from ollamux.formats.anthropic import schema
from ollamux.formats.anthropic.faults import fault_of
from ollamux.formats.anthropic.signatures import FORMAT
from ollamux.formats.failures import unreadable
from ollamux.formats.identifiers import Names
from ollamux.formats.sse_reading import SseReader

__all__ = ("FINISHES", "Counter", "MessageReader", "read_answer")

FINISHES: dict[str, FinishReason] = {
    "end_turn": "stop",
    "max_tokens": "length",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_calls",
    "pause_turn": "pause",
    "refusal": "refusal",
    "model_context_window_exceeded": "context_exceeded",
}
"""The servers' words for why they stopped; others count as `stop`."""


class Counter:
    """What a stream has told of its cost."""

    __slots__ = ("_told",)

    def __init__(self) -> None:
        self._told: dict[str, int] = {}

    def add(self, usage: schema.Usage | None) -> Usage | None:
        """All that is known, with this."""
        if usage is not None:
            details = usage.output_tokens_details
            counted = {
                "input": usage.input_tokens,
                "read": usage.cache_read_input_tokens,
                "written": usage.cache_creation_input_tokens,
                "output": usage.output_tokens,
                "thought": details.thinking_tokens if details is not None else None,
            }
            self._told |= {name: count for name, count in counted.items() if count is not None}
        told = self._told
        if not told:
            return None
        output, thought = told.get("output"), told.get("thought")
        if output is not None and thought:
            output = max(0, output - thought)
        return Usage(told.get("input"), told.get("read"), told.get("written"), output, thought)


class _Open:
    """A block while it comes in. `call` is the number of its call, below zero where it is none."""

    __slots__ = ("call", "called", "given", "kind", "signature")

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.call = -1
        self.called = False
        self.given = ""
        self.signature = ""


class MessageReader(SseReader):
    """Reads the stream of a message. `names` gives tools their own names back."""

    __slots__ = (
        "_blocks",
        "_calls",
        "_counter",
        "_finish",
        "_names",
    )

    def __init__(self, names: Names) -> None:
        super().__init__()
        self._names = names
        self._counter = Counter()
        self._blocks: dict[int, _Open] = {}
        self._calls = 0
        self._finish: tuple[str, str | None] | None = None

    def _read_whole(self, body: bytes, events: list[Event]) -> None:
        try:
            answer = read_answer(body, self._names)
        except BackendError as error:
            events.append(StreamFault(error.message, error.status, error.kind))
            return
        self.complete = True
        events += _played(answer)

    def _read(self, payload: bytes, name: str, events: list[Event], last: bool) -> None:
        if self.complete:
            return
        try:
            event = schema.decode_event(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if not last and payload.strip():
                events.append(StreamFault(unreadable(payload, "an event").message, 502))
            return
        match event.type:
            case "content_block_delta" if event.delta is not None:
                self._add(event.index, event.delta, events)
            case "content_block_start" if event.content_block is not None:
                self._open(event.index, event.content_block, events)
            case "content_block_stop":
                self._close(event.index, events)
            case "message_start" if event.message is not None:
                events.append(Start(event.message.id or "", event.message.model or ""))
                self._count(event.message.usage, events)
            case "message_delta":
                self._count(event.usage, events)
                if event.delta is not None and event.delta.stop_reason:
                    self._stop(event.delta, events)
            case "message_stop":
                self._end(events)
            case "error":
                events.append(fault_of(event.error))
            case _:
                if not event.type and event.error is not None:
                    events.append(fault_of(event.error))

    def _open(self, index: int, block: schema.Block, events: list[Event]) -> None:
        opened = self._blocks[index] = _Open(block.type)
        match block.type:
            case "text" if block.text:
                events.append(TextDelta(block.text))
            case "thinking":
                opened.signature = block.signature or ""
                if block.thinking:
                    events.append(ReasoningDelta(block.thinking))
            case "redacted_thinking":
                events.append(RedactedDelta(Opaque(FORMAT, block.data or "")))
            case "tool_use":
                opened.call = self._calls
                opened.given = schema.given(block.input).decode()
                self._calls += 1
                name = self._names.back(block.name or "")
                events.append(ToolCallStart(opened.call, block.id or f"call_{opened.call}", name))
            case _:
                pass

    def _add(self, index: int, delta: schema.Delta, events: list[Event]) -> None:
        match delta.type:
            case "text_delta":
                if delta.text:
                    events.append(TextDelta(delta.text))
            case "thinking_delta":
                if delta.thinking:
                    events.append(ReasoningDelta(delta.thinking))
            case "input_json_delta":
                opened = self._blocks.get(index)
                if opened is not None and opened.call >= 0 and delta.partial_json:
                    opened.called = True
                    events.append(ToolCallDelta(opened.call, delta.partial_json))
            case "signature_delta":
                opened = self._blocks.get(index)
                if opened is not None:
                    opened.signature = delta.signature or ""
            case _:
                pass

    def _close(self, index: int, events: list[Event]) -> None:
        opened = self._blocks.pop(index, None)
        if opened is None:
            return
        if opened.signature:
            events.append(ReasoningDelta("", Opaque(FORMAT, opened.signature)))
        if opened.call >= 0 and not opened.called:
            events.append(ToolCallDelta(opened.call, opened.given or "{}"))

    def _count(self, usage: schema.Usage | None, events: list[Event]) -> None:
        if usage is not None:
            events.append(UsageUpdate(self._counter.add(usage)))

    def _stop(self, delta: schema.Delta, events: list[Event]) -> None:
        self._finish = (delta.stop_reason or "", delta.stop_sequence)
        explained = delta.stop_details.explanation if delta.stop_details is not None else None
        if explained and delta.stop_reason == "refusal":
            events.append(RefusalDelta(explained))

    def _end(self, events: list[Event]) -> None:
        for index in list(self._blocks):
            self._close(index, events)
        native, sequence = self._finish or ("", None)
        self.complete = True
        events.append(Finish(_reason(native, self._calls > 0), native, sequence))


def read_answer(body: bytes, names: Names) -> Answer:
    """A whole message. Raises BackendError for an error, BackendUnavailable for what is no message."""
    try:
        reply = schema.decode_reply(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise unreadable(body) from None
    if reply.error is not None:
        fault = fault_of(reply.error)
        raise BackendError(fault.detail, status=fault.status, body=fault.detail)
    if reply.content is None:
        raise unreadable(body)
    parts: list[Part] = []
    called = False
    for place, block in enumerate(reply.content):
        match block.type:
            case "text" if block.text:
                parts.append(Text(block.text))
            case "thinking" if block.thinking or block.signature:
                signature = Opaque(FORMAT, block.signature) if block.signature else None
                parts.append(Reasoning(block.thinking or "", signature))
            case "redacted_thinking":
                parts.append(RedactedReasoning(Opaque(FORMAT, block.data or "")))
            case "tool_use":
                called = True
                arguments = schema.given(block.input).decode() or "{}"
                parts.append(ToolCall(block.id or f"call_{place}", names.back(block.name or ""), arguments))
            case _:
                pass
    native = reply.stop_reason or ""
    explained = reply.stop_details.explanation if reply.stop_details is not None else None
    if explained and native == "refusal":
        parts.append(Refusal(explained))
    return Answer(
        parts,
        _reason(native, called),
        Counter().add(reply.usage),
        id=reply.id or "",
        model=reply.model or "",
        native=native,
        stop_sequence=reply.stop_sequence,
    )


def _reason(native: str, called: bool) -> FinishReason:
    reason = FINISHES.get(native, "stop")
    if reason in ("stop", "tool_calls"):
        return "tool_calls" if called else "stop"
    return reason


def _played(answer: Answer) -> list[Event]:
    """A whole answer as the events that it would have come in."""
    events: list[Event] = [Start(answer.id, answer.model)]
    calls = 0
    for part in answer.parts:
        match part:
            case Text(text):
                events.append(TextDelta(text))
            case Reasoning(text, signature):
                events.append(ReasoningDelta(text, signature))
            case RedactedReasoning(content):
                events.append(RedactedDelta(content))
            case Refusal(text):
                events.append(RefusalDelta(text))
            case ToolCall(call_id, name, arguments):
                events += (ToolCallStart(calls, call_id, name), ToolCallDelta(calls, arguments))
                calls += 1
            case _:
                pass
    return [*events, UsageUpdate(answer.usage), Finish(answer.finish or "stop", answer.native, answer.stop_sequence)]
