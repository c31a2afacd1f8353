"""Reads what Gemini answers: streams into neutral events, whole answers and vectors into neutral values.

Strategy: one typed decode for each response. Why the model stopped is told when the stream has ended, since some
models name a reason in every response and some a response after the last call.

Rules: a finish reason makes a stream complete, or a prompt that was blocked, nothing else does; a call is whole as it
comes; a signature belongs to the call beside it, to the thought that it ends, or stands for itself behind a text; a
call without an id gets one of its own, so that its result finds back; what is drawn or said aloud is told in the text.
"""

from __future__ import annotations

import msgspec

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    Answer,
    EmbedAnswer,
    Event,
    Finish,
    LogProb,
    Opaque,
    Part,
    Reasoning,
    ReasoningDelta,
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
from ollamux.formats.base import Neutral
from ollamux.formats.failures import LONGEST, unreadable
from ollamux.formats.gemini import schema
from ollamux.formats.gemini.faults import stream_fault
from ollamux.formats.gemini.functions import function_names
from ollamux.formats.gemini.pictures import said
from ollamux.formats.gemini.signatures import NAME
from ollamux.formats.gemini.vocabulary import finish_reason
from ollamux.formats.identifiers import Names
from ollamux.formats.sse_reading import SseReader

__all__ = ("GeminiReader", "read_answer", "read_vectors", "usage_of")

_NOTHING = (b"", b"null")


