"""A gateway that runs in a program's own event loop: its clients for backends, its probes, its deadlines, no server.

Strategy: what a server's driver does for a connection, `Asking` does for a caller: it carries out what an exchange
wants and reports what happens, and keeps what the client would have been sent until the caller takes it.

Rules: an engine belongs to the loop in which it was started; a caller that takes too slowly holds up its backend and
nobody else; whoever stops asking has the call ended.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from ollamux import __version__
from ollamux.config import Config
from ollamux.contract import (
    Call,
    Cancel,
    ClientRequest,
    Data,
    End,
    FailureKind,
    Head,
    Read,
    WakeAt,
    Want,
    Wants,
    spread,
)
from ollamux.exchange import Exchange
from ollamux.formats.base import Serving
from ollamux.gateway import Gateway
from ollamux.head_lines import pairs_of
from ollamux_aiohttp.chores import ChoreRunner
from ollamux_aiohttp.deadlines import Deadlines
from ollamux_aiohttp.logs import log_news
from ollamux_aiohttp.upstream.configured import upstreams_of
from ollamux_aiohttp.upstream.interface import Listener, Transfer

__all__ = ("Asking", "Broken", "Engine")

_log = logging.getLogger("ollamux")
_WALL_EVERY = 30.0
_HELD = 256 * 1024


class Broken(Exception):
    """The answer broke off without a word."""


class Engine:
    """See the module. `config` has its backends resolved."""

    def __init__(self, config: Config) -> None:
        server = msgspec.structs.replace(config.server, decision_headers=True)  # they say which backend answered
        self.gateway = Gateway(
            msgspec.structs.replace(config, server=server), instance=secrets.token_hex(8), version=__version__
        )
        self.serving: Serving = self.gateway.serving("ollama")
        self._upstreams = upstreams_of(self.gateway)
        loop = asyncio.get_running_loop()
        self._loop = loop
        self.deadlines = Deadlines(loop)
        self._chores = ChoreRunner(self.gateway, self._upstreams, self.deadlines, self.drain)
        self._clock: asyncio.TimerHandle | None = None
        self._stop_logging: Callable[[], None] = log_news(self.gateway.feed)
        self._asking: set[Asking] = set()
        self.closed = False

    async def start(self, patience: float) -> None:
        """Asks every backend what it has, and waits for the answers, so many seconds at most."""
        self._tell_time()
        self._chores.run()
        await self._chores.settle(patience)

    async def close(self) -> None:
        """Ends what runs and closes every connection."""
        self.closed = True
        for asking in list(self._asking):
            asking.leave()
        if self._clock is not None:
            self._clock.cancel()
        self._stop_logging()
        self._chores.close()
        await self._upstreams.close()
        self.deadlines.close()

    def ask(self, body: bytes, among: frozenset[str] | None = None) -> Asking:
        """Begins a chat, an Ollama request as JSON, that these backends may answer, or all where none are named."""
        now = time.monotonic()
        request = ClientRequest("POST", self.serving.routes[0].path, {}, body)
        if among is None:
            exchange = self.gateway.open(request, now, self.serving)
        else:
            exchange = self.gateway.open_among(request, self.serving, among)
        asking = Asking(self, exchange)
        self._asking.add(asking)
        asking.report(lambda exchange, at: exchange.start(at))
        self.drain()
        return asking

    def let_go(self, asking: Asking) -> None:
        """Nobody waits for this one any more. From any thread."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(asking.leave)

    def call(self, want: Call, asking: Asking) -> Transfer:
        """Begins a call of a backend."""
        return self._upstreams.start(want, asking)

    def over(self, asking: Asking) -> None:
        """This one has its answer, or wants it no longer."""
        self._asking.discard(asking)
        self.deadlines.drop(asking)

    def drain(self) -> None:
        """Lets those go on who waited for something inside the gateway, and starts what is due."""
        gateway = self.gateway
        while gateway.has_ready():
            now = time.monotonic()
            if gateway.hurry:
                self._chores.run()
            for exchange in gateway.ready(now):
                if isinstance(exchange.front, Asking):
                    exchange.front.report(lambda each, at: each.proceed(at))

    def _tell_time(self) -> None:
        unix = time.time()
        self.gateway.wall(unix, time.localtime(unix).tm_gmtoff, time.monotonic())
        self._clock = self._loop.call_later(_WALL_EVERY, self._tell_time)


