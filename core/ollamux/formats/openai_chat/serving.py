"""Serves clients of OpenAI's chat completions, completions and embeddings, with and without /v1 before their paths.

Rules: in front of a backend of the same format the bytes pass through, only the model's name changes, and usage that
the client did not ask for is left out; errors are OpenAI's `{"error": {...}}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ollamux.clock import Clock
from ollamux.contract import HeaderPairs
from ollamux.errors import BackendError, OllamuxError
from ollamux.formats.answering import RenderContext
from ollamux.formats.asking import Incoming
from ollamux.formats.base import NOWHERE, Dialect, Place, Serving, ServingRoute, WholeRenderer
from ollamux.formats.failures import error_message, unreadable
from ollamux.formats.openai_chat.completions import CompletionsIncoming, CompletionsRenderer, read_completion
from ollamux.formats.openai_chat.embeddings import (
    EmbeddingsIncoming,
    EmbeddingsRenderer,
    passed_vectors,
    read_embedding,
)
from ollamux.formats.openai_chat.faults import error_body, error_headers
from ollamux.formats.openai_chat.incoming import OpenAIIncoming, read_route
from ollamux.formats.openai_chat.plain import renamed
from ollamux.formats.openai_chat.reading import ChatReader, read_answer
from ollamux.formats.openai_chat.rendering import OpenAIChatRenderer
from ollamux.formats.splice import replace
from ollamux.streaming.convert import relay_for
from ollamux.streaming.framing import frames
from ollamux.streaming.sse_relay import SseRelay, speaks
from ollamux.streaming.translator import Converter, Translator

__all__ = ("OpenAIChatServing",)

_JSON = "application/json"
_ROUTES = tuple(
    ServingRoute("POST", before + path, name + ending)
    for before, ending in (("/v1", ""), ("", "_bare"))
    for path, name in (("/chat/completions", "chat"), ("/completions", "completion"), ("/embeddings", "embed"))
)
_encode = msgspec.json.Encoder().encode


class _Outline(msgspec.Struct, gc=False):
    model: msgspec.Raw = msgspec.Raw()
    choices: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


class _Said(msgspec.Struct, gc=False):
    delta: dict[str, Any] | None = None
    text: Any = None
    finish_reason: Any = None


class _Opening(msgspec.Struct, gc=False):
    choices: list[_Said] | None = None
    prompt_progress: Any = None


_decode_opening = msgspec.json.Decoder(_Opening).decode
_decode_outline = msgspec.json.Decoder(_Outline).decode


class OpenAIChatServing(Serving):
    """The client's side of the format."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("openai_chat", _ROUTES, _JSON)

    def stream_type(self, incoming: Incoming) -> str:
        return "text/event-stream"

    def read(
        self, route: ServingRoute, body: bytes, headers: Mapping[str, str], place: Place = NOWHERE
    ) -> OpenAIIncoming:
        name = route.name
        if name == "chat" or name == "chat_bare":
            return read_route(body)
        return read_completion(body) if name.startswith("completion") else read_embedding(body)

    def renderer(self, incoming: Incoming, context: RenderContext) -> WholeRenderer:
        assert isinstance(incoming, OpenAIIncoming)
        if isinstance(incoming, CompletionsIncoming):
            return CompletionsRenderer(context, include_usage=incoming.include_usage, echo=incoming.echo)
        if isinstance(incoming, EmbeddingsIncoming):
            return EmbeddingsRenderer(incoming, context)
        return OpenAIChatRenderer(context, include_usage=incoming.include_usage)

    def failure(self, error: OllamuxError, *, streaming: bool) -> tuple[int, HeaderPairs, bytes]:
        return error.status, error_headers(error), error_body(error)

    def relay(self, incoming: Incoming, context: RenderContext, upstream_model: str) -> Converter:
        assert isinstance(incoming, OpenAIIncoming)
        if incoming.as_chat:
            return Translator(ChatReader(), self.renderer(incoming, context))
        made_id = f"{'chat' if incoming.operation == 'chat' else ''}cmpl-{int(context.arrived * 1e9):x}"
        return relay_for(
            SseRelay(
                upstream_model,
                context.model,
                hide_usage=not incoming.include_usage,
                stream_id=made_id,
                choices=incoming.choices,
            )
        )

    def opens(self, told: bytes) -> bool:
        for event in frames(told, b"\n\n"):
            if not event or event.startswith(b":"):
                continue
            payload = event.removeprefix(b"data: ")
            plain = speaks(payload)
            if plain:
                return False
            if plain is not None:
                continue
            try:
                chunk = _decode_opening(payload)
            except (msgspec.DecodeError, UnicodeDecodeError):
                return False
            if chunk.prompt_progress is not None:  # who asked for it waits for it
                return False
            for choice in chunk.choices or ():
                said = choice.delta or {}
                if choice.finish_reason or choice.text or any(said[name] for name in said if name != "role"):
                    return False
        return True

    def relay_whole(self, incoming: Incoming, upstream_model: str, body: bytes, now: float) -> bytes:
        assert isinstance(incoming, OpenAIIncoming)
        asked = incoming
        if asked.as_chat or asked.operation == "embed":
            return _remade(self, asked, body)
        quick = renamed(asked, body)
        return _renamed_carefully(asked, body) if quick is None else quick


def _renamed_carefully(incoming: OpenAIIncoming, body: bytes) -> bytes:
    """A whole answer with the client's name for its model, whatever it is."""
    try:
        outline = _decode_outline(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise unreadable(body) from None
    error = bytes(outline.error)
    if error not in (b"", b"null"):
        text = error.decode("utf-8", "replace")
        raise BackendError(error_message(text), status=502, body=text)
    if not bytes(outline.choices):
        raise unreadable(body)
    name = _encode(incoming.model)
    if bytes(outline.model) in (b"", name):
        return body
    return replace(body, {"model": name})


def _remade(serving: OpenAIChatServing, incoming: OpenAIIncoming, body: bytes) -> bytes:
    """Vectors, or a completion that was asked for as a chat."""
    if isinstance(incoming, EmbeddingsIncoming):
        return passed_vectors(incoming, body)
    answer = read_answer(body, Dialect().reasoning_fields)
    context = RenderContext(incoming.model, Clock(), 0.0)
    return serving.renderer(incoming, context).whole(answer, 0.0)
