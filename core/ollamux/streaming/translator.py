"""The general way to turn a backend's stream into a client's: a reader, a renderer, and the neutral events between.

Strategy: bytes in, events, bytes out, whatever one read brought at once. It is complete and slow; the compiled
converters stand in front of it, hand it whatever they do not recognise, and are tested against it.

Rules: a converter is fed bytes as they come, cut anywhere; it never renders a fault by itself, since whether another
backend may still take over is not its to know: it stops, and keeps the fault for whoever drives it. `complete` says
whether the backend ended as its format ends; bytes that stop without that are a broken stream.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from ollamux.conversation import Event, StreamFault, Usage, UsageUpdate
from ollamux.errors import OllamuxError

__all__ = ("Converter", "Reader", "Renderer", "TextFrame", "Translator")


class Reader(Protocol):
    """Reads a backend's stream. `complete` turns true with a finish reason or the format's own end."""

    complete: bool

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        ...

    def close(self) -> list[Event]:
        """The bytes have ended: the events that a last, unterminated line still held."""
        ...


class TextFrame(NamedTuple):
    """The bytes around a piece of text, where a renderer's output for it is nothing but that: `before`, the time stamp
    if `stamped`, `between`, the text as the inside of a JSON string, `after`."""

    before: bytes
    between: bytes
    after: bytes
    stamped: bool


class Renderer(Protocol):
    """Writes a client's stream."""

    def events(self, events: list[Event], now: float) -> bytes:
        """What these events look like; may be empty."""
        ...

    def end(self, now: float) -> bytes:
        """What closes a stream that is complete."""
        ...

    def fault(self, error: OllamuxError) -> bytes:
        """What tells the client that the stream broke. Nothing follows it."""
        ...

    def keepalive(self, now: float) -> bytes:
        """Something that a waiting client survives and ignores."""
        ...

    def text_frame(self) -> TextFrame | None:
        """How a `TextDelta` without log probabilities is rendered from here on, or None where it depends on more."""
        ...


class Converter(Protocol):
    """Turns one stream into another. `fault` is what the backend reported inside its stream, after which nothing is
    converted; `usage` is what the stream told of its cost."""

    fault: StreamFault | None
    usage: Usage | None

    @property
    def complete(self) -> bool:
        """Whether the stream came to its proper end."""
        ...

    def feed(self, data: bytes, now: float) -> bytes:
        """The client's bytes for these bytes of the backend's; may be empty."""
        ...

    def close(self, now: float) -> bytes:
        """The backend's bytes have ended. Where `complete` is true after this, the rest of the client's stream with its
        end; else what was still held back."""
        ...


class Translator:
    """Converts through the neutral events."""

    __slots__ = ("_reader", "_renderer", "fault", "usage")

    def __init__(self, reader: Reader, renderer: Renderer) -> None:
        self._reader = reader
        self._renderer = renderer
        self.fault: StreamFault | None = None
        self.usage: Usage | None = None

    @property
    def complete(self) -> bool:
        return self._reader.complete and self.fault is None

    @property
    def renderer(self) -> Renderer:
        """The renderer behind, for a converter that learns its frames."""
        return self._renderer

    def feed(self, data: bytes, now: float) -> bytes:
        if self.fault is not None:
            return b""
        return self._render(self._reader.feed(data), now)

    def close(self, now: float) -> bytes:
        if self.fault is not None:
            return b""
        rest = self._render(self._reader.close(), now)
        return rest + self._renderer.end(now) if self.complete else rest

    def _render(self, events: list[Event], now: float) -> bytes:
        for position, event in enumerate(events):
            kind = type(event)
            if kind is StreamFault:
                self.fault = event  # type: ignore[assignment]
                events = events[:position]
                break
            if kind is UsageUpdate and event.usage is not None:  # type: ignore[union-attr]
                self.usage = event.usage  # type: ignore[union-attr]
        return self._renderer.events(events, now) if events else b""
