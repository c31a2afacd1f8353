"""Writes answers as Gemini does: streams of whole responses, whole answers, vectors, counts, errors.

Strategy: every piece of a stream is a response with what is new in it; the last one tells why the model stopped and
what it cost. The bytes around a piece of text are made once.

Rules: a call goes out whole, when the model has stopped, since its arguments are an object; arguments that are none are
kept as `_raw`; a counter that is not known is not written; the backend's own word for why the model stopped is told
where it says more than Google's; a broken stream ends with an error and no finish reason.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from typing import Any, cast

import msgspec

from ollamux.conversation import (
    Answer,
    EmbedAnswer,
    Event,
    Finish,
    FinishReason,
    LogProb,
    Opaque,
    Operation,
    Part,
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
    total,
)
from ollamux.errors import BackendError, OllamuxError
from ollamux.formats.base import RenderContext
from ollamux.formats.failures import named
from ollamux.formats.gemini.framing import Frames
from ollamux.formats.gemini.signatures import carry
from ollamux.formats.gemini.vocabulary import FINISHES, STATUSES, STOPPED, UNREMARKABLE
from ollamux.streaming.translator import TEXT, Delta, Frame

__all__ = ("GeminiRenderer", "error_body", "sentence")

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_TEXT = b'{"candidates":[{"content":{"parts":[{"text":"'
_AFTER_TEXT = b'}],"role":"model"},"index":%d}],'


class GeminiRenderer:
    """Writes the answer to one request, or the candidate `index` of several. `single`: one vector is asked for,
    and not a list."""

    __slots__ = (
        "_after_text",
        "_calls",
        "_context",
        "_dimensions",
        "_finish",
        "_frames",
        "_id",
        "_index",
        "_native",
        "_single",
        "_tail",
        "_usage",
    )

    def __init__(
        self,
        context: RenderContext,
        frames: Frames,
        *,
        single: bool = False,
        dimensions: int | None = None,
        index: int = 0,
    ) -> None:
        self._index = index
        self._after_text = _AFTER_TEXT % index
        self._context = context
        self._frames = frames
        self._single = single
        self._dimensions = dimensions or 0
        self._id = f"{int(context.arrived * 1e9):x}"
        self._tail = b""
        self._calls: dict[int, tuple[ToolCallStart, list[str]]] = {}
        self._finish: FinishReason = "stop"
        self._native = ""
        self._usage: Usage | None = None

    # A stream.

    def events(self, events: list[Event], now: float) -> bytes:
        pieces: list[bytes] = []
        for event in events:
            match event:
                case TextDelta(text, logprobs):
                    if text or logprobs:
                        pieces.append(self._piece({"text": text}, logprobs))
                case ReasoningDelta(text, signature):
                    if text or signature is not None:
                        pieces.append(self._piece(_thought(text, signature)))
                case RedactedDelta(content):
                    pieces.append(self._piece(_redacted(content)))
                case RefusalDelta(text):
                    pieces.append(self._piece({"text": text}))
                case ToolCallStart():
                    self._calls[event.index] = (event, [])
                case ToolCallDelta(index, arguments):
                    if index in self._calls:
                        self._calls[index][1].append(arguments)
                case Start():
                    self._start(event.id)
                case UsageUpdate(usage):
                    self._usage = usage or self._usage
                case Finish(reason, native):
                    self._finish, self._native = reason, native
                case _:
                    pass
        return b"".join(pieces)

    def end(self, now: float) -> bytes:
        return self.close() + self._frames.end()

    def close(self) -> bytes:
        """The last response of this candidate, behind which the stream may go on."""
        calls = [
            _call(opened.id, opened.name, "".join(pieces), opened.signature) for opened, pieces in self._calls.values()
        ]
        parts = calls or [{"text": ""}]
        body = {"candidates": [self._candidate(parts, self._finish, self._native)], **self._account(self._usage)}
        return self._frames.piece(_encode(body)[:-1] + b"," + self._closing())

    def fault(self, error: OllamuxError) -> bytes:
        return self._frames.piece(error_body(error)) + self._frames.end()

    def keepalive(self, now: float) -> bytes:
        return b"\n"

    def frame(self, delta: Delta) -> Frame | None:
        if isinstance(delta, ToolCallDelta):
            return Frame((), texts=self._calls[delta.index][1]) if delta.index in self._calls else None
        before = self._frames.opening + _TEXT
        if not self._tail or before.startswith(b"["):
            return None
        thought = b'","thought":true' if isinstance(delta, ReasoningDelta) else b'"'
        return Frame((before, TEXT, thought + self._after_text + self._closing() + self._frames.closing))

    def _start(self, upstream_id: str) -> None:
        self._id = upstream_id or self._id
        self._tail = b""
        self._closing()

    def _closing(self) -> bytes:
        """What every response ends with."""
        if not self._tail:
            self._tail = _encode({"modelVersion": self._context.model, "responseId": self._id})[1:]
        return self._tail

    def _piece(self, part: dict[str, Any], logprobs: tuple[LogProb, ...] | None = None) -> bytes:
        candidate: dict[str, Any] = {"content": {"parts": [part], "role": "model"}}
        if logprobs:
            candidate["logprobsResult"] = _logprobs(logprobs)
        candidate["index"] = self._index
        return self._frames.piece(_encode({"candidates": [candidate]})[:-1] + b"," + self._closing())

    # A whole answer.

    def whole(self, answer: Answer, now: float) -> bytes:
        return self.whole_of((answer,))

    def whole_of(self, answers: Sequence[Answer]) -> bytes:
        """Each answer as a candidate."""
        candidates: list[dict[str, Any]] = []
        for place, answer in enumerate(answers):
            parts = [made for part in answer.parts if (made := _part(part)) is not None]
            candidate = self._candidate(parts or [{"text": ""}], answer.finish or "stop", answer.native)
            if answer.logprobs:
                candidate["logprobsResult"] = _logprobs(answer.logprobs)
            candidate["index"] = place
            candidates.append(candidate)
        self._id = answers[0].id or self._id
        usage = answers[0].usage if len(answers) == 1 else total([answer.usage for answer in answers])
        body = {"candidates": candidates, **self._account(usage)}
        return _encode(body)[:-1] + b"," + self._closing()

    def embedded(self, answer: EmbedAnswer, now: float) -> bytes:
        vectors = [{"values": self._cut(vector)} for vector in answer.vectors]
        told: dict[str, Any] = {"embedding": vectors[0]} if self._single else {"embeddings": vectors}
        if answer.input_tokens is not None:
            told["usageMetadata"] = {"promptTokenCount": answer.input_tokens}
        return _encode(told)

    def loaded(self, operation: Operation, now: float) -> bytes:
        return self.whole(Answer([]), now)

    def counted(self, tokens: int, now: float) -> bytes:
        return _encode({"totalTokens": tokens})

    def _cut(self, vector: list[float]) -> list[float]:
        if not 0 < self._dimensions < len(vector):
            return vector
        short = vector[: self._dimensions]
        length = sqrt(sum(value * value for value in short))
        return [value / length for value in short] if length else short

    def _candidate(self, parts: list[dict[str, Any]], finish: FinishReason, native: str) -> dict[str, Any]:
        reason = STOPPED.get(finish, "STOP")
        if finish == "malformed" and any("functionCall" in part for part in parts):
            reason = "MALFORMED_FUNCTION_CALL"
        if FINISHES.get(native) == finish:
            reason = native
        candidate = {"content": {"parts": parts, "role": "model"}, "finishReason": reason, "index": self._index}
        if native and native != reason and native not in UNREMARKABLE:
            candidate["finishMessage"] = native
        return candidate

    def _account(self, usage: Usage | None) -> dict[str, Any]:
        if usage is None:
            return {}
        told: dict[str, int | None] = {
            "promptTokenCount": usage.input,
            "candidatesTokenCount": usage.output_text,
            "totalTokenCount": (usage.input or 0) + (usage.output or 0),
            "cachedContentTokenCount": usage.cache_read,
            "thoughtsTokenCount": usage.reasoning,
        }
        return {"usageMetadata": {name: count for name, count in told.items() if count is not None}}


def error_body(error: OllamuxError) -> bytes:
    """An error as Google's servers write it, with the time to wait where there is one."""
    status = STATUSES.get(error.status, "INVALID_ARGUMENT" if error.status < 500 else "INTERNAL")
    message = named(error)
    if isinstance(error, BackendError):
        message = sentence(error.body) or sentence(message) or message
    told: dict[str, Any] = {"code": error.status, "message": message, "status": status}
    if error.retry_after is not None:
        wait = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{ceil(error.retry_after)}s"}
        told["details"] = [wait]
    return _encode({"error": told})


