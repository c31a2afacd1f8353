"""Serves Ollama clients: the four routes that call a model.

Rules: a body is decoded as Go decodes it and checked in Ollama's order; errors are `{"error": "..."}`, and those that
Ollama finds while it already streams carry a bare content type.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import ceil
from typing import Any

import msgspec

from ollamux.answer import Answer
from ollamux.contract import HeaderPairs
from ollamux.errors import BackendError, BackendTimeout, BackendUnavailable, InvalidRequest, OllamuxError
from ollamux.formats.answering import RenderContext
from ollamux.formats.asking import Incoming
from ollamux.formats.base import NOWHERE, Place, Serving, ServingRoute
from ollamux.formats.failures import unreadable
from ollamux.formats.ollama import gojson, schema
from ollamux.formats.ollama.faults import failure_text
from ollamux.formats.ollama.gotext import dump
from ollamux.formats.ollama.incoming import (
    ChatIncoming,
    EmbeddingsIncoming,
    EmbedIncoming,
    FormatError,
    GenerateIncoming,
    OllamaIncoming,
    PlainChatIncoming,
    plain_chat,
)
from ollamux.formats.ollama.plain import passed
from ollamux.formats.ollama.rendering import OllamaRenderer, chat_renderer, plain_whole
from ollamux.formats.splice import members, replace
from ollamux.streaming.convert import relay_for
from ollamux.streaming.framing import frames
from ollamux.streaming.ndjson_relay import NdjsonRelay
from ollamux.streaming.translator import Converter

__all__ = ("OllamaServing", "relayed_carefully")

_WHOLE = "application/json; charset=utf-8"
_ROUTES = (
    ServingRoute("POST", "/api/chat", "chat"),
    ServingRoute("POST", "/api/generate", "generate"),
    ServingRoute("POST", "/api/embed", "embed"),
    ServingRoute("POST", "/api/embeddings", "embeddings"),
)


class _Opening(msgspec.Struct, gc=False):
    """What a line says beside that an answer begins."""

    message: dict[str, Any] | None = None
    response: str | None = None
    thinking: str = ""
    done: bool = False
    error: Any = None


_decode_opening = msgspec.json.Decoder(_Opening).decode
_decode_any = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode

_TELLING = {
    "chat": ("done", "message"),
    "generate": ("done", "response"),
    "embed": ("embeddings",),
    "embeddings": ("embedding",),
}
"""What a whole answer of a route has at least one of."""

_GENERATING = ("chat", "generate")
_ESCAPED = re.compile("[\udc80-\udcff]")


class OllamaServing(Serving):
    """The client's side of the format. `streams`: what a request to generate gets that does not say."""

    __slots__ = ("_streams",)

    def __init__(self, *, streams: bool = True) -> None:
        super().__init__("ollama", _ROUTES, _WHOLE)
        self._streams = streams

    def stream_type(self, incoming: Incoming) -> str:
        return "application/x-ndjson"

    def read(
        self, route: ServingRoute, body: bytes, headers: Mapping[str, str], place: Place = NOWHERE
    ) -> OllamaIncoming:
        if not self._streams and route.name in _GENERATING:
            body = _whole_unless_told(body)
        try:
            match route.name:
                case "chat":
                    plain = plain_chat(body)
                    if plain is not None:
                        return plain
                    return ChatIncoming(_sendable(body), gojson.decode(body, schema.ChatRequest))
                case "generate":
                    return GenerateIncoming(_sendable(body), gojson.decode(body, schema.GenerateRequest))
                case "embed":
                    return EmbedIncoming(_sendable(body), gojson.decode(body, schema.EmbedRequest))
                case _:
                    return EmbeddingsIncoming(_sendable(body), gojson.decode(body, schema.EmbeddingsRequest))
        except gojson.GoJSONError as error:
            raise InvalidRequest(str(error)) from None

    def renderer(self, incoming: Incoming, context: RenderContext) -> OllamaRenderer:
        if type(incoming) is PlainChatIncoming:
            return chat_renderer(context)
        assert isinstance(incoming, OllamaIncoming)
        if isinstance(incoming, GenerateIncoming):
            return OllamaRenderer("generate", context, top_logprobs=incoming.top_logprobs, turns=incoming.turns)
        if isinstance(incoming, ChatIncoming):
            return OllamaRenderer("chat", context, top_logprobs=incoming.top_logprobs)
        dimensions = incoming.dimensions if isinstance(incoming, EmbedIncoming) else None
        return OllamaRenderer(incoming.route, context, dimensions=dimensions)

    def whole(self, incoming: Incoming, context: RenderContext, answer: Answer, now: float) -> bytes:
        quick = plain_whole(context, answer, now) if type(incoming) is PlainChatIncoming else None
        return Serving.whole(self, incoming, context, answer, now) if quick is None else quick

    def failure(self, error: OllamuxError, *, streaming: bool) -> tuple[int, HeaderPairs, bytes]:
        bare = streaming and isinstance(error, BackendError | BackendUnavailable | BackendTimeout | FormatError)
        headers: list[tuple[str, str]] = [("Content-Type", "application/json" if bare else _WHOLE)]
        if error.retry_after is not None:
            headers.append(("Retry-After", str(ceil(error.retry_after))))
        return error.status, tuple(headers), dump({"error": failure_text(error, streaming=streaming)})

    def relay(self, incoming: Incoming, context: RenderContext, upstream_model: str) -> Converter:
        return relay_for(NdjsonRelay(upstream_model, context.model))

    def opens(self, told: bytes) -> bool:
        for line in frames(told, b"\n"):
            if not line:
                continue
            if b'""' not in line:  # nearly always
                return False
            try:
                chunk = _decode_opening(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                return False
            said = chunk.message or {}
            nothing = chunk.response == "" if chunk.message is None else not any(said[n] for n in said if n != "role")
            if chunk.done or chunk.error or chunk.thinking or not nothing:
                return False
        return True

    def relay_whole(self, incoming: Incoming, upstream_model: str, body: bytes, now: float) -> bytes:
        assert isinstance(incoming, OllamaIncoming)
        asked = incoming
        if asked.route == "chat" or asked.route == "generate":
            quick = passed(asked, upstream_model, body, asked.route == "chat")
            if quick is not None:
                return quick
        return relayed_carefully(asked, upstream_model, body)


def relayed_carefully(incoming: OllamaIncoming, upstream_model: str, body: bytes) -> bytes:
    """As `relay_whole`, by way of a decode, whatever the answer is."""
    try:
        found = _decode_any(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise unreadable(body) from None
    if "error" in found and len(found) == 1:
        raise BackendError(bytes(found["error"]).decode("utf-8", "replace"), status=500, body=body.decode())
    if found.keys().isdisjoint(_TELLING[incoming.route]):
        raise unreadable(body)
    if upstream_model != incoming.model and any(member.key == "model" for member in members(body)):
        return replace(body, {"model": dump(incoming.model)})
    return body


def _sendable(body: bytes) -> bytes:
    """A body that may pass through: bytes that are no UTF-8 are replaced one by one, as Go does when it reads them."""
    if body.isascii():
        return body
    try:
        body.decode()
    except UnicodeDecodeError:
        return _ESCAPED.sub("\ufffd", body.decode("utf-8", "surrogateescape")).encode()
    return body


def _whole_unless_told(body: bytes) -> bytes:
    """The body with `stream` off where it says nothing of it; one that is no JSON as it is."""
    try:
        _decode_any(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return body
    told = members(body)
    if any(member.key.lower() == "stream" and body[member.start : member.end] != b"null" for member in told):
        return body
    return replace(body, {"stream": b"false"}, fold=True, known=told)
