"""Sensors that are read again and again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from ollamux.hardware.readings import Readings
from ollamux_aiohttp.sensors.watch import SensorWatch


class Scripted:
    """Sensors that do as they are told; each reading has the next battery charge."""

    def __init__(self, before: Callable[[int], None] = lambda number: None) -> None:
        self.before = before
        self.number = 0
        self.closed = 0
        self.threads: set[str] = set()

    def read(self) -> Readings:
        self.number += 1
        self.threads.add(threading.current_thread().name)
        self.before(self.number)
        return Readings(battery=float(self.number))

    def close(self) -> None:
        self.closed += 1


class Heard:
    """Collects what is reported, until there is as much of it as is waited for."""

    def __init__(self, wanted: int) -> None:
        self.all: list[float | None] = []
        self.times: list[float] = []
        self._wanted = wanted
        self.enough = asyncio.Event()

    def __call__(self, readings: Readings, now: float) -> None:
        self.all.append(readings.battery)
        self.times.append(now)
        if len(self.all) >= self._wanted:
            self.enough.set()


async def watched(sensors: Scripted, wanted: int, patience: float = 10.0) -> Heard:
    heard = Heard(wanted)
    watch = SensorWatch(sensors, heard, 0.0, patience=patience)
    watch.start()
    await asyncio.wait_for(heard.enough.wait(), 10)
    await watch.close()
    return heard


def test_readings_are_reported_in_order_with_their_times() -> None:
    sensors = Scripted()
    heard = asyncio.run(watched(sensors, 3))
    assert heard.all[:3] == [1.0, 2.0, 3.0]
    assert heard.times == sorted(heard.times)


def test_they_are_made_in_another_thread() -> None:
    sensors = Scripted()
    asyncio.run(watched(sensors, 1))
    assert sensors.threads == {"ollamux-sensors"}


def test_a_reading_that_fails_is_reported_as_none_and_told_once(caplog: pytest.LogCaptureFixture) -> None:
    def fail(number: int) -> None:
        if number < 3:
            raise RuntimeError("the driver is upset")

    heard = asyncio.run(watched(Scripted(fail), 3))
    assert heard.all[:3] == [None, None, 3.0]
    assert [record.getMessage() for record in caplog.records] == [
        "the sensors of this machine cannot be read: RuntimeError: the driver is upset"
    ]


def test_a_reading_that_hangs_is_reported_as_none_and_no_other_is_begun_meanwhile(
    caplog: pytest.LogCaptureFixture,
) -> None:
    release = threading.Event()

    async def run() -> tuple[list[float | None], int]:
        sensors = Scripted(lambda number: assert_released(release))
        heard = Heard(1)
        watch = SensorWatch(sensors, heard, 0.0, patience=0.01)
        watch.start()
        await asyncio.wait_for(heard.enough.wait(), 10)
        begun = sensors.number
        heard.enough.clear()
        release.set()
        await asyncio.wait_for(heard.enough.wait(), 10)
        await watch.close()
        return heard.all[:2], begun

    assert asyncio.run(run()) == ([None, 1.0], 1)
    assert "do not answer" in caplog.text


def assert_released(release: threading.Event) -> None:
    assert release.wait(10)


def test_closing_waits_for_the_reading_under_way_and_lets_go_of_the_sensors() -> None:
    started, release = threading.Event(), threading.Event()

    def hold(number: int) -> None:
        started.set()
        assert_released(release)

    async def run() -> int:
        sensors = Scripted(hold)
        watch = SensorWatch(sensors, lambda readings, now: None, 5.0)
        watch.start()
        await asyncio.to_thread(started.wait, 10)
        asyncio.get_running_loop().call_later(0.01, release.set)
        await watch.close()
        return sensors.closed

    assert asyncio.run(run()) == 1


def test_closing_does_not_wait_for_a_driver_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ollamux_aiohttp.sensors.watch._LAST_WAIT", 0.01)
    started, release = threading.Event(), threading.Event()

    def hold(number: int) -> None:
        started.set()
        assert_released(release)

    async def run() -> int:
        sensors = Scripted(hold)
        watch = SensorWatch(sensors, lambda readings, now: None, 5.0)
        watch.start()
        await asyncio.to_thread(started.wait, 10)
        await watch.close()
        return sensors.closed

    closed = asyncio.run(run())
    release.set()
    assert closed == 0


def test_a_watch_that_was_never_begun_can_be_closed() -> None:
    sensors = Scripted()
    asyncio.run(SensorWatch(sensors, lambda readings, now: None, 5.0).close())
    assert (sensors.number, sensors.closed) == (0, 1)


def test_a_watch_outlives_whoever_fails_to_hear_it_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    async def run() -> list[float | None]:
        heard = Heard(1)
        failed = 0

        def report(readings: Readings, now: float) -> None:
            nonlocal failed
            if failed < 3:
                failed += 1
                raise RuntimeError("nobody understands this")
            heard(readings, now)

        watch = SensorWatch(Scripted(), report, 0.0, rest=0.001)
        watch.start()
        await asyncio.wait_for(heard.enough.wait(), 10)
        await watch.close()
        return heard.all[:1]

    assert asyncio.run(run()) == [4.0]
    (record,) = caplog.records
    assert record.getMessage() == "a reading of this machine's sensors came to nothing, more are tried"
    assert "nobody understands this" in caplog.text


def test_the_rest_after_a_reading_that_came_to_nothing_doubles_up_to_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    rests: list[float] = []

    async def run() -> None:
        real = asyncio.sleep

        async def sleep(seconds: float) -> None:
            rests.append(seconds)
            await real(0 if len(rests) < 9 else 60)

        monkeypatch.setattr("ollamux_aiohttp.sensors.watch.asyncio.sleep", sleep)

        def report(readings: Readings, now: float) -> None:
            raise RuntimeError("no")

        watch = SensorWatch(Scripted(), report, 0.5)
        watch.start()
        while len(rests) < 9:
            await real(0.001)
        await watch.close()

    asyncio.run(run())
    assert rests == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0, 60.0]


def test_a_thread_that_cannot_be_had_is_a_reading_that_failed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start, refused = threading.Thread.start, 0

    def refuse(thread: threading.Thread) -> None:
        nonlocal refused
        if thread.name == "ollamux-sensors" and refused < 2:
            refused += 1
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    heard = asyncio.run(watched(Scripted(), 3))
    assert heard.all[:3] == [None, None, 1.0]
    assert "can't start new thread" in caplog.text
