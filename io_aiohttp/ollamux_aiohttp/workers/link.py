"""A worker's end of the socket that carries what workers tell one another.

Rules: what arrives is handed to the gateway's circle at once, and whoever waited for it goes on in the same turn; what
the carrier does not take in time is dropped above a bound, never waited for. When the carrier is gone, the process that
started this worker is, and the worker ends as it does when it is asked to.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable
from typing import cast

from ollamux.workers.circle import Circle
from ollamux.workers.messages import Frames

__all__ = ("UNSENT", "Link")

UNSENT = 64 * 1024 * 1024
"""Bytes that may wait to be carried."""


class Link(asyncio.Protocol):
    """The protocol on that socket. `drain` lets exchanges go on that waited."""

    def __init__(self, circle: Circle, drain: Callable[[], None]) -> None:
        self._circle = circle
        self._drain = drain
        self._frames = Frames()
        self._transport: asyncio.WriteTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's are none by their class
        self._circle.post = self._post

    def data_received(self, data: bytes) -> None:
        now = time.monotonic()
        for frame in self._frames.feed(data):
            self._circle.hear(frame.payload, now)
        self._drain()

    def connection_lost(self, exc: Exception | None) -> None:
        closed = self._transport is None or self._transport.is_closing()
        self._circle.post = self._transport = None
        if exc is not None or not closed:
            os.kill(os.getpid(), signal.SIGTERM)

    def eof_received(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)

    def _post(self, frame: bytes) -> None:
        transport = self._transport
        if transport is not None and transport.get_write_buffer_size() + len(frame) <= UNSENT:
            transport.write(frame)
