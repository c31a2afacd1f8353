"""The values that pass between the core and an I/O layer.

The I/O layer opens an exchange with a `ClientRequest`, reports what happens to it, and does what each report returns:
None (nothing to do), bytes (write them to the client, the hot case) or a tuple of *wants*. Wants are plain values; the
core keeps no reference to a socket, a timer or a task, and the I/O layer takes no decision of its own.

Rules: time is always an argument, `now`, in monotonic seconds; a want means what it says even when it comes a second
time (`Cancel` of an attempt that is over does nothing); header names that the core writes are spelled as they go out,
names that it is given are in lower case: `headers` of a request is a mapping of such names; what is said is not changed
any more, and compiled it cannot be.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

__all__ = (
    "Call",
    "CallData",
    "CallEnd",
    "Cancel",
    "ClientRequest",
    "Data",
    "End",
    "FailureKind",
    "Head",
    "HeaderPairs",
    "Read",
    "ReadBody",
    "Target",
    "Value",
    "WakeAt",
    "Want",
    "Wants",
    "Whole",
    "call_of",
    "request_of",
    "spread",
    "whole_of",
)

HeaderPairs: TypeAlias = tuple[tuple[str, str], ...]
FailureKind: TypeAlias = Literal[
    "refused", "dns", "timeout", "reset", "tls", "protocol", "closed", "unreachable", "configuration"
]
Target: TypeAlias = Literal["http", "local"]
"""Who takes a call: a server, or code in this very process."""


class Value:
    """What is equal where it says the same. `__match_args__` are its fields, in their order."""

    __slots__ = ()
    __match_args__: tuple[str, ...] = ()

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__match_args__)

    def __hash__(self) -> int:
        return hash(tuple(getattr(self, name) for name in self.__match_args__))

    def __repr__(self) -> str:
        fields = ", ".join(f"{name}={getattr(self, name)!r}" for name in self.__match_args__)
        return f"{type(self).__name__}({fields})"


class ClientRequest(Value):
    """One request as a front received it. `path` is the raw request target (`/api/chat?x=1`), undecoded; `body` is
    None where it streams (`Gateway.body_streams`); `peer` is the client's address, for logs and limits by address."""

    __slots__ = __match_args__ = ("method", "path", "headers", "body", "peer")

    def __init__(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = b"", peer: str = ""
    ) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.peer = peer


class Call(Value):
    """Make an HTTP request to a backend. A `body` of None is followed by `CallData` and `CallEnd`; then a
    Content-Length among the headers decides the framing, else it is chunked. `headers` is the same tuple object for
    every call to one backend wherever it can be, so that a client may keep its encoded form. Where `target` is `local`,
    the backend is Python code: its provider's `code` takes the call. Where `wake` is not 0.0, it also says what a
    `WakeAt` behind it would."""

    __slots__ = __match_args__ = (
        "attempt",
        "backend",
        "method",
        "url",
        "headers",
        "body",
        "target",
        "connect_timeout",
        "public_only",
        "wake",
    )

    def __init__(
        self,
        attempt: int,
        backend: str,
        method: str,
        url: str,
        headers: HeaderPairs,
        body: bytes | None,
        target: Target = "http",
        connect_timeout: float = 5.0,
        public_only: bool = False,
        wake: float = 0.0,
    ) -> None:
        self.attempt = attempt
        self.backend = backend
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
        self.target: Target = target
        self.connect_timeout = connect_timeout
        self.public_only = public_only
        self.wake = wake


class CallData(Value):
    """The next piece of an upload."""

    __slots__ = __match_args__ = ("attempt", "data")

    def __init__(self, attempt: int, data: bytes) -> None:
        self.attempt = attempt
        self.data = data


class CallEnd(Value):
    """The upload is complete."""

    __slots__ = __match_args__ = ("attempt",)

    def __init__(self, attempt: int) -> None:
        self.attempt = attempt


class Cancel(Value):
    """Close the attempt's connection at once and report nothing more of it."""

    __slots__ = __match_args__ = ("attempt",)

    def __init__(self, attempt: int) -> None:
        self.attempt = attempt


