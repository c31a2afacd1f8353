"""Gemini's stream passed through: responses in, the same responses out.

Strategy: a response is decoded as far as has to be known of it (whether it is an error, whether the model has stopped,
what it cost) and goes on byte for byte but for the model's name, where the client used another.

Rules: an error is a fault and is not passed on, nor is anything after it; a finish reason, or a prompt that is blocked,
makes a stream complete; comments are not passed on, since Google's own client takes them for data.
"""

from __future__ import annotations

import re

import msgspec

from ollamux.conversation import StreamFault, Usage
from ollamux.formats.failures import unreadable
from ollamux.formats.gemini import schema
from ollamux.formats.gemini.array_stream import ArrayDecoder
from ollamux.formats.gemini.faults import stream_fault
from ollamux.formats.gemini.framing import Frames
from ollamux.formats.gemini.reading import usage_of
from ollamux.formats.splice import replace
from ollamux.streaming.framing import SseDecoder

__all__ = ("GeminiRelay", "renamed")


class _Candidate(msgspec.Struct, gc=False, rename="camel"):
    finish_reason: str | None = None
    index: int | None = None


class _Outline(msgspec.Struct, gc=False, rename="camel"):
    candidates: list[_Candidate] | None = None
    prompt_feedback: schema.Feedback | None = None
    usage_metadata: schema.Usage | None = None
    model_version: str | None = None
    error: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Outline).decode
_NOTHING = (b"", b"null")
_VERSION = re.compile(rb'"modelVersion"\s*:\s*("[^"\\]*(?:\\.[^"\\]*)*")')


class GeminiRelay:
    """Passes a stream on under the client's name for the model. Meets `Converter`."""

    __slots__ = ("_array", "_decoder", "_finished", "_frames", "_name", "_seen", "fault", "usage")

    def __init__(self, frames: Frames, upstream_model: str, client_model: str) -> None:
        self._frames = frames
        self._decoder = SseDecoder()
        self._array = ArrayDecoder()
        self._name = b"" if upstream_model == client_model else msgspec.json.encode(client_model)
        self._seen: set[int] = set()
        self._finished: set[int] = set()
        self.fault: StreamFault | None = None
        self.usage: Usage | None = None

    @property
    def complete(self) -> bool:
        """Whether every candidate has finished, or the prompt was refused."""
        return self.fault is None and bool(self._finished) and self._seen <= self._finished

    def feed(self, data: bytes, now: float) -> bytes:
        """The responses that these bytes complete. Raises FrameTooLarge."""
        if self.fault is not None:
            return b""
        if self._frames.events:
            return self._pass([payload for _, payload in self._decoder.feed(data)], last=False)
        return self._pass(self._array.feed(data), last=False)

    def close(self, now: float) -> bytes:
        """The last response, if it lacked its blank line and is whole all the same; the end, where it is one."""
        if self.fault is not None:
            return b""
        rest = self._pass([payload for _, payload in self._decoder.close()], last=True)
        return rest + self._frames.end() if self.complete else rest

    def _pass(self, payloads: list[bytes], *, last: bool) -> bytes:
        passed: list[bytes] = []
        for payload in payloads:
            try:
                outline = _decode(payload)
            except (msgspec.DecodeError, UnicodeDecodeError):
                if not last and payload.strip():
                    self.fault = StreamFault(unreadable(payload, "an event").message, 502)
                    break
                continue
            if bytes(outline.error) not in _NOTHING:
                self.fault = stream_fault(bytes(outline.error))
                break
            self._note(outline)
            renamed_ = renamed(payload, self._name) if outline.model_version is not None else payload
            passed.append(self._frames.piece(renamed_))
        return b"".join(passed)

    def _note(self, outline: _Outline) -> None:
        for candidate in outline.candidates or ():
            self._seen.add(candidate.index or 0)
            if candidate.finish_reason:
                self._finished.add(candidate.index or 0)
        feedback = outline.prompt_feedback
        if not outline.candidates and feedback is not None and feedback.block_reason:
            self._seen.add(0)
            self._finished.add(0)
        if outline.usage_metadata is not None:
            self.usage = usage_of(outline.usage_metadata)


def renamed(body: bytes, name: bytes) -> bytes:
    """A response with the `modelVersion` that it has replaced by `name` (JSON text); as it is where that is empty."""
    if not name:
        return body
    found = list(_VERSION.finditer(body))
    if len(found) == 1:  # then it is the outermost one
        return body[: found[0].start(1)] + name + body[found[0].end(1) :]
    return replace(body, {"modelVersion": name})
