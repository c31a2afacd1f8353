"""Writes answers as Ollama does: NDJSON streams, whole answers, vectors, loads and unloads.

Strategy: chunks and answers are put together from bytes that are fixed for the request and from encoded values, in
Ollama's order of keys. Tool calls are gathered and go out whole, in the last chunk.

Rules: no blank line, one object a line, exactly one line with `done` true at the end of a stream that is whole;
zero and empty values are left out where Go's `omitempty` leaves them out; a call's arguments are an object, with their
bytes as the model wrote them, and `{"_raw": ...}` around what is none.
"""

from __future__ import annotations

from array import array
from functools import lru_cache
from typing import Any, Literal

import msgspec

from ollamux.answer import Answer
from ollamux.conversation import (
    EmbedAnswer,
    Event,
    Finish,
    FinishReason,
    LogProb,
    Operation,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Text,
    TextDelta,
    Timings,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    UsageUpdate,
)
from ollamux.errors import BackendError, NotSupported, OllamuxError
from ollamux.formats.answering import RenderContext
from ollamux.formats.ollama.context import Turn, pack
from ollamux.formats.ollama.faults import fault_text
from ollamux.formats.ollama.gotext import dump, float64_text
from ollamux.formats.ollama.plain import ending, figures, stamp
from ollamux.formats.ollama.vectors import vector_text
from ollamux.streaming.translator import STAMP, TEXT, Delta, Frame
from ollamux.usage import Usage

__all__ = ("OllamaRenderer", "call_object", "chat_renderer", "plain_whole")

Route = Literal["chat", "generate", "embed", "embeddings"]

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_STOPPED, _CUT = b',"done":true,"done_reason":"stop"', b',"done":true,"done_reason":"length"'
_CHAT_STOPPED, _CHAT_CUT = b"}" + _STOPPED, b"}" + _CUT
_CHAT_BETWEEN = b'","message":{"role":"assistant","content":'
_NO_TEXT = b'""'
_NO_ARGUMENTS = msgspec.Raw(b"{}")


