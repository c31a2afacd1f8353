"""The wheel of deadlines."""

from __future__ import annotations

import asyncio
import math
import socket
import time
from collections.abc import Callable, Coroutine

import pytest
import uvloop

from ollamux_aiohttp.deadlines import TICK, Deadlines, Sleeper


class _Sleeper(Sleeper):
    """Notes when it is woken, and does something then."""

    def __init__(self, then: Callable[[_Sleeper], None] | None = None) -> None:
        super().__init__()
        self.woken: list[float] = []
        self.asked: list[float] = []
        self._then = then

    def wake(self, now: float) -> None:
        self.woken.append(now)
        if self._then is not None:
            self._then(self)


def _run(test: Callable[[Deadlines], Coroutine[object, object, None]]) -> None:
    async def run() -> None:
        deadlines = Deadlines(asyncio.get_running_loop())
        try:
            await test(deadlines)
        finally:
            deadlines.close()

    asyncio.run(run())


async def _until(condition: Callable[[], object], seconds: float = 3.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def test_a_sleeper_is_woken_once_and_never_early() -> None:
    async def test(deadlines: Deadlines) -> None:
        sleepers = [_Sleeper() for _ in range(5)]
        wanted = [time.monotonic() + 0.03 * n for n in range(5)]
        for sleeper, when in zip(sleepers, wanted, strict=True):
            deadlines.set(sleeper, when)
        await _until(lambda: all(sleeper.woken for sleeper in sleepers))
        await asyncio.sleep(TICK * 2)
        for sleeper, when in zip(sleepers, wanted, strict=True):
            assert len(sleeper.woken) == 1
            assert sleeper.woken[0] >= when
            assert (sleeper.wake_at, sleeper.slot) == (math.inf, -1)

    _run(test)


def test_a_deadline_that_is_put_off_is_met_at_the_later_time_alone() -> None:
    async def test(deadlines: Deadlines) -> None:
        sleeper = _Sleeper()
        deadlines.set(sleeper, time.monotonic() + 0.05)
        later = time.monotonic() + 0.25
        deadlines.set(sleeper, later)
        await _until(lambda: sleeper.woken)
        assert len(sleeper.woken) == 1 and sleeper.woken[0] >= later

    _run(test)


def test_a_deadline_may_be_brought_forward() -> None:
    async def test(deadlines: Deadlines) -> None:
        sleeper = _Sleeper()
        deadlines.set(sleeper, time.monotonic() + 100)
        await asyncio.sleep(TICK * 1.5)
        deadlines.set(sleeper, time.monotonic() + 0.01)
        await _until(lambda: sleeper.woken)

    _run(test)


def test_a_deadline_in_the_past_is_met_at_the_next_turn() -> None:
    async def test(deadlines: Deadlines) -> None:
        far, past = _Sleeper(), _Sleeper()
        deadlines.set(far, time.monotonic() + 100)
        await asyncio.sleep(TICK * 2.5)
        deadlines.set(past, time.monotonic() - 10)
        await _until(lambda: past.woken)
        assert not far.woken

    _run(test)


@pytest.mark.parametrize("how", ["infinity", "drop"])
def test_who_sleeps_no_longer_is_not_woken(how: str) -> None:
    async def test(deadlines: Deadlines) -> None:
        sleeper, other = _Sleeper(), _Sleeper()
        when = time.monotonic() + 0.02
        deadlines.set(sleeper, when)
        deadlines.set(other, when)
        if how == "drop":
            deadlines.drop(sleeper)
            deadlines.drop(sleeper)
        else:
            deadlines.set(sleeper, math.inf)
        await _until(lambda: other.woken)
        await asyncio.sleep(TICK * 2)
        assert not sleeper.woken

    _run(test)


def test_a_sleeper_may_set_itself_again_when_it_is_woken() -> None:
    async def test(deadlines: Deadlines) -> None:
        sleeper = _Sleeper(lambda s: deadlines.set(s, time.monotonic() + 0.01) if len(s.woken) < 3 else None)
        deadlines.set(sleeper, time.monotonic())
        await _until(lambda: len(sleeper.woken) == 3)

    _run(test)


def test_one_who_is_woken_may_drop_another_of_the_same_slot() -> None:
    async def test(deadlines: Deadlines) -> None:
        pair: list[_Sleeper] = []

        def drop_the_other(sleeper: _Sleeper) -> None:
            deadlines.drop(pair[1 - pair.index(sleeper)])

        pair += [_Sleeper(drop_the_other), _Sleeper(drop_the_other)]
        when = time.monotonic() + 0.01
        for sleeper in pair:
            deadlines.set(sleeper, when)
        await _until(lambda: any(sleeper.woken for sleeper in pair))
        await asyncio.sleep(TICK * 2)
        assert sum(len(sleeper.woken) for sleeper in pair) == 1

    _run(test)


def test_one_whose_waking_fails_keeps_nobody_from_being_woken() -> None:
    def fail(sleeper: _Sleeper) -> None:
        raise ZeroDivisionError

    async def test(deadlines: Deadlines) -> None:
        failures: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: failures.append(context))
        when = time.monotonic() + 0.01
        sleepers = [_Sleeper(fail), _Sleeper(), _Sleeper(fail), _Sleeper()]
        for sleeper in sleepers:
            deadlines.set(sleeper, when)
        later = _Sleeper()
        deadlines.set(later, when + 0.15)
        await _until(lambda: all(sleeper.woken for sleeper in sleepers))
        await _until(lambda: later.woken)
        assert len(failures) == 2

    _run(test)


