"""What one iteration of the event loop brings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ollamux_aiohttp.bursts import ALONE, FEW, GROUP, Burst


class _Transport:
    def __init__(self) -> None:
        self.aborted = False

    def abort(self) -> None:
        self.aborted = True


class _Who:
    def __init__(self, name: str, then: Callable[[], None] = lambda: None) -> None:
        self.name = name
        self.then = then
        self.transport: _Transport | None = _Transport()


class _Noting(Burst):
    """Notes whom it takes up, and each further step as their name and its number."""

    __slots__ = ("done", "later")

    def __init__(self, loop: asyncio.AbstractEventLoop, steps: int = 1) -> None:
        super().__init__(loop, steps)
        self.done: list[str] = []
        self.later: list[tuple[str, int]] = []

    def step(self, who: Any, number: int) -> None:
        if number:
            self.later.append((who.name, number))
            return
        self.done.append(who.name)
        who.then()


def _all_alone(burst: Burst) -> None:
    assert not any(burst.takes(_Who("alone")) for _ in range(ALONE))


async def _next_iteration() -> None:
    await asyncio.sleep(0)
    await asyncio.sleep(0)


def test_the_first_are_worked_for_as_they_come() -> None:
    async def test() -> None:
        burst = _Noting(asyncio.get_running_loop())
        _all_alone(burst)
        assert burst.takes(_Who("tried"))

    asyncio.run(test())


def test_those_of_one_iteration_are_taken_up_in_their_order_when_it_is_over() -> None:
    async def test() -> None:
        burst = _Noting(asyncio.get_running_loop())
        _all_alone(burst)
        names = [f"{number}" for number in range(FEW)]
        assert all(burst.takes(_Who(name)) for name in names)
        assert burst.done == []
        await _next_iteration()
        assert burst.done == names
        assert burst.takes(_Who("the next iteration's first"))

    asyncio.run(test())


def test_where_few_came_the_next_ones_wait_no_more() -> None:
    async def test() -> None:
        burst = _Noting(asyncio.get_running_loop())
        _all_alone(burst)
        assert all(burst.takes(_Who("few")) for _ in range(FEW - 1))
        await _next_iteration()
        assert burst.done == ["few"] * (FEW - 1)
        _all_alone(burst)
        assert burst.takes(_Who("tried again"))

    asyncio.run(test())


def test_whoever_comes_while_they_are_taken_up_is_taken_up_in_the_next_iteration() -> None:
    async def test() -> None:
        burst = _Noting(asyncio.get_running_loop())
        _all_alone(burst)
        late = _Who("late")
        for who in (_Who("first", lambda: assert_true(burst.takes(late))), _Who("second"), _Who("third")):
            assert burst.takes(who)
        await _next_iteration()
        assert burst.done[:3] == ["first", "second", "third"]
        await _next_iteration()
        assert burst.done[3:] == ["late"]

    def assert_true(value: bool) -> None:
        assert value

    asyncio.run(test())


def test_each_step_is_taken_for_a_whole_group_before_the_next_one_is_taken_for_any() -> None:
    async def test() -> None:
        burst = _Noting(asyncio.get_running_loop(), 3)
        _all_alone(burst)
        names = [f"{number}" for number in range(GROUP + 2)]
        seen: list[int] = []

        def first_of_the_second_group() -> None:
            seen.append(len(burst.later))

        whose = [_Who(name, first_of_the_second_group if name == names[GROUP] else lambda: None) for name in names]
        assert all(burst.takes(who) for who in whose)
        await _next_iteration()
        assert burst.done == names
        assert burst.later == [
            (name, number) for group in (names[:GROUP], names[GROUP:]) for number in (1, 2) for name in group
        ]
        assert seen == [2 * GROUP]

    asyncio.run(test())


def test_no_further_step_is_taken_for_one_that_failed() -> None:
    def fail() -> None:
        raise RuntimeError("odd bytes")

    async def test() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, context: None)
        burst = _Noting(loop, 2)
        _all_alone(burst)
        for who in (_Who("one"), _Who("broken", fail), _Who("other")):
            assert burst.takes(who)
        await _next_iteration()
        assert burst.later == [("one", 1), ("other", 1)]

    asyncio.run(test())


@pytest.mark.parametrize("connected", [True, False])
def test_one_that_fails_ends_its_own_connection_and_nobody_elses(connected: bool) -> None:
    def fail() -> None:
        raise RuntimeError("odd bytes")

    async def test() -> None:
        loop = asyncio.get_running_loop()
        told: list[dict[str, Any]] = []
        loop.set_exception_handler(lambda _, context: told.append(context))
        burst = _Noting(loop)
        _all_alone(burst)
        broken, other = _Who("broken", fail), _Who("other")
        if not connected:
            broken.transport = None
        for who in (broken, other, _Who("third")):
            assert burst.takes(who)
        await _next_iteration()
        assert burst.done == ["broken", "other", "third"]
        assert other.transport is not None and not other.transport.aborted
        assert broken.transport is None or broken.transport.aborted
        assert [str(context["exception"]) for context in told] == ["odd bytes"]

    asyncio.run(test())