def sentence(detail: str) -> str:
    """The sentence inside a server's error (JSON text), empty where there is none."""
    if detail.lstrip()[:1] not in ("{", "["):
        return ""
    try:
        found: Any = _decode(detail)
    except (ValueError, RecursionError):
        return ""
    if isinstance(found, list):
        found = next(iter(found), None)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    while isinstance(found, dict):
        held = cast(dict[str, Any], found)
        found = held.get("error") or held.get("message") or held.get("detail")
    return found if isinstance(found, str) else ""


def _part(part: Part) -> dict[str, Any] | None:
    if isinstance(part, Text | Refusal):
        return {"text": part.text} if part.text else None
    if isinstance(part, Reasoning):
        return _thought(part.text, part.signature)
    if isinstance(part, RedactedReasoning):
        return _redacted(part.content)
    if isinstance(part, ToolCall):
        return _call(part.id, part.name, part.arguments, part.signature)
    return None


def _thought(text: str, signature: Opaque | None) -> dict[str, Any]:
    made: dict[str, Any] = {"text": text, "thought": True}
    if signature is not None:
        made["thoughtSignature"] = carry(signature)
    return made


def _redacted(content: Opaque) -> dict[str, Any]:
    return {"text": "", "thought": True, "thoughtSignature": carry(content, redacted=True)}


def _call(call_id: str, name: str, arguments: str, signature: Opaque | None) -> dict[str, Any]:
    text = arguments.strip() or "{}"
    args: Any
    try:
        _decode_object(text)
        args = msgspec.Raw(text.encode())
    except (ValueError, RecursionError):
        args = {"_raw": arguments}
    made: dict[str, Any] = {"functionCall": {"id": call_id, "name": name, "args": args}}
    if signature is not None:
        made["thoughtSignature"] = carry(signature)
    return made


def _logprobs(logprobs: tuple[LogProb, ...]) -> dict[str, Any]:
    told: dict[str, Any] = {"chosenCandidates": [_token(one) for one in logprobs]}
    if any(one.top for one in logprobs):
        told["topCandidates"] = [{"candidates": [_token(other) for other in one.top]} for one in logprobs]
    return told


def _token(one: LogProb) -> dict[str, Any]:
    return {"token": one.token, "logProbability": one.logprob}
