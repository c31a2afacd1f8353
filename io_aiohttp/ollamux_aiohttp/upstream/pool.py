"""Keeps idle connections: for each origin a stack, the last used on top, and one coarse timer for all of them.

Strategy: the hot path is `origin.idle.pop()` and `pool.put()`. Time is counted in quarters of the expiry: a connection
is stamped with the quarter it went idle in, and one timer, armed only while anything is idle, closes what is four
quarters old. No connection has a timer of its own.

Rules: a connection that ends leaves its stack at once; every open connection, idle or not, is in `open`, so that
closing finds it.
"""

from __future__ import annotations

import asyncio
from typing import Protocol

from ollamux_aiohttp.heads import LastHead

from .request import Address

__all__ = ("Origin", "Pool", "Poolable")


class Poolable(Protocol):
    """A connection as the pool sees it."""

    stamp: int
    """The pool's `quarter` when it went idle."""

    def shut(self) -> None:
        """Close politely."""

    def abort(self) -> None:
        """Close at once."""


class Origin:
    """One place that connections lead to; `idle` is a stack, `last` the head of its last answer. Without `reusable` no
    connection is ever kept."""

    __slots__ = ("address", "idle", "last", "reusable")

    def __init__(self, address: Address, reusable: bool = True) -> None:
        self.address = address
        self.idle: list[Poolable] = []
        self.reusable = reusable
        self.last = LastHead()


class Pool:
    """The connections of one backend. `size` bounds the idle ones of an origin; `expiry` is in seconds."""

    __slots__ = ("_expiry", "_timer", "emptied", "loop", "open", "origins", "quarter", "size")

    def __init__(self, loop: asyncio.AbstractEventLoop, size: int, expiry: float) -> None:
        self.loop = loop
        self.size = size
        self.origins: dict[Address, Origin] = {}
        self.open: set[Poolable] = set()
        self.emptied: asyncio.Event | None = None
        self._expiry = expiry
        self.quarter = 0
        self._timer: asyncio.TimerHandle | None = None

    def origin(self, address: Address) -> Origin:
        """The origin at an address; the same object every time."""
        found = self.origins.get(address)
        if found is None:
            found = self.origins[address] = Origin(address)
        return found

    def put(self, origin: Origin, connection: Poolable) -> None:
        """Keep a connection that has served its response and is stamped, or close it where there are enough."""
        idle = origin.idle
        if len(idle) >= self.size or not origin.reusable:
            connection.shut()
            return
        idle.append(connection)
        if self._timer is None:
            self._timer = self.loop.call_later(self._expiry / 4, self._sweep)

    def lost(self, origin: Origin, connection: Poolable) -> None:
        """A connection has ended, whatever it was doing."""
        self.forget(origin, connection)
        self.open.discard(connection)
        if not self.open and self.emptied is not None:
            self.emptied.set()

    def forget(self, origin: Origin, connection: Poolable) -> None:
        """Take a connection from its stack, if it is there."""
        try:
            origin.idle.remove(connection)
        except ValueError:
            pass

    def retire(self) -> None:
        """Keep nothing from now on."""
        self.size = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for origin in self.origins.values():
            idle, origin.idle[:] = origin.idle[:], []
            for connection in idle:
                connection.shut()

    async def close(self, patience: float) -> None:
        """Close everything now, and wait until the loop has seen it, `patience` seconds at most."""
        self.retire()
        for connection in tuple(self.open):
            connection.abort()
        if self.open:
            self.emptied = asyncio.Event()
            try:
                async with asyncio.timeout(patience):
                    await self.emptied.wait()
            except TimeoutError:
                pass

    def _sweep(self) -> None:
        self.quarter += 1
        self._timer = None
        anything = False
        for origin in self.origins.values():
            idle = origin.idle
            old = 0
            while old < len(idle) and idle[old].stamp <= self.quarter - 5:
                old += 1
            expired, idle[:old] = idle[:old], []
            for connection in expired:
                connection.shut()
            anything = anything or bool(idle)
        if anything:
            self._timer = self.loop.call_later(self._expiry / 4, self._sweep)
