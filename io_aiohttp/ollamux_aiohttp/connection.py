"""A client's connection: aiohttp's request handler, with what a gateway needs beside it.

It tells the request under way that the client reads too slowly, reads again, or is gone; bounds the head of a request
in bytes and in time; and answers what is no HTTP in the form that clients of Ollama read.

Rules: a request is parsed by the lane or by aiohttp, never by both; nothing here knows a route.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.http_parser import RawRequestMessage
from aiohttp.tcp_helpers import tcp_keepalive
from aiohttp.web_protocol import RequestHandler

from ollamux_aiohttp.client import HELD_AT_MOST, Client, Lane
from ollamux_aiohttp.deadlines import Deadlines, Sleeper
from ollamux_aiohttp.lane import MORE, LaneParser

__all__ = ("Connection", "ConnectionLimits", "Front", "head_size", "path_of")


class ConnectionLimits(msgspec.Struct, frozen=True):
    """Bytes and seconds that the head of a request may take, and seconds between two pieces of its body."""

    header_bytes: int
    header_timeout: float
    body_timeout: float


class _Alarm(Sleeper):
    """Wakes a connection."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection: Connection | None = connection

    def wake(self, now: float) -> None:
        if self._connection is not None:
            self._connection.wake(now)

    def forget(self) -> None:
        """The connection is gone: no cycle is left for the garbage collector."""
        self._connection = None


