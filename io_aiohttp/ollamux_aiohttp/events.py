"""GET /api/events: what happens in the gateway, as it happens, as server-sent events.

Strategy: each client has a list of its own that the gateway's news go into, and a task that sends what is there. Where
no client listens, nobody listens to the gateway, and nothing is made for them.

Rules: a list is bounded; a client that reads too slowly loses the oldest, and an event of its own, `lost`, tells how
many; times are told as time stamps, and no event holds a word of a conversation or a secret.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from ollamux.clock import Clock
from ollamux.contract import ClientRequest, HeaderPairs
from ollamux.exchange import Exchange
from ollamux.news import Feed, News

if TYPE_CHECKING:
    from aiohttp_sse import EventSourceResponse

__all__ = ("EVENTS", "Events", "Granted")

EVENTS = "/api/events"
"""Where they are."""

_KEPT = 256
_PING = 15.0
_SEND = 30.0
_LEAVING = "the server is stopping"
_encode = msgspec.json.Encoder().encode


class Events:
    """The clients that listen. `kept` is how many events wait for a client at most."""

    def __init__(self, feed: Feed, clock: Clock, *, kept: int = _KEPT) -> None:
        self._feed = feed
        self._clock = clock
        self._kept = kept
        self._listening: set[_Listener] = set()
        self._closed = False

    def page(self, request: ClientRequest, now: float) -> Exchange:
        """What a request that has passed the gateway's checks becomes: the mark that `serve` may be called."""
        return Granted()

    async def serve(self, request: web.BaseRequest, headers: HeaderPairs) -> web.StreamResponse:
        """Sends events until the client leaves or the server stops. `headers` go out with the answer."""
        from aiohttp_sse import EventSourceResponse

        response = EventSourceResponse(
            headers={"Server": "ollamux", **dict(headers)}, ping_interval=_PING, send_timeout=_SEND, sep="\n"
        )
        await response.prepare(request)
        listener = _Listener(self._kept, self._feed.listen)
        self._listening.add(listener)
        try:
            async with response:
                while response.is_connected() and not self._closed:
                    await self._send(response, listener)
        except (ConnectionError, TimeoutError):
            pass
        finally:
            self._listening.discard(listener)
            listener.stop()
        return response

    def close(self) -> None:
        """Ends every stream."""
        self._closed = True
        for listener in self._listening:
            listener.due.set()

    async def _send(self, response: EventSourceResponse, listener: _Listener) -> None:
        """What there is now; waits for something where there is nothing, for as long as a ping takes."""
        try:
            await asyncio.wait_for(listener.due.wait(), _PING)
        except TimeoutError:
            return
        lost, news = listener.take()
        if lost:
            await response.send(_encode({"event": "lost", "count": lost}).decode(), event="lost")
        for each in news:
            told: dict[str, object] = msgspec.to_builtins(each)
            told["at"] = self._clock.stamp(each.at)
            await response.send(_encode(told).decode(), event=str(told["event"]))
        if self._closed:
            await response.send(_encode({"event": "end", "reason": _LEAVING}).decode(), event="end")


class Granted(Exchange):
    """An exchange that says that a stream of events may begin; it answers nothing by itself."""

    __slots__ = ()


class _Listener:
    """The news that wait for one client."""

    def __init__(self, kept: int, listen: Callable[[Callable[[News], None]], Callable[[], None]]) -> None:
        self._news: deque[News] = deque(maxlen=kept)
        self._lost = 0
        self.due = asyncio.Event()
        self.stop = listen(self._hear)

    def take(self) -> tuple[int, list[News]]:
        """How many were lost, and what waits; nothing waits any more."""
        lost, news = self._lost, list(self._news)
        self._lost = 0
        self._news.clear()
        self.due.clear()
        return lost, news

    def _hear(self, news: News) -> None:
        if len(self._news) == self._news.maxlen:
            self._lost += 1
        self._news.append(news)
        self.due.set()
