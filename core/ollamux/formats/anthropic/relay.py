"""A stream of this format passed through: named events in, the same events out under the client's name for the model.

Strategy: an event that is more of a block goes on unread; only those that tell something of the message as a whole are
decoded, and only the first one, which names the model, is changed.

Rules: only whole events are passed on; an error event is a fault and is not passed on, nor is anything after it;
`message_stop` alone makes a stream complete, and nothing is ever made up.
"""

from __future__ import annotations

import msgspec

from ollamux.conversation import StreamFault, Usage
from ollamux.formats.anthropic.faults import fault_of
from ollamux.formats.anthropic.reading import Counter
from ollamux.formats.anthropic.schema import decode_event
from ollamux.streaming.framing import DEFAULT_LIMIT, OTHER_FIELDS, SseBlocks
from ollamux.streaming.naming import with_model

__all__ = ("AnthropicRelay",)

_PASSING = (b"event: content_block_delta\n", b"event: content_block_start\n", b"event: content_block_stop\n")
_PING = b"event: ping\n"
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class AnthropicRelay:
    """Passes a stream on. Meets `Relay`."""

    __slots__ = ("_blocks", "_counter", "_name", "_stopped", "fault", "steady", "usage")

    def __init__(self, upstream_model: str, client_model: str, limit: int = DEFAULT_LIMIT) -> None:
        self._blocks = SseBlocks(limit)
        self._name = b"" if upstream_model == client_model else msgspec.json.encode(client_model)
        self._counter = Counter()
        self._stopped = False
        self.fault: StreamFault | None = None
        self.usage: Usage | None = None
        self.steady = False

    @property
    def complete(self) -> bool:
        """Whether `message_stop` has come."""
        return self._stopped and self.fault is None

    def feed(self, data: bytes, now: float) -> bytes:
        """The events that these bytes complete. Raises FrameTooLarge."""
        return self._pass(self._blocks.feed(data), last=False)

    def close(self, now: float) -> bytes:
        """The last event, if it lacked its blank line and is whole all the same."""
        return self._pass(self._blocks.close(), last=True)

    def _pass(self, blocks: list[bytes], *, last: bool) -> bytes:
        passed: list[bytes] = []
        for block in blocks:
            if self._stopped or self.fault is not None:
                break
            if not block:
                continue
            if not last and block.startswith(_PASSING):
                self.steady = block.startswith(_PASSING[0])
                passed += (block, b"\n\n")
            else:
                self.steady = False
                passed.append(self._event(block, last))
        return b"".join(passed)

    def _event(self, block: bytes, last: bool) -> bytes:
        parts: list[bytes] = []
        others: list[bytes] = []
        for line in block.strip(b"\n").split(b"\n"):
            field, _, value = line.partition(b":")
            if field == b"data":
                parts.append(value.removeprefix(b" "))
            elif field in OTHER_FIELDS:
                others.append(line)
        if not parts:  # comments; a line that is no field is garbage, and goes to nobody
            return b"" if last or not others or block.startswith(b"event:") else b"\n".join(others) + b"\n\n"
        whole = block + b"\n\n"
        payload = b"\n".join(parts)
        try:
            event = decode_event(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            if block.startswith(_PING) and not last:
                return whole
            if not last:
                self.fault = StreamFault("the backend sent an event that is no piece of an answer", 502)
            return b""
        match event.type:
            case "error":
                self.fault = fault_of(event.error)
                return b""
            case "message_stop":
                self._stopped = True
            case "message_delta":
                self.usage = self._counter.add(event.usage)
            case "message_start" if event.message is not None:
                self.usage = self._counter.add(event.message.usage)
                if self._name:
                    whole = b"\n".join((*others, b"data: " + self._renamed(payload))) + b"\n\n"
            case _:
                pass
        return whole

    def _renamed(self, payload: bytes) -> bytes:
        """The first event with the client's name for the model in its message."""
        members = _members(payload)
        message = bytes(members["message"])
        changed = with_model(message, self._name)
        at = payload.find(message)
        return (payload[:at] + changed + payload[at + len(message) :]).replace(b"\n", b" ")
