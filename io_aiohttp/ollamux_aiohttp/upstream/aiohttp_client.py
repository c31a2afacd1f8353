"""The same interface over aiohttp's ClientSession, for what the lean client leaves out: proxies.

Strategy: one session for a backend and one task for a call, which reads whatever is there (`readany`) and tells the
listener. Tracing tells whether a request was sent and whether its connection was a kept one. Nothing of a session's
comfort is wanted: no cookies, redirects, decompression, environment or default headers.

Rules, beside those of `interface`:
- A kept connection that turns out stale is followed by one call over a session that keeps no connections, so that the
  second one is new for certain; uploads use that session at once.
- aiohttp hands bytes that came while a connection was idle to the next request: the connector looks before it reuses.
- aiohttp tells nobody that a body went wrong in its framing: the end of the connection does.
- `public_only` checks the addresses that a name has here; a proxy resolves it on its own.
- aiohttp has no ceiling on idle connections: of `BackendTransport.keepalive` only zero is heeded.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any, Final

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from multidict import CIMultiDict
from yarl import URL

from ollamux.contract import Call, FailureKind

from .dial import DialError, classify, resolve
from .interface import BackendTransport, Listener
from .parser import HEAD_LIMIT
from .request import check_headers, parse_url
from .tls import client_context

__all__ = ("AiohttpClient",)

STALE_SECONDS: Final = 5.0
CLOSE_SECONDS: Final = 1.0
READ_BUFFER: Final = 65536  # bytes; aiohttp stops reading at twice this
PIECE: Final = 65536  # bytes of a body that are written at once
_OURS: Final = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)
_AUTOMATIC: Final = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")


class _Trace:
    """What tracing has seen of one request."""

    __slots__ = ("reused", "sent")

    def __init__(self) -> None:
        self.reused = False
        self.sent = False


class _Connector(aiohttp.TCPConnector):
    """Gives out kept connections only where nothing has come over them since."""

    async def connect(self, req: Any, traces: Any, timeout: aiohttp.ClientTimeout) -> Connection:
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if protocol is None or not protocol.should_close:
                return connection
            connection.close()


async def _on_reuse(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    context.trace_request_ctx.reused = True


async def _on_sent(_: aiohttp.ClientSession, context: SimpleNamespace, __: object) -> None:
    context.trace_request_ctx.sent = True


class AiohttpTransfer:
    """One call: a task."""

    __slots__ = (
        "_gate",
        "_owed",
        "_pieces",
        "_size",
        "_wake",
        "call",
        "ended",
        "headed",
        "listener",
        "over",
        "task",
    )

    def __init__(self, call: Call, listener: Listener) -> None:
        self.call = call
        self.listener = listener
        self.over = False
        self.headed = False
        self.ended = call.body is not None
        self.task: asyncio.Task[None] | None = None
        self._gate: asyncio.Event | None = None  # present while paused
        self._wake = asyncio.Event()
        self._pieces: list[bytes] = []
        self._size = 0
        self._owed = False

    def cancel(self) -> None:
        self.over = True
        if self.task is not None:
            self.task.cancel()

    def read(self, on: bool, /) -> None:
        if on and self._gate is not None:
            self._gate.set()
            self._gate = None
        elif not on and self._gate is None:
            self._gate = asyncio.Event()

    def write(self, data: bytes, /) -> bool:
        if self.ended or self.over or not data:
            return True
        self._pieces.append(data)
        self._size += len(data)
        self._wake.set()
        self._owed = self._size > PIECE
        return not self._owed

    def write_end(self) -> None:
        self.ended = True
        self._wake.set()

    def fail(self, kind: FailureKind, sent: bool, detail: str) -> None:
        """Tell the listener, unless it cancelled."""
        if not self.over:
            self.over = True
            self.listener.attempt_failed(self.call.attempt, kind, sent, detail)

    async def upload(self, length: int | None) -> AsyncIterator[bytes]:
        """The pieces of the body as they come. ValueError where they are not `length` bytes."""
        written = 0
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._pieces:
                data = b"".join(self._pieces)
                self._pieces.clear()
                written += len(data)
                if length is not None and written > length:
                    raise ValueError("the upload is longer than its Content-Length")
                yield data
                self._size -= len(data)
                if self._owed and self._size <= PIECE and not self.over:
                    self._owed = False
                    self.listener.upload_drained(self.call.attempt)
            if self.ended:
                if length is not None and written < length:
                    raise ValueError("the upload is shorter than its Content-Length")
                return

    async def receive(self, response: aiohttp.ClientResponse) -> None:
        """Tell the listener of an answer, from head to end."""
        listener, attempt = self.listener, self.call.attempt
        if response.status < 200:
            raise HttpProcessingError(code=502, message="the answer changes the protocol")
        self.headed = True
        protocol = None if response.connection is None else response.connection.protocol
        closed = None if protocol is None else protocol.closed
        if protocol is not None and closed is not None:
            closed.add_done_callback(functools.partial(_break_off, protocol, response.content))
        listener.attempt_head(attempt, response.status, [(_text(k).lower(), _text(v)) for k, v in response.raw_headers])
        while not self.over:
            while self._gate is not None:
                await self._gate.wait()
            data = await response.content.readany()
            if self.over:
                return
            if not data:
                if not self.ended:  # the rest of the upload will never follow
                    response.close()
                self.over = True
                listener.attempt_end(attempt)
                return
            listener.attempt_data(attempt, data, False)


class AiohttpClient:
    """Calls one backend. Made anywhere, used in one running loop."""

    def __init__(self, settings: BackendTransport) -> None:
        """ValueError where the settings cannot be used; the text never holds the proxy's URL."""
        self._settings = settings
        self._proxy = None if settings.proxy is None else _proxy_url(settings.proxy)
        self._context = client_context(settings.verify, settings.ca)
        self._kept: aiohttp.ClientSession | None = None
        self._fresh: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._retired = False

    def start(self, call: Call, listener: Listener, /) -> AiohttpTransfer:
        transfer = AiohttpTransfer(call, listener)
        task = asyncio.get_running_loop().create_task(self._run(transfer))
        transfer.task = task
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return transfer

    def retire(self) -> None:
        self._retired = True
        if not self._tasks:
            self._close_soon()

    async def close(self) -> None:
        tasks = self._tasks - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        sessions = [session for session in (self._kept, self._fresh) if session is not None]
        self._kept = self._fresh = None
        for session in sessions:
            await session.close()

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if self._retired and not self._tasks:
            self._close_soon()

    def _close_soon(self) -> None:
        if self._kept is not None or self._fresh is not None:
            task = asyncio.get_running_loop().create_task(self.close())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _session(self, fresh: bool) -> aiohttp.ClientSession:
        session = self._fresh if fresh else self._kept
        if session is not None:
            return session
        trace = aiohttp.TraceConfig(SimpleNamespace)
        trace.on_connection_reuseconn.append(_on_reuse)
        trace.on_request_headers_sent.append(_on_sent)
        if fresh or not self._settings.keepalive:
            connector = _Connector(limit=0, ssl=self._context, force_close=True)
        else:
            expiry = self._settings.expiry
            connector = _Connector(limit=0, ssl=self._context, keepalive_timeout=expiry)
        session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            raise_for_status=False,
            requote_redirect_url=False,
            skip_auto_headers=_AUTOMATIC,
            trust_env=False,
            read_bufsize=READ_BUFFER,
            max_line_size=HEAD_LIMIT,
            max_field_size=HEAD_LIMIT,
            trace_configs=[trace],
        )
        if fresh:
            self._fresh = session
        else:
            self._kept = session
        return session

    async def _run(self, transfer: AiohttpTransfer) -> None:
        call = transfer.call
        loop = asyncio.get_running_loop()
        trace = _Trace()
        earlier = False  # whether a stale connection has taken the request
        try:
            url, headers, length = _prepare(call)
            if call.public_only:
                address, _, _ = parse_url(call.url)
                await resolve(address.host, address.port, public_only=True)
        except ValueError as error:
            return transfer.fail("configuration", False, str(error))
        except DialError as error:
            return transfer.fail(error.kind, False, error.detail)
        try:
            for fresh in (False, True) if call.body is not None else (True,):
                trace = _Trace()
                begun = loop.time()
                try:
                    data = _body(transfer, length)
                    async with self._session(fresh).request(
                        call.method,
                        url,
                        headers=headers,
                        data=data,
                        proxy=self._proxy,
                        allow_redirects=False,
                        timeout=aiohttp.ClientTimeout(total=None, connect=call.connect_timeout, ceil_threshold=60),
                        trace_request_ctx=trace,
                    ) as response:
                        await transfer.receive(response)
                    return None
                except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
                    silent = not transfer.headed and isinstance(getattr(error, "message", ""), str)  # else half a head
                    if fresh or not trace.reused or not silent or loop.time() - begun >= STALE_SECONDS:
                        raise
                    earlier = True
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            kind, detail = _classify(error)
            transfer.fail(kind, trace.sent or earlier, detail)
        except Exception as error:  # a mistake of ours, or of the listener's
            transfer.fail("protocol", trace.sent or earlier, f"the call failed: {type(error).__name__}")
            raise


