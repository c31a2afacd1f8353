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
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError, LineTooLong
from aiohttp.http_parser import RawRequestMessage
from aiohttp.tcp_helpers import tcp_keepalive
from aiohttp.web_protocol import RequestHandler

from ollamux_aiohttp.deadlines import Deadlines, Sleeper
from ollamux_aiohttp.lane import MORE, WHOLE, LaneParser
from ollamux_aiohttp.pump import Client

__all__ = ("Connection", "ConnectionLimits", "Front", "Lane", "head_size", "refusal")

_HELD_AT_MOST = 64 * 1024


class ConnectionLimits(msgspec.Struct, frozen=True):
    """Bytes and seconds that the head of a request may take, and seconds between two pieces of its body."""

    header_bytes: int
    header_timeout: float
    body_timeout: float


class Lane(Protocol):
    """What begins the requests that take the lane."""

    def takes(self, method: str, path: str, /) -> bool:
        """Whether a request for this target may."""
        ...

    def begin(self, connection: Connection, message: RawRequestMessage | LaneParser, body: bytes) -> None:
        """Begins it; the connection's `leave_lane` is called when its answer is out."""
        ...

    def give_up(self, connection: Connection, message: LaneParser) -> None:
        """Refuses one whose body does not come."""
        ...


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

    An ordinary request takes the *lane*: it is begun in the very call that brought its last bytes, with no task and no
    request object. Whatever follows it before its answer is out is held back, unparsed. Everything else goes the way of
    aiohttp, and what follows on that connection too. Until then aiohttp is *asleep* here: it has no task, no timer and
    no queue, which would be a fifth of the memory that an idle stream takes."""

    __slots__ = (
        "_alarm",
        "_asleep",
        "_deadlines",
        "_head_bytes",
        "_held",
        "_lane",
        "_lane_over",
        "_limits",
        "_reader",
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
        self._held: bytearray | None = None
        self._limits = limits
        self._deadlines = deadlines
        self._head_bytes = 0
        self._refused = False
        self._reader: LaneParser | None = LaneParser(lane.takes, limits.header_bytes)
        self.client = Client()
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

    def data_received(self, data: bytes) -> None:
        held = self._held
        if self._refused:
            return
        if held is not None:
            held += data
            if len(held) > _HELD_AT_MOST and self.transport is not None:
                self.transport.pause_reading()
            return
        reader = self._reader
        if reader is not None and not self._force_close and not self._close:
            found = reader.feed(data)
            if found == WHOLE:
                if self._head_bytes:
                    self._drop_head()
                self._held = bytearray()
                self._request_count += 1
                self._lane.begin(self, reader, reader.body)
                return
            if found == MORE:
                self._watch_body() if reader.headed else self._watch_head(len(data))
                return
            self._drop_head()
            self._reader = None
            data = reader.given_up()
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
            self._drop_head()
            self._reject(_status_of(error), _told(error))
            return
        if not messages:
            self._watch_head(len(data))
            return
        message, payload = messages[0]
        if len(data) + self._head_bytes > self._limits.header_bytes and head_size(message) > self._limits.header_bytes:
            self._reject(431, _TOO_LARGE)
            return
        if self._head_bytes:
            self._drop_head()
        self._request_count += len(messages)
        if len(messages) == 1 and not upgraded and payload.is_eof() and self._lane.takes(message.method, message.path):
            parser.message_consumed()
            self._held = bytearray()
            self._lane.begin(self, message, payload.read_nowait())
            return
        self._awaken()
        self._messages.extend(messages)
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
        request = self._current_request
        if request is not None and self._messages:
            error = getattr(self._messages[-1][0], "exc", None)
            if error is not None and not request.content.is_eof():
                request.content.set_exception(error)  # it would wait for the rest of its body

    def resume_reading(self, resume_parser: bool = True) -> None:
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def leave_lane(self, keep_alive: bool, /) -> None:
        """The answer to the request in the lane is out."""
        held, self._held = self._held, None
        if self._lane_over is not None and not self._lane_over.done():
            self._lane_over.set_result(None)
        if self.transport is None:
            return
        if not keep_alive or self._force_close or self._close:
            self.force_close()
            return
        if held:
            if len(held) > _HELD_AT_MOST:
                self.transport.resume_reading()
            self._held = bytearray()  # what comes before it is replayed comes after it
            self._loop.call_soon(self._replay, bytes(held))

    def _replay(self, data: bytes) -> None:
        """What was held back comes again, before anything newer."""
        if self.transport is not None:
            newer, self._held = self._held, None
            self.data_received(data + bytes(newer) if newer else data)

    async def shutdown(self, timeout: float | None = 15.0) -> None:
        if self._held is not None and self.transport is not None:
            self._lane_over = self._loop.create_future()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._lane_over, timeout)
        await super().shutdown(timeout)

    def _process_keepalive(self) -> None:
        now = self._loop.time()
        since = now if self._held is not None else now - (time.monotonic() - self.client.left_at)
        self._next_keepalive_close_time = max(self._next_keepalive_close_time, since + self._keepalive_timeout)
        super()._process_keepalive()

    def _watch_head(self, size: int) -> None:
        """Part of a head has come: it is bounded in bytes and in time."""
        if not size:
            return
        if not self._head_bytes:
            self._deadlines.set(self._alarm, time.monotonic() + self._limits.header_timeout)
        self._head_bytes += size
        if self._head_bytes > self._limits.header_bytes:
            self._reject(431, _TOO_LARGE)

    def _watch_body(self) -> None:
        """Part of a body has come: the next bytes are waited for only so long."""
        self._head_bytes = 1
        self._deadlines.drop(self._alarm)
        self._deadlines.set(self._alarm, time.monotonic() + self._limits.body_timeout)

    def _drop_head(self) -> None:
        self._head_bytes = 0
        if self._asleep:
            self._deadlines.set(self._alarm, self.client.left_at + self._keepalive_timeout)
        else:
            self._deadlines.drop(self._alarm)

    def wake(self, now: float) -> None:
        """A request takes too long to come, there was none for long, or a client was refused long enough."""
        if self._refused:
            self.force_close()
        elif self._head_bytes and self._reader is not None and self._reader.headed:
            self._drop_head()
            self._held = bytearray()
            self._lane.give_up(self, self._reader)
        elif self._head_bytes:
            self._reject(408, "the request's head took too long")
        elif self._asleep and self._held is None and now >= self.client.left_at + self._keepalive_timeout:
            self.force_close()
        elif self._asleep:
            self._deadlines.set(self._alarm, max(self.client.left_at + self._keepalive_timeout, now + 1.0))

    def close(self) -> None:
        """No request is begun any more."""
        super().close()
        if self._asleep and self._held is None:
            self.force_close()

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
        body = refusal(_first_line(message) or _REASONS.get(status, ""))
        answer = web.Response(status=status, body=body, content_type="application/json", charset="utf-8")
        answer.force_close()
        return answer

    def _reject(self, status: int, text: str) -> None:
        """Answers before a request is there, and closes. What the client still sends is read and dropped for a moment:
        closing in front of it would take the answer away again."""
        self._drop_head()
        self._refused = True
        if self.transport is not None:
            body = refusal(text)
            reason = _REASONS.get(status, "")
            head = f"HTTP/1.1 {status} {reason}\r\nContent-Type: application/json; charset=utf-8\r\n"
            self.transport.write(f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body)
            self.finish_writing()
            self._deadlines.set(self._alarm, time.monotonic() + _LINGER)

    def finish_writing(self) -> None:
        """Nothing follows: the client sees the end at once, even where its own bytes are still read."""
        if self.transport is not None and self.transport.can_write_eof():
            self.transport.write_eof()


_LINGER = 1.0
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


def refusal(text: str) -> bytes:
    """An error as Ollama writes it."""
    return msgspec.json.encode({"error": text})
