"""The server: sockets, the gateway, and the pump between them.

Rules: one gateway for a process; the handler does nothing but read the body, open the exchange and wait for its end;
after 408, 413 and a broken body the connection is closed, since what follows cannot be trusted. OLLAMUX_LANE=0 has
aiohttp read every request, as it reads those that are out of the ordinary: a request has the same answer both ways.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, cast

from aiohttp import web

from ollamux import __version__
from ollamux.config import Config
from ollamux.contract import ClientRequest
from ollamux.errors import OllamuxError, TooLarge
from ollamux.exchange import Exchange
from ollamux.gateway import Gateway
from ollamux.workers.dividing import ALONE, Part
from ollamux_aiohttp.bodies import read_whole, stream_body
from ollamux_aiohttp.chores import ChoreRunner
from ollamux_aiohttp.connection import Connection, ConnectionLimits, Front, head_size
from ollamux_aiohttp.deadlines import Deadlines
from ollamux_aiohttp.driver import Driver
from ollamux_aiohttp.events import EVENTS, Events, Granted
from ollamux_aiohttp.lane import headers_of
from ollamux_aiohttp.logs import log_news
from ollamux_aiohttp.pump import Pump
from ollamux_aiohttp.recording import Recorder, RecordingGateway
from ollamux_aiohttp.tls import server_context
from ollamux_aiohttp.upstream.configured import upstreams_of

__all__ = ("BACKLOG", "Server")

_log = logging.getLogger("ollamux")
BACKLOG = 4096
"""Connections that wait to be accepted."""

_KEEPALIVE = 75.0
_READ_BUFFER = 256 * 1024
_WALL_EVERY = 30.0


class Server:
    """Serves a configuration whose backends are resolved. Exchanges are written down in the folder `record`."""

    def __init__(
        self, config: Config, *, instance: str | None = None, record: Path | None = None, part: Part = ALONE
    ) -> None:
        self.config = config
        self._number = part.number
        self._recorder = Recorder(record, config) if record is not None else None
        make = Gateway if self._recorder is None else partial(RecordingGateway, self._recorder)
        self.gateway: Gateway = make(
            config,
            instance=instance or secrets.token_hex(8),
            version=__version__,
            hostname=socket.gethostname(),
            addresses=_addresses(),
            part=part,
        )
        if config.metrics.enabled:
            self.gateway.mount("/metrics", self._scraped)
        self._events = Events(self.gateway.feed, self.gateway.clock)
        self.gateway.mount(EVENTS, self._events.page, apart=True)
        self._upstreams = upstreams_of(self.gateway)
        self._front: Front | None = None
        self._listeners: list[asyncio.Server] = []
        self._link: asyncio.Transport | None = None
        self._pump: Pump | None = None
        self._chores: ChoreRunner | None = None
        self._clock: asyncio.TimerHandle | None = None
        self._stop_logging: Callable[[], None] | None = None

    async def start(self, host: str, port: int, sockets: Sequence[socket.socket] = ()) -> tuple[str, int]:
        """Binds and serves; or serves on these sockets, which are bound. Returns the address; OSError where it is
        taken."""
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(loop)
        self._pump = Pump(loop, self.gateway, deadlines, self._upstreams, self._drain, lane=_lane())
        self._chores = ChoreRunner(self.gateway, self._upstreams, deadlines, self._drain)
        limits = self.config.server.limits
        self._front = Front(
            self._handle,
            lane=self._pump,
            limits=ConnectionLimits(limits.header_bytes, limits.header_timeout, limits.body_timeout),
            deadlines=deadlines,
            access_log=None,
            keepalive_timeout=_KEEPALIVE,
            max_line_size=limits.header_bytes,
            max_field_size=limits.header_bytes,
            read_bufsize=_READ_BUFFER,
            auto_decompress=False,
            lingering_time=1.0,
        )
        self._tell_time()
        self._stop_logging = log_news(self.gateway.feed, health=self._number == 0)
        tls = self.config.server.tls
        how: dict[str, Any] = {"backlog": BACKLOG, "ssl": server_context(tls) if tls is not None else None}
        for sock in sockets:
            self._listeners.append(await loop.create_server(self._front, sock=sock, **how))
        if not sockets:
            self._listeners.append(await loop.create_server(self._front, host, port, reuse_address=True, **how))
        self._chores.run()
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 100)
        gc.enable()
        address = self._listeners[0].sockets[0].getsockname()
        return address[0], address[1]

    async def join(self, carrier: socket.socket, before: bytes) -> None:
        """Serves as one of several workers, whose messages this socket carries: see `ollamux.workers`."""
        from ollamux_aiohttp.workers.link import Link

        circle, loop = self.gateway.circle, asyncio.get_running_loop()
        assert circle is not None
        link = Link(circle, self._drain)
        self._link, _ = await loop.create_unix_connection(lambda: link, sock=carrier)
        circle.join(before)

    async def refresh(self, timeout: float) -> None:
        """One round of probes of every backend, or as much of it as the time allows."""
        if self._chores is not None:
            for backend in self.gateway.backends():
                self.gateway.changed(backend.id)
            self._chores.run()
            await self._chores.settle(timeout)

    async def stop(self, grace: float = 5.0) -> None:
        """Takes no more connections, lets what runs end within `grace` seconds, then ends it."""
        if self._clock is not None:
            self._clock.cancel()
        for listener in self._listeners:
            listener.close()
        if self._stop_logging is not None:
            self._stop_logging()
        self._events.close()
        if self._front is not None:
            self._front.pre_shutdown()
            await self._front.shutdown(grace)
        if self._chores is not None:
            self._chores.close()
        await self._upstreams.close()
        if self._link is not None:
            self._link.close()
        if self._pump is not None:
            self._pump.deadlines.close()
        if self._recorder is not None:
            await asyncio.to_thread(self._recorder.close)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        pump = self._pump
        connection = request.protocol
        assert pump is not None and isinstance(connection, Connection)
        path = request.raw_path
        message = request._message  # pyright: ignore[reportPrivateUsage]
        if head_size(message) > self.config.server.limits.header_bytes:
            return self._refuse(request, connection, TooLarge("request header fields too large", status=431))
        streaming = self.gateway.body_streams(request.method, path)
        body: bytes | None = b""
        if streaming:
            body = None
        elif request.body_exists:
            try:
                body = await read_whole(request, self.config.server.limits.body, self.config.server.limits.body_timeout)
            except OllamuxError as error:
                return self._refuse(request, connection, error)
            if connection.transport is None:
                return pump.closing
        now = time.monotonic()
        headers = cast("Mapping[str, str]", headers_of(message.raw_headers))
        asked = ClientRequest(request.method, path, headers, body, connection.client.peer)
        if streaming and request.method == "GET":  # the events: no exchange, so that nothing of them is recorded
            granted = Gateway.open(self.gateway, asked, now)
            if isinstance(granted, Granted):
                return await self._events.serve(request, granted.extra_headers)
        exchange = self.gateway.open(asked, now)
        driver = Driver.of(pump, connection.client, exchange, message, now)
        driver.start()
        if self.gateway.has_ready():
            self._drain()
        if streaming and not driver.over:
            try:
                await stream_body(request, driver, self.config.server.limits.body_timeout)
            except OllamuxError as error:
                began = driver.began
                driver.client_gone()
                return pump.closing if began else self._refuse(request, connection, error)
        return driver.response if driver.over else await driver.finished()

    def _refuse(self, request: web.BaseRequest, connection: Connection, error: OllamuxError) -> web.StreamResponse:
        """Answers a body that cannot be read, in the client's format, and closes the connection."""
        assert self._pump is not None
        settled = self.gateway.refuse(request.raw_path, error)
        message = request._message  # pyright: ignore[reportPrivateUsage]
        driver = Driver.of(self._pump, connection.client, settled, message, time.monotonic())
        driver.start()
        connection.finish_writing()
        return self._pump.closing

    def _drain(self) -> None:
        """Lets those go on who waited for something inside the gateway, and starts what is due."""
        gateway = self.gateway
        while gateway.has_ready():
            now = time.monotonic()
            if gateway.hurry and self._chores is not None:
                self._chores.run()
            for exchange in gateway.ready(now):
                front = exchange.front
                if isinstance(front, Driver):
                    front.proceed(now)

    def _scraped(self, request: ClientRequest, now: float) -> Exchange:
        """What Prometheus gets; its client is loaded when it is asked for, since most servers are never scraped."""
        from ollamux_aiohttp.metrics import Metrics

        return self.gateway.together(lambda house: Metrics(house, __version__).page(request, now))

    def _tell_time(self) -> None:
        now = time.monotonic()
        unix = time.time()
        self.gateway.wall(unix, time.localtime(unix).tm_gmtoff, now)
        self._clock = asyncio.get_running_loop().call_later(_WALL_EVERY, self._tell_time)


def _lane() -> bool:
    return os.environ.get("OLLAMUX_LANE", "").strip().lower() not in ("0", "false", "no", "off")


def _addresses() -> tuple[str, ...]:
    """The addresses of this machine's name, for the Host check."""
    try:
        found = socket.getaddrinfo(socket.gethostname(), None)
    except OSError:
        return ()
    return tuple({str(entry[4][0]) for entry in found})
