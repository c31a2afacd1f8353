"""Reads what servers of OpenAI's Responses answer: streams into neutral events, whole responses into neutral answers.

Strategy: one typed decode for each event. Items are known by their place in the output; calls are numbered anew,
without gaps, in the order in which they open. What a server tells only at the end of an item is told then.

Rules: `response.completed` or `response.incomplete` makes a stream complete, nothing else does; a response that failed
and an error are faults with the server's own words; of a summary and the thinking itself, what comes first counts.
"""

from __future__ import annotations

from typing import Any, cast

import msgspec

from ollamux.conversation import (
    Answer,
    Event,
    Finish,
    FinishReason,
    LogProb,
    Opaque,
    Part,
    Reasoning,
    ReasoningDelta,
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
from ollamux.formats.failures import LONGEST, error_message, unreadable
from ollamux.formats.identifiers import Names
from ollamux.formats.openai_responses.schema import (
    ContentPart,
    Item,
    Response,
    StreamEvent,
    UsageIn,
    decode_event,
    decode_item,
    decode_response,
)
from ollamux.formats.openai_responses.signatures import FORMAT
from ollamux.formats.openai_responses.tools import wrapped
from ollamux.formats.sse_reading import SseReader

__all__ = ("INCOMPLETE", "ResponsesReader", "fault_of", "read_answer", "usage_of")

_NOTHING = (b"", b"null")
_STATUSES = {
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "invalid_prompt": 400,
    "context_length_exceeded": 400,
    "invalid_request_error": 400,
    "server_overloaded": 503,
    "overloaded_error": 503,
    "timeout_error": 504,
}
_KINDS = {400: "bad_request", 408: "timeout", 429: "rate_limit", 503: "overloaded", 504: "timeout", 529: "overloaded"}
INCOMPLETE: dict[str, FinishReason] = {"max_output_tokens": "length", "content_filter": "content_filter"}
_decode_text = msgspec.json.Decoder(str).decode


class _Seen:
    """What has come of an item."""

    __slots__ = ("arguments", "index", "parts", "signed", "summary")

    def __init__(self) -> None:
        self.index = -1
        self.arguments = False
        self.signed = False
        self.summary = ""
        self.parts: set[int] = set()


class ResponsesReader(SseReader):
    """Reads a stream. `names` turns the names of tools back into those of the request."""

    __slots__ = ("_calls", "_names", "_refused", "_seen")

    def __init__(self, names: Names) -> None:
        super().__init__()
        self._names = names
        self._seen: dict[int, _Seen] = {}
        self._calls = 0
        self._refused = False

    def _read_whole(self, body: bytes, events: list[Event]) -> None:
        try:
            response = decode_response(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return  # cut off
        if response.error is not None or response.status == "failed":
            events.append(fault_of(msgspec.json.encode(response.error)))
            return
        events.append(_start(response))
        self._end(response, events)

    def _read(self, payload: bytes, name: str, events: list[Event], last: bool) -> None:
        if self.complete:
            return
        try:
            event = decode_event(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            stripped = payload.strip()
            if not last and stripped and stripped != b"[DONE]":
                events.append(StreamFault(unreadable(payload, "an event").message, 502))
            return
        kind = event.type or name
        if kind == "error" or (event.error is not None and event.response is None):
            events.append(fault_of(payload if event.error is None else msgspec.json.encode(event.error)))
            return
        match kind:
            case "response.output_text.delta":
                if event.delta or event.logprobs:
                    self._of(event).parts.add(event.content_index or 0)
                    events.append(TextDelta(event.delta or "", _logprobs(event.logprobs)))
            case "response.output_text.done":
                self._late(event, event.text, events)
            case "response.refusal.delta":
                if event.delta:
                    self._of(event).parts.add(event.content_index or 0)
                    self._refused = True
                    events.append(RefusalDelta(event.delta))
            case "response.refusal.done":
                self._late_refusal(event, event.refusal, events)
            case "response.reasoning_summary_text.delta":
                self._think(event, "summary", event.summary_index or 0, events)
            case "response.reasoning_text.delta":
                self._think(event, "content", event.content_index or 0, events)
            case "response.function_call_arguments.delta":
                self._argue(self._of(event), event.delta, events)
            case "response.function_call_arguments.done":
                seen = self._of(event)
                if not seen.arguments:
                    self._argue(seen, event.arguments, events)
            case "response.output_item.added":
                if event.item is not None and event.item.type == "function_call":
                    self._call(self._of(event), event.item, events)
            case "response.output_item.done":
                if event.item is not None:
                    self._item(self._of(event), event.item, events)
            case "response.created":
                if event.response is not None:
                    events.append(_start(event.response))
            case "response.completed" | "response.incomplete":
                self._end(event.response or Response(), events, kind == "response.incomplete")
            case "response.failed":
                response = event.response or Response()
                events.append(fault_of(msgspec.json.encode(response.error)))
            case _:
                pass

    def _of(self, event: StreamEvent) -> _Seen:
        """The item that an event is about; the newest one for servers that give no index."""
        index = event.output_index
        if index is None:
            index = max(self._seen, default=-1) + (event.type == "response.output_item.added" or not self._seen)
        seen = self._seen.get(index)
        if seen is None:
            seen = self._seen[index] = _Seen()
        return seen

    def _think(self, event: StreamEvent, what: str, part: int, events: list[Event]) -> None:
        seen = self._of(event)
        seen.summary = seen.summary or what
        if seen.summary != what or not event.delta:
            return
        gap = "\n\n" if seen.parts and part not in seen.parts else ""
        seen.parts.add(part)
        events.append(ReasoningDelta(gap + event.delta))

    def _late(self, event: StreamEvent, text: str | None, events: list[Event]) -> None:
        seen = self._of(event)
        if text and (event.content_index or 0) not in seen.parts:
            seen.parts.add(event.content_index or 0)
            events.append(TextDelta(text, _logprobs(event.logprobs)))

    def _late_refusal(self, event: StreamEvent, text: str | None, events: list[Event]) -> None:
        seen = self._of(event)
        self._refused = True
        if text and (event.content_index or 0) not in seen.parts:
            seen.parts.add(event.content_index or 0)
            events.append(RefusalDelta(text))

    def _call(self, seen: _Seen, item: Item, events: list[Event]) -> None:
        if seen.index < 0 and item.name:
            seen.index = self._calls
            self._calls += 1
            events.append(
                ToolCallStart(seen.index, item.call_id or item.id or f"call_{seen.index}", self._names.back(item.name))
            )

    def _argue(self, seen: _Seen, text: str | None, events: list[Event]) -> None:
        if text and seen.index >= 0:
            seen.arguments = True
            events.append(ToolCallDelta(seen.index, text))

    def _item(self, seen: _Seen, item: Item, events: list[Event]) -> None:
        """An item is over: what it has and has not been told yet."""
        match item.type:
            case "function_call" | "custom_tool_call":
                self._call(seen, item, events)
                if not seen.arguments:
                    self._argue(seen, _arguments(item), events)
            case "reasoning":
                if not seen.parts and (text := _thought(item)):
                    seen.parts.add(0)
                    events.append(ReasoningDelta(text))
                if item.encrypted_content and not seen.signed:
                    seen.signed = True
                    events.append(ReasoningDelta("", Opaque(FORMAT, item.encrypted_content)))
            case "message":
                for place, part in enumerate(_parts(item)):
                    if place in seen.parts:
                        continue
                    seen.parts.add(place)
                    if part.type == "refusal" and part.refusal:
                        self._refused = True
                        events.append(RefusalDelta(part.refusal))
                    elif part.text:
                        events.append(TextDelta(part.text, _logprobs(part.logprobs)))
            case _:
                pass

    def _end(self, response: Response, events: list[Event], incomplete: bool = False) -> None:
        if not self._seen:  # a server that tells its items nowhere else
            for place, raw in enumerate(response.output or ()):
                try:
                    item = decode_item(raw)
                except (msgspec.DecodeError, UnicodeDecodeError):
                    events.append(StreamFault(unreadable(bytes(raw), "an item").message, 502))
                    return
                self._item(self._seen.setdefault(place, _Seen()), item, events)
        if (usage := usage_of(response.usage)) is not None:
            events.append(UsageUpdate(usage))
        reason, native = _finish(response, incomplete, called=self._calls > 0, refused=self._refused)
        events.append(Finish(reason, native))
        self.complete = True


def read_answer(body: bytes, names: Names) -> Answer:
    """A whole response. Raises BackendError for an error, BackendUnavailable for what is none."""
    try:
        response = decode_response(body)
        items = [decode_item(raw) for raw in response.output or ()]
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise unreadable(body) from None
    if response.error is not None or response.status == "failed":
        fault = fault_of(msgspec.json.encode(response.error))
        raise BackendError(error_message(fault.detail), status=fault.status, body=fault.detail)
    if response.output is None:
        raise unreadable(body)
    parts: list[Part] = []
    logprobs: list[LogProb] = []
    for item in items:
        if item.type in ("function_call", "custom_tool_call") and item.name:
            call_id = item.call_id or item.id or f"call_{len(parts)}"
            parts.append(ToolCall(call_id, names.back(item.name), _arguments(item) or "{}"))
        elif item.type == "reasoning":
            signature = Opaque(FORMAT, item.encrypted_content) if item.encrypted_content else None
            text = _thought(item)
            if text or signature is not None:
                parts.append(Reasoning(text, signature))
        elif item.type == "message":
            for part in _parts(item):
                if part.type == "refusal":
                    parts.append(Refusal(part.refusal or ""))
                else:
                    parts.append(Text(part.text or ""))
                    logprobs += _logprobs(part.logprobs) or ()
    called = any(isinstance(part, ToolCall) for part in parts)
    refused = any(isinstance(part, Refusal) for part in parts)
    reason, native = _finish(response, response.status == "incomplete", called=called, refused=refused)
    start = _start(response)
    return Answer(
        parts,
        reason,
        usage_of(response.usage),
        logprobs=tuple(logprobs) or None,
        id=start.id,
        model=start.model,
        created=start.created,
        native=native,
    )


def fault_of(error: bytes) -> StreamFault:
    """The server's own error (JSON text): its status by its code, its words as they are."""
    detail = error.decode("utf-8", "replace")
    status = 500
    try:
        told: Any = msgspec.json.decode(error)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        told = None
    if isinstance(told, str):
        detail = told
    elif isinstance(told, dict):
        found = cast(dict[str, Any], told)
        for code in (found.get("code"), found.get("type")):
            if isinstance(code, int) and 400 <= code <= 599:
                status = code
            elif isinstance(code, str) and code in _STATUSES:
                status = _STATUSES[code]
            else:
                continue
            break
    elif error in _NOTHING:
        detail = "the backend said that the response failed"
    return StreamFault(detail[:LONGEST], status, _KINDS.get(status, "upstream_bad"))


def usage_of(usage: UsageIn | None) -> Usage | None:
    """The cost of an answer; None where it is not told."""
    if usage is None or usage.input_tokens is None:
        return None
    read, written = usage.input_tokens_details, usage.output_tokens_details
    cached = read.cached_tokens if read is not None else None
    stored = read.cache_write_tokens if read is not None else None
    thought = written.reasoning_tokens if written is not None else None
    uncached = max(0, usage.input_tokens - (cached or 0) - (stored or 0))
    output = usage.output_tokens
    return Usage(uncached, cached, stored, None if output is None else max(0, output - (thought or 0)), thought)


def _finish(response: Response, incomplete: bool, *, called: bool, refused: bool) -> tuple[FinishReason, str]:
    """Why the model stopped, and the server's own word for it."""
    details = response.incomplete_details
    reason = (details.reason if details is not None else None) or ""
    if incomplete or response.status == "incomplete":
        return INCOMPLETE.get(reason, "stop"), reason or "incomplete"
    native = response.status or "completed"
    return ("tool_calls" if called else "refusal" if refused else "stop"), native


def _start(response: Response) -> Start:
    created = response.created_at
    return Start(
        response.id if isinstance(response.id, str) else "",
        response.model if isinstance(response.model, str) else "",
        int(created) if isinstance(created, int | float) else 0,
    )


def _parts(item: Item) -> list[ContentPart]:
    if isinstance(item.content, str):
        return [ContentPart("output_text", item.content)]
    return item.content or []


def _thought(item: Item) -> str:
    """The summary of an item of thinking, or the thinking itself where there is none."""
    summary = "\n\n".join(part.text for part in item.summary or () if part.text)
    return summary or "\n\n".join(part.text for part in _parts(item) if part.text)


def _arguments(item: Item) -> str:
    if item.type == "custom_tool_call":
        return wrapped(item.input or "")
    text = bytes(item.arguments)
    if text in _NOTHING:
        return ""
    return _decode_text(text) if text[:1] == b'"' else text.decode()


def _logprobs(found: list[dict[str, Any]] | None) -> tuple[LogProb, ...] | None:
    return tuple(_logprob(one) for one in found) if found else None


def _logprob(one: dict[str, Any]) -> LogProb:
    data: Any = one.get("bytes")
    value: Any = one.get("logprob")
    tops: Any = one.get("top_logprobs")
    return LogProb(
        str(one.get("token") or ""),
        float(value) if isinstance(value, int | float) else 0.0,
        tuple(data) if isinstance(data, list) else None,  # pyright: ignore[reportUnknownArgumentType]
        tuple(_logprob(cast(dict[str, Any], top)) for top in tops if isinstance(top, dict))  # pyright: ignore
        if isinstance(tops, list)
        else (),
    )
