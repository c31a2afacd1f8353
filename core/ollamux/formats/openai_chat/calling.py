"""Calls backends that speak OpenAI's chat completions, completions and embeddings.

Rules: what the neutral model asks for goes out by `building`, what comes back is read by `reading`; a client's own
request in this format passes through with its bytes, but for the model's name and what the configuration adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ollamux.chat import ChatRequest
from ollamux.conversation import Answer, CompletionRequest, EmbedAnswer, EmbedRequest
from ollamux.errors import InvalidRequest, OllamuxError
from ollamux.formats.asking import Incoming, Served
from ollamux.formats.base import Calling, Dialect, Neutral
from ollamux.formats.failures import backend_failure, error_message
from ollamux.formats.openai_chat.building import build_chat, build_completion, build_embed
from ollamux.formats.openai_chat.completions import CompletionsIncoming, chat_of
from ollamux.formats.openai_chat.fitting import NamedReader, fitted, named, names_of
from ollamux.formats.openai_chat.incoming import OpenAIIncoming
from ollamux.formats.openai_chat.passing import adapted, with_usage
from ollamux.formats.openai_chat.plain import asked_as, shows
from ollamux.formats.openai_chat.reading import FINISHES, ChatReader, read_answer, read_vectors
from ollamux.formats.outgoing import Outgoing, outgoing_of
from ollamux.formats.splice import replace
from ollamux.streaming.translator import Reader

__all__ = ("OpenAIChatCalling",)

_encode = msgspec.json.Encoder().encode


class OpenAIChatCalling(Calling):
    """The backend's side of the format."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(
            "openai_chat", (b"content", b"text", b"reasoning_content", b"reasoning", b"arguments"), FINISHES
        )

    def build(self, request: Neutral, upstream_model: str, dialect: Dialect) -> Outgoing:
        if isinstance(request, ChatRequest):
            if dialect.tool_names or dialect.call_ids:
                request = fitted(request, dialect)
            return build_chat(request, upstream_model, dialect)
        if isinstance(request, CompletionRequest):
            if not dialect.completions:
                return build_chat(chat_of(request), upstream_model, dialect)
            return build_completion(request, upstream_model, dialect)
        return build_embed(request, upstream_model, dialect)

    def passthrough(
        self, incoming: Incoming, upstream_model: str, defaults: Mapping[str, Any], dialect: Dialect
    ) -> Outgoing:
        assert isinstance(incoming, OpenAIIncoming)
        asked = incoming
        body = None if defaults else _as_it_is(asked, upstream_model, dialect)
        if body is None:
            return self._adapted(asked, upstream_model, defaults, dialect)
        return outgoing_of(asked.path, body, ())

    def _adapted(
        self, incoming: OpenAIIncoming, upstream_model: str, defaults: Mapping[str, Any], dialect: Dialect
    ) -> Outgoing:
        """As `passthrough`, where something has to change: to a chat even, where the backend has no completions."""
        if isinstance(incoming, CompletionsIncoming) and not dialect.completions:
            incoming.as_chat = True
            served = Served(incoming.model, incoming.model, frozenset())
            request = incoming.neutral(served, defaults)
            if incoming.choices > 1:
                raise InvalidRequest("this model's backend answers with one choice: n must be 1", param="n")
            return self.build(request, upstream_model, dialect)
        if isinstance(incoming, CompletionsIncoming):
            incoming.as_chat = False
        return adapted(incoming, upstream_model, defaults, dialect)

    def reader(self, request: Neutral, dialect: Dialect) -> Reader:
        reader: Reader = ChatReader(dialect.reasoning_fields)
        names = names_of(request, dialect) if isinstance(request, ChatRequest) else None
        return reader if names is None else NamedReader(reader, names)

    def whole(self, request: Neutral, body: bytes, dialect: Dialect) -> Answer | EmbedAnswer:
        if type(request) is EmbedRequest:
            return read_vectors(body, len(request.inputs))
        answer = read_answer(body, dialect.reasoning_fields)
        names = names_of(request, dialect) if dialect.tool_names and isinstance(request, ChatRequest) else None
        return answer if names is None else named(answer, names)

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> OllamuxError:
        text = body.decode("utf-8", "replace")
        return backend_failure(status, headers, body, error_message(text) if text.lstrip()[:1] in ("{", "[") else "")


def _as_it_is(incoming: OpenAIIncoming, upstream_model: str, dialect: Dialect) -> bytes | None:
    """The client's own body with the backend's name for the model; None where more than that has to change."""
    body = incoming.body
    cues = dialect.beside if incoming.usual else dialect.cues
    if not incoming.plain or dialect.extra or (cues and shows(body, cues)):
        return None
    if upstream_model != incoming.model:
        name = _encode(upstream_model)
        quick = asked_as(body, name)
        body = replace(body, {"model": name}) if quick is None else quick
    if incoming.stream and not incoming.include_usage and dialect.stream_options:
        body = with_usage(body)
    return body