def _prepare(call: Call) -> tuple[URL, CIMultiDict[str], int | None]:
    """URL, headers and announced length of a call. ValueError where one of them is not fit to be sent."""
    check_headers(call.method, call.headers)
    address, host, target = parse_url(call.url)
    headers = CIMultiDict[str]()
    length = None if call.body is None or len(call.body) <= PIECE else len(call.body)
    for name, value in call.headers:
        lowered = name.lower()
        if lowered == "content-length":
            if not (value.isascii() and value.isdigit()):
                raise ValueError("Content-Length is not a number")
            if call.body is None:
                length = int(value)
        elif lowered not in _OURS:
            headers.add(name, value)
    if length is not None:
        headers["Content-Length"] = str(length)
    return URL(f"{address.scheme}://{host}{target}", encoded=True), headers, length


def _body(transfer: AiohttpTransfer, length: int | None) -> bytes | AsyncIterator[bytes] | None:
    body = transfer.call.body
    if body is None:
        return transfer.upload(length)
    return body or None if length is None else _slices(body)  # aiohttp warns of large bodies in one piece


def _break_off(protocol: ResponseHandler, content: aiohttp.StreamReader, closed: asyncio.Future[None]) -> None:
    """The connection of an answer has ended: whoever reads the body must not wait for more of it."""
    error = (None if closed.cancelled() else closed.exception()) or protocol.exception()
    if not content.is_eof() and content.exception() is None:
        content.set_exception(error or aiohttp.ClientPayloadError("the connection ended"))


