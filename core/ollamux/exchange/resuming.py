"""A stream that another backend goes on with where the first one broke off.

Strategy: while a stream goes out, what it says is read beside it and kept (`Sent`): by `Witness` as long as it is the
first backend's, by `Going` after that. When it breaks, the request goes to another backend with that text as the
beginning of the model's own turn, and what comes back is written by the renderer of the client's format as if nothing
had happened: one that had nothing to write so far, since the stream passed through, first writes what was sent again,
into nothing, so that it stands where the client stands.

Rules: only text can be gone on with. Calls of tools, structured output, refusals and sealed thinking cannot, nor can a
text longer than `MOST`; thinking is not asked for a second time. A model's text is never sent twice: spaces at its end
are left out of the beginning, for backends cut them off or refuse them, and out of what comes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    CompletionRequest,
    Event,
    Finish,
    Message,
    ReasoningDelta,
    ReasoningOptions,
    Start,
    StreamFault,
    Text,
    TextDelta,
    Usage,
    UsageUpdate,
)
from ollamux.errors import OllamuxError
from ollamux.formats.base import Dialect, Neutral, Outgoing
from ollamux.streaming.translator import Converter, Delta, Reader

__all__ = ("MOST", "Going", "Sent", "Witness", "can_go_on", "with_prefill")

MOST = 1024 * 1024
"""Characters that are kept of an answer."""

_LETTERS = 4
"""Of a token, about."""


class Sent:
    """What a client has been sent of one answer. `usable` says whether another backend could go on with it,
    `chat` whether it answers a conversation, else a text, `closed` whether the client knows the text is over."""

    __slots__ = ("_reasoning", "_size", "_text", "chat", "closed", "gap", "start", "usable")

    def __init__(self, request: Neutral) -> None:
        whole = isinstance(request, ChatRequest) or (isinstance(request, CompletionRequest) and request.suffix is None)
        self.chat = isinstance(request, ChatRequest)
        self.usable = whole and getattr(request, "output", None) is None
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._size = 0
        self.start: Start | None = None
        self.gap = ""
        self.closed = False

    @property
    def text(self) -> str:
        """The text so far."""
        return "".join(self._text)

    @property
    def begun(self) -> bool:
        """Whether there is any text."""
        return bool(self._text)

    def note(self, events: Sequence[Event]) -> None:
        """These were sent."""
        for event in events:
            if isinstance(event, TextDelta):
                self._text.append(event.text)
                self._size += len(event.text)
            elif isinstance(event, ReasoningDelta):
                self._reasoning.append(event.text)
                self._size += len(event.text)
            elif isinstance(event, Start):
                self.start = self.start or event
            elif isinstance(event, StreamFault):
                break
            elif not isinstance(event, UsageUpdate):
                self.usable = False
        if self._size > MOST:
            self.usable = False
        if not self.usable:
            self._text.clear()
            self._reasoning.clear()

    @property
    def resumable(self) -> bool:
        """Whether another backend could go on now: not in the middle of thinking, nor behind the end of the text."""
        return self.usable and not self.closed and (bool(self._text) or not self._reasoning)

    def again(self) -> list[Event]:
        """What was sent, as events: for a renderer that was not there."""
        found: list[Event] = [self.start] if self.start is not None else []
        if self._reasoning:
            found.append(ReasoningDelta("".join(self._reasoning)))
        if self._text:
            found.append(TextDelta(self.text))
        return found

    def request(self, request: Neutral) -> Neutral:
        """The request by which a model goes on with what was sent; `gap` are the spaces at its end, which it is not
        told of and may write once more."""
        assert isinstance(request, ChatRequest | CompletionRequest)
        whole = self.text
        text = whole.rstrip() if isinstance(request, ChatRequest) else whole
        self.gap = whole[len(text) :]
        sampling = request.sampling
        if sampling.max_tokens is not None and sampling.max_tokens > 0:
            sampling = replace(sampling, max_tokens=max(1, sampling.max_tokens - self._size // _LETTERS))
        if isinstance(request, CompletionRequest):
            return replace(request, prompt=request.prompt + text, sampling=sampling)
        if not text:
            return request.having(sampling=sampling)
        messages = [*request.messages, Message("assistant", [Text(text)])]
        reasoning = request.reasoning
        if reasoning is not None or self._reasoning:
            reasoning = ReasoningOptions(enabled=False)
        return request.having(messages=messages, sampling=sampling, reasoning=reasoning)


class Witness:
    """A converter, and beside it a reader of the same bytes that notes what goes out. `block` are the lines by which
    the client's format opens and closes a text, where it does."""

    __slots__ = ("_block", "_converter", "_reader", "_sent", "fault", "usage")

    def __init__(
        self, converter: Converter, reader: Reader, sent: Sent, block: tuple[bytes, bytes] | None = None
    ) -> None:
        self._block = block
        self._converter = converter
        self._reader = reader
        self._sent = sent
        self.fault: StreamFault | None = None
        self.usage: Usage | None = None

    @property
    def complete(self) -> bool:
        """The converter's."""
        return self._converter.complete

    @property
    def finish(self) -> Finish | None:
        """The converter's, where it knows."""
        return getattr(self._converter, "finish", None)

    def feed(self, data: bytes, now: float) -> bytes:
        """Converts, and notes."""
        out = self._converter.feed(data, now)
        self._note(data)
        if self._block is not None and out:
            opened, closed = (out.rfind(line) for line in self._block)
            if opened != closed:  # else neither is there
                self._sent.closed = closed > opened
        return out

    def close(self, now: float) -> bytes:
        """Converts the rest, and notes it."""
        out = self._converter.close(now)
        self._note(None)
        return out

    def _note(self, data: bytes | None) -> None:
        converter = self._converter
        self.fault, self.usage = converter.fault, converter.usage
        if self._sent.usable:
            try:
                self._sent.note(self._reader.close() if data is None else self._reader.feed(data))
            except (OllamuxError, RecursionError):  # whether that matters is the converter's to say
                self._sent.usable = False


