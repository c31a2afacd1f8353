"""The general way to turn a backend's stream into a client's: a reader, a renderer, and the neutral events between.

Strategy: bytes in, events, bytes out, whatever one read brought at once. It is complete and slow; the compiled
converters stand in front of it, hand it whatever they do not recognise, and are tested against it.

Rules: a converter is fed bytes as they come, cut anywhere; it never renders a fault by itself, since whether another
backend may still take over is not its to know: it stops, and keeps the fault for whoever drives it. `complete` says
whether the backend ended as its format ends; bytes that stop without that are a broken stream.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

import msgspec

from ollamux.conversation import (
    Event,
    Finish,
    ReasoningDelta,
    Start,
    StreamFault,
    TextDelta,
    ToolCallDelta,
    Usage,
    UsageUpdate,
)
from ollamux.errors import OllamuxError

__all__ = ("NUMBER", "STAMP", "TEXT", "Converter", "Counter", "Delta", "Frame", "Reader", "Renderer", "Translator")

TEXT, STAMP, NUMBER = range(3)
"""What stands between the bytes of a frame: the text as the inside of a JSON string, the time, the event's number."""

Delta: TypeAlias = TextDelta | ReasoningDelta | ToolCallDelta
"""An event that is nothing but more text of some kind."""


class Reader(Protocol):
    """Reads a backend's stream. `complete` turns true with a finish reason or the format's own end."""

    complete: bool

    def feed(self, data: bytes) -> list[Event]:
        """The events that these bytes complete."""
        ...

    def close(self) -> list[Event]:
        """The bytes have ended: the events that a last, unterminated line still held."""
        ...

    def texts(self, delta: Delta) -> list[str] | None:
        """Where the reader keeps the text of deltas like this one, or None: whoever reads in its place adds to it."""
        ...


class Counter:
    """What numbers events: `number` is the next one's."""

    __slots__ = ("number",)

    def __init__(self, number: int = 0) -> None:
        self.number = number


class Frame(msgspec.Struct, frozen=True):
    """What a renderer writes for a delta, where that depends on nothing but the text: bytes, and TEXT, STAMP or NUMBER
    between them, any number of times. `html` says that the text is spelled with `<`, `>`, `&`, U+2028 and U+2029 as
    escapes. Whoever writes by the frame adds the texts to `texts`, and counts the events with `counter`."""

    pieces: tuple[bytes | int, ...]
    html: bool = False
    texts: list[str] | None = None
    counter: Counter | None = None


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

    def frame(self, delta: Delta) -> Frame | None:
        """How deltas like this one (of its kind, and of its call; without signature or log probabilities) are rendered
        from here on, whatever their text, which is never empty; None where it depends on more."""
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
    """Converts through the neutral events. `delta` is what the last feed brought, if that was one delta and nothing
    that changes what follows it; `told` says that it also told of usage, `finish` is why the model stopped."""

    __slots__ = ("_reader", "_renderer", "delta", "fault", "finish", "told", "usage")

    def __init__(self, reader: Reader, renderer: Renderer) -> None:
        self._reader = reader
        self._renderer = renderer
        self.delta: Delta | None = None
        self.told = False
        self.fault: StreamFault | None = None
        self.finish: Finish | None = None
        self.usage: Usage | None = None

    @property
    def complete(self) -> bool:
        return self._reader.complete and self.fault is None

    @property
    def reader(self) -> Reader:
        """The reader in front."""
        return self._reader

    @property
    def renderer(self) -> Renderer:
        """The renderer behind."""
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

    def tell(self, data: bytes, now: float) -> None:
        """Takes from a whole event that somebody else converted what it tells of usage."""
        for event in self._reader.feed(data):
            if isinstance(event, UsageUpdate):
                self.usage = event.usage or self.usage
                self._renderer.events([event], now)

    def _render(self, events: list[Event], now: float) -> bytes:
        delta = None
        alone = True
        told = False
        for position, event in enumerate(events):
            kind = type(event)
            if kind is TextDelta or kind is ReasoningDelta or kind is ToolCallDelta:
                alone = alone and delta is None
                delta = event
            elif kind is UsageUpdate:
                told = True
                if event.usage is not None:  # type: ignore[union-attr]
                    self.usage = event.usage  # type: ignore[union-attr]
            elif kind is StreamFault:
                self.fault = event  # type: ignore[assignment]
                events = events[:position]
                alone = False
                break
            elif kind is not Start:
                alone = False
                if kind is Finish:
                    self.finish = event  # type: ignore[assignment]
        self.delta = delta if alone else None  # type: ignore[assignment]
        self.told = told
        return self._renderer.events(events, now) if events else b""
