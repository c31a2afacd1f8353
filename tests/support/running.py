"""A whole ollamux in the test's process, on a loopback port of its own, and a plain client for it.

The server runs in a thread with its own event loop, as it does in production but for the process; a test speaks to it
over real sockets.
"""

from __future__ import annotations

import asyncio
import gc
import http.client
import json
import os
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from unittest.mock import patch

import uvloop

from ollamux.config import Config, Layer, load
from ollamux_aiohttp.server import Server

__all__ = ("Answered", "Running", "running")

_T = TypeVar("_T")


class Answered(NamedTuple):
    """An HTTP answer, its header names in lower case."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key == name), None)

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def lines(self) -> list[Any]:
        return [json.loads(line) for line in self.body.splitlines()]


class Running:
    """A server that serves."""

    def __init__(self, server: Server, host: str, port: int, loop: asyncio.AbstractEventLoop) -> None:
        self.server = server
        self.host = host
        self.port = port
        self.url = f"http://{host}:{port}"
        self._loop = loop

    def ask(self, method: str, path: str, body: Any = None, headers: dict[str, str] | None = None) -> Answered:
        """One request on a connection of its own. A body that is no text is sent as JSON."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=20)
        data = body.encode() if isinstance(body, str) else body
        if data is not None and not isinstance(data, bytes):
            data = json.dumps(data).encode()
        try:
            connection.request(method, path, body=data, headers=headers or {})
            answer = connection.getresponse()
            return Answered(answer.status, [(k.lower(), v) for k, v in answer.getheaders()], answer.read())
        finally:
            connection.close()

    def do(self, make: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
        """Runs a coroutine on the server's loop."""
        return asyncio.run_coroutine_threadsafe(make(), self._loop).result(20)

    def refresh(self) -> None:
        """Asks every backend anew."""
        self.do(lambda: self.server.refresh(5.0))


@contextmanager
def running(
    settings: dict[str, Any],
    *,
    refreshed: bool = True,
    env: dict[str, str] | None = None,
    record: Path | None = None,
    lane: bool | None = None,
) -> Iterator[Running]:
    """Serves this configuration until the block ends, with the lane or without it, where that is said. Fails where an
    exception was left to the event loop."""
    config: Config = load([Layer("test", settings)], env or {})
    loop = uvloop.new_event_loop()
    mistakes: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _, context: mistakes.append(context))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> Running:
        server = Server(config, record=record)
        # What a process does once is too dear for each of a suite's many servers.
        way = {} if lane is None else {"OLLAMUX_LANE": str(int(lane))}
        with (
            patch.dict(os.environ, way),
            patch.multiple(gc, collect=lambda: 0, freeze=lambda: None, set_threshold=lambda *_: None),
        ):
            host, port = await server.start("127.0.0.1", 0)
        return Running(server, host, port, loop)

    found = asyncio.run_coroutine_threadsafe(start(), loop).result(20)
    try:
        if refreshed:
            found.refresh()
        yield found
        assert not mistakes, "nothing may fail where nobody looks"
    finally:
        found.do(lambda: found.server.stop(0.5))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(20)
        loop.close()
