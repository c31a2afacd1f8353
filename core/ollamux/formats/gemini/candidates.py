"""Several candidates as Google tells them, where a backend answers with one at a time.

Strategy: each candidate has a renderer of its own, which knows its number; all of them share the frames of the stream
and the id of the response.

Rules: the usage is that of all candidates, and is told once, with the end of the last one.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from ollamux.conversation import Answer, Event, Start, Usage, UsageUpdate, total
from ollamux.errors import InvalidRequest, OllamuxError
from ollamux.formats.base import RenderContext
from ollamux.formats.gemini.fields import Fields
from ollamux.formats.gemini.framing import Frames
from ollamux.formats.gemini.rendering import GeminiRenderer
from ollamux.streaming.translator import Delta, Frame

__all__ = ("CandidatesRenderer", "candidates_in", "candidates_of")

_MOST = 8


def candidates_of(config: Fields | None) -> int:
    """How many are asked for. Raises InvalidRequest where it is none, or more than Google gives."""
    count = config.integer("candidateCount") if config is not None else None
    if config is not None and count is not None and not 0 <= count <= _MOST:
        raise config.bad("candidateCount", f"a number from 1 to {_MOST}")
    return count or 1


def candidates_in(fields: Fields) -> int:
    """The same of a request that may be passed on, where it is for the backend to judge it."""
    try:
        return candidates_of(fields.fields("generationConfig"))
    except InvalidRequest:
        return 1


class CandidatesRenderer:
    """Writes `count` answers as one."""

    __slots__ = ("_at", "_context", "_count", "_frames", "_one", "_start", "_usages")

    def __init__(self, context: RenderContext, frames: Frames, count: int) -> None:
        self._context = context
        self._frames = frames
        self._count = count
        self._at = 0
        self._one = GeminiRenderer(context, frames)
        self._start: Start | None = None
        self._usages: list[Usage | None] = [None] * count

    def events(self, events: list[Event], now: float) -> bytes:
        passed: list[Event] = []
        for event in events:
            if isinstance(event, UsageUpdate):
                self._usages[self._at] = event.usage or self._usages[self._at]
            elif isinstance(event, Start):
                self._start = self._start or event
                passed.append(replace(event, id=self._start.id))
            else:
                passed.append(event)
        return self._one.events(passed, now)

    def end(self, now: float) -> bytes:
        """The end of this candidate, and after the last one of the stream."""
        last = self._at + 1 == self._count
        if last:
            self._one.events([UsageUpdate(total(self._usages))], now)
            return self._one.end(now)
        out = self._one.close()
        self._at += 1
        self._one = GeminiRenderer(self._context, self._frames, index=self._at)
        return out

    def fault(self, error: OllamuxError) -> bytes:
        return self._one.fault(error)

    def keepalive(self, now: float) -> bytes:
        return self._one.keepalive(now)

    def frame(self, delta: Delta) -> Frame | None:
        return self._one.frame(delta)

    def whole_of(self, answers: Sequence[Answer], now: float) -> bytes:
        """The candidates as one whole answer."""
        return self._one.whole_of(answers)
