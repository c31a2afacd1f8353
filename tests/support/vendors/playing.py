"""A vendor that listens: reads every request strictly, answers by the scenario that it names, and keeps what it saw.

Strategy: a `Vendor` knows its wire form alone; `Player` owns the socket, the order of the pieces and how a stream goes
wrong. A request that is not in the vendor's form is refused with 400 and written down in `wrong`.
"""

from __future__ import annotations

import json
import queue
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from tests.support.scripted import Asked, Backend, Wire, chunk, stream_head
from tests.support.vendors.scenario import REFUSED, REPLIES, Refused, Reply, Seen

__all__ = ("Player", "Vendor", "event_of", "played")


class Vendor(Protocol):
    """One vendor's wire form. `upstream` is its model; `tells_stops`: it says that it met a stop
    sequence; `tells_cached`: what was cached; `signs` are the signatures of an answer that thinks and calls a tool."""

    @property
    def name(self) -> str: ...
    @property
    def stream_type(self) -> str: ...
    @property
    def style(self) -> str: ...
    @property
    def upstream(self) -> str: ...
    @property
    def tells_stops(self) -> bool: ...
    @property
    def tells_cached(self) -> bool: ...
    @property
    def signs(self) -> tuple[str, ...]: ...
    def backend(self, url: str) -> dict[str, Any]:
        """Its configuration, with `id` among it."""
        ...

    def model(self) -> dict[str, Any]:
        """The configuration of its model, but for the backend."""
        ...

    def listing(self, path: str) -> Any:
        """What it tells of its models."""
        ...

    def read(self, asked: Asked) -> Seen:
        """Raises AssertionError for what is not in its form."""
        ...

    def whole(self, seen: Seen, reply: Reply) -> Any:
        """A whole answer, as JSON."""
        ...

    def stream(self, seen: Seen, reply: Reply) -> list[bytes]:
        """The events of a stream; without its end where that goes wrong, with the error where it is told."""
        ...

    def refusal(self, status: int, message: str) -> tuple[Any, tuple[str, ...]]:
        """The body and the headers of an error."""
        ...


class Player:
    """A vendor on a loopback port. `left` gets True for each client that went away in time."""

    def __init__(self, vendor: Vendor) -> None:
        self.vendor = vendor
        self.seen: list[Seen] = []
        self.wrong: list[str] = []
        self.left: queue.Queue[bool] = queue.Queue()
        self.socket = Backend(self._serve, style=vendor.style)

    def _serve(self, asked: Asked, wire: Wire) -> None:
        if asked.method == "GET":
            wire.answer(200, self.vendor.listing(asked.path))
            return
        try:
            seen = self.vendor.read(asked)
            reply = REPLIES[seen.scenario]
        except Refused as refused:
            body, more = self.vendor.refusal(400, str(refused))
            wire.answer(400, body, "application/json", *more)
            return
        except (AssertionError, LookupError, TypeError, ValueError) as error:
            self.wrong.append(f"{asked.path}: {type(error).__name__}: {error}: {asked.body.decode()}")
            body, more = self.vendor.refusal(400, f"not in the form of {self.vendor.name}: {error}")
            wire.answer(400, body, "application/json", *more)
            return
        self.seen.append(seen)
        if reply.refusal:
            body, more = self.vendor.refusal(reply.refusal, REFUSED)
            wire.answer(reply.refusal, body, "application/json", *more)
        elif not seen.stream:
            self._whole(wire, seen, reply)
        else:
            self._stream(wire, seen, reply)

    def _whole(self, wire: Wire, seen: Seen, reply: Reply) -> None:
        if reply.end == "hang":
            self.left.put(wire.wait_for_peer_to_leave(5.0))
            wire.close()
        elif reply.end == "cut":
            wire.send(b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 5000\r\n\r\n{"id":')
            wire.close()
        else:
            wire.answer(200, self.vendor.whole(seen, reply))

    def _stream(self, wire: Wire, seen: Seen, reply: Reply) -> None:
        wire.send(stream_head(self.vendor.stream_type))
        for piece in self.vendor.stream(seen, reply):
            wire.send(chunk(piece))
        if reply.end == "cut":
            wire.close()
        elif reply.end == "hang":
            self.left.put(wire.wait_for_peer_to_leave(5.0))
            wire.close()
        else:
            wire.send(chunk(b""))


@contextmanager
def played(vendor: Vendor) -> Iterator[Player]:
    """The vendor, until the block ends."""
    player = Player(vendor)
    try:
        yield player
    finally:
        player.socket.stop()


def event_of(value: Any, name: str = "") -> bytes:
    """A server-sent event."""
    data = b"data: " + json.dumps(value).encode() + b"\n\n"
    return f"event: {name}\n".encode() + data if name else data