class OllamaRenderer:
    """Writes the answer to one request. `turns` are what a generate's `context` carries on, None where it has none."""

    __slots__ = (
        "_after",
        "_before",
        "_between",
        "_calls",
        "_context",
        "_dimensions",
        "_finish",
        "_first",
        "_frame",
        "_generate",
        "_route",
        "_said",
        "_timings",
        "_tops",
        "_turns",
        "_usage",
    )

    def __init__(
        self,
        route: Route,
        context: RenderContext,
        *,
        top_logprobs: int = 0,
        turns: list[Turn] | None = None,
        dimensions: int | None = None,
    ) -> None:
        self._begin(route, context, top_logprobs, turns, dimensions)

    def _begin(
        self, route: Route, context: RenderContext, tops: int, turns: list[Turn] | None, dimensions: int | None
    ) -> None:
        self._route = route
        self._generate = route == "generate"
        self._context = context
        self._tops = tops
        self._turns = turns
        self._dimensions = dimensions
        self._before = _before(context.model)
        self._between = b'","response":' if self._generate else _CHAT_BETWEEN
        self._after = b',"done":false}\n' if self._generate else b'},"done":false}\n'
        self._said: list[str] = []
        self._calls: list[tuple[str, str, list[str]]] = []
        self._finish: FinishReason = "stop"
        self._usage: Usage | None = None
        self._timings: Timings | None = None
        self._first = -1.0
        self._frame: Frame | None = None

    # A stream.

    def events(self, events: list[Event], now: float) -> bytes:
        pieces: list[bytes] = []
        stamped = self._stamp(now)
        for event in events:
            kind = type(event)
            if kind is TextDelta:
                pieces.append(self._text(event.text, event.logprobs, stamped))  # type: ignore[union-attr]
            elif kind is ReasoningDelta:
                if event.text:  # type: ignore[union-attr]
                    pieces.append(self._thought(event.text, stamped))  # type: ignore[union-attr]
            elif kind is ToolCallStart:
                self._calls.append((event.id, event.name, []))  # type: ignore[union-attr]
            elif kind is ToolCallDelta:
                self._calls[event.index][2].append(event.arguments)  # type: ignore[union-attr]
            elif kind is UsageUpdate:
                self._usage = event.usage or self._usage  # type: ignore[union-attr]
                self._timings = event.timings or self._timings  # type: ignore[union-attr]
            elif kind is Finish:
                self._finish = event.reason  # type: ignore[union-attr]
            elif kind is RefusalDelta:
                pieces.append(self._text(event.text, None, stamped))  # type: ignore[union-attr]
        if self._first < 0.0 and (pieces or self._calls):
            self._first = now
        return b"".join(pieces)

    def end(self, now: float) -> bytes:
        if self._finish == "malformed":
            return self.fault(BackendError("the model's answer was malformed", status=502))
        calls = [ToolCall(call_id, name, "".join(pieces)) for call_id, name, pieces in self._calls]
        return self._final(_NO_TEXT, "", calls, self._finish, None, now) + b"\n"

    def fault(self, error: OllamuxError) -> bytes:
        return dump({"error": fault_text(error)}) + b"\n"

    def keepalive(self, now: float) -> bytes:
        return self._before + self._stamp(now) + self._between + b'""' + self._after

    def frame(self, delta: Delta) -> Frame | None:
        kind = type(delta)
        if kind is ToolCallDelta:
            return Frame((), True, self._calls[delta.index][2])  # type: ignore[union-attr]
        if kind is ReasoningDelta:
            return _frame(self._before, self._between + b'"","thinking":"', self._after)
        if self._frame is None:
            self._frame = _frame(self._before, self._between + b'"', self._after)
            if self._turns is not None:
                self._frame = msgspec.structs.replace(self._frame, texts=self._said)
        return self._frame

    def _text(self, text: str, logprobs: tuple[LogProb, ...] | None, stamped: bytes) -> bytes:
        if self._turns is not None:
            self._said.append(text)
        if logprobs is None:
            return self._before + stamped + self._between + dump(text) + self._after if text else b""
        told = dump(self._logprobs(logprobs))
        return self._before + stamped + self._between + dump(text) + self._after[:-2] + b',"logprobs":' + told + b"}\n"

    def _thought(self, text: str, stamped: bytes) -> bytes:
        return self._before + stamped + self._between + b'"","thinking":' + dump(text) + self._after

    # A whole answer.

    def whole(self, answer: Answer, now: float) -> bytes:
        if answer.finish == "malformed":
            raise BackendError("the model's answer was malformed", status=502)
        self._usage, self._timings = answer.usage, answer.timings
        said = None if self._turns is not None or answer.logprobs is not None else answer.told(True)
        if said is not None:
            return self._final(said, "", [], answer.finish, None, now)
        text = thinking = ""
        calls: list[ToolCall] = []
        for part in answer.parts:
            if type(part) is Text or type(part) is Refusal:
                text += part.text
            elif type(part) is Reasoning:
                thinking += part.text
            elif type(part) is ToolCall:
                calls.append(part)
        if self._turns is not None:
            self._said.append(text)
        return self._final(dump(text), thinking, calls, answer.finish, answer.logprobs, now)

    def embedded(self, answer: EmbedAnswer, now: float) -> bytes:
        try:
            return self._vectors(answer, now)
        except ValueError as error:
            raise BackendError(str(error), status=500) from None

    def _vectors(self, answer: EmbedAnswer, now: float) -> bytes:
        if self._route == "embeddings":
            numbers = ",".join([float64_text(value) for value in array("f", answer.vectors[0])])
            return b'{"embedding":[' + numbers.encode() + b"]}"
        cut = self._dimensions or 0
        vectors = [vector_text(values, cut) for values in answer.vectors]
        self._usage, self._timings = Usage(answer.input_tokens), Timings()
        model = dump(self._context.model)
        return b'{"model":' + model + b',"embeddings":[' + b",".join(vectors) + b"]" + self._metrics(now) + b"}"

    def loaded(self, operation: Operation, now: float) -> bytes:
        if self._route == "embeddings":
            return b'{"embedding":[]}'
        if self._route == "embed":
            return dump({"model": self._context.model, "embeddings": []})
        return self._head(b'""', "", b"", operation, now) + b"}"

    def counted(self, tokens: int, now: float) -> bytes:
        raise NotSupported("this route counts no tokens")

    def _head(self, text: bytes, thinking: str, calls: bytes, reason: str, now: float) -> bytes:
        """An answer that is done, as far as its reason. `text` and `calls` are JSON."""
        thought = b',"thinking":' + dump(thinking) if thinking else b""
        end = b"" if self._generate else b',"tool_calls":' + calls + b"}" if calls else b"}"
        told = (self._before, self._stamp(now), self._between, text, thought, end, b',"done":true,"done_reason":"')
        return b"".join(told) + reason.encode() + b'"'

    def _final(
        self,
        text: bytes,
        thinking: str,
        calls: list[ToolCall],
        finish: FinishReason | None,
        logprobs: tuple[LogProb, ...] | None,
        now: float,
    ) -> bytes:
        reason = "length" if finish in ("length", "context_exceeded") else "stop"
        if not (thinking or calls or logprobs or self._turns is not None):
            if self._generate:
                return self._figures(text, _CUT if reason == "length" else _STOPPED, now)
            return self._figures(text, _CHAT_CUT if reason == "length" else _CHAT_STOPPED, now)
        called = dump([call_object(position, call) for position, call in enumerate(calls)]) if calls else b""
        head = self._head(text, thinking, called, reason, now)
        told = b',"logprobs":' + dump(self._logprobs(logprobs)) if logprobs else b""
        if not self._generate:
            return head + told + self._metrics(now) + b"}"
        if self._turns is not None:
            head += b',"context":' + dump(pack([*self._turns, ("assistant", "".join(self._said))]))
        return head + self._metrics(now) + (b',"tool_calls":' + called if called else b"") + told + b"}"

    def _metrics(self, now: float) -> bytes:
        """The figures at the end of an answer."""
        return self._figures(None, b"", now)

    def _figures(self, said: bytes | None, behind: bytes, now: float) -> bytes:
        """The same, or with all that stands in front of them, `said` and `behind` after the time stamp. Where the
        backend does not say how long it took, what was seen from here stands for it."""
        return _figured(
            self._context, self._usage, self._timings, self._first, self._before, self._between, said, behind, now
        )

    def _stamp(self, now: float) -> bytes:
        return stamp(self._context.clock.base + now)

    def _logprobs(self, logprobs: tuple[LogProb, ...]) -> list[dict[str, Any]]:
        told: list[dict[str, Any]] = []
        for token in logprobs:
            item = _token(token)
            if self._tops and token.top:
                item["top_logprobs"] = [_token(one) for one in token.top[: self._tops]]
            told.append(item)
        return told