class GeminiReader(SseReader):
    """Reads the stream of a chat."""

    __slots__ = (
        "_blocked",
        "_calls",
        "_id",
        "_names",
        "_native",
        "_started",
    )

    openings = (b"{", b"[")

    def __init__(self, request: Neutral) -> None:
        super().__init__()
        self._names = _names(request)
        self._calls = 0
        self._id = ""
        self._native = ""
        self._blocked = False
        self._started = False

    def close(self) -> list[Event]:
        events = super().close()
        if self.complete:
            reason = "content_filter" if self._blocked else finish_reason(self._native, bool(self._calls))
            events.append(Finish(reason, self._native))
        return events

    def _read_whole(self, body: bytes, events: list[Event]) -> None:
        """A server that does not stream answers with one object, or with a list of them."""
        try:
            responses = schema.decode_responses(body) if body.lstrip()[:1] == b"[" else [schema.decode_response(body)]
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        for response in responses:
            self._take(response, events)

    def _read(self, payload: bytes, name: str, events: list[Event], last: bool) -> None:
        try:
            response = schema.decode_response(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if not last and payload.strip():
                events.append(StreamFault(unreadable(payload, "an event").message, 502))
            return
        self._take(response, events)

    def _take(self, response: schema.Response, events: list[Event]) -> None:
        error = bytes(response.error)
        if error not in _NOTHING:
            events.append(stream_fault(error))
            return
        candidates, feedback = response.candidates, response.prompt_feedback
        if not self._started and (candidates or feedback is not None):
            self._started = True
            self._id = response.response_id or ""
            events.append(Start(self._id, response.model_version or ""))
        if response.usage_metadata is not None:
            events.append(UsageUpdate(usage_of(response.usage_metadata)))
        if candidates:
            if not candidates[0].index:
                self._read_candidate(candidates[0], events)
        elif feedback is not None and feedback.block_reason:
            self._native = feedback.block_reason
            self._blocked = self.complete = True

    def _read_candidate(self, candidate: schema.Candidate, events: list[Event]) -> None:
        logprobs = _logprobs(candidate.logprobs_result)
        for part in (candidate.content.parts if candidate.content is not None else None) or ():
            signature = Opaque(NAME, part.thought_signature) if part.thought_signature else None
            called = part.function_call
            if called is not None and called.name:
                call = _call(called, self._calls, self._id, self._names, signature)
                events.append(ToolCallStart(self._calls, call.id, call.name, signature))
                events.append(ToolCallDelta(self._calls, call.arguments))
                self._calls += 1
            elif part.thought:
                if (text := said(part)) or signature is not None:
                    events.append(ReasoningDelta(text, signature))
            else:
                if text := said(part):
                    events.append(TextDelta(text, logprobs))
                    logprobs = None
                if signature is not None:
                    events.append(ReasoningDelta("", signature))
        if logprobs:
            events.append(TextDelta("", logprobs))
        if candidate.finish_reason:
            self._native = candidate.finish_reason
            self.complete = True


def read_answer(body: bytes, request: Neutral) -> Answer:
    """A whole answer. Raises BackendError for an error, BackendUnavailable for what is no answer."""
    try:
        response = schema.decode_response(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise unreadable(body) from None
    _refuse(response.error)
    feedback = response.prompt_feedback
    usage = usage_of(response.usage_metadata) if response.usage_metadata is not None else None
    ident, model = response.response_id or "", response.model_version or ""
    if not response.candidates:
        if feedback is None or not feedback.block_reason:
            raise unreadable(body)
        return Answer([], "content_filter", usage, id=ident, model=model, native=feedback.block_reason)
    candidate = response.candidates[0]
    names = _names(request)
    parts: list[Part] = []
    calls = 0
    for part in (candidate.content.parts if candidate.content is not None else None) or ():
        signature = Opaque(NAME, part.thought_signature) if part.thought_signature else None
        called = part.function_call
        if called is not None and called.name:
            parts.append(_call(called, calls, ident, names, signature))
            calls += 1
        elif part.thought:
            if (text := said(part)) or signature is not None:
                parts.append(Reasoning(text, signature))
        else:
            if text := said(part):
                parts.append(Text(text))
            if signature is not None:
                parts.append(Reasoning("", signature))
    native = candidate.finish_reason or ""
    return Answer(
        parts,
        finish_reason(native, calls > 0),
        usage,
        logprobs=_logprobs(candidate.logprobs_result),
        id=ident,
        model=model,
        native=native,
    )


def read_vectors(body: bytes, count: int) -> EmbedAnswer:
    """The vectors of `count` inputs, in their order. Raises as `read_answer`."""
    try:
        answer = schema.decode_vectors(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise unreadable(body, "embeddings") from None
    _refuse(answer.error)
    if answer.predictions is not None:
        return _predicted(answer.predictions, body, count)
    rows = answer.embeddings if answer.embeddings is not None else [answer.embedding] if answer.embedding else []
    vectors = [row.values for row in rows if row.values]
    if len(vectors) != count:
        raise unreadable(body, "embeddings")
    cost = answer.usage_metadata
    return EmbedAnswer(vectors, (cost.prompt_token_count or cost.total_token_count) if cost is not None else None)


def _predicted(predictions: list[schema.Prediction], body: bytes, count: int) -> EmbedAnswer:
    found = [one.embeddings for one in predictions if one.embeddings is not None]
    vectors = [one.values for one in found if one.values]
    if len(vectors) != count:
        raise unreadable(body, "embeddings")
    told = [one.statistics.token_count for one in found if one.statistics is not None]
    counts = [int(tokens) for tokens in told if tokens is not None]
    return EmbedAnswer(vectors, sum(counts) if counts else None)


def usage_of(told: schema.Usage) -> Usage:
    """Disjoint counters out of Gemini's sums."""
    prompt, cached = told.prompt_token_count, told.cached_content_token_count
    if prompt is not None:
        prompt = max(0, prompt - (cached or 0)) + (told.tool_use_prompt_token_count or 0)
    return Usage(prompt, cached, None, told.candidates_token_count, told.thoughts_token_count)


def _names(request: Neutral) -> Names | None:
    return function_names(request) if isinstance(request, ChatRequest) and request.tools else None


def _call(
    called: schema.FunctionCall, position: int, ident: str, names: Names | None, signature: Opaque | None
) -> ToolCall:
    name = called.name or ""
    args = bytes(called.args)
    made_up = f"call_{ident}_{position}" if ident else f"call_{position}"
    return ToolCall(
        called.id or made_up,
        names.back(name) if names is not None else name,
        "{}" if args in _NOTHING else args.decode("utf-8", "replace"),
        signature,
    )


def _refuse(error: msgspec.Raw) -> None:
    text = bytes(error)
    if text not in _NOTHING:
        fault = stream_fault(text)
        raise BackendError(fault.detail, status=fault.status, body=text.decode("utf-8", "replace")[:LONGEST])


def _logprobs(found: schema.LogProbs | None) -> tuple[LogProb, ...] | None:
    if found is None or not found.chosen_candidates:
        return None
    tops = found.top_candidates or []
    return tuple(
        LogProb(
            chosen.token,
            chosen.log_probability or 0.0,
            None,
            tuple(_logprob(one) for one in (tops[place].candidates or ())) if place < len(tops) else (),
        )
        for place, chosen in enumerate(found.chosen_candidates)
    )


def _logprob(token: schema.Token) -> LogProb:
    return LogProb(token.token, token.log_probability or 0.0)
