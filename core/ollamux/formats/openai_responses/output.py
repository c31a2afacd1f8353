"""The items of an answer as they grow, and the events that tell of them.

Strategy: `Output` takes pieces in the order in which they come and gives the events. The item at the front is open and
its events go out at once; items behind it collect what is theirs, and catch up when the front one is closed. An item
other than a call closes as soon as something follows it; a call, when its arguments are whole or everything has ended,
since some backends write several calls at once.

Rules: one item is open at a time, each is closed once; sequence numbers rise by one; what a client did not ask to see
(signatures) stands in what is stored and not in what it gets.
"""

from __future__ import annotations

from typing import Any, TypeAlias

import msgspec

from ollamux.conversation import LogProb, Opaque, ReasoningDelta, TextDelta
from ollamux.formats.openai_responses.signatures import carry
from ollamux.formats.openai_responses.tools import Known, Toolbox, free_text
from ollamux.streaming.translator import NUMBER, TEXT, Counter, Delta, Frame

__all__ = ("Events", "Output")

_encode = msgspec.json.Encoder().encode
_NO_TOKENS = b',"logprobs":[]}\n\n'


class Events(Counter):
    """Writes events, and counts them. Those of one answer share the counter. None are written while `muted`."""

    __slots__ = ("muted", "pieces")

    def __init__(self, number: int = 0) -> None:
        super().__init__(number)
        self.muted = False
        self.pieces: list[bytes] = []

    def add(self, kind: str, members: dict[str, Any]) -> None:
        if self.muted:
            return
        data = _encode({"type": kind, "sequence_number": self.number, **members})
        self.number += 1
        self.pieces.append(b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n")

    def delta(self, frame: tuple[bytes, bytes], text: str, after: bytes = b"}\n\n") -> None:
        """An event that `frame` prepared, with this piece of text."""
        if self.muted:
            return
        before, between = frame
        self.pieces.append(b"%b%d%b%b%b" % (before, self.number, between, _encode(text), after))
        self.number += 1

    def taken(self) -> bytes:
        """What was added since the last time."""
        out = b"".join(self.pieces)
        self.pieces.clear()
        return out


def _frame(kind: str, members: dict[str, Any]) -> tuple[bytes, bytes]:
    """The bytes around the number and in front of the text of a delta."""
    name = kind.encode()
    before = b"event: " + name + b'\ndata: {"type":"' + name + b'","sequence_number":'
    return before, b"," + _encode(members)[1:-1] + b',"delta":'


def _delta_of(frame: tuple[bytes, bytes], texts: list[str], events: Events, after: bytes = b"}\n\n") -> Frame:
    before, between = frame
    return Frame((before, NUMBER, between + b'"', TEXT, b'"' + after), texts=texts, counter=events)


class _Item:
    """An item. `live` says that its events go out, `index` is then its place in the output."""

    __slots__ = ("closed", "id", "index", "live")

    def __init__(self, id_: str) -> None:
        self.id = id_
        self.index = -1
        self.live = False
        self.closed = False

    @property
    def whole(self) -> bool:
        """Whether nothing can follow in it once something follows after it."""
        return True

    @property
    def hidden(self) -> bool:
        """Whether it holds nothing that a client is shown."""
        return False

    def at(self) -> dict[str, Any]:
        return {"item_id": self.id, "output_index": self.index}


class MessageItem(_Item):
    """Text and refusals, part by part."""

    __slots__ = ("_delta_frame", "_parts", "_texts", "_tokens")

    def __init__(self, id_: str) -> None:
        super().__init__(id_)
        self._delta_frame = (b"", b"")
        self._parts: list[dict[str, Any]] = []
        self._texts: list[str] = []
        self._tokens: list[dict[str, Any]] = []

    def add(self, events: Events, word: str, text: str, logprobs: tuple[LogProb, ...] | None) -> None:
        """More of a part; `word` is text or refusal."""
        kind = "output_text" if word == "text" else "refusal"
        if not self._parts or self._parts[-1]["type"] != kind:
            self._close(events)
            self._open(events, kind, word)
        self._texts.append(text)
        tokens = [_token(one) for one in logprobs or ()]
        self._tokens += tokens
        if self.live:
            self._delta(events, text, tokens)

    def frame(self, events: Events) -> Frame | None:
        """What more text is written as, without log probabilities."""
        if not self._parts or self._parts[-1]["type"] != "output_text":
            return None
        return _delta_of(self._delta_frame, self._texts, events, _NO_TOKENS)

    def begin(self, events: Events) -> None:
        item = {"id": self.id, "type": "message", "status": "in_progress", "role": "assistant", "content": list[Any]()}
        events.add("response.output_item.added", {"output_index": self.index, "item": item})
        parts, self._parts = self._parts, []
        for part in parts:
            word = "text" if part["type"] == "output_text" else "refusal"
            last = part is parts[-1]
            text, tokens = ("".join(self._texts), self._tokens) if last else (part[word], part.get("logprobs", []))
            self._parts.append(part)
            self._tell_part(events, "added", {**part, word: "", **({"logprobs": []} if word == "text" else {})})
            self._delta(events, text, tokens)
            if not last:
                self._done(events, part)

    def finish(self, events: Events, status: str) -> None:
        self._close(events)
        events.add("response.output_item.done", {"output_index": self.index, "item": self.value(status, full=False)})

    def value(self, status: str, *, full: bool) -> dict[str, Any]:
        self._settle()
        return {"id": self.id, "type": "message", "status": status, "role": "assistant", "content": self._parts}

    def _open(self, events: Events, kind: str, word: str) -> None:
        part: dict[str, Any] = {"type": kind, word: ""}
        if word == "text":
            part |= {"annotations": [], "logprobs": []}
        self._parts.append(part)
        self._texts, self._tokens = [], []
        if self.live:
            self._tell_part(events, "added", part)

    def _close(self, events: Events) -> None:
        self._settle()
        if self.live and self._parts:
            self._done(events, self._parts[-1])

    def _settle(self) -> None:
        """Puts the pieces of the last part together."""
        if self._parts:
            part = self._parts[-1]
            word = "text" if part["type"] == "output_text" else "refusal"
            settled = {**part, word: "".join(self._texts)}
            if word == "text":
                settled["logprobs"] = list(self._tokens)
            self._parts[-1] = settled

    def _delta(self, events: Events, text: str, tokens: list[dict[str, Any]]) -> None:
        if self._parts[-1]["type"] != "output_text":
            events.delta(self._delta_frame, text)
        elif tokens:
            events.delta(self._delta_frame, text, b',"logprobs":' + _encode(tokens) + b"}\n\n")
        else:
            events.delta(self._delta_frame, text, _NO_TOKENS)

    def _done(self, events: Events, part: dict[str, Any]) -> None:
        told = {**self.at(), "content_index": len(self._parts) - 1}
        if part["type"] == "output_text":
            events.add("response.output_text.done", {**told, "text": part["text"], "logprobs": part["logprobs"]})
        else:
            events.add("response.refusal.done", {**told, "refusal": part["refusal"]})
        self._tell_part(events, "done", part)

    def _tell_part(self, events: Events, what: str, part: dict[str, Any]) -> None:
        at = {**self.at(), "content_index": len(self._parts) - 1}
        events.add(f"response.content_part.{what}", {**at, "part": part})
        kind = "output_text" if part["type"] == "output_text" else "refusal"
        self._delta_frame = _frame(f"response.{kind}.delta", at)


class ReasoningItem(_Item):
    """Thinking: a summary where the client asked for one, else the text itself."""

    __slots__ = ("_carried", "_delta_frame", "_shown", "_summary", "_texts", "_told")

    def __init__(self, id_: str, carried: str | None = None, *, summary: bool, shown: bool) -> None:
        super().__init__(id_)
        self._delta_frame = (b"", b"")
        self._summary = summary
        self._shown = shown
        self._texts: list[str] = []
        self._told = False
        self._carried = carried

    @property
    def hidden(self) -> bool:
        return not self._shown and self.signed and not self._texts

    @property
    def signed(self) -> bool:
        """Whether its signature has come, which is its end."""
        return self._carried is not None

    def sign(self, carried: str) -> None:
        """What goes into `encrypted_content`."""
        self._carried = carried

    def add(self, events: Events, text: str) -> None:
        """More of it."""
        self._texts.append(text)
        if self.live:
            self._delta(events, text)

    def frame(self, events: Events) -> Frame | None:
        """What more thinking is written as."""
        return _delta_of(self._delta_frame, self._texts, events) if self._told and not self.signed else None

    def begin(self, events: Events) -> None:
        item: dict[str, Any] = {"id": self.id, "type": "reasoning", "summary": []}
        if not self._summary:
            item["content"] = []
        events.add("response.output_item.added", {"output_index": self.index, "item": item})
        if text := "".join(self._texts):
            self._delta(events, text)

    def finish(self, events: Events, status: str) -> None:
        if self._told:
            text = "".join(self._texts)
            at = self._at()
            if self._summary:
                events.add("response.reasoning_summary_text.done", {**at, "text": text})
                part = {"type": "summary_text", "text": text}
                events.add("response.reasoning_summary_part.done", {**at, "part": part})
            else:
                events.add("response.reasoning_text.done", {**at, "text": text})
                part = {"type": "reasoning_text", "text": text}
                events.add("response.content_part.done", {**at, "part": part})
        events.add("response.output_item.done", {"output_index": self.index, "item": self.value(status, full=False)})

    def value(self, status: str, *, full: bool) -> dict[str, Any]:
        text = "".join(self._texts)
        item: dict[str, Any] = {"id": self.id, "type": "reasoning", "summary": []}
        if self._summary:
            item["summary"] = [{"type": "summary_text", "text": text}] if text else []
        else:
            item["content"] = [{"type": "reasoning_text", "text": text}] if text else []
        if self._carried is not None and (self._shown or full):
            item["encrypted_content"] = self._carried
        return item

    def _at(self) -> dict[str, Any]:
        return {**self.at(), "summary_index" if self._summary else "content_index": 0}

    def _delta(self, events: Events, text: str) -> None:
        at = self._at()
        if not self._told:
            self._told = True
            if self._summary:
                part = {"type": "summary_text", "text": ""}
                events.add("response.reasoning_summary_part.added", {**at, "part": part})
            else:
                events.add("response.content_part.added", {**at, "part": {"type": "reasoning_text", "text": ""}})
            kind = "reasoning_summary_text" if self._summary else "reasoning_text"
            self._delta_frame = _frame(f"response.{kind}.delta", at)
        events.delta(self._delta_frame, text)


class CallItem(_Item):
    """A call of a function, or of a custom tool behind a function, whose input is told in one piece."""

    __slots__ = ("_arguments", "_call_id", "_delta_frame", "_known")

    def __init__(self, id_: str, call_id: str, known: Known) -> None:
        super().__init__(id_)
        self._call_id = call_id
        self._known = known
        self._delta_frame = (b"", b"")
        self._arguments: list[str] = []

    @property
    def whole(self) -> bool:
        try:
            msgspec.json.decode("".join(self._arguments), type=msgspec.Raw)
        except (ValueError, RecursionError):
            return False
        return True

    def add(self, events: Events, arguments: str) -> None:
        """More of its arguments."""
        self._arguments.append(arguments)
        if self.live and not self._known.custom:
            events.delta(self._delta_frame, arguments)

    def frame(self, events: Events) -> Frame | None:
        """What more of its arguments is written as."""
        if self._known.custom:
            return Frame((), texts=self._arguments)
        return _delta_of(self._delta_frame, self._arguments, events)

    def begin(self, events: Events) -> None:
        item = {**self.value("in_progress", full=False), "input" if self._known.custom else "arguments": ""}
        events.add("response.output_item.added", {"output_index": self.index, "item": item})
        self._delta_frame = _frame("response.function_call_arguments.delta", self.at())
        arguments = "".join(self._arguments)
        if arguments and not self._known.custom:
            events.delta(self._delta_frame, arguments)

    def finish(self, events: Events, status: str) -> None:
        item = self.value(status, full=False)
        if self._known.custom:
            if item["input"]:
                events.add("response.custom_tool_call_input.delta", {**self.at(), "delta": item["input"]})
            events.add("response.custom_tool_call_input.done", {**self.at(), "input": item["input"]})
        else:
            told = {"name": item["name"], "arguments": item["arguments"]}
            events.add("response.function_call_arguments.done", {**self.at(), **told})
        events.add("response.output_item.done", {"output_index": self.index, "item": item})

    def value(self, status: str, *, full: bool) -> dict[str, Any]:
        known = self._known
        kind = "custom_tool_call" if known.custom else "function_call"
        item: dict[str, Any] = {"id": self.id, "type": kind, "status": status, "call_id": self._call_id}
        item["name"] = known.name
        if known.namespace:
            item["namespace"] = known.namespace
        arguments = "".join(self._arguments)
        if known.custom:
            item["input"] = free_text(arguments) if arguments else ""
        else:
            item["arguments"] = arguments if arguments.strip() or status == "in_progress" else "{}"
        return item


_AnyItem: TypeAlias = MessageItem | ReasoningItem | CallItem


class Output:
    """The items of one answer. `summary`: thinking is told as a summary; `shown`: with its signatures."""

    __slots__ = ("_base", "_calls", "_closed", "_count", "_events", "_hidden", "_queue", "_shown", "_summary", "_tools")

    def __init__(self, base: str, events: Events, toolbox: Toolbox, *, summary: bool, shown: bool) -> None:
        self._base = base
        self._events = events
        self._tools = toolbox
        self._summary = summary
        self._shown = shown
        self._queue: list[_AnyItem] = []
        self._calls: dict[int, CallItem] = {}
        self._closed: list[tuple[_AnyItem, str]] = []
        self._hidden: set[str] = set()
        self._count = 0

    @property
    def values(self) -> list[dict[str, Any]]:
        """The items that are closed, as the client has them."""
        return [item.value(status, full=False) for item, status in self._closed if item.id not in self._hidden]

    @property
    def stored(self) -> list[dict[str, Any]]:
        """The items that are closed, with all that is known of them."""
        return [item.value(status, full=True) for item, status in self._closed]

    def text(self, text: str, logprobs: tuple[LogProb, ...] | None = None, *, refusal: bool = False) -> None:
        last = self._queue[-1] if self._queue else None
        if not isinstance(last, MessageItem):
            last = MessageItem(self._new("msg"))
            self._put(last)
        last.add(self._events, "refusal" if refusal else "text", text, logprobs)

    def reasoning(self, text: str, signature: Opaque | None = None) -> None:
        last = self._queue[-1] if self._queue else None
        open_ = last if isinstance(last, ReasoningItem) and not last.signed else None
        if text:
            if open_ is None:
                open_ = ReasoningItem(self._new("rs"), summary=self._summary, shown=self._shown)
                self._put(open_)
            open_.add(self._events, text)
        if signature is not None:
            if open_ is None:
                self._carried(carry(signature))
            else:
                open_.sign(carry(signature))

    def redacted(self, content: Opaque) -> None:
        self._carried(carry(content, "redacted"))

    def call(self, index: int, call_id: str, name: str, signature: Opaque | None) -> None:
        if signature is not None:
            self._carried(carry(signature, "call", call_id))
        known = self._tools.known(name)
        item = CallItem(self._new("ctc" if known.custom else "fc"), call_id, known)
        self._calls[index] = item
        self._put(item)

    def arguments(self, index: int, text: str) -> None:
        item = self._calls.get(index)
        if item is not None and text and not item.closed:
            item.add(self._events, text)
            if len(self._queue) > 1:
                self._advance()

    def frame(self, delta: Delta) -> Frame | None:
        """How such a delta is told, where it goes to the only item that is not closed."""
        if len(self._queue) != 1 or not self._queue[0].live:
            return None
        item = self._queue[0]
        if isinstance(delta, TextDelta):
            fits = isinstance(item, MessageItem)
        elif isinstance(delta, ReasoningDelta):
            fits = isinstance(item, ReasoningItem)
        else:
            fits = item is self._calls.get(delta.index)
        return item.frame(self._events) if fits else None

    def end(self, *, incomplete: bool) -> None:
        """Closes what is open; the last item is marked where the answer is cut."""
        while self._queue:
            cut = incomplete and len(self._queue) == 1
            self._close("incomplete" if cut else "completed")

    def _carried(self, text: str) -> None:
        self._put(ReasoningItem(self._new("rs"), text, summary=self._summary, shown=self._shown))

    def _put(self, item: _AnyItem) -> None:
        self._queue.append(item)
        self._advance()
        self._go_on()

    def _advance(self) -> None:
        """Closes what is over, now that something follows it."""
        while len(self._queue) > 1 and self._queue[0].whole:
            self._close("completed")

    def _close(self, status: str) -> None:
        item = self._queue.pop(0)
        item.closed = True
        if item.live:
            item.finish(self._events, status)
        self._closed.append((item, status))
        self._go_on()

    def _go_on(self) -> None:
        """The item at the front goes live, unless there is nothing in it to show."""
        if not self._queue or self._queue[0].live:
            return
        item = self._queue[0]
        if item.hidden:
            self._hidden.add(item.id)
            return
        item.index = sum(1 for closed, _ in self._closed if closed.id not in self._hidden)
        item.live = True
        item.begin(self._events)

    def _new(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}_{self._base}{self._count:04x}"


def _token(one: LogProb) -> dict[str, Any]:
    return {**_plain(one), "top_logprobs": [_plain(other) for other in one.top]}


def _plain(one: LogProb) -> dict[str, Any]:
    data = list(one.token.encode("utf-8", "surrogatepass") if one.bytes is None else one.bytes)
    return {"token": one.token, "logprob": one.logprob, "bytes": data}
