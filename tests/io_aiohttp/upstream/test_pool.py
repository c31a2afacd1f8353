"""The pool alone: who is kept, for how long, and in which order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from ollamux_aiohttp.upstream.pool import Pool
from ollamux_aiohttp.upstream.request import Address

ADDRESS = Address("http", "a", 80)


class Kept:
    """A connection that knows how it ended."""

    def __init__(self) -> None:
        self.stamp = 0
        self.end = ""

    def shut(self) -> None:
        self.end = "shut"

    def abort(self) -> None:
        self.end = "aborted"


class Clock:
    """The one thing a pool asks of a loop, by hand."""

    def __init__(self) -> None:
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def call_later(self, delay: float, callback: Callable[[], None]) -> Clock:
        self.timers.append((delay, callback))
        return self

    def cancel(self) -> None:
        self.timers.clear()

    def tick(self) -> None:
        """A quarter of the expiry passes."""
        due, self.timers = self.timers, []
        for _, callback in due:
            callback()


def _pool(size: int = 3) -> tuple[Any, Clock]:
    clock = Clock()
    return Pool(clock, size, 60.0), clock  # type: ignore[arg-type]


def test_the_last_one_kept_is_the_first_one_used() -> None:
    pool, _ = _pool()
    origin = pool.origin(ADDRESS)
    kept = [Kept() for _ in range(3)]
    for connection in kept:
        pool.put(origin, connection)
    assert pool.origin(ADDRESS) is origin
    assert [origin.idle.pop() for _ in range(3)] == kept[::-1]


def test_more_than_its_size_is_closed() -> None:
    pool, _ = _pool(2)
    kept = [Kept() for _ in range(3)]
    for connection in kept:
        pool.put(pool.origin(ADDRESS), connection)
    assert [connection.end for connection in kept] == ["", "", "shut"]


def test_one_timer_closes_what_is_old_and_stops_when_nothing_is_idle() -> None:
    pool, clock = _pool()
    origin = pool.origin(ADDRESS)
    old, young = Kept(), Kept()
    old.stamp = pool.quarter
    pool.put(origin, old)
    clock.tick()
    clock.tick()
    young.stamp = pool.quarter
    pool.put(origin, young)
    assert [delay for delay, _ in clock.timers] == [15.0]
    for _ in range(3):
        assert old.end == ""
        clock.tick()
    assert (old.end, young.end) == ("shut", "")
    clock.tick()
    clock.tick()
    assert young.end == "shut"
    assert clock.timers == []


def test_one_that_ended_leaves_the_stack() -> None:
    pool, _ = _pool()
    origin = pool.origin(ADDRESS)
    first, second = Kept(), Kept()
    pool.put(origin, first)
    pool.put(origin, second)
    pool.lost(origin, first)
    pool.lost(origin, first)
    assert origin.idle == [second]


def test_a_retired_pool_keeps_nothing() -> None:
    pool, clock = _pool()
    first, second = Kept(), Kept()
    pool.put(pool.origin(ADDRESS), first)
    pool.retire()
    pool.put(pool.origin(ADDRESS), second)
    assert (first.end, second.end, clock.timers) == ("shut", "shut", [])


def test_closing_ends_what_is_open_and_does_not_wait_for_ever() -> None:
    pool, _ = _pool()
    connection = Kept()
    pool.open.add(connection)
    asyncio.run(pool.close(0.01))
    assert connection.end == "aborted"
