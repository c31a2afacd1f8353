"""Calls backends that speak OpenAI's chat completions, completions and embeddings.

Rules: what the neutral model asks for goes out by `building`, what comes back is read by `reading`; a client's own
request in this format passes through with its bytes, but for the model's name and what the configuration adds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ollamux.conversation import Answer, ChatRequest, CompletionRequest, EmbedAnswer, EmbedRequest
from ollamux.errors import OllamuxError
from ollamux.formats.base import Dialect, Incoming, Neutral, Outgoing
from ollamux.formats.failures import backend_failure
from ollamux.formats.openai_chat.building import build_chat, build_completion, build_embed, sampling_fields
from ollamux.formats.openai_chat.reading import ChatReader, error_message, read_answer, read_vectors
from ollamux.formats.splice import members, replace

__all__ = ("OpenAIChatCalling",)

_encode = msgspec.json.Encoder().encode


class OpenAIChatCalling:
    """The backend's side of the format."""

    name = "openai_chat"
    text_markers: tuple[bytes, ...] = (b'"content":"', b'"text":"')

    def build(self, request: Neutral, upstream_model: str, dialect: Dialect) -> Outgoing:
        if isinstance(request, ChatRequest):
            return build_chat(request, upstream_model, dialect)
        if isinstance(request, CompletionRequest):
            return build_completion(request, upstream_model, dialect)
        return build_embed(request, upstream_model, dialect)

    def passthrough(
        self, incoming: Incoming, upstream_model: str, defaults: Mapping[str, Any], dialect: Dialect
    ) -> Outgoing:
        body = incoming.body
        values: dict[str, bytes] = {}
        if upstream_model != incoming.model:
            values["model"] = _encode(upstream_model)
        if defaults or dialect.extra:
            ours: dict[str, Any] = dict(dialect.extra)
            knobs = dict(defaults)
            knobs.pop("keep_alive", None)  # only Ollama is told how long to keep a model
            limit = knobs.pop("num_predict", None)
            if isinstance(limit, int) and limit > 0:
                ours[dialect.max_tokens] = limit
            sampling_fields(ours, knobs.items(), dialect)
            there = {member.key for member in members(body)}
            if there & {"max_tokens", "max_completion_tokens"}:
                ours.pop(dialect.max_tokens, None)
            values |= {key: _encode(value) for key, value in ours.items() if key not in there}
        return Outgoing("/chat/completions", replace(body, values) if values else body)

    def reader(self, request: Neutral, dialect: Dialect) -> ChatReader:
        return ChatReader(dialect.reasoning_fields)

    def whole(self, request: Neutral, body: bytes, dialect: Dialect) -> Answer | EmbedAnswer:
        if isinstance(request, EmbedRequest):
            return read_vectors(body, len(request.inputs))
        return read_answer(body, dialect.reasoning_fields)

    def failure(self, status: int, headers: Mapping[str, str], body: bytes) -> OllamuxError:
        text = body.decode("utf-8", "replace")
        return backend_failure(status, headers, body, error_message(text) if text.lstrip()[:1] in ("{", "[") else "")
