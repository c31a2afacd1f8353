"""A client's connection where its ordinary requests arrive: the transport's protocol, and the lane that begins them.

Strategy: everything that an ordinary request needs of its connection is here, in plain fields, and nothing of aiohttp
is touched for it. What is out of the ordinary is handed to the `Connection` behind it.

Rules: while a request is in the lane, what follows it is kept and not read; no decision about a request is taken here.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
from aiohttp.http_parser import RawRequestMessage

from ollamux.contract import HeaderPairs
from ollamux_aiohttp.deadlines import Sleeper
from ollamux_aiohttp.lane import WHOLE, LaneParser
from ollamux_aiohttp.upstream.interface import Listener

if TYPE_CHECKING:
    from ollamux_aiohttp.connection import Connection

__all__ = ("HELD_AT_MOST", "Answering", "Client", "Lane")

HELD_AT_MOST = 64 * 1024
"""Bytes that are kept of what follows a request in the lane; then the client is not read on."""


class Answering(Listener):
    """Who answers a client's request."""

    __slots__ = ()

    def client_paused(self) -> None:
        """The client's transport is full."""

    def client_resumed(self) -> None:
        """The client's transport has room."""

    def client_gone(self) -> None:
        """The client went away."""


class Lane:
    """What begins the requests that take the lane."""

    __slots__ = ()

    def takes(self, method: str, path: str, /) -> bool:
        """Whether a request for this target may."""
        return False

    def begin(self, client: Client, message: RawRequestMessage | LaneParser, body: bytes) -> None:
        """Begins it; the client's `leave` is called when its answer is out."""

    def give_up(self, client: Client, message: LaneParser) -> None:
        """Refuses one whose body does not come."""

    def refusal(self, path: str, status: int, text: str) -> tuple[HeaderPairs, bytes]:
        """Headers and body of an error for a request to this path that could not be read."""
        return (("Content-Type", "application/json; charset=utf-8"),), msgspec.json.encode({"error": text})


class Client(Sleeper):
    """A client's connection as those see it who answer there: its transport, None before and after it is one, the
    address it comes from, who answers it now, and since when the lane is free (monotonic seconds).

    It is the transport's protocol as long as requests are ordinary: one that came whole goes to the lane from here.
    All else is its `connection`'s business, which takes its place where `reader` gives a request up. `busy`: a request
    is in the lane, and what follows it is `held`. `closing`: no further one is begun. `head_bytes`: what has come of a
    request that is not whole."""

    __slots__ = (
        "busy",
        "closing",
        "connection",
        "driver",
        "head_bytes",
        "held",
        "lane",
        "left_at",
        "peer",
        "reader",
        "transport",
    )

    def __init__(self, connection: Connection, lane: Lane, reader: LaneParser) -> None:
        super().__init__()
        self.connection: Connection | None = connection
        self.lane: Lane = lane
        self.reader: LaneParser | None = reader
        self.transport: asyncio.Transport | None = None
        self.peer = ""
        self.driver: Answering | None = None
        self.left_at = 0.0
        self.busy = False
        self.closing = False
        self.held: bytearray | None = None
        self.head_bytes = 0

    def wake(self, now: float) -> None:
        """The deadline of the request at hand has come."""
        driver = self.driver
        if driver is not None:
            driver.wake(now)

    def leave(self, keep_alive: bool, now: float) -> None:
        """The answer to the request in the lane is out."""
        self.left_at = now
        if self.reader is not None:
            self.reader.body = b""  # it may be large, and the next request be far
        if keep_alive and self.held is None and not self.closing:
            self.busy = False
        elif self.connection is not None:
            self.connection.leave_lane(keep_alive)

    def hold(self, data: bytes) -> None:
        """Keeps what comes before the answer is out."""
        held = self.held
        if held is None:
            held = self.held = bytearray()
        held += data
        if len(held) > HELD_AT_MOST and self.transport is not None:
            self.transport.pause_reading()

    # From the transport -----------------------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        """Bytes of a request."""
        reader = self.reader
        if self.busy:
            self.hold(data)
        elif reader is not None and not self.closing:
            found = reader.feed(data)
            if found == WHOLE:
                if self.head_bytes and self.connection is not None:
                    self.connection.drop_head()
                self.busy = True
                self.lane.begin(self, reader, reader.body)
            elif self.connection is not None:
                self.connection.look_at(reader, data, found)

    def eof_received(self) -> None:
        """The client sends no more: the transport closes itself."""

    def pause_writing(self) -> None:
        """The client reads too slowly."""
        if self.connection is not None:
            self.connection.pause_writing()

    def resume_writing(self) -> None:
        """It reads again."""
        if self.connection is not None:
            self.connection.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        if self.connection is not None:
            self.connection.connection_lost(exc)