class Asking(Listener):
    """One request. `status` and `headers` are there once `head` has returned; it is the listener of the upstream client
    and a sleeper of the wheel."""

    def __init__(self, engine: Engine, exchange: Exchange) -> None:
        super().__init__()
        self._engine = engine
        self._exchange = exchange
        self._transfers: dict[int, Transfer] = {}
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._paused = False
        self._came = asyncio.Event()
        self._over = False
        self._broken = False
        self.status = 0
        self.headers: dict[str, str] = {}
        exchange.front = self

    async def head(self) -> int:
        """Waits for the answer to begin. Returns its status."""
        while not self.status and not self._over:
            await self._wait()
        return self.status

    async def pieces(self) -> AsyncIterator[bytes]:
        """The answer's body as it comes. Raises Broken where it breaks off; who stops taking leaves."""
        try:
            while True:
                while self._pieces:
                    piece = self._pieces.popleft()
                    self._size -= len(piece)
                    if self._paused and self._size < _HELD:
                        self._paused = False
                        self.do(self._exchange.client_resumed(time.monotonic()))
                    yield piece
                if self._over:
                    break
                await self._wait()
            if self._broken:
                raise Broken
        finally:
            self.leave()

    def leave(self) -> None:
        """Wants no more of it."""
        if not self._over:
            self.do(self._exchange.client_gone(time.monotonic()))
            self._end(broken=True)

    async def _wait(self) -> None:
        self._came.clear()
        try:
            await self._came.wait()
        except asyncio.CancelledError:
            self.leave()
            raise

    # From the exchange ------------------------------------------------------------------------------------------------

    def do(self, wants: Wants) -> None:
        """Carries out what a report came back with."""
        if isinstance(wants, bytes):
            self._keep(wants)
            return
        for want in spread(wants):
            self._do(want)
        if self._engine.gateway.has_ready():
            self._engine.drain()

    def _do(self, want: Want) -> None:
        match want:
            case Call():
                self._transfers[want.attempt] = self._engine.call(want, self)
            case WakeAt():
                self._engine.deadlines.set(self, want.when)
            case Head():
                self.status = want.status
                self.headers = {name.lower(): value for name, value in (*want.headers, *pairs_of(want.lines))}
                self._came.set()
            case Data():
                self._keep(want.data)
            case End():
                self._end(broken=want.broken)
            case Cancel():
                transfer = self._transfers.pop(want.attempt, None)
                if transfer is not None:
                    transfer.cancel()
            case Read() if want.attempt in self._transfers:
                self._transfers[want.attempt].read(want.on)
            case _:
                pass

    def _keep(self, data: bytes) -> None:
        if not data:
            return
        self._pieces.append(data)
        self._size += len(data)
        self._came.set()
        if self._size >= _HELD and not self._paused:
            self._paused = True
            self.do(self._exchange.client_paused(time.monotonic()))

    def _end(self, *, broken: bool) -> None:
        if self._over:
            return
        self._over = True
        self._broken = broken
        for transfer in self._transfers.values():
            transfer.cancel()
        self._transfers.clear()
        self._exchange.front = None
        self._engine.over(self)
        self._came.set()

    # From the gateway, the backend and the clock ----------------------------------------------------------------------

    def report(self, tell: Callable[[Exchange, float], Wants]) -> None:
        """Tells the exchange something. A mistake of ours ends this request, and no other one notices."""
        try:
            self.do(tell(self._exchange, time.monotonic()))
        except Exception:
            _log.exception("a request failed inside the gateway")
            self._end(broken=True)

    def attempt_head(self, attempt: int, status: int, headers: Sequence[tuple[str, str]]) -> None:
        self.report(lambda exchange, now: exchange.attempt_head(attempt, status, headers, now))

    def attempt_data(self, attempt: int, data: bytes, last: bool) -> None:
        self.report(lambda exchange, now: exchange.attempt_data(attempt, data, now))

    def attempt_end(self, attempt: int) -> None:
        self._transfers.pop(attempt, None)
        self.report(lambda exchange, now: exchange.attempt_end(attempt, now))

    def attempt_failed(self, attempt: int, kind: FailureKind, sent: bool, detail: str) -> None:
        self._transfers.pop(attempt, None)
        self.report(lambda exchange, now: exchange.attempt_failed(attempt, kind, sent, now, detail))

    def upload_drained(self, attempt: int) -> None:
        """A chat uploads nothing."""

    def wake(self, now: float) -> None:
        """A deadline has come."""
        self.report(lambda exchange, at: exchange.woken(at))
