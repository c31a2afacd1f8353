"""Reads the sensors again and again, beside everything else.

One reading is made at a time, in a thread of its own that nobody waits for when the process ends: a driver may hang.
What it says is reported on the loop. A reading that fails or takes longer than `_PATIENCE` is told in the log, the
first time, and reported as none at all, so that nobody acts on what was true a while ago. Whatever else goes wrong
ends no watch: it is told once, with its trace, and the next reading waits twice as long each time, up to `_LONGEST`.
"""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from ollamux.hardware.readings import Readings

__all__ = ("Readable", "SensorWatch")

_log = logging.getLogger("ollamux")

_PATIENCE = 10.0
_LAST_WAIT = 1.0
_FIRST_REST, _LONGEST = 1.0, 60.0


class Readable(Protocol):
    """What can be watched: `Sensors`."""

    def read(self) -> Readings:
        """What they say now. May block."""
        ...

    def close(self) -> None:
        """Lets go of what is held open."""
        ...


class SensorWatch:
    """A reading every `interval` seconds, and one at once, for `report(readings, now)`."""

    def __init__(
        self,
        sensors: Readable,
        report: Callable[[Readings, float], None],
        interval: float,
        *,
        patience: float = _PATIENCE,
        rest: float = _FIRST_REST,
    ) -> None:
        self._sensors = sensors
        self._report = report
        self._interval = interval
        self._patience = patience
        self._rest = rest
        self._task: asyncio.Task[None] | None = None
        self._reading: asyncio.Future[Readings] | None = None
        self._told = False
        self._failed = False

    def start(self) -> None:
        """Begins. Called on the loop."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def close(self) -> None:
        """Stops. Where a reading does not end soon, the sensors are left as they are."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._reading is not None:
            await asyncio.wait((self._reading,), timeout=_LAST_WAIT)
        if self._reading is None or self._reading.done():
            self._sensors.close()
        if self._reading is not None and self._reading.done():
            self._reading.exception()  # looked at, so that nobody complains about it later

    async def _run(self) -> None:
        rest = self._rest
        while True:
            try:
                await self._read()
            except Exception:  # whoever hears of readings may fail
                if not self._failed:
                    self._failed = True
                    _log.exception("a reading of this machine's sensors came to nothing, more are tried")
                await asyncio.sleep(max(rest, self._interval))
                rest = min(2.0 * rest, _LONGEST)
            else:
                rest = self._rest
                await asyncio.sleep(self._interval)

    async def _read(self) -> None:
        """One reading, reported."""
        reading = self._reading = self._begin()
        done, _ = await asyncio.wait((reading,), timeout=self._patience)
        if not done:
            self._tell("they do not answer")
            self._report(Readings(), time.monotonic())
            await asyncio.wait((reading,))
        self._report(self._outcome(reading), time.monotonic())

    def _begin(self) -> asyncio.Future[Readings]:
        loop = asyncio.get_running_loop()
        reading: asyncio.Future[Readings] = loop.create_future()

        def settle(result: Readings | Exception) -> None:
            if isinstance(result, Readings):
                reading.set_result(result)
            else:
                reading.set_exception(result)

        def work() -> None:
            result: Readings | Exception
            try:
                result = self._sensors.read()
            except Exception as error:  # a driver may do anything, and no request depends on it
                result = error
            try:
                loop.call_soon_threadsafe(settle, result)
            except RuntimeError:
                pass  # the loop is gone, and with it whoever asked

        try:
            threading.Thread(target=work, name="ollamux-sensors", daemon=True).start()
        except RuntimeError as error:  # no thread is left: a reading that failed, which nobody would end
            reading.set_exception(error)
        return reading

    def _outcome(self, reading: asyncio.Future[Readings]) -> Readings:
        error = reading.exception()
        if error is None:
            return reading.result()
        self._tell(f"{type(error).__name__}: {error}")
        return Readings()

    def _tell(self, why: str) -> None:
        if not self._told:
            self._told = True
            _log.warning("the sensors of this machine cannot be read: %s", why)
