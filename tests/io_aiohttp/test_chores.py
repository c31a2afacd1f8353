"""Probes of the backends, as the runner makes them."""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable, Coroutine

import pytest
from tests.support.dialogues import backends, says
from tests.support.scripted import Backend, Wire, backend

from ollamux.config import Layer, load
from ollamux.gateway import Gateway
from ollamux_aiohttp.chores import ChoreRunner
from ollamux_aiohttp.deadlines import Deadlines
from ollamux_aiohttp.upstream.choose import Upstreams


def _run(
    test: Callable[[Gateway, ChoreRunner, list[int]], Coroutine[object, object, None]],
    *found: Backend,
    **health: object,
) -> None:
    async def run() -> None:
        gateway = Gateway(load([Layer("test", {"backends": backends(*found), "health": health})], {}))
        loop = asyncio.get_running_loop()
        upstreams, deadlines, settled = Upstreams(), Deadlines(loop), [0]

        def count() -> None:
            settled[0] += 1

        runner = ChoreRunner(gateway, upstreams, deadlines, count)
        try:
            await test(gateway, runner, settled)
        finally:
            runner.close()
            await upstreams.close()
            deadlines.close()

    asyncio.run(run())


def _state(gateway: Gateway, position: int = 0) -> tuple[str, str]:
    report = gateway.report(0.0)[position]
    return report.state, report.reason


def test_a_round_of_probes_tells_health_and_models() -> None:
    async def test(gateway: Gateway, runner: ChoreRunner, settled: list[int]) -> None:
        assert _state(gateway)[0] == "checking"
        runner.run()
        await runner.settle(3)
        assert _state(gateway) == ("ready", "")
        assert [offer.name for offer in gateway.catalog.offers()] == ["m", "n"]
        assert settled == [1]

    with backend(says("x"), "m", "n") as only:
        _run(test, only)


def test_probes_are_repeated_when_they_are_due() -> None:
    async def test(gateway: Gateway, runner: ChoreRunner, settled: list[int]) -> None:
        runner.run()
        deadline = time.monotonic() + 20
        while settled[0] < 3:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    with backend(says("x")) as only:
        _run(test, only, interval=0.05)


def test_a_backend_that_does_not_answer_in_time_is_unreachable_and_the_others_are_not_kept() -> None:
    async def test(gateway: Gateway, runner: ChoreRunner, settled: list[int]) -> None:
        runner.run()
        await runner.settle(3)
        assert _state(gateway, 0) == ("unreachable", "it did not answer in time")
        assert _state(gateway, 1) == ("ready", "")
        assert settled == [2]

    silent = threading.Event()

    def lists(path: str, wire: Wire) -> bool:
        if wire.wait_for_peer_to_leave(5):
            silent.set()
        return True

    with backend(says("x")) as hole, backend(says("x")) as good:
        hole._lists = lists  # type: ignore[method-assign]
        _run(test, hole, good, timeout=0.1)
        assert silent.wait(2), "its connection was closed"


def test_a_backend_that_is_not_there_is_unreachable() -> None:
    async def test(gateway: Gateway, runner: ChoreRunner, settled: list[int]) -> None:
        runner.run()
        await runner.settle(3)
        assert _state(gateway) == ("unreachable", "nothing listens there")

    with backend(says("x")) as gone:
        gone.stop()
        _run(test, gone)


@pytest.mark.parametrize(
    ("status", "body", "reason"),
    [
        (500, b"oops", "it answered with status 500"),
        (401, b"{}", "it refuses the API key (status 401)"),
        (200, b"<html>", "its list of models cannot be read"),
        (200, b'{"data":3}', "its list of models cannot be read"),
        (200, b'{"data":' + b"[" * 50_000, "its list of models cannot be read"),
    ],
)
def test_a_backend_that_answers_something_else_is_told_as_that(status: int, body: bytes, reason: str) -> None:
    async def test(gateway: Gateway, runner: ChoreRunner, settled: list[int]) -> None:
        runner.run()
        await runner.settle(3)
        state, told = _state(gateway)
        assert state == "unreachable"
        assert told.startswith(reason)

    def lists(path: str, wire: Wire) -> bool:
        wire.answer(status, body)
        return True

    with backend(says("x")) as odd:
        odd._lists = lists  # type: ignore[method-assign]
        _run(test, odd)


def test_settling_waits_no_longer_than_it_may() -> None:
    async def test(gateway: Gateway, runner: ChoreRunner, settled: list[int]) -> None:
        runner.run()
        await runner.settle(0.05)
        assert settled == [0]

    with backend(says("x")) as hole:
        hole._lists = lambda path, wire: wire.wait_for_peer_to_leave(30)  # type: ignore[method-assign]
        _run(test, hole, timeout=60)


def test_after_the_close_nothing_is_asked_or_told() -> None:
    async def test(gateway: Gateway, runner: ChoreRunner, settled: list[int]) -> None:
        runner.run()
        await asyncio.sleep(0.02)
        runner.close()
        gateway.changed("a")
        runner.run()
        await asyncio.sleep(0.1)
        assert settled == [0]
        assert runner.wake_at == math.inf

    with backend(says("x")) as hole:
        hole._lists = lambda path, wire: wire.wait_for_peer_to_leave(30)  # type: ignore[method-assign]
        _run(test, hole)
        assert len([asked for asked in hole.asked if asked.method == "GET"]) <= 1


def test_who_settles_waits_for_a_round_that_was_asked_for_while_another_one_ran() -> None:
    async def test(gateway: Gateway, runner: ChoreRunner, settled: list[int]) -> None:
        runner.run()
        gateway.changed("a")
        runner.run()
        await runner.settle(20)
        assert settled == [2] and gateway.chores_at > time.monotonic()

    with backend(says("x")) as only:
        _run(test, only)


def test_settling_without_anything_under_way_returns_at_once() -> None:
    async def test(gateway: Gateway, runner: ChoreRunner, settled: list[int]) -> None:
        await runner.settle(10)

    with backend(says("x")) as only:
        _run(test, only)


def test_a_backend_whose_models_change_while_it_is_asked_is_asked_once_more() -> None:
    async def test(gateway: Gateway, runner: ChoreRunner, settled: list[int]) -> None:
        runner.run()
        gateway.changed("a")
        deadline = time.monotonic() + 20
        while settled[0] < 2:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)

    with backend(says("x")) as only:
        _run(test, only)
