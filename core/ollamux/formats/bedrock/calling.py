"""Calls models on AWS Bedrock: chats by Converse, vectors by InvokeModel.

Rules: `building` and `embedding` write what goes out, `reading` reads what comes back; the credentials, and the
signature if there is one, are the backend's business. No client speaks this format, so nothing passes through but by
a front of one's own, whose body is Converse's.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ollamux.chat import ChatRequest
from ollamux.conversation import Answer, CompletionRequest, EmbedAnswer, EmbedRequest
from ollamux.errors import OllamuxError
from ollamux.formats.base import Calling, Dialect, Incoming, Neutral, Outgoing
from ollamux.formats.bedrock.building import build_chat, build_completion, path_of
from ollamux.formats.bedrock.embedding import build_embed, read_vectors
from ollamux.formats.bedrock.faults import failure_of
from ollamux.formats.bedrock.reading import FINISHES, ConverseReader, read_answer
from ollamux.formats.bedrock.turns import FORMAT, names_of
from ollamux.formats.identifiers import Names

__all__ = ("BedrockCalling",)


class BedrockCalling(Calling):
    """The backend's side of the format."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(FORMAT, (), FINISHES)

    def build(self, request: Neutral, upstream_model: str, dialect: Dialect) -> Outgoing:
        if isinstance(request, ChatRequest):
            return build_chat(request, upstream_model, dialect)
        if isinstance(request, CompletionRequest):
            return build_completion(request, upstream_model, dialect)
        return build_embed(request, upstream_model, dialect)

    def passthrough(
        self, incoming: Incoming, upstream_model: str, defaults: Mapping[str, Any], dialect: Dialect
    ) -> Outgoing:
        return Outgoing(path_of(upstream_model, "converse-stream" if incoming.stream else "converse"), incoming.body)

    def reader(self, request: Neutral, dialect: Dialect) -> ConverseReader:
        return ConverseReader(_names(request))

    def whole(self, request: Neutral, body: bytes, dialect: Dialect) -> Answer | EmbedAnswer:
        if isinstance(request, EmbedRequest):
            return read_vectors(body, len(request.inputs))
        return read_answer(body, _names(request))

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> OllamuxError:
        return failure_of(status, headers, body)


def _names(request: Neutral) -> Names:
    return names_of(request if isinstance(request, ChatRequest) else ChatRequest(request.model, []))