def _proxy_url(text: str) -> URL:
    try:
        url = URL(text)
    except ValueError:
        raise ValueError("the proxy's URL is not valid") from None
    if url.scheme not in ("http", "https") or not url.host:
        raise ValueError("the proxy's URL is not an absolute http or https one")
    return url


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "surrogateescape")


async def _slices(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), PIECE):
        yield body[start : start + PIECE]


def _classify(error: Exception) -> tuple[FailureKind, str]:
    """aiohttp's exceptions in the words of `dial.classify`, which never holds a URL."""
    cause = error.__cause__
    if type(error) is aiohttp.ClientConnectionError and isinstance(cause, ValueError):
        return "configuration", str(cause)  # what `AiohttpTransfer.upload` raised
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return "unreachable", f"the proxy refuses the connection with status {error.status}"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return classify(error.certificate_error)
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return "dns", "the name of the backend or of its proxy does not resolve"
    if isinstance(error, aiohttp.ClientConnectorError):
        return classify(error.os_error)
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return classify(None)
    if isinstance(error, aiohttp.ClientPayloadError):
        return classify(cause if isinstance(cause, OSError) else None)
    if isinstance(error, OSError):
        return classify(error)
    if isinstance(error, aiohttp.InvalidURL):
        return "configuration", "the URL is not valid"
    if isinstance(error, aiohttp.ClientResponseError | HttpProcessingError):
        return "protocol", "the answer is not HTTP"
    return "protocol", f"the connection failed: {type(error).__name__}"