def _figured(
    context: RenderContext,
    usage: Usage | None,
    timings: Timings | None,
    began: float,
    before: bytes,
    between: bytes,
    said: bytes | None,
    behind: bytes,
    now: float,
) -> bytes:
    """See `_figures`; `began` is when the first of the answer came, below zero where it came all at once."""
    total = int((now - context.arrived) * 1_000_000_000) or 1
    load = int((context.dispatched - context.arrived) * 1_000_000_000)
    if load <= 0:
        load = 1
    read = prompt = written = output = 0
    if usage is not None:
        if timings is not None:
            prompt, output = _counted(timings.prompt_ns or 0), _counted(timings.output_ns or 0)
        else:
            sent = context.dispatched or context.arrived
            first = sent if began < 0.0 else began
            prompt, output = int((first - sent) * 1_000_000_000), int((now - first) * 1_000_000_000)
        read = _counted((usage.input_uncached or 0) + (usage.cache_read or 0) + (usage.cache_write or 0))
        written = _counted((usage.output_text or 0) + (usage.reasoning or 0))
    if said is None:
        return figures(total, load, read, prompt, written, output)
    unix = context.clock.base + now
    return ending(before, unix, between, said, behind, total, load, read, prompt, written, output)


def _counted(number: int) -> int:
    """A backend's figure, or 0 where Ollama's clients could not read it, who have 64 bits for it."""
    return number if -_LARGEST <= number <= _LARGEST else 0


_LARGEST = (1 << 63) - 1


def plain_whole(context: RenderContext, answer: Answer, now: float) -> bytes | None:
    """A chat's whole answer, where that is a text and ended as most do; None where there is more to tell."""
    if answer.finish == "stop":
        behind = _CHAT_STOPPED
    elif answer.finish == "length":
        behind = _CHAT_CUT
    else:
        return None
    said = None if answer.logprobs is not None else answer.told(True)
    if said is None:
        return None
    before = _before(context.model)
    return _figured(context, answer.usage, answer.timings, -1.0, before, _CHAT_BETWEEN, said, behind, now)


def chat_renderer(context: RenderContext) -> OllamaRenderer:
    """For a chat that asks for nothing special: compiled, a call of a function costs a fraction of one of a type."""
    made = OllamaRenderer.__new__(OllamaRenderer)
    made._begin("chat", context, 0, None, None)  # pyright: ignore[reportPrivateUsage]
    return made


def _before(model: str) -> bytes:
    found = _befores.get(model)
    if found is None:
        if len(_befores) >= _MOST_KNOWN:
            _befores.clear()
        found = _befores[model] = b'{"model":' + dump(model) + b',"created_at":"'
    return found


_MOST_KNOWN = 128
_befores: dict[str, bytes] = {}


@lru_cache(256)
def _frame(before: bytes, between: bytes, after: bytes) -> Frame:
    """One for all the streams that say a model's name; `before` is the same object for all of them."""
    return Frame((before, STAMP, between, TEXT, b'"' + after), True)


def call_object(index: int, call: ToolCall) -> dict[str, Any]:
    """A tool call as Ollama writes it: arguments are an object."""
    function = {"index": index, "name": call.name, "arguments": _arguments(call.arguments)}
    return {"id": call.id, "function": function} if call.id else {"function": function}


def _arguments(text: str) -> msgspec.Raw | dict[str, str]:
    if not text.strip() or text.strip() == "null":
        return _NO_ARGUMENTS
    try:
        _decode_object(text)
    except (ValueError, RecursionError):
        return {"_raw": text}
    data = text.encode()
    if b"\n" in data or b"\r" in data:
        data = msgspec.json.format(data, indent=-1)  # a line of NDJSON is one line
    return msgspec.Raw(data)


def _token(token: LogProb) -> dict[str, Any]:
    item: dict[str, Any] = {"token": token.token, "logprob": msgspec.Raw(float64_text(token.logprob).encode())}
    data = list(token.token.encode()) if token.bytes is None else token.bytes
    if data:
        item["bytes"] = data
    return item
