"""Calls backends that speak OpenAI's Responses.

Rules: what the neutral model asks for goes out by `building`, what comes back is read by `reading`; a client's own
request in this format passes through by `passing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ollamux.chat import ChatRequest
from ollamux.conversation import Answer, CompletionRequest, EmbedAnswer
from ollamux.errors import InvalidRequest, OllamuxError
from ollamux.formats.base import Calling, Dialect, Incoming, Neutral, Outgoing
from ollamux.formats.failures import backend_failure, error_message
from ollamux.formats.identifiers import Names
from ollamux.formats.openai_responses.building import build_chat, build_completion, tool_names
from ollamux.formats.openai_responses.incoming import ResponsesIncoming
from ollamux.formats.openai_responses.passing import passed
from ollamux.formats.openai_responses.reading import INCOMPLETE, ResponsesReader, read_answer

__all__ = ("ResponsesCalling",)


class ResponsesCalling(Calling):
    """The backend's side of the format."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("openai_responses", (b"delta",), ("completed", *INCOMPLETE))

    def build(self, request: Neutral, upstream_model: str, dialect: Dialect) -> Outgoing:
        if isinstance(request, ChatRequest):
            return build_chat(request, upstream_model, dialect)
        if isinstance(request, CompletionRequest):
            return build_completion(request, upstream_model, dialect)
        raise InvalidRequest("this backend gives no embeddings", param="model")

    def passthrough(
        self, incoming: Incoming, upstream_model: str, defaults: Mapping[str, Any], dialect: Dialect
    ) -> Outgoing:
        assert isinstance(incoming, ResponsesIncoming)
        return passed(incoming, upstream_model, defaults, dialect)

    def reader(self, request: Neutral, dialect: Dialect) -> ResponsesReader:
        return ResponsesReader(_names(request))

    def whole(self, request: Neutral, body: bytes, dialect: Dialect) -> Answer | EmbedAnswer:
        return read_answer(body, _names(request))

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> OllamuxError:
        text = body.decode("utf-8", "replace")
        return backend_failure(status, headers, body, error_message(text) if text.lstrip()[:1] in ("{", "[") else "")


def _names(request: Neutral) -> Names:
    return tool_names(request if isinstance(request, ChatRequest) else ChatRequest(request.model, []))