class Connection(RequestHandler):
    """One connection of one client.

    An ordinary request takes the *lane*: its `client` begins it in the very call that brought its last bytes, with no
    task and no request object. Whatever follows it before its answer is out is held back, unparsed. Everything else
    goes the way of aiohttp, and what follows on that connection too. Until then aiohttp is *asleep* here: it has no
    task, no timer and no queue, which would be a fifth of the memory that an idle stream takes."""

    __slots__ = (
        "_alarm",
        "_asleep",
        "_body",
        "_deadlines",
        "_lane",
        "_lane_over",
        "_limits",
        "_path",
        "_refused",
        "client",
    )

    if TYPE_CHECKING:  # aiohttp's own, of which its sources leave the types open
        _message_tail: bytes
        _messages: Any
        _upgraded: bool

    def __init__(
        self,
        manager: Front,
        *,
        lane: Lane,
        limits: ConnectionLimits,
        deadlines: Deadlines,
        **options: Any,
    ) -> None:
        super().__init__(manager, **options)
        self._lane = lane
        self._lane_over: asyncio.Future[None] | None = None
        self._limits = limits
        self._deadlines = deadlines
        self._refused = False
        self._path = ""  # of a head that has come in part
        self._body: Any = None  # of the newest request that aiohttp has
        self.client = Client(self, lane, LaneParser(lane.takes, limits.header_bytes))
        self._alarm = _Alarm(self)
        self._asleep = True
        self._messages = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super(RequestHandler, self).connection_made(transport)
        assert self._manager is not None
        if self._tcp_keepalive:
            tcp_keepalive(transport)  # type: ignore[arg-type]  # it is one of asyncio.Transport
        self._manager.connection_made(self, transport)  # type: ignore[arg-type]
        self.client.left_at = time.monotonic()
        self._deadlines.set(self._alarm, self.client.left_at + self._keepalive_timeout)
        name: Any = transport.get_extra_info("peername")
        self.client.peer = name[0] if isinstance(name, tuple) else ""
        self.client.transport = self.transport
        if self.transport is not None:
            self.transport.set_protocol(self.client)  # type: ignore[arg-type]  # it is one in all but name

    def look_at(self, reader: LaneParser, data: bytes, found: int) -> None:
        """Bytes have come of which the lane's reader says that they are no whole request, or none for the lane."""
        if found == MORE:
            self._watch_body() if reader.headed else self._watch_head(data)
            return
        self.drop_head()
        self.client.reader = None
        if self.transport is not None:
            self.transport.set_protocol(self)
        self.data_received(reader.given_up())

    def data_received(self, data: bytes) -> None:
        client = self.client
        if self._refused:
            return
        if client.busy:
            client.hold(data)
            return
        if client.reader is not None:
            client.data_received(data)
            return
        if self._messages or self._upgraded or self._force_close or self._close or not self._idle():
            self._awaken()
            self._pass_on(data)
            return
        parser: Any = self._parser
        if parser is None:
            return
        messages: Sequence[tuple[RawRequestMessage, Any]]
        try:
            messages, upgraded, tail = parser.feed_data(data)
        except HttpProcessingError as error:
            self.drop_head()
            self._reject(_status_of(error), _told(error), path_of(data))
            return
        if not messages:
            self._watch_head(data)
            return
        message, payload = messages[0]
        if len(data) + client.head_bytes > self._limits.header_bytes and head_size(message) > self._limits.header_bytes:
            self._reject(431, _TOO_LARGE, message.path)
            return
        if client.head_bytes:
            self.drop_head()
        self._request_count += len(messages)
        if len(messages) == 1 and not upgraded and payload.is_eof() and self._lane.takes(message.method, message.path):
            parser.message_consumed()
            client.busy = True
            self._lane.begin(client, message, payload.read_nowait())
            return
        self._awaken()
        self._messages.extend(messages)
        self._body = messages[-1][1]
        self._upgraded = upgraded
        if tail:
            self._message_tail = tail
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def _idle(self) -> bool:
        """Whether aiohttp waits for a request, or has not even begun to. It has popped the last one off its queue
        before it says that one is in progress, so neither of these tells."""
        return self._asleep or not self._request_count or (self._waiter is not None and not self._waiter.done())

    def _awaken(self) -> None:
        """Has aiohttp begin with its requests."""
        if self._asleep and not self._force_close:
            self._asleep = False
            self._messages = deque()
            self._task_handler = self._loop.create_task(self.start())

    def _pass_on(self, data: bytes) -> None:
        super().data_received(data)
        newest = self._messages[-1] if self._messages else None
        error = getattr(newest[0], "exc", None) if newest is not None else None
        if error is not None:  # the request before it would wait for the rest of its body, begun or not
            if self._body is not None and not self._body.is_eof():
                self._body.set_exception(error)
        elif newest is not None:
            self._body = newest[1]

    def resume_reading(self, resume_parser: bool = True) -> None:
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def leave_lane(self, keep_alive: bool, /) -> None:
        """The answer to the request in the lane is out, and something has to be done about it."""
        client = self.client
        held, client.held = client.held, None
        if self._lane_over is not None and not self._lane_over.done():
            self._lane_over.set_result(None)
        if self.transport is None:
            client.busy = False
        elif not keep_alive or self._force_close or self._close:
            client.busy = False
            self.force_close()
        elif held:  # what comes before it is replayed comes after it: the lane stays busy
            if len(held) > HELD_AT_MOST:
                self.transport.resume_reading()
            self._loop.call_soon(self._replay, bytes(held))
        else:
            client.busy = False

    def _replay(self, data: bytes) -> None:
        """What was held back comes again, before anything newer."""
        client = self.client
        client.busy = False
        if self.transport is not None:
            newer, client.held = client.held, None
            if newer and len(newer) > HELD_AT_MOST:
                self.transport.resume_reading()
            self.data_received(data + bytes(newer) if newer else data)

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        self.client.closing = True
        if self.client.busy and self.transport is not None:
            self._lane_over = self._loop.create_future()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._lane_over, timeout)
        await super().shutdown(timeout)

    def _process_keepalive(self) -> None:
        now = self._loop.time()
        since = now if self.client.busy else now - (time.monotonic() - self.client.left_at)
        self._next_keepalive_close_time = max(self._next_keepalive_close_time, since + self._keepalive_timeout)
        super()._process_keepalive()

    def _watch_head(self, data: bytes) -> None:
        """Part of a head has come: it is bounded in bytes and in time."""
        if not data:
            return
        if not self.client.head_bytes:
            self._path = path_of(data)
            self._deadlines.set(self._alarm, time.monotonic() + self._limits.header_timeout)
        self.client.head_bytes += len(data)
        if self.client.head_bytes > self._limits.header_bytes:
            self._reject(431, _TOO_LARGE, self._path)

    def _watch_body(self) -> None:
        """Part of a body has come: the next bytes are waited for only so long."""
        self.client.head_bytes = 1
        self._deadlines.drop(self._alarm)
        self._deadlines.set(self._alarm, time.monotonic() + self._limits.body_timeout)

    def drop_head(self) -> None:
        """A request is whole, or nobody waits for the rest of it any more."""
        self.client.head_bytes = 0
        if self._asleep:
            self._deadlines.set(self._alarm, self.client.left_at + self._keepalive_timeout)
        else:
            self._deadlines.drop(self._alarm)

    def wake(self, now: float) -> None:
        """A request takes too long to come, there was none for long, or a client was refused long enough."""
        reader = self.client.reader
        if self._refused:
            self.force_close()
        elif self.client.head_bytes and reader is not None and reader.headed:
            self.drop_head()
            self.client.busy = True
            self._lane.give_up(self.client, reader)
        elif self.client.head_bytes:
            self._reject(408, "the request's head took too long", self._path)
        elif self._asleep and not self.client.busy and now >= self.client.left_at + self._keepalive_timeout:
            self.force_close()
        elif self._asleep:
            self._deadlines.set(self._alarm, max(self.client.left_at + self._keepalive_timeout, now + 1.0))

    def close(self) -> None:
        """No request is begun any more."""
        super().close()
        self.client.closing = True
        if self._asleep and not self.client.busy:
            self.force_close()

    def force_close(self) -> None:
        """Ends the connection now."""
        self.client.closing = True
        super().force_close()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self.client.driver is not None:
            self.client.driver.client_paused()

    def resume_writing(self) -> None:
        super().resume_writing()
        if self.client.driver is not None:
            self.client.driver.client_resumed()

    def connection_lost(self, exc: BaseException | None) -> None:
        self._deadlines.drop(self._alarm)
        self._alarm.forget()
        client = self.client
        self._deadlines.drop(client)
        driver, client.driver, client.transport = client.driver, None, None
        super().connection_lost(exc)
        if driver is not None:
            driver.client_gone()
        client.connection = None  # no cycle is left for the garbage collector

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        if isinstance(exc, HttpProcessingError):
            status, message = _status_of(exc), _told(exc)
        else:
            self.log_exception("a request failed inside the gateway", exc_info=exc)
        headers, body = self._lane.refusal(request.path, status, _first_line(message) or _REASONS.get(status, ""))
        answer = web.Response(status=status, body=body, headers=dict(headers))
        answer.force_close()
        return answer

    def _reject(self, status: int, text: str, path: str) -> None:
        """Answers before a request is there, in the format of its path, and closes. What the client still sends is
        read and dropped for a moment: closing in front of it would take the answer away again."""
        self.drop_head()
        self._refused = self.client.closing = True
        if self.transport is not None:
            headers, body = self._lane.refusal(path, status, text)
            told = "".join([f"{name}: {value}\r\n" for name, value in headers])
            head = f"HTTP/1.1 {status} {_REASONS.get(status, '')}\r\n{told}"
            self.transport.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
            self.finish_writing()
            self._deadlines.set(self._alarm, time.monotonic() + _LINGER)

    def finish_writing(self) -> None:
        """Nothing follows: the client sees the end at once, even where its own bytes are still read."""
        if self.transport is not None and self.transport.can_write_eof():
            self.transport.write_eof()


