"""Serves clients of OpenAI's Responses.

Rules: in front of a backend of the same format the bytes pass through, only the model's name changes; errors are
OpenAI's `{"error": {...}}`. The store of responses belongs to this object; the routes below /v1/responses/{id}, which
call no model, answer from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil

import msgspec

from ollamux.contract import HeaderPairs
from ollamux.conversation import Operation
from ollamux.errors import BackendError, OllamuxError
from ollamux.formats.base import NOWHERE, Incoming, Place, RenderContext, Serving, ServingRoute
from ollamux.formats.failures import error_message, quota_spent, unreadable
from ollamux.formats.openai_responses import ROUTES
from ollamux.formats.openai_responses.failing import error_body
from ollamux.formats.openai_responses.incoming import ResponsesIncoming, read_route
from ollamux.formats.openai_responses.relaying import ResponsesRelay
from ollamux.formats.openai_responses.rendering import ResponsesRenderer
from ollamux.formats.openai_responses.store import StoredResponses, owner_of
from ollamux.formats.splice import replace
from ollamux.streaming.framing import frames
from ollamux.streaming.translator import Converter

__all__ = ("ResponsesServing",)

_JSON = "application/json"
_NOTHING = (b"", b"null")
_PASSED_ON = ("openai-beta",)
"""Headers of a client that belong to the format."""
_FINAL = ("completed", "incomplete")
_encode = msgspec.json.Encoder().encode


class _Outline(msgspec.Struct, gc=False):
    id: str | None = None
    model: msgspec.Raw = msgspec.Raw()
    object: str | None = None
    status: str | None = None
    output: list[msgspec.Raw] | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode_outline = msgspec.json.Decoder(_Outline).decode

_OPENINGS = frozenset(
    {
        "response.created",
        "response.queued",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        "response.reasoning_summary_part.added",
    }
)
_EMPTY = frozenset({"", "message", "reasoning"})
"""Items that say nothing when they begin."""


class _Item(msgspec.Struct, gc=False, frozen=True):
    type: str = ""


class _Begun(msgspec.Struct, gc=False, frozen=True):
    background: bool | None = None


class _Opening(msgspec.Struct, gc=False):
    """What an event says beside that an answer begins. One that goes on in the background is asked for by its id."""

    type: str
    item: _Item = _Item()
    response: _Begun = _Begun()


_decode_opening = msgspec.json.Decoder(_Opening).decode


class ResponsesServing(Serving):
    """The client's side of the format. `responses` keeps what clients may come back to."""

    __slots__ = ("responses",)

    def __init__(self, responses: StoredResponses | None = None) -> None:
        super().__init__("openai_responses", ROUTES, _JSON)
        self.responses = StoredResponses() if responses is None else responses

    def stream_type(self, incoming: Incoming) -> str:
        return "text/event-stream"

    def read(
        self, route: ServingRoute, body: bytes, headers: Mapping[str, str], place: Place = NOWHERE
    ) -> ResponsesIncoming:
        passed_on = tuple((name, headers[name]) for name in _PASSED_ON if name in headers)
        operation: Operation = "count" if route.name.startswith("input_tokens") else "chat"
        return read_route(body, self.responses, owner_of(headers), operation, passed_on)

    def renderer(self, incoming: Incoming, context: RenderContext) -> ResponsesRenderer:
        assert isinstance(incoming, ResponsesIncoming)
        return ResponsesRenderer(incoming, context)

    def failure(self, error: OllamuxError, *, streaming: bool) -> tuple[int, HeaderPairs, bytes]:
        headers: list[tuple[str, str]] = [("Content-Type", _JSON)]
        if error.retry_after is not None:
            headers.append(("Retry-After", str(ceil(error.retry_after))))
        if quota_spent(error):
            headers.append(("x-should-retry", "false"))
        return error.status, tuple(headers), error_body(error)

    def relay(self, incoming: Incoming, context: RenderContext, upstream_model: str) -> Converter:
        assert isinstance(incoming, ResponsesIncoming)
        return ResponsesRelay(incoming, upstream_model, context.model)

    def opens(self, told: bytes) -> bool:
        for event in frames(told, b"\n\n"):
            if not event or event.startswith(b":"):
                continue
            try:
                opening = _decode_opening(event.partition(b"data: ")[2])
            except (msgspec.DecodeError, UnicodeDecodeError):
                return False
            if opening.type not in _OPENINGS or opening.item.type not in _EMPTY or opening.response.background:
                return False
        return True

    def relay_whole(self, incoming: Incoming, upstream_model: str, body: bytes, now: float) -> bytes:
        assert isinstance(incoming, ResponsesIncoming)
        try:
            outline = _decode_outline(body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise unreadable(body) from None
        error = bytes(outline.error)
        if error not in _NOTHING and outline.output is None:
            text = error.decode("utf-8", "replace")
            raise BackendError(error_message(text), status=502, body=text)
        if outline.output is None and outline.object != "response.input_tokens":
            raise unreadable(body)
        name = _encode(incoming.model)
        told = body if bytes(outline.model) in (b"", name) else replace(body, {"model": name})
        if outline.id and outline.status in _FINAL:
            incoming.keep(outline.id, told, [bytes(item) for item in outline.output or ()], now, upstream=True)
        elif outline.id:
            incoming.told_of(outline.id)  # one in the background is come back to when it is over
        return told
