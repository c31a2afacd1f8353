"""Reads what Converse answers: streams into neutral events, whole answers into neutral values.

Strategy: one typed decode for each event. Only calls have a start; texts and thoughts begin with their first piece.
Calls are numbered anew, without gaps. A sealed thought is kept until its block ends, since it goes on whole.

Rules: `messageStop` makes a stream complete, and usage still comes behind it; an exception is a fault, and so is
damage; `tool_calls` is what an answer finished with only where a whole call was seen; tools that the service calls
itself are no business of the client. Signatures are Claude's, so their origin is Anthropic's format; sealed thoughts
are spelled in a way of Bedrock's own, so their origin is this one.
"""

from __future__ import annotations

import base64
import binascii

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
from ollamux.formats.bedrock import schema
from ollamux.formats.bedrock.faults import fault_of
from ollamux.formats.bedrock.turns import FORMAT, SIGNED
from ollamux.formats.failures import unreadable
from ollamux.formats.identifiers import Names
from ollamux.streaming.event_stream import EventMessage, EventStreamDecoder
from ollamux.streaming.translator import Delta

__all__ = ("FINISHES", "ConverseReader", "read_answer")

FINISHES: dict[str, FinishReason] = {
    "content_filtered": "content_filter",
    "end_turn": "stop",
    "guardrail_intervened": "content_filter",
    "malformed_model_output": "malformed",
    "malformed_tool_use": "malformed",
    "max_tokens": "length",
    "model_context_window_exceeded": "context_exceeded",
    "stop_sequence": "stop_sequence",
    "tool_use": "tool_calls",
}
_STOPS = ("stop", "stop_sequence", "tool_calls")


class ConverseReader:
    """Reads the stream of a chat."""

    __slots__ = ("_arguments", "_decoder", "_indices", "_names", "_sealed", "complete")

    def __init__(self, names: Names) -> None:
        self.complete = False
        self._decoder = EventStreamDecoder()
        self._names = names
        self._indices: dict[int, int] = {}
        self._arguments: list[str] = []
        self._sealed: dict[int, bytearray] = {}

    def feed(self, data: bytes) -> list[Event]:
        events: list[Event] = []
        for message in self._decoder.feed(data):
            self._read(message, events)
        if self._decoder.fault is not None:
            events.append(StreamFault(self._decoder.fault.message, 502))
        return events

    def close(self) -> list[Event]:
        return []

    def texts(self, delta: Delta) -> list[str] | None:
        """Nothing that anybody could add to: these streams are converted here alone."""
        return None

    def _read(self, message: EventMessage, events: list[Event]) -> None:
        headers, payload = message
        match headers.get(":message-type"):
            case "event":
                self._read_event(str(headers.get(":event-type", "")), payload, events)
            case "exception":
                events.append(fault_of(str(headers.get(":exception-type", "")), payload))
            case "error":
                code, text = headers.get(":error-code", ""), headers.get(":error-message", "")
                events.append(fault_of(str(code), payload, str(text)))
            case _:
                pass

    def _read_event(self, kind: str, payload: bytes, events: list[Event]) -> None:
        try:
            event = schema.decode_event(payload)
            match kind:
                case "contentBlockDelta":
                    if event.delta is not None:
                        self._read_delta(event.content_block_index, event.delta, events)
                case "contentBlockStart":
                    if event.start is not None and event.start.tool_use is not None:
                        self._open(event.content_block_index, event.start.tool_use, events)
                case "contentBlockStop":
                    sealed = self._sealed.pop(event.content_block_index, None)
                    if sealed is not None:
                        value = base64.b64encode(sealed).decode()
                        events.append(RedactedDelta(Opaque(FORMAT, value)))
                case "messageStart":
                    events.append(Start())
                case "messageStop":
                    self._finish(event.stop_reason or "", events)
                case "metadata":
                    if event.usage is not None:
                        events.append(UsageUpdate(_usage(event.usage)))
                case _:
                    pass
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, binascii.Error):
            events.append(StreamFault(unreadable(payload, "an event").message, 502))

    def _open(self, block: int, call: schema.ToolUse, events: list[Event]) -> None:
        if call.type is not None:
            return  # the service's own tool
        index = self._indices[block] = len(self._arguments)
        self._arguments.append("")
        events.append(ToolCallStart(index, call.tool_use_id or f"call_{index}", self._names.back(call.name)))

    def _read_delta(self, block: int, delta: schema.Delta, events: list[Event]) -> None:
        if delta.text:
            events.append(TextDelta(delta.text))
        elif delta.tool_use is not None:
            index = self._indices.get(block)
            if index is not None and delta.tool_use.input:
                self._arguments[index] += delta.tool_use.input
                events.append(ToolCallDelta(index, delta.tool_use.input))
        elif delta.reasoning_content is not None:
            thought = delta.reasoning_content
            if thought.text:
                events.append(ReasoningDelta(thought.text))
            if thought.signature:
                events.append(ReasoningDelta("", Opaque(SIGNED, thought.signature)))
            if thought.redacted_content:
                piece = base64.b64decode(thought.redacted_content, validate=True)
                self._sealed.setdefault(block, bytearray()).extend(piece)

    def _finish(self, native: str, events: list[Event]) -> None:
        if not self.complete:
            self.complete = True
            whole = any(_is_object(arguments) for arguments in self._arguments)
            events.append(Finish(_reason(native, whole), native))


def read_answer(body: bytes, names: Names) -> Answer:
    """A whole answer. Raises BackendUnavailable for what is none."""
    try:
        reply = schema.decode_reply(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise unreadable(body) from None
    message = reply.output.message
    if message is None:
        raise unreadable(body)
    parts: list[Part] = []
    for block in message.content:
        _add_block(parts, block, names)
    native = reply.stop_reason or ""
    called = any(isinstance(part, ToolCall) for part in parts)
    usage = _usage(reply.usage) if reply.usage is not None else None
    return Answer(parts, _reason(native, called), usage, native=native)


def _add_block(parts: list[Part], block: schema.Block, names: Names) -> None:
    text = block.text
    if block.citations_content is not None:
        text = "".join(piece.text for piece in block.citations_content.content)
    if text:
        parts.append(Text(text))
    call = block.tool_use
    if call is not None and call.type is None:
        arguments = bytes(call.input).decode() or "{}"
        count = sum(isinstance(part, ToolCall) for part in parts)
        parts.append(ToolCall(call.tool_use_id or f"call_{count}", names.back(call.name), arguments))
    thought = block.reasoning_content
    if thought is not None:
        if thought.reasoning_text is not None:
            signature = thought.reasoning_text.signature
            if thought.reasoning_text.text or signature:
                signed = Opaque(SIGNED, signature) if signature else None
                parts.append(Reasoning(thought.reasoning_text.text, signed))
        if thought.redacted_content:
            parts.append(RedactedReasoning(Opaque(FORMAT, thought.redacted_content)))


def _reason(native: str, whole_call: bool) -> FinishReason:
    """What the service's word means, where a whole call was seen or none."""
    reason = FINISHES.get(native, "stop")
    if reason in _STOPS:
        return "tool_calls" if whole_call else "stop" if reason == "tool_calls" else reason
    return reason


def _is_object(arguments: str) -> bool:
    try:
        return not arguments.strip() or isinstance(msgspec.json.decode(arguments), dict)
    except (ValueError, RecursionError):
        return False


def _usage(tokens: schema.Tokens) -> Usage:
    return Usage(
        tokens.input_tokens,
        tokens.cache_read_input_tokens,
        tokens.cache_write_input_tokens,
        tokens.output_tokens,
    )
