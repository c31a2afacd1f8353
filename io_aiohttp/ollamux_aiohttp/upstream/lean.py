"""The client for nearly every call: an asyncio Protocol on a pooled connection, and no task, future or timer for a
request that finds one idle.

Strategy: `start` takes the top of an origin's stack and writes head and body at once; `data_received` parses and tells
the listener in the same event. Only dialling runs in a task. Encoded heads are kept by the identity of the headers'
tuple, which the core reuses for a backend; an entry holds its tuple, so an identity cannot come to mean another one.

Rules:
- A kept connection that ends before one byte of an answer came was stale: the call is made once more, on a new
  connection, where its body is whole and the end came within STALE_SECONDS. Later it is a failure of the call, which
  may have had effects.
- Uploads always dial: they could not be made once more.
- A connection goes back to its stack before the listener hears the end, so that a call made from there finds it.
- After every word to the listener the transfer is looked at again: it may have been cancelled from in there.
"""

from __future__ import annotations

import asyncio
from typing import Final, cast
from weakref import WeakKeyDictionary

from ollamux.contract import Call, FailureKind
from ollamux_aiohttp.bursts import Burst
from ollamux_aiohttp.clock import monotonic
from ollamux_aiohttp.heads import sized

from .dial import DialError, classify, dial
from .interface import ACTS, BackendTransport, Listener
from .parser import ResponseParser
from .pool import Origin, Pool
from .request import RequestHead, encode_head, parse_url
from .tls import client_context

__all__ = ("STALE_SECONDS", "LeanClient")

STALE_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 1.0
PREPARED_LIMIT: Final = 512
JOIN_LIMIT: Final = 65536  # bytes; a larger body is handed to the transport beside its head, not copied behind it
_SIZED: Final = frozenset(("PATCH", "POST", "PUT"))


class Prepared:
    """What all calls with one method, URL and headers have in common. `headers` is held for its identity alone."""

    __slots__ = ("encoded", "head", "head_only", "headers", "method", "origin", "sized", "url")

    def __init__(self, call: Call, head: RequestHead, origin: Origin) -> None:
        method = self.method = call.method
        self.url = call.url
        self.head = head
        self.encoded = head.encoded
        self.origin = origin
        self.headers = call.headers
        self.head_only = method == "HEAD"
        self.sized = method in _SIZED


class Upload:
    """A body on its way. `left`: what is missing of an announced length, or None where it goes in chunks. `waiting`
    holds pieces until there is a connection. `owed`: somebody waits for `upload_drained`."""

    __slots__ = ("ended", "left", "owed", "waiting")

    def __init__(self, left: int | None) -> None:
        self.left = left
        self.waiting: list[bytes] = []
        self.ended = False
        self.owed = False


