"""What the readers of server-sent events share: cutting the stream, and a server that answers whole instead.

Rules: what begins with an `opening` is a whole answer and is kept until it has ended; an event or an answer above its
limit is a fault.
"""

from __future__ import annotations

from ollamux.conversation import Event, StreamFault
from ollamux.streaming.framing import FrameTooLarge, SseDecoder
from ollamux.streaming.translator import Delta

__all__ = ("LONGEST_WHOLE", "SseReader")

LONGEST_WHOLE = 64 * 1024 * 1024
"""Bytes of an answer that a server gives in one piece."""


class SseReader:
    """Reads a stream, `_read` each of its events; `_read_whole` the answer of a server that does not stream. This one
    takes nothing from either."""

    __slots__ = ("_decoder", "_sniffed", "_whole", "complete")

    openings: tuple[bytes, ...] = (b"{",)

    def __init__(self) -> None:
        self.complete = False
        self._decoder = SseDecoder()
        self._sniffed = False
        self._whole: bytearray | None = None

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        events: list[Event] = []
        if not self._sniffed:
            first = data[:1] if data.startswith(b"d") else data.lstrip()[:1]
            self._sniffed = bool(first)
            if first in self.openings:
                self._whole = bytearray()
        if self._whole is not None:
            self._whole += data
            if len(self._whole) > LONGEST_WHOLE:
                self._whole.clear()
                events.append(StreamFault("the backend sent an answer that is too long", 502))
            return events
        try:
            for name, payload in self._decoder.feed(data):
                self._read(payload, name, events, False)
        except FrameTooLarge as error:
            events.append(StreamFault(error.message, error.status, error.kind))
        return events

    def close(self) -> list[Event]:
        """The bytes have ended."""
        events: list[Event] = []
        if self._whole is not None:
            self._read_whole(bytes(self._whole), events)
            return events
        for name, payload in self._decoder.close():
            self._read(payload, name, events, True)
        return events

    def texts(self, delta: Delta) -> list[str] | None:
        """Where the text of such deltas is kept; nowhere, as most readers have it."""
        return None

    def _read(self, payload: bytes, name: str, events: list[Event], last: bool) -> None:
        """One event; `last` where the stream ended within it."""

    def _read_whole(self, body: bytes, events: list[Event]) -> None:
        """A whole answer."""