class Read(Value):
    """Read on from the backend, or leave its bytes where they are."""

    __slots__ = __match_args__ = ("attempt", "on")

    def __init__(self, attempt: int, on: bool) -> None:
        self.attempt = attempt
        self.on = on


class ReadBody(Value):
    """Read on from the client's body, or leave its bytes where they are."""

    __slots__ = __match_args__ = ("on",)

    def __init__(self, on: bool) -> None:
        self.on = on


class Head(Value):
    """The answer's status and headers. A Content-Length among them, or its absence, decides the framing. It is
    written together with the first `Data`, or at once where `now` is set. `lines` are more of them, as they go out
    (`head_lines`)."""

    __slots__ = __match_args__ = ("status", "headers", "now", "lines")

    def __init__(self, status: int, headers: HeaderPairs, now: bool = False, lines: bytes = b"") -> None:
        self.status = status
        self.headers = headers
        self.now = now
        self.lines = lines


class Data(Value):
    """The next bytes of the answer's body, unframed."""

    __slots__ = __match_args__ = ("data",)

    def __init__(self, data: bytes) -> None:
        self.data = data


class End(Value):
    """The answer is complete. `close` asks that the connection to the client ends with it; `broken` that it ends
    without the framing's own end, so that nobody takes the answer for a whole one."""

    __slots__ = __match_args__ = ("close", "broken")

    def __init__(self, close: bool = False, broken: bool = False) -> None:
        self.close = close
        self.broken = broken


class Whole(Value):
    """An answer that is there at once, as most are: what a `Head`, a `Data` and an `End` say, in one."""

    __slots__ = __match_args__ = ("status", "headers", "body", "lines", "close")

    def __init__(self, status: int, headers: HeaderPairs, body: bytes, lines: bytes = b"", close: bool = False) -> None:
        self.status = status
        self.headers = headers
        self.body = body
        self.lines = lines
        self.close = close


class WakeAt(Value):
    """Call `woken` at this time or soon after. Each one replaces the last; infinity asks for none."""

    __slots__ = __match_args__ = ("when",)

    def __init__(self, when: float) -> None:
        self.when = when


Want: TypeAlias = Call | CallData | CallEnd | Cancel | Read | ReadBody | Head | Data | End | Whole | WakeAt
Wants: TypeAlias = bytes | Sequence[Want] | None


# What every request makes, made without a constructor, whose call would cost more than all that it does. --------------


def request_of(method: str, path: str, headers: Mapping[str, str], body: bytes, peer: str) -> ClientRequest:
    """A request whose body is there."""
    made = ClientRequest.__new__(ClientRequest)
    made.method = method
    made.path = path
    made.headers = headers
    made.body = body
    made.peer = peer
    return made


def call_of(
    attempt: int, backend: str, url: str, headers: HeaderPairs, body: bytes, target: Target, connect_timeout: float
) -> Call:
    """A POST to a backend, with its whole body."""
    made = Call.__new__(Call)
    made.attempt = attempt
    made.backend = backend
    made.method = "POST"
    made.url = url
    made.headers = headers
    made.body = body
    made.target = target
    made.connect_timeout = connect_timeout
    made.public_only = False
    made.wake = 0.0
    return made


def whole_of(status: int, headers: HeaderPairs, body: bytes, lines: bytes, close: bool) -> Whole:
    """`Whole`."""
    made = Whole.__new__(Whole)
    made.status = status
    made.headers = headers
    made.body = body
    made.lines = lines
    made.close = close
    return made


def spread(wants: Wants) -> Sequence[Want]:
    """What is wanted, each thing by itself, for whoever does not count instructions: bytes as `Data`, a whole answer as
    its `Head`, `Data` and `End`, and behind a call that says when to wake its `WakeAt`."""
    if wants is None:
        return ()
    if isinstance(wants, bytes):
        return (Data(wants),)
    found: list[Want] = []
    for want in wants:
        if isinstance(want, Whole):
            found += (Head(want.status, want.headers, False, want.lines), Data(want.body), End(want.close))
            continue
        found.append(want)
        if isinstance(want, Call) and want.wake:
            found.append(WakeAt(want.wake))
    return found