class LeanTransfer:
    """One call: in a task while it dials, then on a connection, then over. `call` is let go of with the head of a
    stream: from there on it is not sent again, and its body may be large."""

    __slots__ = ("attempt", "call", "client", "connection", "listener", "over", "paused", "prepared", "task", "upload")

    def prepare(self, client: LeanClient, call: Call, listener: Listener, prepared: Prepared | None) -> None:
        """Instead of a constructor, whose call would cost as much as writing the request."""
        self.client = client
        self.call: Call | None = call
        self.attempt = call.attempt
        self.listener = listener
        self.prepared = prepared
        self.connection: Connection | None = None
        self.task: asyncio.Task[None] | None = None
        self.upload: Upload | None = None
        self.paused = False
        self.over = False

    def cancel(self) -> None:
        self.over = True
        if self.task is not None:
            self.task.cancel()
        connection = self.connection
        if connection is not None:
            connection.drop()

    def read(self, on: bool, /) -> None:
        if self.paused == on:
            self.paused = not on
            connection = self.connection
            if connection is not None:
                connection.read(on)

    def write(self, data: bytes, /) -> bool:
        upload = self.upload
        if upload is None or upload.ended or self.over or not data:
            return True
        if upload.left is None:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        else:
            upload.left -= len(data)
            if upload.left < 0:
                self.fail("the upload is longer than its Content-Length")
                return True
        return self._put(upload, data)

    def write_end(self) -> None:
        upload = self.upload
        if upload is None or upload.ended or self.over:
            return
        upload.ended = True
        if upload.left is None:
            self._put(upload, b"0\r\n\r\n")
        elif upload.left > 0:
            self.fail("the upload is shorter than its Content-Length")

    def fail(self, detail: str, kind: FailureKind = "configuration") -> None:
        """What the caller did cannot be done: end the call now, and say so when the caller has returned."""
        sent = self.connection is not None
        self.cancel()
        self.over = False
        self.client.pool.loop.call_soon(self.report, kind, sent, detail)

    def report(self, kind: FailureKind, sent: bool, detail: str) -> None:
        """Tell the listener of a failure, unless it cancelled."""
        if not self.over:
            self.over = True
            self.listener.attempt_failed(self.attempt, kind, sent, detail)

    def _put(self, upload: Upload, data: bytes) -> bool:
        connection = self.connection
        if connection is not None:
            connection.transport.write(data)
            if not connection.full:
                return True
        elif self.task is not None:
            upload.waiting.append(data)
        else:
            return True
        upload.owed = True
        return False


