"""What a request needs of a model: abilities, tokens in and out, and what kind of work it is.

Strategy: read once from the neutral request, and only where somebody chooses by it; the kind of work is told when it is
first asked for, and kept.

Rules: tokens are estimates, by whoever hands the counting in; None is not told. An unknown is no demand: what a request
does not say, it does not need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

import msgspec
from msgspec.structs import force_setattr

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    Audio,
    CompletionRequest,
    EmbedRequest,
    Image,
    Message,
    Operation,
    Part,
    Text,
    ToolResult,
)
from ollamux.routing.workload import Workload, classify

__all__ = ("Requirements", "requirements_of")

_Request: TypeAlias = ChatRequest | CompletionRequest | EmbedRequest


class Requirements(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """What a request asks for. `prompt_tokens` is all that is read, `context_tokens` what has to fit into a model's
    context at once: of several texts to embed, the longest. `output_tokens` is the longest answer wanted. `truncates`
    says that what is too long is cut for the client and not refused. `media` and `latency_critical` are the client's
    own words for the work; `texts`, `images` and `audio` are what its last message holds."""

    operation: Operation
    needs: frozenset[str] = frozenset()
    prompt_tokens: int = 0
    context_tokens: int = 0
    output_tokens: int | None = None
    logprobs: bool = False
    structured: bool = False
    truncates: bool = False
    tools: int = 0
    region: str | None = None
    media: str = "auto"
    latency_critical: bool = False
    texts: tuple[str, ...] = ()
    images: int = 0
    audio: bool = False
    told: Workload | None = None

    @property
    def workload(self) -> Workload:
        """The kind of work."""
        if self.told is None:
            told = classify(
                self.texts,
                images=self.images,
                audio=self.audio,
                tools=self.tools,
                max_tokens=self.output_tokens,
                media=self.media,
                latency_critical=self.latency_critical,
            )
            force_setattr(self, "told", told)
            return told
        return self.told


def requirements_of(
    request: _Request,
    operation: Operation,
    needs: frozenset[str],
    count: Callable[[_Request], int],
    *,
    truncates: bool = False,
    region: str | None = None,
    media: str = "auto",
    latency_critical: bool = False,
) -> Requirements:
    """What a request needs. `needs` are the abilities that its format found, `count` tells the tokens of a request;
    `truncates` is whether the format's own server would cut what is too long."""
    tokens = count(request)
    found = Requirements(
        operation=operation,
        needs=needs,
        prompt_tokens=tokens,
        context_tokens=tokens,
        output_tokens=_limit(request.sampling.max_tokens),
        truncates=truncates,
        region=region,
        media=media,
        latency_critical=latency_critical,
    )
    if isinstance(request, EmbedRequest):
        return _embedding(found, request, count)
    told = {"logprobs": request.logprobs, "structured": request.output is not None}
    if isinstance(request, CompletionRequest):
        code = media == "auto" and bool(request.suffix)  # only code has a middle to fill
        return msgspec.structs.replace(found, texts=(request.prompt,), media="code" if code else media, **told)
    last = next((message for message in reversed(request.messages) if _speaks(message)), None)
    parts = last.parts if last is not None else []
    return msgspec.structs.replace(
        found,
        needs=needs | _sights_and_sounds(part for message in request.messages for part in message.parts),
        truncates=truncates or request.truncate is True,
        tools=len(request.tools),
        texts=tuple(part.text for part in parts if isinstance(part, Text)),
        images=sum(isinstance(part, Image) for part in parts),
        audio=any(isinstance(part, Audio) for part in parts),
        **told,
    )


def _embedding(found: Requirements, request: EmbedRequest, count: Callable[[_Request], int]) -> Requirements:
    longest = found.prompt_tokens
    if len(request.inputs) > 1:
        longest = count(EmbedRequest(request.model, [max(request.inputs, key=len)]))
    plain = Workload("plain", "simple", 1.0)
    truncates = found.truncates or request.truncate is True
    return msgspec.structs.replace(found, context_tokens=longest, truncates=truncates, told=plain)


def _limit(tokens: int | None) -> int | None:
    """The longest answer; Ollama's -1 and -2 are no limit."""
    return tokens if tokens is not None and tokens > 0 else None


def _speaks(message: Message) -> bool:
    """Whether the client itself says something here, and does not just hand over what a tool answered."""
    return message.role == "user" and any(isinstance(part, Text | Image | Audio) for part in message.parts)


def _sights_and_sounds(parts: Iterable[Part]) -> frozenset[str]:
    found: set[str] = set()
    for part in parts:
        if isinstance(part, Image):
            found.add("vision")
        elif isinstance(part, Audio):
            found.add("audio")
        elif isinstance(part, ToolResult):
            found |= _sights_and_sounds(part.parts)
    return frozenset(found)