class Going:
    """A reader of the stream that goes on: without its start and without more thinking, and noted as sent. The spaces
    that were sent already are not sent again."""

    __slots__ = ("_gap", "_reader", "_sent", "complete")

    def __init__(self, reader: Reader, sent: Sent) -> None:
        self.complete = False
        self._reader = reader
        self._sent = sent
        self._gap = sent.gap

    def feed(self, data: bytes) -> list[Event]:
        """The events that go out."""
        return self._passed(self._reader.feed(data))

    def close(self) -> list[Event]:
        """Those of the last line."""
        return self._passed(self._reader.close())

    def texts(self, delta: Delta) -> list[str] | None:
        """Nobody reads in its place."""
        return None

    def _passed(self, events: list[Event]) -> list[Event]:
        self.complete = self._reader.complete
        found: list[Event] = []
        for event in events:
            if isinstance(event, Start | ReasoningDelta):
                continue
            if isinstance(event, TextDelta) and self._gap:
                event = self._without_gap(event)
                if not event.text:
                    continue
            found.append(event)
        self._sent.note(found)
        return found

    def _without_gap(self, event: TextDelta) -> TextDelta:
        text = event.text
        while self._gap and text and text[0] == self._gap[0]:
            text, self._gap = text[1:], self._gap[1:]
        if text:
            self._gap = ""
        return replace(event, text=text) if text != event.text else event


def can_go_on(sent: Sent, dialect: Dialect) -> bool:
    """Whether a backend of this dialect goes on with a text that was sent."""
    if not sent.begun:
        return True
    return dialect.prefill is not None if sent.chat else dialect.completions


def with_prefill(outgoing: Outgoing, dialect: Dialect) -> Outgoing:
    """A request that ends with the beginning of the answer, with what this backend has to be told of that."""
    members: dict[str, Any] = dialect.prefill or {}
    if not members:
        return outgoing
    from ollamux.formats import splice

    values = {name: msgspec.json.encode(value) for name, value in members.items()}
    return outgoing.with_body(splice.replace(outgoing.body, values))
