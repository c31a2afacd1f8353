"""A backend's stream of this format passed through: the same events, under the client's name for the model.

Strategy: an event is decoded as far as has to be known of it, and goes on byte for byte; only those that hold the
response itself are changed, in place. What the stream has come to is noted on the request, so that whoever has to tell
of a break can go on with the numbers and the response that the client knows.

What begins a response waits for what follows it, since until then another backend may still take over.

Rules: only whole events go on, comments stay comments; an error or a response that failed is a fault and does not go
on; nothing follows a response that is over, no `[DONE]` either; an event without number or name gets one.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ollamux.conversation import StreamFault, Usage
from ollamux.formats.openai_responses.incoming import Progress, ResponsesIncoming
from ollamux.formats.openai_responses.reading import fault_of, usage_of
from ollamux.formats.openai_responses.schema import UsageIn
from ollamux.formats.splice import members, replace
from ollamux.streaming.framing import DEFAULT_LIMIT, SseBlocks
from ollamux.streaming.naming import with_model

__all__ = ("ResponsesRelay",)

_NOTHING = (b"", b"null")
_BEGINNINGS = ("response.created", "response.queued", "response.in_progress")
_OVER = ("response.completed", "response.incomplete")


class _Event(msgspec.Struct, gc=False):
    type: Any = None
    sequence_number: Any = None
    response: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


class _Told(msgspec.Struct, gc=False):
    id: Any = None
    error: msgspec.Raw = msgspec.Raw()
    usage: UsageIn | None = None
    output: list[msgspec.Raw] | None = None


_decode = msgspec.json.Decoder(_Event).decode
_decode_told = msgspec.json.Decoder(_Told).decode
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class ResponsesRelay:
    """Passes a stream on."""

    __slots__ = ("_begun", "_blocks", "_held", "_incoming", "_name", "_over", "fault", "usage")

    def __init__(
        self, incoming: ResponsesIncoming, upstream_model: str, client_model: str, limit: int = DEFAULT_LIMIT
    ) -> None:
        self._incoming = incoming
        self._blocks = SseBlocks(limit)
        self._name = b"" if upstream_model == client_model else msgspec.json.encode(client_model)
        self._begun = False
        self._held: list[bytes] = []
        self._over = False
        incoming.progress = Progress()
        self.fault: StreamFault | None = None
        self.usage: Usage | None = None

    @property
    def complete(self) -> bool:
        """Whether the response came to an end."""
        return self._over and self.fault is None

    def feed(self, data: bytes, now: float) -> bytes:
        """The events that these bytes complete. Raises FrameTooLarge."""
        return self._pass(self._blocks.feed(data), now, last=False)

    def close(self, now: float) -> bytes:
        """The last event, if it lacked its blank line and is whole all the same."""
        return self._pass(self._blocks.close(), now, last=True)

    def _pass(self, blocks: list[bytes], now: float, *, last: bool) -> bytes:
        passed: list[bytes] = []
        for block in blocks:
            if self._over or self.fault is not None:
                break
            if block:
                self._block(block, passed, now, last)
        if not self._begun:
            self._held += passed
            if self.fault is not None:
                self._incoming.progress = Progress()  # the client knows nothing of this response
            return b""
        if self._held:
            passed = self._held + passed
            self._held = []
        return b"".join(passed)

    def _block(self, block: bytes, passed: list[bytes], now: float, last: bool) -> None:
        name, parts, others = b"", list[bytes](), list[bytes]()
        for line in block.strip(b"\n").split(b"\n"):
            field, _, value = line.partition(b":")
            if field == b"data":
                parts.append(value.removeprefix(b" "))
            elif field == b"event":
                name = value.removeprefix(b" ")
            else:
                others.append(line)
        if not parts:
            others = [line for line in others if line.startswith(b":") and not last]
            if others:
                passed += (b"\n".join(others), b"\n\n")
            return
        payload = parts[0] if len(parts) == 1 else b" ".join(parts)
        made, kind = self._event(payload, name.decode("utf-8", "replace"), now, last)
        if not made:
            return
        self._begun = self._begun or kind not in _BEGINNINGS
        if made is payload and name and len(parts) == 1:
            passed += (block.strip(b"\n"), b"\n\n")
            return
        lines = [*others, b"event: " + (name or kind.encode()), b"data: " + made]
        passed += (b"\n".join(lines), b"\n\n")

    def _event(self, payload: bytes, name: str, now: float, last: bool) -> tuple[bytes, str]:
        """What goes on for an event's data, and its type."""
        try:
            event = _decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            stripped = payload.strip()
            if stripped and stripped != b"[DONE]" and not last:
                self.fault = StreamFault("the backend sent an event that is no part of a response", 502)
            return b"", ""
        kind = event.type if isinstance(event.type, str) else name
        error = bytes(event.error)
        if kind == "error" or (error not in _NOTHING and bytes(event.response) in _NOTHING):
            self.fault = fault_of(error if error not in _NOTHING else payload)
            return b"", kind
        passed = payload
        if bytes(event.response) not in _NOTHING:
            passed = self._response(payload, bytes(event.response), kind, now)
            if self.fault is not None:
                return b"", kind
        progress = self._incoming.progress
        if isinstance(event.sequence_number, int):
            progress.number = event.sequence_number
        else:
            passed = replace(passed, {"sequence_number": str(progress.number).encode()})
        progress.number += 1
        return passed, kind or "message"

    def _response(self, payload: bytes, response: bytes, kind: str, now: float) -> bytes:
        """An event that holds the response as it stands."""
        told = _Told()
        try:
            told = _decode_told(response)
        except (msgspec.DecodeError, UnicodeDecodeError):
            pass  # what is told of the cost is of no use then, the event is
        if kind == "response.failed":
            self.fault = fault_of(bytes(told.error))
            return payload
        passed = payload
        if self._name:
            renamed = with_model(response, self._name)
            if renamed is not response:
                place = next(member for member in members(payload) if member.key == "response")
                passed = payload[: place.start] + renamed + payload[place.end :]
                response = renamed
        if kind in _OVER:
            self._over = True
            self.usage = usage_of(told.usage)
            if isinstance(told.id, str):
                self._incoming.keep(told.id, response, [bytes(item) for item in told.output or ()], now, upstream=True)
        else:
            try:
                self._incoming.progress.head = {**_decode_members(response)}
            except (msgspec.DecodeError, UnicodeDecodeError):
                pass
        return passed
