"""Ollama's stream passed through: lines of JSON in, the same lines out.

Strategy: a read of ordinary lines is told by counting: each ends with `"done":false}`, which unescaped can only be the
end of the outermost object. Such a read passes whole, with the model's name replaced at the beginning of its lines
where the client knows the model by another one. Every other line is decoded.

Rules: only whole lines are passed on, and none that is blank; a line that holds an error is a fault and is not passed
on, nor is anything after it; `complete` comes from a line whose own `done` is true, not from one inside a tool call.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ollamux.conversation import StreamFault, Usage
from ollamux.streaming.framing import DEFAULT_LIMIT, NdjsonDecoder
from ollamux.streaming.naming import with_model

__all__ = ("NdjsonRelay",)

_ORDINARY = b'"done":false}\n'
_NOTHING = (b"", b"null")


class _Line(msgspec.Struct, gc=False):
    done: Any = None
    error: msgspec.Raw = msgspec.Raw()
    prompt_eval_count: Any = None
    eval_count: Any = None


_decode = msgspec.json.Decoder(_Line).decode


class NdjsonRelay:
    """Passes a stream on under the client's name for the model. Meets `Relay`."""

    __slots__ = ("_decoder", "_limit", "_name", "_new", "_old", "_same", "complete", "fault", "steady", "usage")

    def __init__(self, upstream_model: str, client_model: str, limit: int = DEFAULT_LIMIT) -> None:
        self._decoder = NdjsonDecoder(limit)
        self._limit = limit
        self._same = upstream_model == client_model
        self._name = self._old = self._new = b""
        if not self._same:
            self._name = msgspec.json.encode(client_model)
            self._old = b'{"model":' + msgspec.json.encode(upstream_model) + b","
            self._new = b'{"model":' + self._name + b","
        self.complete = False
        self.fault: StreamFault | None = None
        self.usage: Usage | None = None
        self.steady = False

    def feed(self, data: bytes, now: float) -> bytes:
        """The lines that these bytes complete. Raises FrameTooLarge."""
        if self.fault is not None:
            return b""
        count = data.count(_ORDINARY)
        if (
            count
            and count == data.count(b"\n")
            and count == data.count(b"\n{") + 1
            and data.endswith(b"\n")
            and data.startswith(b"{")
            and not self._decoder.held
            and b'"error"' not in data
            and len(data) <= self._limit
        ):
            self.steady = True
            if self._same:
                return data
            if count == 1 and data.startswith(self._old):
                return self._new + data[len(self._old) :]
        return self._pass(self._decoder.feed(data), True)

    def close(self, now: float) -> bytes:
        """The last line, if it lacked its end and is whole all the same."""
        return b"" if self.fault is not None else self._pass(self._decoder.close(), False)

    def _pass(self, lines: list[bytes], whole: bool) -> bytes:
        passed: list[bytes] = []
        for line in lines:
            try:
                told = _decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                if whole:
                    self.fault = StreamFault("the backend sent a line that is not a JSON object", 502)
                break
            error = bytes(told.error)
            if error not in _NOTHING:
                self.fault = StreamFault(_text(error))
                break
            if told.done is None:
                self.fault = StreamFault("the backend sent a line that is no part of an answer", 502)
                break
            self.steady = told.done is False
            if told.done is True:
                self.complete = True
                self.usage = Usage(_number(told.prompt_eval_count), None, None, _number(told.eval_count))
            if not self._same:
                if line.startswith(self._old):
                    line = self._new + line[len(self._old) :]
                else:
                    line = with_model(line, self._name)
            passed.append(line)
        if not passed:
            return b""
        passed.append(b"")
        return b"\n".join(passed)


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None


def _text(error: bytes) -> str:
    try:
        return msgspec.json.decode(error, type=str)
    except ValueError:
        return error.decode("utf-8", "replace")
