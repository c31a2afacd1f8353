"""The values that pass between the core and an I/O layer.

The I/O layer opens an exchange with a `ClientRequest`, reports what happens to it, and does what each report returns:
None (nothing to do), bytes (write them to the client, the hot case) or a tuple of *wants*. Wants are plain values; the
core keeps no reference to a socket, a timer or a task, and the I/O layer takes no decision of its own.

Rules: time is always an argument, `now`, in monotonic seconds; a want means what it says even when it comes a second
time (`Cancel` of an attempt that is over does nothing); header names that the core writes are spelled as they go out,
names that it is given are in lower case: `headers` of a request is a mapping of such names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias

import msgspec

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
    "WakeAt",
    "Want",
    "Wants",
)

HeaderPairs: TypeAlias = tuple[tuple[str, str], ...]
FailureKind: TypeAlias = Literal[
    "refused", "dns", "timeout", "reset", "tls", "protocol", "closed", "unreachable", "configuration"
]
Target: TypeAlias = Literal["http", "local"]
"""Who takes a call: a server, or code in this very process."""


class ClientRequest(msgspec.Struct, frozen=True, gc=False):
    """One request as a front received it. `path` is the raw request target (`/api/chat?x=1`), undecoded; `body` is
    None where it streams (`Gateway.body_streams`); `peer` is the client's address, for logs and limits by address."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes | None = b""
    peer: str = ""


class Call(msgspec.Struct, frozen=True, gc=False):
    """Make an HTTP request to a backend. A `body` of None is followed by `CallData` and `CallEnd`; then a
    Content-Length among the headers decides the framing, else it is chunked. `headers` is the same tuple object for
    every call to one backend wherever it can be, so that a client may keep its encoded form. Where `target` is `local`,
    the backend is Python code: its provider's `code` takes the call."""

    attempt: int
    backend: str
    method: str
    url: str
    headers: HeaderPairs
    body: bytes | None
    target: Target = "http"
    connect_timeout: float = 5.0
    public_only: bool = False


class CallData(msgspec.Struct, frozen=True, gc=False):
    """The next piece of an upload."""

    attempt: int
    data: bytes


class CallEnd(msgspec.Struct, frozen=True, gc=False):
    """The upload is complete."""

    attempt: int


class Cancel(msgspec.Struct, frozen=True, gc=False):
    """Close the attempt's connection at once and report nothing more of it."""

    attempt: int


class Read(msgspec.Struct, frozen=True, gc=False):
    """Read on from the backend, or leave its bytes where they are."""

    attempt: int
    on: bool


class ReadBody(msgspec.Struct, frozen=True, gc=False):
    """Read on from the client's body, or leave its bytes where they are."""

    on: bool


class Head(msgspec.Struct, frozen=True, gc=False):
    """The answer's status and headers. A Content-Length among them, or its absence, decides the framing. It is
    written together with the first `Data`, or at once where `now` is set."""

    status: int
    headers: HeaderPairs
    now: bool = False


class Data(msgspec.Struct, frozen=True, gc=False):
    """The next bytes of the answer's body, unframed."""

    data: bytes


class End(msgspec.Struct, frozen=True, gc=False):
    """The answer is complete. `close` asks that the connection to the client ends with it; `broken` that it ends
    without the framing's own end, so that nobody takes the answer for a whole one."""

    close: bool = False
    broken: bool = False


class WakeAt(msgspec.Struct, frozen=True, gc=False):
    """Call `woken` at this time or soon after. Each one replaces the last; infinity asks for none."""

    when: float


Want: TypeAlias = Call | CallData | CallEnd | Cancel | Read | ReadBody | Head | Data | End | WakeAt
Wants: TypeAlias = bytes | Sequence[Want] | None