class Connection(ResponseParser):
    """A connection to a backend: idle, or serving `transfer`. `late` is what was read and is to be looked at when all
    that came with it was read, `body` what is to be told of it; `headed`: the head of the answer was told; `told`: who
    was told a whole answer and has not acted upon it."""

    __slots__ = (
        "body",
        "burst",
        "full",
        "headed",
        "late",
        "origin",
        "pool",
        "reused",
        "sent_at",
        "stamp",
        "told",
        "transfer",
        "transport",
    )

    def __init__(self, pool: Pool, origin: Origin) -> None:
        super().__init__(origin.last)
        self.pool = pool
        self.burst: Burst = _answers(pool.loop)
        self.late = self.body = b""
        self.origin = origin
        self.transfer: LeanTransfer | None = None
        self.told: Listener | None = None
        self.headed = False
        self.reused = False
        self.sent_at = 0.0
        self.stamp = 0
        self.full = False

    def serve(self, transfer: LeanTransfer, prepared: Prepared) -> None:
        """Write the transfer's request, with its body if that is whole."""
        self.transfer = transfer
        transfer.connection = self
        self.headed = False
        self.expect(prepared.head_only)
        call = transfer.call
        assert call is not None
        body = call.body
        head = prepared.head
        transport = self.transport
        if body is None:
            framing = b"Transfer-Encoding: chunked" if head.length is None else b"Content-Length: %d" % head.length
            transport.write(b"%b%b\r\n\r\n" % (head.encoded, framing))
        elif not body and not prepared.sized:
            transport.write(head.encoded + b"\r\n")
        elif len(body) <= JOIN_LIMIT:
            transport.write(sized(prepared.encoded, b"", body))
        else:
            transport.writelines((b"%bContent-Length: %d\r\n\r\n" % (head.encoded, len(body)), body))

    def read(self, on: bool) -> None:
        """Read on, or stop reading."""
        if not self.transport.is_closing():
            if on:
                self.transport.resume_reading()
            else:
                self.transport.pause_reading()

    def drop(self) -> None:
        """Leave the transfer and close at once."""
        transfer = self.transfer
        if transfer is not None:
            self.transfer = transfer.connection = None
        self.transport.abort()

    def shut(self) -> None:
        """Close politely."""
        self.transport.close()

    def abort(self) -> None:
        """Close at once; the pool is closing and nobody is told."""
        if self.transfer is not None:
            self.transfer.over = True
        self.drop()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.pool.open.add(self)

    def data_received(self, data: bytes) -> None:
        transfer = self.transfer
        if transfer is None:  # nobody asked: an answer to nothing would be taken for the next one's
            self.pool.forget(self.origin, self)
            self.transport.abort()
        elif self.late:
            self.late += data
        elif self.burst.takes(self):
            self.late = data
        else:
            self.body = self.feed(data)
            self.tell()
            self.let_act()

    def catch_up(self) -> None:
        """Looks at what was read."""
        if self.late:
            self.take_in()
            self.tell()
            self.let_act()

    def take_in(self) -> None:
        """Reads what is late, if somebody waits for it still."""
        data, self.late = self.late, b""
        if self.transfer is not None:
            self.body = self.feed(data)

    def tell(self) -> None:
        """Tells the listener what was read and not told."""
        transfer = self.transfer
        body, self.body = self.body, b""
        if transfer is None:
            return
        listener = transfer.listener
        attempt = transfer.attempt
        if self.done and body and not self.headed and listener.attempt_whole(attempt, self.status, self.headers, body):
            self.told = listener
            if self.transfer is transfer:
                self._release(transfer)
            return
        if not self.headed and self.status:
            self.headed = True
            transfer.call = None
            listener.attempt_head(attempt, self.status, self.headers)
            if self.transfer is not transfer:
                return
        if body:
            listener.attempt_data(attempt, body, self.done)
            if self.transfer is not transfer:
                return
        if self.done:
            self._release(transfer)
            listener.attempt_end(attempt)
        elif self.fault:
            self.drop()
            transfer.report("protocol", True, self.fault)

    def let_act(self) -> None:
        """Has whoever was told a whole answer act upon it."""
        told = self.told
        if told is not None:
            self.told = None
            for number in range(ACTS):
                told.act(number)

    def eof_received(self) -> None:
        self.catch_up()
        self._ended(None)
        self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self.catch_up()
        self._ended(exc)
        self.pool.lost(self.origin, self)
        self.discard()

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        transfer = self.transfer
        if transfer is not None and transfer.upload is not None and transfer.upload.owed:
            transfer.upload.owed = False
            transfer.listener.upload_drained(transfer.attempt)

    def _release(self, transfer: LeanTransfer) -> None:
        self.transfer = transfer.connection = None
        upload = transfer.upload
        if not self.reusable or self.full or (upload is not None and not upload.ended):
            if self.full:  # what is unsent is of no use any more
                self.transport.abort()
            else:
                self.transport.close()
            return
        if transfer.paused:
            self.read(True)
        self.stamp = self.pool.quarter
        self.pool.put(self.origin, self)

    def _ended(self, error: Exception | None) -> None:
        transfer = self.transfer
        if transfer is None:
            self.pool.forget(self.origin, self)
            return
        self.transfer = transfer.connection = None
        if error is None and self.ended_by_close():
            transfer.over = True
            transfer.listener.attempt_end(transfer.attempt)
        elif self.reused and self.silent and monotonic() - self.sent_at < STALE_SECONDS:
            transfer.client.connect(transfer, sent=True)
        else:
            kind, detail = classify(error)
            transfer.report(kind, True, detail)


class Answers(Burst):
    """Connections whose backends sent something in this iteration of the loop. The last step lets go of those who were
    told, which frees what they held."""

    __slots__ = ()

    def step(self, who: Connection, number: int) -> None:
        """Reads it, tells it, has it acted upon."""
        connection: Connection = who
        if number == 0:
            if connection.late:
                connection.take_in()
        elif number == 1:
            connection.tell()
        elif number < 2 + ACTS:
            told = connection.told
            if told is not None:
                told.act(number - 2)
        else:
            connection.told = None


_answers_of: WeakKeyDictionary[asyncio.AbstractEventLoop, Answers] = WeakKeyDictionary()


def _answers(loop: asyncio.AbstractEventLoop) -> Answers:
    """Those of a loop: its backends' answers come in one iteration whoever calls them."""
    found = _answers_of.get(loop)
    if found is None:
        found = _answers_of[loop] = Answers(loop, 3 + ACTS)
    return found


