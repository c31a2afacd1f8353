"""Serves Gemini clients, under both versions of the API.

Rules: in front of a backend of the same format the bytes pass through, only the model's name changes; a stream is
server-sent events where `alt=sse` asks for them, else one JSON array that comes piece by piece; errors are Google's
`{"error": {...}}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import ceil
from typing import Any

import msgspec

from ollamux.clock import Clock
from ollamux.contract import HeaderPairs
from ollamux.errors import BackendError, OllamuxError
from ollamux.formats.base import NOWHERE, Incoming, Place, RenderContext, Serving, ServingRoute
from ollamux.formats.failures import LONGEST, unreadable
from ollamux.formats.gemini import ROUTES
from ollamux.formats.gemini.faults import stream_fault
from ollamux.formats.gemini.incoming import GeminiIncoming, read_route
from ollamux.formats.gemini.reading import read_vectors
from ollamux.formats.gemini.relay import GeminiRelay, renamed
from ollamux.formats.gemini.rendering import GeminiRenderer, error_body
from ollamux.formats.gemini.signatures import NAME
from ollamux.streaming.translator import Converter

__all__ = ("GeminiServing",)

_JSON = "application/json"
_encode = msgspec.json.Encoder().encode


class _Outline(msgspec.Struct, gc=False, rename="camel"):
    candidates: msgspec.Raw = msgspec.Raw()
    prompt_feedback: msgspec.Raw = msgspec.Raw()
    total_tokens: msgspec.Raw = msgspec.Raw()
    embedding: msgspec.Raw = msgspec.Raw()
    embeddings: msgspec.Raw = msgspec.Raw()
    predictions: msgspec.Raw = msgspec.Raw()
    model_version: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


_decode_outline = msgspec.json.Decoder(_Outline).decode
_PIECES = re.compile(rb"\r?\n\r?\n")


class _Content(msgspec.Struct, gc=False, frozen=True):
    parts: list[dict[str, Any]] | None = None


class _Candidate(msgspec.Struct, gc=False):
    content: _Content = _Content()


class _Opening(msgspec.Struct, gc=False, rename="camel"):
    """What a chunk says beside that an answer begins."""

    candidates: list[_Candidate] | None = None
    prompt_feedback: Any = None


_decode_opening = msgspec.json.Decoder(_Opening).decode


class GeminiServing(Serving):
    """The client's side of the format."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(NAME, ROUTES, _JSON)

    def stream_type(self, incoming: Incoming) -> str:
        assert isinstance(incoming, GeminiIncoming)
        return incoming.frames.media_type

    def read(
        self, route: ServingRoute, body: bytes, headers: Mapping[str, str], place: Place = NOWHERE
    ) -> GeminiIncoming:
        return read_route(route.name.rpartition("/")[2], body, place)

    def renderer(self, incoming: Incoming, context: RenderContext) -> GeminiRenderer:
        assert isinstance(incoming, GeminiIncoming)
        single = incoming.method == "embedContent"
        return GeminiRenderer(context, incoming.frames, single=single, dimensions=incoming.dimensions)

    def failure(self, error: OllamuxError, *, streaming: bool) -> tuple[int, HeaderPairs, bytes]:
        headers: list[tuple[str, str]] = [("Content-Type", _JSON)]
        if error.retry_after is not None:
            headers.append(("Retry-After", str(ceil(error.retry_after))))
        return error.status, tuple(headers), error_body(error)

    def relay(self, incoming: Incoming, context: RenderContext, upstream_model: str) -> Converter:
        assert isinstance(incoming, GeminiIncoming)
        return GeminiRelay(incoming.frames, upstream_model, context.model)

    def opens(self, told: bytes) -> bool:
        if b"finishReason" in told:
            return False
        for piece in _PIECES.split(told.strip(b"[, \r\n")):
            if not piece:
                continue
            try:
                chunk = _decode_opening(piece.removeprefix(b"data: "))
            except (msgspec.DecodeError, UnicodeDecodeError):
                return False
            for candidate in chunk.candidates or ():
                if any(part.get("text") != "" or len(part) > 1 for part in candidate.content.parts or ()):
                    return False
            if chunk.prompt_feedback:
                return False
        return True

    def relay_whole(self, incoming: Incoming, upstream_model: str, body: bytes, now: float) -> bytes:
        try:
            outline = _decode_outline(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise unreadable(body) from None
        error = bytes(outline.error)
        if error not in (b"", b"null"):
            fault = stream_fault(error)
            raise BackendError(fault.detail, status=502, body=error.decode("utf-8", "replace")[:LONGEST])
        if bytes(outline.predictions):
            assert isinstance(incoming, GeminiIncoming)
            context = RenderContext(incoming.model, Clock(), now)
            count = len(incoming.embedding({}).inputs)
            return self.renderer(incoming, context).embedded(read_vectors(body, count), now)
        held = (
            outline.candidates,
            outline.prompt_feedback,
            outline.total_tokens,
            outline.embedding,
            outline.embeddings,
        )
        if not any(bytes(raw) for raw in held):
            raise unreadable(body)
        if upstream_model == incoming.model or not bytes(outline.model_version):
            return body
        return renamed(body, _encode(incoming.model))
