"""Several choices as OpenAI tells them, where a backend answers with one at a time.

Strategy: each choice has a renderer of its own, whose bytes get the choice's number; what is told once (the id, the
usage, `[DONE]`) is told by the last.

Rules: the number stands at the same place of every chunk and of every whole answer, where no text of a model can be, so
it is changed as bytes; all choices have one id and one moment; the usage is that of all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from ollamux.conversation import Answer, Event, Start, Usage, UsageUpdate, total
from ollamux.errors import BackendError, InvalidRequest, OllamuxError
from ollamux.formats.base import RenderContext, WholeRenderer
from ollamux.streaming.translator import Delta, Frame

__all__ = ("ChoicesRenderer", "choices_of")

_DONE = b"data: [DONE]\n\n"
_FIRST = b'"choices":[{"index":0'
_NUMBERED = b'"choices":[{"index":%d'
_MOST = 16
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_choices = msgspec.json.Decoder(list[msgspec.Raw]).decode


def choices_of(n: int | None, name: str = "n") -> int:
    """How many are asked for. Raises InvalidRequest where it is none, or more than are called for."""
    if n is not None and not 1 <= n <= _MOST:
        raise InvalidRequest(f"{name} must be between 1 and {_MOST} for this model's backend", param=name)
    return n or 1


class ChoicesRenderer:
    """Writes `count` answers as one. `make` gives what writes one of them; True: it tells the usage of a stream."""

    __slots__ = ("_at", "_context", "_count", "_include_usage", "_make", "_one", "_start", "_told", "_usages")

    def __init__(
        self, context: RenderContext, make: Callable[[bool], WholeRenderer], count: int, *, include_usage: bool
    ) -> None:
        self._context = context
        self._make: Callable[[bool], WholeRenderer] = make
        self._count = count
        self._include_usage = include_usage
        self._at = 0
        self._one: WholeRenderer = make(include_usage and count == 1)
        self._start: Start | None = None
        self._told = False
        self._usages: list[Usage | None] = [None] * count

    def events(self, events: list[Event], now: float) -> bytes:
        passed: list[Event] = []
        for event in events:
            if isinstance(event, UsageUpdate):
                self._usages[self._at] = event.usage or self._usages[self._at]
            elif isinstance(event, Start):
                self._tell(event, passed, now)
            else:
                self._tell(Start(), passed, now)
                passed.append(event)
        return self._numbered(self._one.events(passed, now))

    def end(self, now: float) -> bytes:
        """The end of this choice, and after the last one of the stream. Raises BackendError where the choice is none
        that can be told."""
        begun: list[Event] = []
        self._tell(Start(), begun, now)
        last = self._at + 1 == self._count
        if last:
            begun.append(UsageUpdate(total(self._usages)))
        out = self._one.events(begun, now) + self._one.end(now)
        if not out.endswith(_DONE):
            raise BackendError("the model's answer was malformed", status=502)
        out = self._numbered(out)
        if last:
            return out
        self._at += 1
        self._told = False
        self._one = self._make(self._include_usage and self._at + 1 == self._count)
        return out.removesuffix(_DONE)

    def fault(self, error: OllamuxError) -> bytes:
        return self._one.fault(error)

    def keepalive(self, now: float) -> bytes:
        return self._one.keepalive(now)

    def frame(self, delta: Delta) -> Frame | None:
        frame = self._one.frame(delta) if self._told else None
        if frame is None or not self._at:
            return frame
        pieces = tuple(self._numbered(piece) if isinstance(piece, bytes) else piece for piece in frame.pieces)
        return replace(frame, pieces=pieces)

    def whole_of(self, answers: Sequence[Answer], now: float) -> bytes:
        """The choices as one whole answer."""
        usage = total([answer.usage for answer in answers])
        bodies = [_decode(self._make(False).whole(answer.having(answer.parts, usage), now)) for answer in answers]
        choices = [bytes(_decode_choices(body["choices"])[0]) for body in bodies]
        first: dict[str, Any] = dict(bodies[0])
        first["choices"] = [
            msgspec.Raw(choice.replace(b'{"index":0', b'{"index":%d' % place, 1))
            for place, choice in enumerate(choices)
        ]
        return _encode(first)

    def _tell(self, start: Start, passed: list[Event], now: float) -> None:
        """Begins a choice, with the id and the moment of the first."""
        if self._told:
            return
        self._told = True
        if self._start is None:
            self._start = replace(start, created=start.created or int(self._context.clock.unix(now)))
        passed.append(self._start)

    def _numbered(self, out: bytes) -> bytes:
        return out.replace(_FIRST, _NUMBERED % self._at) if self._at else out