class LeanClient:
    """Calls one backend over connections of its own. Made anywhere, used in one running loop."""

    __slots__ = ("_context", "_last", "_prepared", "_settings", "_tasks", "_used", "pool")

    def __init__(self, settings: BackendTransport) -> None:
        """ValueError where the settings name a CA file that cannot be used."""
        self._settings = settings
        self._context = client_context(settings.verify, settings.ca) if settings.ca else None
        self._prepared: dict[tuple[str, str, int], Prepared] = {}
        self._last: Prepared | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._used = False
        self.pool: Pool = None  # type: ignore[assignment]  # there is a loop only when the first call comes

    def start(self, call: Call, listener: Listener, /) -> LeanTransfer:
        method, url, headers = call.method, call.url, call.headers
        prepared = self._last
        if prepared is None or prepared.headers is not headers or prepared.url != url or prepared.method != method:
            prepared = self._last = self._prepared.get((method, url, id(headers)))
        if prepared is None or call.public_only:
            if not self._used:
                self._used = True
                self.pool = Pool(asyncio.get_running_loop(), self._settings.keepalive, self._settings.expiry)
            try:
                prepared = self._prepare(call)
            except ValueError as error:
                transfer = LeanTransfer.__new__(LeanTransfer)
                transfer.prepare(self, call, listener, None)
                transfer.fail(str(error))
                return transfer
        transfer = LeanTransfer.__new__(LeanTransfer)
        transfer.prepare(self, call, listener, prepared)
        idle = prepared.origin.idle
        if call.body is None:
            transfer.upload = Upload(prepared.head.length)
        elif idle:
            connection: Connection = idle.pop()  # type: ignore[assignment]
            connection.reused = True
            connection.sent_at = monotonic()
            connection.serve(transfer, prepared)
            return transfer
        self.connect(transfer, sent=False)
        return transfer

    def connect(self, transfer: LeanTransfer, *, sent: bool) -> None:
        """Dial for a transfer, in a task. `sent`: an earlier connection has taken its request."""
        task = self.pool.loop.create_task(self._connect(transfer, sent))
        transfer.task = task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def retire(self) -> None:
        if self._used:
            self.pool.retire()

    async def close(self) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=CLOSE_SECONDS)
        if self._used:
            await self.pool.close(CLOSE_SECONDS)
        self._prepared.clear()
        self._last = None

    def _prepare(self, call: Call) -> Prepared:
        address, host, target = parse_url(call.url)
        head = encode_head(call.method, host, target, call.headers)
        if call.public_only:  # such an address is nobody's backend: checked each time, never kept
            return Prepared(call, head, Origin(address, reusable=False))
        prepared = Prepared(call, head, self.pool.origin(address))
        if len(self._prepared) >= PREPARED_LIMIT:
            self._prepared.clear()
        self._prepared[call.method, call.url, id(call.headers)] = prepared
        return prepared

    async def _connect(self, transfer: LeanTransfer, sent: bool) -> None:
        prepared, call = transfer.prepared, transfer.call
        assert prepared is not None and call is not None
        origin = prepared.origin
        try:
            context = None
            if origin.address.scheme == "https":
                context = self._context or client_context(self._settings.verify)
            connection = await dial(
                lambda: Connection(self.pool, origin),
                origin.address,
                timeout=call.connect_timeout,
                public_only=call.public_only,
                context=context,
            )
        except DialError as error:
            transfer.task = None
            transfer.report(error.kind, sent, error.detail)
            return
        transfer.task = None
        if transfer.over or connection.transport.is_closing():
            connection.transport.abort()
            transfer.report("closed", sent, "the backend closed the connection")
            return
        connection.serve(transfer, prepared)
        if transfer.paused:
            connection.read(False)
        upload = transfer.upload
        if upload is not None:
            connection.transport.writelines(upload.waiting)
            upload.waiting.clear()
            if upload.owed and not connection.full and transfer.connection is connection:
                upload.owed = False
                transfer.listener.upload_drained(call.attempt)
