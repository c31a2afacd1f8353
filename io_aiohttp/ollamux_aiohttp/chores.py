"""Runs the gateway's chores: probes of the backends, in the background, through the same client as every call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

from ollamux.contract import FailureKind
from ollamux.gateway import Chore, Gateway
from ollamux_aiohttp.deadlines import Deadlines, Sleeper
from ollamux_aiohttp.upstream.choose import Upstreams
from ollamux_aiohttp.upstream.interface import Listener, Transfer

__all__ = ("ChoreRunner",)

_LONGEST_SLEEP = 5.0


class ChoreRunner(Sleeper):
    """Starts what is due and sleeps until the next is. `settled` is called when a chore has been reported."""

    def __init__(
        self,
        gateway: Gateway,
        upstreams: Upstreams,
        deadlines: Deadlines,
        settled: Callable[[], None],
    ) -> None:
        super().__init__()
        self._gateway = gateway
        self._upstreams = upstreams
        self._deadlines = deadlines
        self._settled = settled
        self._running: set[_Errand] = set()
        self._idle = asyncio.Event()
        self._closed = False

    def run(self) -> None:
        """Starts what is due now."""
        if self._closed:
            return
        now = time.monotonic()
        for chore in self._gateway.chores(now):
            errand = _Errand(self, chore)
            self._running.add(errand)
            self._idle.clear()
            errand.start(self._upstreams, self._deadlines, now)
        self._sleep(now)

    def wake(self, now: float) -> None:
        """Something is due."""
        self.run()

    async def settle(self, timeout: float) -> None:
        """Waits until all that runs, and what it led to at once, has been reported, or the time is over."""
        until = time.monotonic() + timeout
        while (self._running or self._something_due()) and not self._closed:
            if not self._running:
                self.run()
            try:
                await asyncio.wait_for(self._idle.wait(), until - time.monotonic())
            except TimeoutError:
                return

    def _something_due(self) -> bool:
        """Whether there is something to ask at once: also of one that was asked for while its last round ran."""
        return self._gateway.hurry or self._gateway.chores_at <= time.monotonic()

    def close(self) -> None:
        """Stops."""
        self._closed = True
        self._deadlines.drop(self)
        for errand in self._running:
            errand.stop(self._deadlines)
        self._running.clear()

    def over(self, errand: _Errand) -> None:
        """An errand has been reported to the gateway."""
        self._deadlines.drop(errand)
        self._running.discard(errand)
        if not self._running:
            self._idle.set()
        if not self._closed:
            self._sleep(time.monotonic())  # its backend has its next one now
        self._settled()

    def _sleep(self, now: float) -> None:
        """Until the next is due, or a while."""
        self._deadlines.set(self, max(now, min(self._gateway.chores_at, now + _LONGEST_SLEEP)))

    @property
    def gateway(self) -> Gateway:
        """Whose chores these are."""
        return self._gateway


class _Errand(Listener):
    """One chore under way: it collects the answer."""

    __slots__ = ("_chore", "_headers", "_pieces", "_runner", "_size", "_status", "_transfer")

    def __init__(self, runner: ChoreRunner, chore: Chore) -> None:
        super().__init__()
        self._runner = runner
        self._chore = chore
        self._status = 0
        self._headers: Sequence[tuple[str, str]] = ()
        self._pieces: list[bytes] = []
        self._size = 0
        self._transfer: Transfer | None = None

    def start(self, upstreams: Upstreams, deadlines: Deadlines, now: float) -> None:
        deadlines.set(self, now + self._chore.timeout)
        self._transfer = upstreams.start(self._chore.call, self)

    def stop(self, deadlines: Deadlines) -> None:
        deadlines.drop(self)
        if self._transfer is not None:
            self._transfer.cancel()

    def attempt_head(self, attempt: int, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self._status = status
        self._headers = headers

    def attempt_data(self, attempt: int, data: bytes, last: bool) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._size > self._chore.limit:
            self._fail("protocol", "its answer to a probe is too large")

    def attempt_end(self, attempt: int) -> None:
        now = time.monotonic()
        self._runner.gateway.chore_done(self._chore, self._status, self._headers, b"".join(self._pieces), now)
        self._runner.over(self)

    def attempt_failed(self, attempt: int, kind: FailureKind, sent: bool, detail: str) -> None:
        self._runner.gateway.chore_failed(self._chore, kind, detail, time.monotonic())
        self._runner.over(self)

    def upload_drained(self, attempt: int) -> None:
        """A probe uploads nothing."""

    def wake(self, now: float) -> None:
        self._fail("timeout", "it did not answer in time")

    def _fail(self, kind: FailureKind, detail: str) -> None:
        if self._transfer is not None:
            self._transfer.cancel()
        self._runner.gateway.chore_failed(self._chore, kind, detail, time.monotonic())
        self._runner.over(self)
