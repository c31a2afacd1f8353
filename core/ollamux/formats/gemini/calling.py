"""Calls Gemini: generateContent, streamGenerateContent as server-sent events, batchEmbedContents.

Rules: what the neutral model asks for goes out by `building`, what comes back is read by `reading`; a client's own
request in this format passes through.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ollamux.chat import ChatRequest
from ollamux.conversation import Answer, CompletionRequest, EmbedAnswer, EmbedRequest
from ollamux.errors import OllamuxError
from ollamux.formats.base import Calling, Dialect, Incoming, Neutral, Outgoing
from ollamux.formats.gemini.building import build_chat, build_completion, build_embed
from ollamux.formats.gemini.faults import failure
from ollamux.formats.gemini.incoming import GeminiIncoming
from ollamux.formats.gemini.passthrough import pass_on
from ollamux.formats.gemini.reading import GeminiReader, read_answer, read_vectors
from ollamux.formats.gemini.signatures import NAME
from ollamux.formats.gemini.vocabulary import FINISHES

__all__ = ("GeminiCalling",)


class GeminiCalling(Calling):
    """The backend's side of the format."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(NAME, (b"text",), FINISHES)

    def build(self, request: Neutral, upstream_model: str, dialect: Dialect) -> Outgoing:
        if isinstance(request, ChatRequest):
            return build_chat(request, upstream_model, dialect)
        if isinstance(request, CompletionRequest):
            return build_completion(request, upstream_model, dialect)
        return build_embed(request, upstream_model, dialect)

    def passthrough(
        self, incoming: Incoming, upstream_model: str, defaults: Mapping[str, Any], dialect: Dialect
    ) -> Outgoing:
        assert isinstance(incoming, GeminiIncoming)
        return pass_on(incoming, upstream_model, defaults, dialect)

    def reader(self, request: Neutral, dialect: Dialect) -> GeminiReader:
        return GeminiReader(request)

    def whole(self, request: Neutral, body: bytes, dialect: Dialect) -> Answer | EmbedAnswer:
        if isinstance(request, EmbedRequest):
            return read_vectors(body, len(request.inputs))
        return read_answer(body, request)

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> OllamuxError:
        return failure(status, headers, body)
