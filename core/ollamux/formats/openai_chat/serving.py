"""Serves clients of OpenAI's chat completions.

Rules: in front of a backend of the same format the bytes pass through, only the model's name changes; errors are
OpenAI's `{"error": {...}}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import msgspec

from ollamux.contract import HeaderPairs
from ollamux.errors import BackendError, OllamuxError
from ollamux.formats.base import NOWHERE, Incoming, Place, RenderContext, ServingRoute
from ollamux.formats.failures import unreadable
from ollamux.formats.openai_chat.incoming import OpenAIChatIncoming, read_route
from ollamux.formats.openai_chat.reading import error_message
from ollamux.formats.openai_chat.rendering import OpenAIChatRenderer, error_body
from ollamux.formats.splice import replace
from ollamux.streaming.convert import relay_for
from ollamux.streaming.sse_relay import SseRelay
from ollamux.streaming.translator import Converter

__all__ = ("OpenAIChatServing",)

_JSON = "application/json"
_encode = msgspec.json.Encoder().encode


class _Outline(msgspec.Struct, gc=False):
    model: msgspec.Raw = msgspec.Raw()
    choices: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


_decode_outline = msgspec.json.Decoder(_Outline).decode


class OpenAIChatServing:
    """The client's side of the format."""

    name = "openai_chat"
    routes: tuple[ServingRoute, ...] = (ServingRoute("POST", "/v1/chat/completions", "chat"),)
    whole_type = _JSON

    def stream_type(self, incoming: Incoming) -> str:
        return "text/event-stream"

    def read(
        self, route: ServingRoute, body: bytes, headers: Mapping[str, str], place: Place = NOWHERE
    ) -> OpenAIChatIncoming:
        return read_route(body)

    def renderer(self, incoming: Incoming, context: RenderContext) -> OpenAIChatRenderer:
        assert isinstance(incoming, OpenAIChatIncoming)
        return OpenAIChatRenderer(context, include_usage=incoming.include_usage)

    def failure(self, error: OllamuxError, *, streaming: bool) -> tuple[int, HeaderPairs, bytes]:
        headers: list[tuple[str, str]] = [("Content-Type", _JSON)]
        if error.retry_after is not None:
            headers.append(("Retry-After", str(ceil(error.retry_after))))
        return error.status, tuple(headers), error_body(error)

    def relay(self, incoming: Incoming, context: RenderContext, upstream_model: str) -> Converter:
        return relay_for(SseRelay(upstream_model, context.model))

    def relay_whole(self, incoming: Incoming, upstream_model: str, body: bytes) -> bytes:
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