_LINGER = 1.0
_TARGET = 256  # bytes of a head in which every path that has a format is told
_TOO_LARGE = "request header fields too large"
_REASONS = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large", 500: "internal error"}


class Front(web.Server):
    """The low-level server whose connections are `Connection`."""

    def __init__(self, handler: Any, *, lane: Lane, limits: ConnectionLimits, deadlines: Deadlines, **options: Any):
        super().__init__(handler, **options)
        self._own: dict[str, Any] = {"lane": lane, "limits": limits, "deadlines": deadlines}

    def __call__(self) -> Connection:
        return Connection(self, loop=self._loop, **self._own, **self._kwargs)


def head_size(message: RawRequestMessage) -> int:
    """Bytes that the head of a request takes, or a few less."""
    return len(message.path) + sum(len(name) + len(value) + 4 for name, value in message.raw_headers)


def _status_of(error: HttpProcessingError) -> int:
    """431 for what is too large or too much, 400 for what is wrong."""
    return 431 if isinstance(error, LineTooLong) or "Too many headers" in (error.message or "") else 400


def _told(error: HttpProcessingError) -> str:
    """What was wrong, without a byte of what was sent: that may be a key."""
    return _TOO_LARGE if _status_of(error) == 431 else _first_line(error.message).partition(": b")[0]


def _first_line(text: str | None) -> str:
    lines = (text or "").strip().splitlines()
    return lines[0].rstrip(":") if lines else "bad request"


def path_of(data: bytes) -> str:
    """The path that a request asks for, as far as what begins its head tells it; else nothing."""
    words = data[:_TARGET].partition(b"\n")[0].split(b" ")
    return words[1].partition(b"?")[0].decode("ascii", "replace") if len(words) > 1 else ""
