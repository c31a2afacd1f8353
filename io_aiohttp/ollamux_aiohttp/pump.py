"""Begins requests that came whole, as they come or in bursts, and has drivers do the rest.

Strategy: what a request is told to be is read off the lane's reader, or off aiohttp's message, and becomes an exchange
of the gateway and its `Driver`. Where many come in one iteration of the loop, all are opened first, then begun, and
what they want is done last.

Rules: no decision is taken here but whether a body is larger than what is accepted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from aiohttp.http_parser import RawRequestMessage

from ollamux.contract import HeaderPairs, request_of
from ollamux.errors import InvalidRequest, SlowBody, TooLarge
from ollamux.gateway import Gateway
from ollamux_aiohttp.bursts import Burst
from ollamux_aiohttp.client import Client
from ollamux_aiohttp.clock import monotonic
from ollamux_aiohttp.deadlines import Deadlines
from ollamux_aiohttp.driver import Desk, Driver
from ollamux_aiohttp.lane import LaneParser, headers_of
from ollamux_aiohttp.upstream.choose import Upstreams

__all__ = ("Arrivals", "Pump")


class Pump(Desk):
    """The lane by which connections begin requests that came whole, where there is one."""

    __slots__ = ("arrivals", "body_limit", "lane")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        gateway: Gateway,
        deadlines: Deadlines,
        upstreams: Upstreams,
        drain: Callable[[], None],
        *,
        lane: bool = True,
    ) -> None:
        super().__init__(loop, gateway, deadlines, upstreams, drain)
        self.lane = lane
        self.body_limit = gateway.config.server.limits.body
        self.arrivals = Arrivals(loop, self)

    def takes(self, method: str, path: str, /) -> bool:
        """Whether a request may take the lane of its connection."""
        return self.lane and not self.gateway.body_streams(method, path)

    def begin(self, client: Client, message: RawRequestMessage | LaneParser, body: bytes) -> None:
        """Begins a request that came whole, now or when those that came with it were read."""
        if not isinstance(message, LaneParser) or not self.arrivals.takes(client):
            self.open(client, message, body)

    def open(self, client: Client, message: RawRequestMessage | LaneParser, body: bytes) -> None:
        """Begins it now."""
        driver = self.opened(client, message, body)
        driver.start()
        self.under_way(driver)

    def opened(self, client: Client, message: RawRequestMessage | LaneParser, body: bytes) -> Driver:
        """The driver of a request, whose `take_in`, `begin` and `carry_out` are to be called."""
        gateway = self.gateway
        now = monotonic()
        headers: Mapping[str, str]
        if isinstance(message, LaneParser):
            lane: LaneParser = message  # the usual one, read as what it is
            method, path, headers = lane.method, lane.path, lane.headers  # type: ignore[assignment]  # registered as one
            stays, old, head_only = not lane.should_close, lane.old, lane.head_only
        else:
            method, path = message.method, message.path
            headers = headers_of(message.raw_headers)  # type: ignore[assignment]
            stays, old, head_only = not message.should_close, message.version < (1, 1), method == "HEAD"
        if len(body) > self.body_limit:
            error = TooLarge(f"request body too large: at most {self.body_limit} bytes are accepted")
            exchange = gateway.refuse(path, error)
        else:
            exchange = gateway.open(request_of(method, path, headers, body, client.peer), now)
        driver = Driver.__new__(Driver)
        driver.prepare(self, client, exchange, head_only, stays, old, True, now)
        return driver

    def under_way(self, driver: Driver) -> None:
        """It has begun: notes what that took, and lets those go on who may now."""
        gateway = self.gateway
        gateway.ledger.overhead.add(monotonic() - driver.opened)
        if gateway.has_ready():
            self.drain()

    def give_up(self, client: Client, message: LaneParser) -> None:
        """Refuses a request whose body does not come, in the client's format, and closes."""
        exchange = self.gateway.refuse(message.path, SlowBody("the request's body took too long"))
        driver = Driver.__new__(Driver)
        now = monotonic()
        driver.prepare(self, client, exchange, message.head_only, not message.should_close, message.old, True, now)
        driver.start()

    def refusal(self, path: str, status: int, text: str) -> tuple[HeaderPairs, bytes]:
        """Headers and body of an error in the format of this path."""
        return self.gateway.refusal(path, InvalidRequest(text, status=status))[1:]


class Arrivals(Burst):
    """Clients whose requests came whole in this iteration of the loop."""

    __slots__ = ("_pump",)

    def __init__(self, loop: asyncio.AbstractEventLoop, pump: Pump) -> None:
        super().__init__(loop, 4)
        self._pump = pump

    def step(self, who: Client, number: int) -> None:
        """Opens and reads its request if it is there still, finds it a place, begins it, acts upon that."""
        client: Client = who
        driver: Driver
        if number == 0:
            reader = client.reader
            if reader is not None and client.transport is not None:
                driver = self._pump.opened(client, reader, reader.body)
                driver.take_in()
            return
        if client.driver is None:
            return
        driver = client.driver  # type: ignore[assignment]  # the one that was made just now
        if number == 1:
            driver.take_place()
        elif number == 2:
            driver.begin()
        else:
            driver.carry_out()
            self._pump.under_way(driver)
