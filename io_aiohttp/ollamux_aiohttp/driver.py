"""Does what an exchange wants, and tells it what happens: the whole of the I/O for one request.

Strategy: a `Driver` stands between one client connection, one exchange and the upstream client, and is called by all
three. No task, queue or future for a chunk: what a backend's read brought goes to the client's transport in the same
call. The request's own task, aiohttp's, waits on one future until the exchange has ended.

Rules: no decision is taken here; every branch is about bytes and sockets. Wants are carried out in their order; a head
and an end that come together are one answer with its length, a head alone begins a chunked one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from aiohttp import web
from aiohttp.http_parser import RawRequestMessage

from ollamux.contract import (
    Call,
    CallData,
    CallEnd,
    Cancel,
    Data,
    End,
    FailureKind,
    Head,
    HeaderPairs,
    Read,
    ReadBody,
    WakeAt,
    Wants,
    Whole,
)
from ollamux.exchange.base import Exchange
from ollamux.gateway import Gateway
from ollamux_aiohttp.answer_heads import AnswerHeads, has_length
from ollamux_aiohttp.client import Answering, Client, Lane
from ollamux_aiohttp.clock import monotonic
from ollamux_aiohttp.deadlines import Deadlines
from ollamux_aiohttp.heads import chunked, sized
from ollamux_aiohttp.upstream.choose import Upstreams
from ollamux_aiohttp.upstream.interface import Transfer

__all__ = ("Desk", "Driver", "Written")

_log = logging.getLogger("ollamux")


class Written(web.StreamResponse):
    """What aiohttp is told when the answer is already on the transport."""

    def __init__(self, *, keep_alive: bool) -> None:
        super().__init__()
        self._keep_alive = keep_alive

    async def prepare(self, request: web.BaseRequest) -> None:
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        return None


class Desk(Lane):
    """What all drivers share. `drain` is called where exchanges may proceed though nothing was reported to them."""

    __slots__ = (
        "closing",
        "deadlines",
        "drain",
        "gateway",
        "heads",
        "loop",
        "staying",
        "upstreams",
    )

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        gateway: Gateway,
        deadlines: Deadlines,
        upstreams: Upstreams,
        drain: Callable[[], None],
    ) -> None:
        self.loop = loop
        self.gateway = gateway
        self.deadlines = deadlines
        self.upstreams = upstreams
        self.drain = drain
        self.staying = Written(keep_alive=True)
        self.closing = Written(keep_alive=False)
        self.heads = AnswerHeads()


class Driver(Answering):
    """One request. See the module; the upstream client tells it how its calls go, `client` wakes it."""

    __slots__ = (
        "_attempt",
        "_before",
        "_chunked",
        "_client",
        "_desk",
        "_due",
        "_ending",
        "_exchange",
        "_head_only",
        "_held",
        "_holding",
        "_keep_alive",
        "_lane",
        "_now",
        "_old",
        "_others",
        "_over",
        "_transfer",
        "_waiter",
        "_wrote_head",
        "body_gate",
        "opened",
    )

    def prepare(
        self,
        desk: Desk,
        client: Client,
        exchange: Exchange,
        head_only: bool,
        stays: bool,
        old: bool,
        lane: bool,
        now: float,
    ) -> None:
        """Instead of a constructor, whose call would cost what a good part of a request does."""
        self._desk = desk
        self._client = client
        self._exchange = exchange
        self._head_only = head_only
        self._keep_alive = stays
        self._old = old
        self._lane = lane
        self._chunked = False
        self._wrote_head = False
        self._over = False
        self._holding = False
        self._before = b""
        self._held = b""
        self._now = self.opened = now
        self._due: Wants = None
        self._ending = 0
        self._attempt = 0
        self._transfer: Transfer | None = None
        self._others: dict[int, Transfer] | None = None
        self._waiter: asyncio.Future[None] | None = None
        self.body_gate: asyncio.Event | None = None
        exchange.front = self
        client.driver = self

    @classmethod
    def of(cls, desk: Desk, client: Client, exchange: Exchange, message: RawRequestMessage, now: float) -> Driver:
        """The driver of a request that goes the way of aiohttp."""
        head_only, stays, old = message.method == "HEAD", not message.should_close, message.version < (1, 1)
        driver = Driver.__new__(Driver)
        driver.prepare(desk, client, exchange, head_only, stays, old, False, now)
        return driver

    @property
    def over(self) -> bool:
        """Whether the exchange has ended."""
        return self._over

    @property
    def began(self) -> bool:
        """Whether any of the answer has been written."""
        return self._wrote_head

    @property
    def response(self) -> web.StreamResponse:
        """What to tell aiohttp."""
        return self._desk.staying if self._keep_alive else self._desk.closing

    async def finished(self) -> web.StreamResponse:
        """Waits until the exchange has ended."""
        if not self._over:
            self._waiter = self._desk.loop.create_future()
            await self._waiter
        return self.response

    # From the exchange ------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begins the exchange and does what it wants."""
        self.take_in()
        self.begin()
        self.carry_out()

    def take_in(self) -> None:
        """Has the exchange read its request; `begin` is to follow."""
        try:
            self._exchange.take_in(self._now)
        except Exception:
            self._fail()

    def take_place(self) -> None:
        """Has the exchange look for a backend; `begin` is to follow."""
        if self._over:  # it could not even read
            return
        try:
            self._exchange.take_place(self._now)
        except Exception:
            self._fail()

    def begin(self) -> None:
        """Begins the exchange; `carry_out` is to follow."""
        if self._over:
            return
        try:
            self._due = self._exchange.start(self._now)
        except Exception:
            self._fail()

    def act(self, number: int) -> None:
        if number == 0:
            if self._ending:
                try:
                    self._exchange.take_answer(self._ending, self._now)
                except Exception:
                    self._fail()
        elif number == 1:
            self._end_whole()
        else:
            self.carry_out()

    def _end_whole(self) -> None:
        """Tells the exchange the end of a whole answer."""
        attempt = self._ending
        if attempt:
            self._ending = 0
            self._ended(attempt)
            try:
                self._due = self._exchange.attempt_end(attempt, self._now)
            except Exception:
                self._fail()

    def _catch_up(self) -> None:
        """Does what is due before something else is looked at."""
        self._end_whole()
        self.carry_out()

    def carry_out(self) -> None:
        """Does what is due: what the exchange wanted when it began, or when a whole answer ended."""
        wants = self._due
        if wants is not None:
            self._due = None
            try:
                self.do(wants)
            except Exception:
                self._fail()
        if self._holding:
            self._let_go()

    def do(self, wants: Wants) -> None:
        """Carries out what a report came back with."""
        if wants is None:
            return
        if type(wants) is bytes:
            self._write(wants)
            return
        head: Head | None = None
        data = b""
        gave_up = False
        told = tuple(wants)  # the very same where it is one, and gone through as one
        for want in told:
            kind = type(want)
            if kind is Call:
                call: Call = want  # type: ignore[assignment]
                self._call(call)
                if call.wake:
                    self._desk.deadlines.set(self._client, call.wake)
            elif kind is Whole:
                whole: Whole = want  # type: ignore[assignment]
                if whole.close:
                    self._keep_alive = False
                self._whole(whole.status, whole.headers, whole.lines, whole.body)
                self._finish()
                return
            elif kind is WakeAt:
                wake: WakeAt = want  # type: ignore[assignment]
                self._desk.deadlines.set(self._client, wake.when)
            elif kind is Data:
                piece: Data = want  # type: ignore[assignment]
                data = data + piece.data if data else piece.data
            elif kind is Head:
                head = want  # type: ignore[assignment]
            elif kind is End:
                self._end(head, data, want)  # type: ignore[arg-type]
                return
            else:
                gave_up = gave_up or kind is Cancel
                self._do_rarely(want)  # type: ignore[arg-type]
        if head is not None:
            self._begin(head, data)
        elif data:
            self._write(data)
        if gave_up:
            self._let_go()  # no end follows what was held back for it
            if self._desk.gateway.has_ready():
                self._desk.drain()  # the place that it had may be wanted

    def _call(self, call: Call) -> None:
        transfer = self._desk.upstreams.start(call, self)
        if self._transfer is None:
            self._attempt = call.attempt
            self._transfer = transfer
        elif self._others is None:  # a second one beside the first
            self._others = {call.attempt: transfer}
        else:
            self._others[call.attempt] = transfer

    def _under_way(self, attempt: int) -> Transfer | None:
        if attempt == self._attempt:
            return self._transfer
        return self._others.get(attempt) if self._others else None

    def _ended(self, attempt: int) -> None:
        if attempt == self._attempt:
            self._transfer = None
        elif self._others:
            self._others.pop(attempt, None)

    def _do_rarely(self, want: Cancel | Read | ReadBody | CallData | CallEnd) -> None:
        if type(want) is ReadBody:
            if self.body_gate is not None:
                self.body_gate.set() if want.on else self.body_gate.clear()
            return
        transfer = self._under_way(want.attempt)  # type: ignore[union-attr]
        if transfer is None:
            return
        match want:
            case Cancel():
                self._ended(want.attempt)
                transfer.cancel()
            case Read():
                transfer.read(want.on)
            case CallData():
                if not transfer.write(want.data):
                    self.do(self._exchange.upload_blocked(want.attempt, monotonic()))
            case CallEnd():
                transfer.write_end()
            case _:
                pass

    def _begin(self, head: Head, data: bytes) -> None:
        """Writes the head of an answer whose end is not known yet."""
        if self._wrote_head:
            return
        self._wrote_head = True
        sized = has_length(head.headers)
        self._chunked = not sized and not self._old and not self._head_only
        if not sized and self._old:
            self._keep_alive = False
        extra = b"Transfer-Encoding: chunked\r\n" if self._chunked else b""
        out = (
            self._desk.heads.encoded(head.status, self._headers(head.headers), self._now)
            + extra
            + self._last_lines(head.lines)
            + b"\r\n"
        )
        self._write(b"" if self._head_only else data, out)

    def _end(self, head: Head | None, data: bytes, end: End) -> None:
        if end.close or end.broken:
            self._keep_alive = False
        if head is not None and not self._wrote_head:
            self._whole(head.status, head.headers, head.lines, data)
        else:
            last = b"0\r\n\r\n" if self._chunked and not end.broken else b""
            if data and not self._head_only:
                last = chunked(data, b"", last) if self._chunked else data
            self._let_go(last)
        self._finish()

    def _whole(self, status: int, headers: HeaderPairs, lines: bytes, data: bytes) -> None:
        """Head, length and body in one write."""
        self._wrote_head = True
        start = self._desk.heads.encoded(status, self._headers(headers), self._now)
        lines = self._last_lines(lines)
        if status == 204 or status == 304:
            self._send(start + lines + b"\r\n")
        elif self._head_only:
            self._send(b"%bContent-Length: %d\r\n%b\r\n" % (start, len(data), lines))
        else:
            self._send(sized(start, lines, data))

    def _headers(self, headers: HeaderPairs) -> HeaderPairs:
        extra = self._exchange.extra_headers
        return headers + extra if extra else headers

    def _last_lines(self, lines: bytes) -> bytes:
        """Those that the head brings as they are, and what becomes of the connection where that is worth a word."""
        if not self._keep_alive:
            return lines + b"Connection: close\r\n"
        return lines + b"Connection: keep-alive\r\n" if self._old else lines

    def _write(self, data: bytes, before: bytes = b"") -> None:
        """Sends a piece of the body, behind the head where there is one, or holds it back for the end."""
        if self._holding:
            self._before = self._before or before
            self._held = self._held + data if self._held else data
        elif self._chunked and data:
            self._send(chunked(data, before))
        else:
            self._send(before + data if before else data)

    def _let_go(self, end: bytes = b"") -> None:
        """Sends what was held back, with the end of the body where that has come."""
        before, held = self._before, self._held
        self._holding = False
        if self._chunked and held:
            self._send(chunked(held, before, end))
        elif before or held or end:
            self._send(before + held + end)
        self._before = self._held = b""

    def _send(self, data: bytes) -> None:
        transport = self._client.transport
        if transport is not None and data:
            transport.write(data)

    def _finish(self) -> None:
        if self._holding:
            self._let_go()
        self._over = True
        if self._transfer is not None:
            self._transfer.cancel()
            self._transfer = None
        if self._others:
            for transfer in self._others.values():
                transfer.cancel()
            self._others = None
        self._exchange.front = None  # no cycle is left for the garbage collector
        client = self._client
        if client.driver is self:
            client.driver = None
            self._desk.deadlines.rest(client)
        if self.body_gate is not None:
            self.body_gate.set()
        if self._lane:
            client.leave(self._keep_alive, self._now)
        elif self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
        if self._desk.gateway.has_ready():
            self._desk.drain()

    # From the backend (see upstream.interface.Listener) ---------------------------------------------------------------

    def attempt_head(self, attempt: int, status: int, headers: Sequence[tuple[str, str]]) -> None:
        if self._due is not None or self._ending:
            self._catch_up()
        now = self._now = monotonic()
        wants = self._exchange.attempt_head(attempt, status, headers, now)
        if wants is not None:
            self.do(wants)

    def attempt_data(self, attempt: int, data: bytes, last: bool) -> None:
        if self._due is not None or self._ending:
            self._catch_up()
        now = self._now = monotonic()
        self._holding = last  # so that an answer's last bytes and its end are one write
        wants = self._exchange.attempt_data(attempt, data, now)
        if type(wants) is bytes:
            self._write(wants)
        elif wants is not None:
            self.do(wants)

    def attempt_whole(self, attempt: int, status: int, headers: Sequence[tuple[str, str]], data: bytes) -> bool:
        if self._due is not None or self._ending:
            self._catch_up()
        exchange = self._exchange
        now = self._now = monotonic()
        try:
            wants = exchange.attempt_head(attempt, status, headers, now)
            if wants is not None:
                self.do(wants)
                if self._under_way(attempt) is None:
                    return True
            self._holding = True
            wants = exchange.attempt_data(attempt, data, now)
            if wants is not None:
                self.do(wants)
                if self._under_way(attempt) is None:
                    return True
            self._ending = attempt
        except Exception:
            self._fail()
        return True

    def attempt_end(self, attempt: int) -> None:
        if self._due is not None or self._ending:
            self._catch_up()
        self._ended(attempt)
        now = self._now = monotonic()
        try:
            self.do(self._exchange.attempt_end(attempt, now))
        except Exception:
            self._fail()
        if self._holding:
            self._let_go()

    def attempt_failed(self, attempt: int, kind: FailureKind, sent: bool, detail: str) -> None:
        if self._due is not None or self._ending:
            self._catch_up()
        self._ended(attempt)
        if self._holding:
            self._let_go()
        now = self._now = monotonic()
        try:
            self.do(self._exchange.attempt_failed(attempt, kind, sent, now, detail))
        except Exception:
            self._fail()

    def upload_drained(self, attempt: int) -> None:
        self.do(self._exchange.upload_drained(attempt, monotonic()))

    # From the client and the clock ------------------------------------------------------------------------------------

    def body_data(self, data: bytes) -> None:
        """A piece of an upload."""
        self.do(self._exchange.body_data(data, monotonic()))

    def body_end(self) -> None:
        """The upload is complete."""
        self.do(self._exchange.body_end(monotonic()))

    def client_paused(self) -> None:
        """The client's transport is full."""
        self.do(self._exchange.client_paused(monotonic()))

    def client_resumed(self) -> None:
        """The client's transport has room."""
        self.do(self._exchange.client_resumed(monotonic()))

    def client_gone(self) -> None:
        """The client went away."""
        if not self._over:
            self._keep_alive = False
            now = self._now = monotonic()
            self.do(self._exchange.client_gone(now))
            self._finish()

    def proceed(self, now: float) -> None:
        """What the exchange waited for inside the gateway has come."""
        if self._due is not None or self._ending:
            self._catch_up()
        self._now = now
        try:
            self.do(self._exchange.proceed(now))
        except Exception:
            self._fail()

    def wake(self, now: float) -> None:
        """A deadline has come."""
        self._now = now
        try:
            self.do(self._exchange.woken(now))
        except Exception:
            self._fail()
        if self._desk.gateway.has_ready():
            self._desk.drain()

    def _fail(self) -> None:
        """A mistake of ours: this request ends, and no other one notices."""
        _log.exception("a request failed inside the gateway")
        if self._over:
            return
        self._keep_alive = False
        now = self._now = monotonic()
        self._exchange.client_gone(now)
        if not self._wrote_head:
            self._whole(500, (("Content-Type", "application/json; charset=utf-8"),), b"", b'{"error":"internal error"}')
        self._finish()
