"""Serves clients of Anthropic's Messages.

Rules: in front of a backend of the same format the bytes pass through, only the model's name changes; errors are
`{"type": "error", "error": {...}}`, and overload is 529.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import msgspec

from ollamux.contract import HeaderPairs
from ollamux.conversation import Operation
from ollamux.errors import BackendError, OllamuxError
from ollamux.formats.anthropic import ROUTES
from ollamux.formats.anthropic.faults import error_body, fault_of, status_of
from ollamux.formats.anthropic.incoming import AnthropicIncoming, read_route
from ollamux.formats.anthropic.relay import AnthropicRelay
from ollamux.formats.anthropic.rendering import AnthropicRenderer
from ollamux.formats.base import NOWHERE, Incoming, Place, RenderContext, Serving, ServingRoute
from ollamux.formats.failures import unreadable
from ollamux.formats.splice import replace
from ollamux.streaming.convert import relay_for
from ollamux.streaming.framing import frames
from ollamux.streaming.translator import Converter

__all__ = ("AnthropicServing",)

_JSON = "application/json"
_OPERATIONS: dict[str, Operation] = {"chat": "chat", "count": "count"}
_encode = msgspec.json.Encoder().encode
_decode_error = msgspec.json.Decoder(object).decode


class _Outline(msgspec.Struct, gc=False):
    model: msgspec.Raw = msgspec.Raw()
    content: msgspec.Raw = msgspec.Raw()
    input_tokens: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


_decode_outline = msgspec.json.Decoder(_Outline).decode


class _Block(msgspec.Struct, gc=False):
    type: str = ""
    text: str | None = None
    thinking: str | None = None


class _BlockStart(msgspec.Struct, gc=False):
    content_block: _Block


_decode_block = msgspec.json.Decoder(_BlockStart).decode
_OPENINGS = (b"", b"event: message_start", b"event: ping")


class AnthropicServing(Serving):
    """The client's side of the format."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__("anthropic", ROUTES, _JSON)

    def stream_type(self, incoming: Incoming) -> str:
        return "text/event-stream; charset=utf-8"

    def read(
        self, route: ServingRoute, body: bytes, headers: Mapping[str, str], place: Place = NOWHERE
    ) -> AnthropicIncoming:
        return read_route(body, _OPERATIONS[route.name], headers)

    def renderer(self, incoming: Incoming, context: RenderContext) -> AnthropicRenderer:
        assert isinstance(incoming, AnthropicIncoming)
        return AnthropicRenderer(context, shows_thinking=incoming.shows_thinking, quiet=incoming.quiet)

    def failure(self, error: OllamuxError, *, streaming: bool) -> tuple[int, HeaderPairs, bytes]:
        headers: list[tuple[str, str]] = [("Content-Type", _JSON)]
        if error.retry_after is not None:
            headers.append(("Retry-After", str(ceil(error.retry_after))))
        return status_of(error), tuple(headers), error_body(error)

    def relay(self, incoming: Incoming, context: RenderContext, upstream_model: str) -> Converter:
        return relay_for(AnthropicRelay(upstream_model, context.model))

    def opens(self, told: bytes) -> bool:
        for event in frames(told, b"\n\n"):
            name, _, data = event.partition(b"\n")
            if name in _OPENINGS or name.startswith(b":"):
                continue
            if name != b"event: content_block_start":
                return False
            try:
                block = _decode_block(data.removeprefix(b"data: ")).content_block
            except (msgspec.DecodeError, UnicodeDecodeError):
                return False
            if block.type not in ("text", "thinking") or block.text or block.thinking:
                return False
        return True

    def relay_whole(self, incoming: Incoming, upstream_model: str, body: bytes, now: float) -> bytes:
        try:
            outline = _decode_outline(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise unreadable(body) from None
        error = bytes(outline.error)
        if error not in (b"", b"null"):
            fault = fault_of(_decode_error(error))
            raise BackendError(fault.detail, status=502, body=fault.detail)
        if not bytes(outline.content) and not bytes(outline.input_tokens):
            raise unreadable(body)
        name = _encode(incoming.model)
        if bytes(outline.model) in (b"", name):
            return body
        return replace(body, {"model": name})
