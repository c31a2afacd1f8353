"""What the pump and an HTTP client for backends say to each other: one interface, however the bytes travel.

Strategy: callbacks, never awaited. A client starts a call at once and tells the listener synchronously, from inside
the event that brought the bytes, so that one read from a backend can become one write to a client without a task
between them.

Rules:
- `start` never raises for what a call holds and never calls the listener before it has returned.
- A listener hears a head at most once, then data, then exactly one of end and failed; nothing after `cancel`.
- All that one read brought of a body is one `attempt_data`; head, data and end of a short answer come in one event, or
  in one word, `attempt_whole`, where the listener takes it; each `act` follows that.
- Header names arrive in lower case; header text is UTF-8 with surrogateescape, in both directions, so that any bytes
  survive the way through.
- `detail` is a short text for people; it never holds a URL, a header or a byte of a body.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Protocol

import msgspec

from ollamux.contract import Call, FailureKind
from ollamux_aiohttp.deadlines import Sleeper

__all__ = ("ACTS", "BackendTransport", "Listener", "Transfer", "UpstreamClient")


ACTS: Final = 3
"""Steps of what follows from a whole answer."""


class BackendTransport(msgspec.Struct, frozen=True, kw_only=True):
    """How one backend is reached. `keepalive` connections at most are kept idle for each origin, for `expiry` seconds
    and up to a quarter more; open connections have no ceiling here. `ca` is the path of a PEM file that is trusted in
    place of the system's store. `proxy` is an http or https URL, credentials included; the environment is never
    looked at: whoever wants its proxy resolves it and passes the URL."""

    keepalive: int = 100
    expiry: float = 60.0
    verify: bool = True
    ca: str | None = None
    proxy: str | None = None


class Listener(Sleeper):
    """Who is told how an attempt goes, and waits no longer than for a deadline of its own."""

    __slots__ = ()

    def attempt_head(self, attempt: int, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """The answer's final status, 200 or more, and its headers."""

    def attempt_data(self, attempt: int, data: bytes, last: bool) -> None:
        """Bytes of the body, unframed, never empty, as compressed as the backend sent them. `last`: unless the call is
        cancelled, its end is told right behind them, from within the same event."""

    def attempt_end(self, attempt: int) -> None:
        """The answer is complete."""

    def attempt_whole(self, attempt: int, status: int, headers: Sequence[tuple[str, str]], data: bytes) -> bool:
        """Head, data and end at once. False, and nothing has happened, where it is to be told of them one by one."""
        return False

    def act(self, number: int) -> None:
        """The time to do what follows from `attempt_whole`, in so many acts as there are, from 0 on."""

    def attempt_failed(self, attempt: int, kind: FailureKind, sent: bool, detail: str) -> None:
        """There will be no more. `sent` says whether any byte of the request was written to a backend."""

    def upload_drained(self, attempt: int) -> None:
        """A `Transfer.write` returned False; there is room again."""


class Transfer(Protocol):
    """One call under way. Every method does nothing once the call is over."""

    def cancel(self) -> None:
        """Close the connection at once; the listener hears nothing more."""

    def read(self, on: bool, /) -> None:
        """Read on from the backend, or leave its bytes in the kernel; what was read already is still told."""

    def write(self, data: bytes, /) -> bool:
        """Send a piece of an upload. False asks to wait for `Listener.upload_drained`; the piece is taken anyway."""
        ...

    def write_end(self) -> None:
        """The upload is complete."""


class UpstreamClient(Protocol):
    """Calls one backend."""

    def start(self, call: Call, listener: Listener, /) -> Transfer:
        """Begin a call. What is wrong with it is reported as a failure, soon after."""
        ...

    def retire(self) -> None:
        """Let running calls finish and keep no connection beyond them; `start` is not called again."""

    async def close(self) -> None:
        """Cancel what runs and close every connection."""
