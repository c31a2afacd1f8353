"""Calls backends that speak Anthropic's Messages.

Rules: what the neutral model asks for goes out by `building`, what comes back is read by `reading`; a client's own
request in this format passes through by `passing`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ollamux.chat import ChatRequest
from ollamux.conversation import Answer, CompletionRequest, EmbedAnswer, EmbedRequest
from ollamux.errors import InvalidRequest, OllamuxError
from ollamux.formats.anthropic.building import as_chat, build_chat, tool_names
from ollamux.formats.anthropic.faults import LONG_PROMPT, OVERLOADED, sentence
from ollamux.formats.anthropic.incoming import AnthropicIncoming
from ollamux.formats.anthropic.passing import pass_on
from ollamux.formats.anthropic.reading import FINISHES, MessageReader, read_answer
from ollamux.formats.base import Calling, Dialect, Incoming, Neutral, Outgoing
from ollamux.formats.failures import TOO_LONG, backend_failure
from ollamux.formats.identifiers import Names

__all__ = ("AnthropicCalling",)

_KINDS = {402: "billing", 404: "not_found", 413: "too_large", 429: "rate_limit", 503: "overloaded", 504: "timeout"}


class AnthropicCalling(Calling):
    """The backend's side of the format."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("anthropic", (b"text", b"thinking", b"partial_json"), FINISHES)

    def build(self, request: Neutral, upstream_model: str, dialect: Dialect) -> Outgoing:
        if isinstance(request, EmbedRequest):
            raise InvalidRequest("this backend has no embeddings")
        if isinstance(request, CompletionRequest):
            outgoing = build_chat(as_chat(request), upstream_model, dialect)
            told = "the backend has no plain completions: the prompt went as a user's message"
            return Outgoing(outgoing.path, outgoing.body, (*outgoing.warnings, told), outgoing.headers)
        return build_chat(request, upstream_model, dialect)

    def passthrough(
        self, incoming: Incoming, upstream_model: str, defaults: Mapping[str, Any], dialect: Dialect
    ) -> Outgoing:
        assert isinstance(incoming, AnthropicIncoming)
        return pass_on(incoming, upstream_model, defaults, dialect)

    def reader(self, request: Neutral, dialect: Dialect) -> MessageReader:
        return MessageReader(_names(request))

    def whole(self, request: Neutral, body: bytes, dialect: Dialect) -> Answer | EmbedAnswer:
        return read_answer(body, _names(request))

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> OllamuxError:
        if status == OVERLOADED:
            status = 503
        text = body.decode("utf-8", "replace")
        message = sentence(text) if text.lstrip()[:1] in ("{", "[") else ""
        error = backend_failure(status, headers, body, "" if message == text else message)
        if error.status == status:
            error.kind = _KINDS.get(status, "bad_request" if status < 500 else error.kind)
        if status == 400 and LONG_PROMPT in message.lower():
            error.code = TOO_LONG
        return error


def _names(request: Neutral) -> Names:
    assert isinstance(request, ChatRequest | CompletionRequest)
    return tool_names(request)
