"""POST /v1/completions: a text to go on with, and its answer.

Strategy: a request passes through to servers of this format; else it is a `CompletionRequest`, which a backend without
completions is asked as a chat. The answer is written in chunks that all begin with the same bytes.

Rules: one prompt and one choice where it is translated; a prompt of tokens means something to the model's own server
alone; `echo` repeats the prompt in front of the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    Answer,
    CompletionRequest,
    EmbedAnswer,
    Event,
    Finish,
    FinishReason,
    LogProb,
    Message,
    Operation,
    Refusal,
    RefusalDelta,
    Start,
    Text,
    TextDelta,
    Usage,
    UsageUpdate,
)
from ollamux.errors import BackendError, InvalidRequest, NotSupported, OllamuxError
from ollamux.formats.base import RenderContext, Served, WholeRenderer
from ollamux.formats.openai_chat.choices import ChoicesRenderer, choices_of
from ollamux.formats.openai_chat.faults import error_body
from ollamux.formats.openai_chat.incoming import OpenAIIncoming
from ollamux.formats.openai_chat.knobs import sampling_of
from ollamux.formats.openai_chat.rendering import finish_word, usage_of
from ollamux.streaming.translator import TEXT, Delta, Frame

__all__ = ("CompletionsIncoming", "CompletionsRenderer", "chat_of", "read_completion")

_encode = msgspec.json.Encoder().encode


class _Body(msgspec.Struct, gc=False):
    prompt: Any = None
    suffix: str | None = None
    echo: bool | None = None
    n: int | None = None
    best_of: int | None = None
    logprobs: int | bool | None = None
    max_tokens: int | None = None
    stop: str | list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    seed: int | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None


_decode = msgspec.json.Decoder(_Body).decode


class CompletionsIncoming(OpenAIIncoming):
    """A request. `echo` is known when it has been read whole."""

    __slots__ = ("echo",)

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self.path = "/completions"
        self.operation: Operation = "completion"
        self.echo = ""
        self.plain = False

    def check(self, served: Served) -> None:
        can = served.capabilities
        if can and "completion" not in can:
            raise InvalidRequest(f'"{self.model}" does not support completions', param="model")

    def neutral(self, served: Served, defaults: Mapping[str, Any]) -> CompletionRequest:
        try:
            request = _decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise InvalidRequest(str(error)) from None
        # OpenAI lets `best_of` be 0, which its own client's tests send.
        if request.best_of not in (None, 0, request.n or 1):
            raise InvalidRequest("the best of several cannot be told: best_of must be n", param="best_of")
        self.choices = choices_of(request.n)
        prompt = _prompt(request.prompt)
        self.echo = prompt if request.echo else ""
        tops = int(request.logprobs or 0)
        return CompletionRequest(
            self.model,
            prompt,
            request.suffix,
            self.stream,
            sampling_of(request, defaults, self.extensions),
            logprobs=request.logprobs is not None and request.logprobs is not False,
            top_logprobs=tops,
            keep_alive=self.keep_alive,
        )

    def several(self, context: RenderContext) -> ChoicesRenderer:
        """What writes several choices as one answer."""

        def make(usage: bool) -> WholeRenderer:
            return CompletionsRenderer(context, include_usage=usage, echo=self.echo)

        return ChoicesRenderer(context, make, self.choices, include_usage=self.include_usage)


def read_completion(body: bytes) -> CompletionsIncoming:
    """Reads what routing needs. Raises InvalidRequest."""
    return CompletionsIncoming(body)


def _prompt(prompt: Any) -> str:
    match prompt:
        case None:
            raise InvalidRequest("prompt is required", param="prompt")
        case str() as text:
            return text
        case [str() as text]:
            return text
        case [str(), *_]:
            raise InvalidRequest("one prompt at a time can be completed by this model's backend", param="prompt")
        case [int(), *_] | [[int(), *_], *_]:
            raise InvalidRequest("this model's backend takes a prompt as text, not as tokens", param="prompt")
        case _:
            raise InvalidRequest("prompt must be a string, a list of one, or tokens", param="prompt")


def chat_of(request: CompletionRequest) -> ChatRequest:
    """The same as a chat, for a backend without completions. Raises InvalidRequest where a middle is to be filled."""
    if request.suffix:
        raise InvalidRequest("this model's backend cannot fill the middle of a text", param="suffix")
    return ChatRequest(
        request.model,
        [Message("user", [Text(request.prompt)])],
        request.stream,
        sampling=request.sampling,
        output=request.output,
        logprobs=request.logprobs,
        top_logprobs=request.top_logprobs,
        keep_alive=request.keep_alive,
    )


class CompletionsRenderer:
    """Writes the answer to one request. Thinking and calls have no place in it and are left out."""

    __slots__ = ("_at", "_context", "_echo", "_finish", "_head", "_id", "_include_usage", "_usage")

    def __init__(self, context: RenderContext, *, include_usage: bool = False, echo: str = "") -> None:
        self._context = context
        self._include_usage = include_usage
        self._echo = echo
        self._id = f"cmpl-{int(context.arrived * 1e9):x}"
        self._head = b""
        self._at = 0
        self._finish: FinishReason = "stop"
        self._usage: Usage | None = None

    def events(self, events: list[Event], now: float) -> bytes:
        pieces: list[bytes] = []
        for event in events:
            match event:
                case TextDelta(text, logprobs):
                    if text or logprobs:
                        pieces.append(self._chunk(text, now, logprobs))
                case RefusalDelta(text):
                    pieces.append(self._chunk(text, now))
                case Start():
                    self._start(event.created, now)
                case UsageUpdate(usage):
                    self._usage = usage or self._usage
                case Finish(reason):
                    self._finish = reason
                case _:
                    pass
        return b"".join(pieces)

    def end(self, now: float) -> bytes:
        if self._finish == "malformed":
            return self.fault(BackendError("the model's answer was malformed", status=502))
        first = self._chunk("", now) if self._echo else b""
        self._begin(now)
        choice = {"index": 0, "text": "", "logprobs": None, "finish_reason": finish_word(self._finish)}
        pieces = [first, self._head, b'"choices":[', _encode(choice), b"]}\n\n"]
        if self._include_usage:
            pieces += (self._head, b'"choices":[],"usage":', _encode(usage_of(self._usage)), b"}\n\n")
        pieces.append(b"data: [DONE]\n\n")
        return b"".join(pieces)

    def fault(self, error: OllamuxError) -> bytes:
        return b"data: " + error_body(error) + b"\n\n"

    def keepalive(self, now: float) -> bytes:
        return b": keepalive\n\n"

    def frame(self, delta: Delta) -> Frame | None:
        if not self._head or self._echo or not isinstance(delta, TextDelta):
            return None
        before = self._head + b'"choices":[{"index":0,"text":"'
        return Frame((before, TEXT, b'","logprobs":null,"finish_reason":null}]}\n\n'))

    def _start(self, created: int, now: float) -> None:
        shared = {
            "id": self._id,
            "object": "text_completion",
            "created": created or int(self._context.clock.unix(now)),
            "model": self._context.model,
        }
        self._head = b"data: " + _encode(shared)[:-1] + b","

    def _begin(self, now: float) -> None:
        if not self._head:
            self._start(0, now)

    def _chunk(self, text: str, now: float, logprobs: tuple[LogProb, ...] | None = None) -> bytes:
        self._begin(now)
        text, self._echo = self._echo + text, ""
        choice = {"index": 0, "text": text, "logprobs": self._logprobs(logprobs), "finish_reason": None}
        return self._head + b'"choices":[' + _encode(choice) + b"]}\n\n"

    def _logprobs(self, logprobs: tuple[LogProb, ...] | None) -> dict[str, Any] | None:
        """In parallel lists; the offsets count characters of the answer."""
        if logprobs is None:
            return None
        offsets: list[int] = []
        for one in logprobs:
            offsets.append(self._at)
            self._at += len(one.token)
        return {
            "tokens": [one.token for one in logprobs],
            "token_logprobs": [one.logprob for one in logprobs],
            "top_logprobs": [{other.token: other.logprob for other in one.top} for one in logprobs],
            "text_offset": offsets,
        }

    def whole(self, answer: Answer, now: float) -> bytes:
        if answer.finish == "malformed":
            raise BackendError("the model's answer was malformed", status=502)
        text = self._echo + "".join(part.text for part in answer.parts if isinstance(part, (Text, Refusal)))
        choice = {
            "index": 0,
            "text": text,
            "logprobs": self._logprobs(answer.logprobs),
            "finish_reason": finish_word(answer.finish),
        }
        return _encode(
            {
                "id": f"cmpl-{answer.id.removeprefix('chatcmpl-')}" if answer.id else self._id,
                "object": "text_completion",
                "created": answer.created or int(self._context.clock.unix(now)),
                "model": self._context.model,
                "choices": [choice],
                "usage": usage_of(answer.usage),
            }
        )

    def embedded(self, answer: EmbedAnswer, now: float) -> bytes:
        raise NotSupported("this route gives no embeddings")

    def loaded(self, operation: Operation, now: float) -> bytes:
        return self.whole(Answer([]), now)

    def counted(self, tokens: int, now: float) -> bytes:
        raise NotSupported("this route counts no tokens")
