"""OpenAI's chat stream passed through: server-sent events in, the same events out, with what a backend left out.

Strategy: an event is decoded as far as has to be known of it (who speaks, who has finished, what it cost, whether it
is an error) and goes on byte for byte. What must change is changed in the text, by hand where that is unambiguous.

Rules:
- only whole events are passed on, with LF and a blank line behind each; comments stay comments;
- an error is a fault and is not passed on, nor is anything after it, nor half an event that it came in the middle of;
- the first delta of a choice names the role, since some servers leave out the event that does;
- an answer has an id, the one that is given here where the server writes an empty one;
- every call has an index of its own: one that lacks it gets the next, and so does one that takes another call's;
- what a stream cost is counted, and hidden from a client that did not ask for it;
- a finish reason or `[DONE]` makes a stream complete, and then the client gets both: `stop`, or `tool_calls` after a
  tool call, in front of a lone `[DONE]`, and `[DONE]` behind a lone finish reason. Without either nothing is made up.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from ollamux.conversation import StreamFault, Usage
from ollamux.streaming.framing import DEFAULT_LIMIT, OTHER_FIELDS, SseBlocks
from ollamux.streaming.mending import Spoken, numbered, with_id, with_role
from ollamux.streaming.naming import with_model

if TYPE_CHECKING:
    from ollamux.streaming._chunk import PlainChunk, read_chunk, speaks
else:
    try:
        from ollamux.streaming._chunk import read_chunk, speaks
    except ImportError:

        def read_chunk(payload: bytes) -> None:
            """Nothing is read quickly."""

        def speaks(payload: bytes) -> None:
            """Nothing is told quickly."""


__all__ = ("SseRelay", "speaks")

_DONE = b"data: [DONE]\n\n"
_NOTHING = (b"", b"null")
"""What may stand beside data: a comment, and the fields that there are."""
_NO_CALLS = (b"", b"null", b"[]")
_KINDS = {400: "bad_request", 408: "timeout", 429: "rate_limit", 503: "overloaded", 504: "timeout", 529: "overloaded"}


class _Delta(msgspec.Struct, gc=False):
    role: Any = None
    tool_calls: msgspec.Raw = msgspec.Raw()


class _Choice(msgspec.Struct, gc=False):
    index: Any = None
    delta: _Delta | None = None
    finish_reason: Any = None


class _Chunk(msgspec.Struct, gc=False):
    choices: list[_Choice] | None = None
    error: msgspec.Raw = msgspec.Raw()
    usage: msgspec.Raw = msgspec.Raw()
    object: Any = None
    id: Any = None
    created: Any = None
    model: Any = None


class _Details(msgspec.Struct, gc=False):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct, gc=False):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


_decode = msgspec.json.Decoder(_Chunk).decode
_decode_usage = msgspec.json.Decoder(_Usage).decode


class SseRelay:
    """Passes a stream on under the client's name for the model. Meets `Relay`. `hide_usage` leaves out the event that
    brings nothing but the usage, `stream_id` stands in for an empty id, `choices` is how many are asked for."""

    __slots__ = (
        "_blocks",
        "_choices",
        "_done",
        "_head",
        "_hide_usage",
        "_model",
        "_name",
        "_stream_id",
        "_wanted",
        "fault",
        "steady",
        "usage",
    )

    def __init__(
        self,
        upstream_model: str,
        client_model: str,
        limit: int = DEFAULT_LIMIT,
        *,
        hide_usage: bool = False,
        stream_id: str = "",
        choices: int = 1,
    ) -> None:
        self._blocks = SseBlocks(limit)
        self._name = b"" if upstream_model == client_model else msgspec.json.encode(client_model)
        self._model = client_model
        self._choices: dict[int, Spoken] = {}
        self._head: tuple[Any, Any, Any] | None = None
        self._done = False
        self._hide_usage = hide_usage
        self._stream_id = stream_id
        self._wanted = choices
        self.fault: StreamFault | None = None
        self.usage: Usage | None = None
        self.steady = False

    @property
    def complete(self) -> bool:
        """Whether `[DONE]` or the finish reason of every choice has come."""
        if self.fault is not None:
            return False
        if self._done or len(self._choices) < self._wanted:
            return self._done
        for choice in self._choices.values():  # noqa: SIM110  # a generator costs more than all of this
            if not choice.finished:
                return False
        return True

    def feed(self, data: bytes, now: float) -> bytes:
        """The events that these bytes complete. Raises FrameTooLarge."""
        if self.fault is not None:
            return b""
        if not (data.startswith(b"data: ") and data.endswith(b"\n\n") and self._blocks.alone(data)):
            return self._pass(self._blocks.feed(data), False)
        if self._done:
            return b""
        payload = data[6:-2]
        made = self._event(payload, "", False)
        if not made:
            return self._end() if self._done else b""  # type: ignore[redundant-expr]  # `_event` sets it
        return data if made is payload else b"data: " + made + b"\n\n"

    def close(self, now: float) -> bytes:
        """The last event, if it lacked its blank line and is whole all the same; the end, if it is still missing."""
        if self.fault is not None:
            return b""
        rest = self._pass(self._blocks.close(), True)
        if self.complete and not self._done:
            self._done = True
            rest += _DONE
        return rest

    def _pass(self, blocks: list[bytes], last: bool) -> bytes:
        passed: list[bytes] = []
        for block in blocks:
            if self._done or self.fault is not None:
                break
            if block.startswith(b"data: ") and block.find(b"\n") < 0:
                payload = block[6:]
                made = self._event(payload, "", last)
                if made:
                    passed += (block, b"\n\n") if made is payload else (b"data: ", made, b"\n\n")
                elif self._done:
                    passed.append(self._end())
            elif block:
                self._mixed(block, passed, last)
        return b"".join(passed)

    def _mixed(self, block: bytes, passed: list[bytes], last: bool) -> None:
        """A block with more in it than one line of data: its other lines go on in front of the data."""
        others: list[bytes] = []
        parts: list[bytes] = []
        name = b""
        for line in block.strip(b"\n").split(b"\n"):
            field, _, value = line.partition(b":")
            if field == b"data":
                parts.append(value.removeprefix(b" "))
                continue
            if field == b"event":
                name = value.removeprefix(b" ")
            if field in OTHER_FIELDS:
                others.append(line)
        self.steady = False
        made = self._event(b"\n".join(parts), name.decode("utf-8", "replace"), last) if parts else b""
        if made:
            others.append(b"data: " + made.replace(b"\n", b"\ndata: "))
        elif last or parts:
            others = [line for line in others if line.startswith(b":") and not last]
        if others:
            passed += (b"\n".join(others), b"\n\n")
        if self._done:
            passed.append(self._end())

    def _event(self, payload: bytes, name: str, last: bool) -> bytes:
        """What goes on for an event's data: the data, changed or not, or nothing."""
        self.steady = False
        if payload == b"[DONE]":
            self._done = True
            return b""
        plain = None if name == "error" else read_chunk(payload)
        if plain is not None:
            return self._plain(payload, plain)
        try:
            chunk = _decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError):
            stripped = payload.strip()
            if stripped == b"[DONE]":
                self._done = True
            elif stripped and not last:
                self.fault = _cut_into(payload) or StreamFault(
                    "the backend sent an event that is no chunk of an answer", 502
                )
            return b""
        error = bytes(chunk.error)
        if error in _NOTHING and not chunk.choices and (chunk.object == "error" or name == "error"):
            error = payload
        if error not in _NOTHING:
            self.fault = _fault(error)
            return b""
        passed = payload
        steady = True
        for choice in chunk.choices or ():
            index = choice.index if isinstance(choice.index, int) else 0
            spoken = self._choices.get(index)
            if spoken is None:
                spoken = self._choices[index] = Spoken()
            delta = choice.delta
            if delta is not None:
                if not spoken.role:
                    spoken.role = True
                    if not delta.role:
                        steady = False
                        passed = with_role(passed, index)
                calls = bytes(delta.tool_calls)
                if calls not in _NO_CALLS:
                    count = spoken.count
                    placed = numbered(passed, index, calls, spoken)
                    steady = steady and placed is passed and spoken.count == count  # more of a call that is known
                    passed = placed
            if choice.finish_reason:
                if choice.finish_reason == "error":
                    self.fault = StreamFault("the backend reported an error", 502)
                    return b""
                spoken.finished = True
                steady = False
        if chunk.choices:
            if not chunk.id and self._stream_id:
                steady = False
                passed = with_id(passed, self._head[0] if self._head is not None else self._stream_id)
            if self._head is None:
                self._head = (chunk.id or self._stream_id, chunk.created, chunk.object)
        usage = bytes(chunk.usage)
        if usage not in _NOTHING:
            steady = False
            self._count(usage)
            if self._hide_usage and not chunk.choices:
                return b""
        if self._name and chunk.model is not None:
            passed = with_model(passed, self._name)
        self.steady = steady
        return passed

    def _plain(self, payload: bytes, chunk: PlainChunk) -> bytes:
        """As `_event`, for a chunk of the plain sort."""
        steady = True
        passed = payload
        if chunk.chosen:
            spoken = self._choices.get(0)
            if spoken is None:
                spoken = self._choices[0] = Spoken()
            if chunk.delta and not spoken.role:
                spoken.role = True
                if not chunk.spoken:
                    steady = False
                    passed = with_role(passed, 0)
            if chunk.ended:
                spoken.finished = True
                steady = False
            if not chunk.identified and self._stream_id:
                steady = False
                passed = with_id(passed, self._head[0] if self._head is not None else self._stream_id)
            if self._head is None:
                self._head = (chunk.id or self._stream_id, chunk.created, chunk.kind)
        if chunk.spent:
            steady = False
            self.usage = chunk.usage
            if self._hide_usage and not chunk.chosen:
                return b""
        if self._name and chunk.named:
            passed = with_model(passed, self._name)
        self.steady = steady
        return passed

    def _count(self, usage: bytes) -> None:
        try:
            told = _decode_usage(usage)
        except ValueError:
            return
        if told.prompt_tokens is None:
            return
        read, written = told.prompt_tokens_details, told.completion_tokens_details
        cached = read.cached_tokens if read is not None else None
        stored = read.cache_write_tokens if read is not None else None
        thought = written.reasoning_tokens if written is not None else None
        self.usage = Usage(
            max(0, told.prompt_tokens - (cached or 0) - (stored or 0)),
            cached,
            stored,
            None if told.completion_tokens is None else max(0, told.completion_tokens - (thought or 0)),
            thought,
        )

    def _end(self) -> bytes:
        """`[DONE]`, behind the finish of every choice that has none."""
        ident, created, kind = self._head or ("", 0, None)
        events: list[bytes] = []
        for index, spoken in sorted((self._choices or {0: Spoken()}).items()):
            if spoken.finished:
                continue
            choice: dict[str, Any] = {"index": index}
            if kind == "text_completion":
                choice["text"] = ""
            else:
                choice["delta"] = {}
            choice |= {"logprobs": None, "finish_reason": "tool_calls" if spoken.called else "stop"}
            chunk = {
                "id": ident,
                "object": kind or "chat.completion.chunk",
                "created": created,
                "model": self._model,
                "choices": [choice],
            }
            events.append(b"data: " + msgspec.json.encode(chunk) + b"\n\n")
        return b"".join(events) + _DONE


def _cut_into(payload: bytes) -> StreamFault | None:
    """The error that a server wrote into the middle of an event, on a line of its own."""
    for line in payload.split(b"\n")[1:]:
        try:
            error = bytes(_decode(line).error)
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
        if error not in _NOTHING:
            return _fault(error)
    return None


def _fault(error: bytes) -> StreamFault:
    """The server's own error, as its text or its JSON."""
    detail = error.decode("utf-8", "replace")
    status = 500
    try:
        told: Any = msgspec.json.decode(error)
    except (ValueError, RecursionError):
        told = None
    if isinstance(told, str):
        detail = told
    elif isinstance(told, dict):
        code: Any = told.get("code")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        if isinstance(code, int) and 400 <= code <= 599:
            status = code
    return StreamFault(detail[:2000], status, _KINDS.get(status, "upstream_bad"))
