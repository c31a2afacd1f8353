"""Requests of Gemini clients.

Strategy: what routing needs is found without a look into the contents; the whole request is read only where it has to
be translated. The path names the model and the method, the query says how a stream is framed.

Rules: the body never names another model than the path; fields that no other format has are left out with a warning,
but a prompt that Google keeps (`cachedContent`) is part of the question and refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import msgspec

from ollamux.chat import ChatRequest
from ollamux.conversation import EmbedRequest, Operation, Sampling, Text
from ollamux.errors import InvalidRequest, ModelNotFound, OllamuxError
from ollamux.formats.base import Incoming, Neutral, Place, RenderContext, Served
from ollamux.formats.gemini import METHODS, settings
from ollamux.formats.gemini.candidates import CandidatesRenderer, candidates_in, candidates_of
from ollamux.formats.gemini.contents import Turns
from ollamux.formats.gemini.fields import Fields, root
from ollamux.formats.gemini.framing import Frames
from ollamux.formats.thinking import thinkable

__all__ = ("GeminiIncoming", "read_route")

_NEEDED = {
    "generateContent": ("contents",),
    "streamGenerateContent": ("contents",),
    "countTokens": ("contents", "generateContentRequest"),
    "embedContent": ("content",),
    "batchEmbedContents": ("requests",),
}
_CHAT: frozenset[str] = frozenset(("completion",))
_EMBED: frozenset[str] = frozenset(("embedding",))
_PICTURE = re.compile(rb'"mime_?[tT]ype"\s*:\s*"image/')
_READ = frozenset({"contents", "systemInstruction", "tools", "toolConfig", "generationConfig", "labels", "model"}) | {
    "keepAlive",
    "numCtx",
    "options",
    "think",
}
_EMBED_READ = frozenset({"content", "model", "outputDimensionality", "requests", "keepAlive", "options", "numCtx"})


class GeminiIncoming(Incoming):
    """A call of one of a model's methods."""

    __slots__ = ("_fields", "choices", "dimensions", "frames", "method")

    def __init__(self, method: str, fields: Fields, body: bytes, place: Place) -> None:
        self._fields = fields
        self.method = method
        self.body = body
        self.model = place.argument.removeprefix("models/")
        self.stream = method == "streamGenerateContent"
        self.frames = Frames(events=bool(place.query) and "sse" in parse_qs(place.query).get("alt", ()))
        self.operation: Operation = METHODS[method]
        self.keep_alive = settings.keep_alive_of(fields)
        self.spent = None
        self.grammar_error: OllamuxError | None = None  # Google has no grammar for names
        self.warnings: tuple[str, ...] = ()
        self.dimensions: int | None = None
        self.choices = candidates_in(fields) if self.operation == "chat" else 1
        self.needs = _EMBED if self.operation == "embed" else _CHAT
        if self.operation == "chat":
            tools = fields.raw("tools")
            if tools is not None and _holds(tools):
                self.needs |= {"tools"}
            if _PICTURE.search(body):
                self.needs |= {"vision"}
        elif self.operation == "embed":
            self.dimensions = self._embedded()[0].integer("outputDimensionality")

    def not_found(self) -> OllamuxError:
        """What is answered where nobody serves the model."""
        return ModelNotFound(self.model)

    def check(self, served: Served) -> None:
        """Raises where this model cannot do what is asked."""
        can = served.capabilities
        if not can or self.operation == "count":
            return
        wanted = "embedding" if self.operation == "embed" else "completion"
        if wanted not in can:
            raise InvalidRequest(f"models/{self.model} is not supported for {self.method}.", param="model")
        if "tools" in self.needs and "tools" not in can:
            raise InvalidRequest(f"Function calling is not enabled for models/{self.model}", param="tools")

    def neutral(self, served: Served, defaults: Mapping[str, Any]) -> Neutral:
        """The whole request. Raises InvalidRequest."""
        if self.operation == "embed":
            return self.embedding(defaults)
        body = self._fields
        if not body.has("contents") and (inner := body.fields("generateContentRequest")) is not None:
            body = inner
        return self._chat(body, served, defaults)

    def several(self, context: RenderContext) -> CandidatesRenderer:
        """What writes several candidates as one answer."""
        return CandidatesRenderer(context, self.frames, self.choices)

    def _chat(self, body: Fields, served: Served, defaults: Mapping[str, Any]) -> ChatRequest:
        if body.has("cachedContent"):
            raise InvalidRequest("The model behind this name has no cachedContent.", param="cachedContent")
        turns = Turns()
        system = body.fields("systemInstruction")
        if system is not None:
            turns.system(system)
        for content in body.each("contents"):
            turns.add(content)
        config = body.fields("generationConfig")
        self.choices = candidates_of(config) if self.operation == "chat" else 1
        dropped = [name for name in body.names() if name not in _READ]
        sampling = settings.sampling_of(body, config, defaults, dropped)
        dropped += dict.fromkeys(turns.dropped)
        reasoning, unable = thinkable(settings.thinking_of(body, config), served)
        self.warnings = (*((f"these fields were left out: {', '.join(dropped)}",) if dropped else ()), *unable)
        return ChatRequest(
            self.model,
            turns.messages,
            self.stream,
            settings.tools_of(body),
            settings.choice_of(body),
            sampling=sampling,
            output=settings.output_of(config),
            reasoning=reasoning,
            logprobs=bool(config is not None and config.flag("responseLogprobs")),
            top_logprobs=(config.integer("logprobs") or 0) if config is not None else 0,
            keep_alive=self.keep_alive,
            metadata=_labels(body),
        )

    def embedding(self, defaults: Mapping[str, Any]) -> EmbedRequest:
        """A request for vectors, whole. Raises InvalidRequest."""
        requests = self._embedded()
        dropped = {name for one in (self._fields, *requests) for name in one.names() if name not in _EMBED_READ}
        self.warnings = (f"these fields were left out: {', '.join(sorted(dropped))}",) if dropped else ()
        inputs: list[str] = []
        for request in requests:
            content = request.fields("content")
            if content is None:
                raise request.bad("content", "a content")
            turns = Turns()
            turns.add(content)
            parts = [part for message in turns.messages for part in message.parts]
            if not parts or not all(isinstance(part, Text) for part in parts):
                raise request.bad("content", "text")
            inputs.append("".join(part.text for part in parts if isinstance(part, Text)))
        if len({request.integer("outputDimensionality") for request in requests}) > 1:
            raise InvalidRequest("All requests must ask for the same outputDimensionality.", param="requests")
        options = settings.sampling_of(self._fields, None, defaults, [])
        return EmbedRequest(self.model, inputs, self.dimensions, None, self.keep_alive, Sampling(other=options.other))

    def _embedded(self) -> list[Fields]:
        return [self._fields] if self.method == "embedContent" else self._fields.each("requests")


def read_route(method: str, body: bytes, place: Place) -> GeminiIncoming:
    """Reads what routing needs. Raises InvalidRequest."""
    fields = root(body)
    needed = _NEEDED[method]
    held: list[msgspec.Raw] = [raw for name in needed if (raw := fields.raw(name)) is not None]
    if not any(map(_holds, held)):
        raise InvalidRequest(f"* {needed[0]} is not specified", param=needed[0])
    return GeminiIncoming(method, fields, body, place)


def _holds(raw: msgspec.Raw) -> bool:
    """Whether there is anything in a list or an object."""
    text = bytes(raw)
    return text[:1] in (b"[", b"{") and text[1:].lstrip()[:1] not in (b"]", b"}")


def _labels(body: Fields) -> dict[str, str] | None:
    labels = body.raw("labels")
    if labels is None:
        return None
    try:
        return msgspec.json.decode(labels, type=dict[str, str])
    except ValueError:
        raise body.bad("labels", "an object of strings") from None
