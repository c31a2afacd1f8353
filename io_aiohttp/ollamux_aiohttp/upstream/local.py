"""Calls that Python code of another package takes, told to the listener as an HTTP client tells of a server's answer.

Strategy: one task for a call, which runs the code's asynchronous generator: the first thing that it yields is status
and headers, everything after that bytes of the body. The generator is asked for more only while the listener reads.

Rules: what the interface of clients promises holds here too. After a cancel the code gets `CancelledError` where it
waits, and its clean-up runs before the client counts as closed. What the code raises is a failure of the call; the log
says which error it was and where, never its text, which may hold anything.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from contextlib import aclosing
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from ollamux.config import BackendConfig
from ollamux.contract import Call, FailureKind, HeaderPairs

from .interface import Listener

__all__ = ("LocalClient", "LocalRequest")

_log = logging.getLogger("ollamux")
_KINDS: tuple[tuple[type[BaseException], FailureKind], ...] = (
    (TimeoutError, "timeout"),
    (ConnectionRefusedError, "refused"),
    (ConnectionError, "reset"),
)

Code = Callable[["LocalRequest"], AsyncGenerator[Any, None]]


class LocalRequest(msgspec.Struct, frozen=True, gc=False):
    """What the code is asked. `path` is the request's target with its query; `headers` are those that a server would
    get, the key among them; `config` is what is configured for the backend."""

    method: str
    path: str
    headers: HeaderPairs
    body: bytes
    url: str
    config: BackendConfig

    def __repr__(self) -> str:
        return f"LocalRequest({self.method} {self.path})"


class LocalClient:
    """Calls one backend's code."""

    def __init__(self, code: Code, config: BackendConfig) -> None:
        self._code = code
        self.config = config
        self._running: set[asyncio.Task[None]] = set()

    def start(self, call: Call, listener: Listener, /) -> LocalTransfer:
        transfer = LocalTransfer(self, call, listener)
        if call.body is not None:
            transfer.begin(call.body)
        return transfer

    def retire(self) -> None:
        """Nothing is kept between calls."""

    async def close(self) -> None:
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    def run(self, transfer: LocalTransfer, request: LocalRequest) -> asyncio.Task[None]:
        """The task in which the code answers."""
        task = asyncio.get_running_loop().create_task(transfer.run(self._code, request))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task


class LocalTransfer:
    """One call under way."""

    __slots__ = ("_began", "_call", "_client", "_listener", "_over", "_reading", "_task", "_upload")

    def __init__(self, client: LocalClient, call: Call, listener: Listener) -> None:
        self._client = client
        self._call = call
        self._listener = listener
        self._upload: list[bytes] = []
        self._reading = asyncio.Event()
        self._reading.set()
        self._began = False
        self._over = False
        self._task: asyncio.Task[None] | None = None

    def begin(self, body: bytes) -> None:
        """Hands the request to the code, soon."""
        call = self._call
        parts = urlsplit(call.url)
        path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path or "/"
        request = LocalRequest(call.method, path, call.headers, body, call.url, self._client.config)
        self._task = self._client.run(self, request)

    def cancel(self) -> None:
        self._over = True
        if self._task is not None:
            self._task.cancel()

    def read(self, on: bool, /) -> None:
        if on:
            self._reading.set()
        else:
            self._reading.clear()

    def write(self, data: bytes, /) -> bool:
        self._upload.append(data)
        return True

    def write_end(self) -> None:
        if self._task is None and not self._over:
            self.begin(b"".join(self._upload))

    async def run(self, code: Code, request: LocalRequest) -> None:
        """The whole answer."""
        try:
            async with aclosing(code(request)) as pieces:
                async for piece in pieces:
                    await self._reading.wait()
                    if self._over:
                        return
                    self._tell(piece)
        except asyncio.CancelledError:
            self._fail("closed", "it was cancelled")
            raise
        except Exception as error:
            self._explain(error)
            self._fail(_kind(error), f"its code failed: {type(error).__name__}")
        else:
            self._end()

    def _tell(self, piece: Any) -> None:
        attempt = self._call.attempt
        if self._began:
            if not isinstance(piece, bytes | bytearray | memoryview):
                raise TypeError("what follows the head must be bytes")
            if data := bytes(cast(bytes, piece)):
                self._listener.attempt_data(attempt, data, False)
            return
        status, told = piece
        headers: Iterable[tuple[str, str]] = cast(Mapping[str, str], told).items() if hasattr(told, "items") else told
        pairs = [(name.lower(), value) for name, value in headers]
        if not isinstance(status, int) or not 200 <= status <= 999:
            raise ValueError("the status must be a number from 200")
        self._began = True
        self._listener.attempt_head(attempt, status, pairs)

    def _end(self) -> None:
        if not self._began:
            self._fail("protocol", "its code gave no answer")
        elif not self._over:
            self._over = True
            self._listener.attempt_end(self._call.attempt)

    def _fail(self, kind: FailureKind, detail: str) -> None:
        if not self._over:
            self._over = True
            self._listener.attempt_failed(self._call.attempt, kind, True, detail)

    def _explain(self, error: BaseException) -> None:
        """Which error, and where it was raised."""
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}" if trace is not None else "?"
        if not self._over:
            _log.warning("the code of backend '%s' failed: %s at %s", self._call.backend, type(error).__name__, place)


def _kind(error: Exception) -> FailureKind:
    for sort, kind in _KINDS:
        if isinstance(error, sort):
            return kind
    return "protocol"
