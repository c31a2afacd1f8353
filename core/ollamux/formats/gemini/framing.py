"""How the pieces of a stream stand on the wire: server-sent events, or the elements of one JSON array.

An answer in a format's own stream and one that was translated share the frame of a request, since an array that one
has begun the other must end.

Rules: an SSE client of Google's takes every line for data, so no comment is ever sent; blank lines are no data.
"""

from __future__ import annotations

__all__ = ("Frames",)


class Frames:
    """The frames of one answer. `events` says that they are server-sent events."""

    __slots__ = ("_begun", "events")

    def __init__(self, *, events: bool) -> None:
        self.events = events
        self._begun = False

    @property
    def media_type(self) -> str:
        """The media type of such a stream."""
        return "text/event-stream" if self.events else "application/json"

    @property
    def opening(self) -> bytes:
        """What stands in front of the next piece."""
        if self.events:
            return b"data: "
        return b"," if self._begun else b"["

    @property
    def closing(self) -> bytes:
        """What stands behind each piece."""
        return b"\n\n" if self.events else b"\n"

    def piece(self, value: bytes) -> bytes:
        """A JSON value as a piece of the stream."""
        framed = self.opening + value + self.closing
        self._begun = True
        return framed

    def end(self) -> bytes:
        """What ends the stream."""
        if self.events:
            return b""
        return b"]\n" if self._begun else b"[]\n"