def test_the_timer_rests_while_nobody_sleeps_and_starts_again() -> None:
    async def test(deadlines: Deadlines) -> None:
        for _ in range(2):
            sleeper = _Sleeper()
            deadlines.set(sleeper, time.monotonic() + 0.01)
            await _until(lambda: sleeper.woken)  # noqa: B023
            await asyncio.sleep(TICK * 3)

    _run(test)


def test_nobody_is_woken_after_the_close() -> None:
    async def test(deadlines: Deadlines) -> None:
        sleeper = _Sleeper()
        deadlines.set(sleeper, time.monotonic() + 0.01)
        deadlines.close()
        await asyncio.sleep(TICK * 3)
        assert not sleeper.woken

    _run(test)


@pytest.mark.parametrize("at_once", [True, False], ids=["taken up at once", "in the next iteration"])
@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_what_came_while_the_loop_was_busy_puts_a_deadline_off_though_it_is_over(
    new_loop: Callable[[], asyncio.AbstractEventLoop], at_once: bool
) -> None:
    async def test() -> None:
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(loop)
        sleeper, read = _Sleeper(), []

        class Busy(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                deadlines.set(sleeper, time.monotonic() + 0.1)
                time.sleep(0.1)
                theirs.send(b"x")
                time.sleep(0.3)

        class Waiting(asyncio.Protocol):
            def data_received(self, data: bytes) -> None:
                if at_once:
                    self.take_up(data)
                else:
                    loop.call_soon(self.take_up, data)
                    time.sleep(0.005)

            def take_up(self, data: bytes) -> None:
                read.append(data)
                deadlines.set(sleeper, time.monotonic() + 100)

        (one, other), (ours, theirs) = socket.socketpair(), socket.socketpair()
        with other, theirs:
            busy, _ = await loop.create_connection(Busy, sock=one)
            waiting, _ = await loop.create_connection(Waiting, sock=ours)
            other.send(b"x")
            await _until(lambda: read)
            await asyncio.sleep(TICK * 3)
            assert not sleeper.woken
            busy.close()
            waiting.close()
            deadlines.close()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(test())


def test_a_loop_that_is_always_late_wakes_sleepers_all_the_same() -> None:
    async def test(deadlines: Deadlines) -> None:
        sleeper = _Sleeper()
        deadlines.set(sleeper, time.monotonic() + 0.05)
        loop = asyncio.get_running_loop()

        def hinder() -> None:
            if not sleeper.woken:
                time.sleep(TICK * 3)
                loop.call_later(0.001, hinder)

        hinder()
        await _until(lambda: sleeper.woken)

    _run(test)
