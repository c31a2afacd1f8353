"""A world for the tests of the clients: a loop, a client, and backends on loopback that do what a script says.

Every test that takes `drive` runs for both clients on both loops, and for the lean one also as it is where much comes
at once and all of it is read before it is looked at: what is tested is the interface. A script is a coroutine that gets
a `Peer`, the backend's end of one connection.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import uvloop

from ollamux.contract import Call, FailureKind
from ollamux_aiohttp import bursts
from ollamux_aiohttp.upstream import BackendTransport, Listener, Transfer, UpstreamClient, Upstreams
from ollamux_aiohttp.upstream.aiohttp_client import AiohttpClient
from ollamux_aiohttp.upstream.interface import ACTS
from ollamux_aiohttp.upstream.lean import LeanClient

BURSTS = "lean_in_bursts"
CLIENTS: dict[str, Callable[[BackendTransport], UpstreamClient]] = {
    "lean": LeanClient,
    BURSTS: LeanClient,
    "aiohttp": AiohttpClient,
}
LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "uvloop": uvloop.new_event_loop,
    "asyncio": asyncio.new_event_loop,
}
PATIENCE = 20.0


class Peer:
    """The backend's end of a connection. `index` counts the connections of its server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, index: int) -> None:
        self.reader = reader
        self.writer = writer
        self.index = index

    async def request(self) -> bytes:
        """The next request's head, or nothing where the connection ended instead."""
        try:
            return await self.reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""

    async def body(self, size: int) -> bytes:
        """So many bytes of a request's body."""
        return await self.reader.readexactly(size)

    async def ended(self) -> None:
        """Wait until the client has closed the connection."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError:
            pass

    def send(self, data: bytes) -> None:
        """Write and go on."""
        self.writer.write(data)

    async def send_cut(self, data: bytes, *positions: int) -> None:
        """Write in pieces, the loop turning between them."""
        start = 0
        for end in (*positions, len(data)):
            self.writer.write(data[start:end])
            start = end
            for _ in range(3):
                await asyncio.sleep(0)

    def reset(self) -> None:
        """End the connection with an RST."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


Script = Callable[[Peer], Awaitable[None]]


class Recorder(Listener):
    """A listener that writes down what it hears, and acts where a test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[str] = []
        self.status = 0
        self.headers: dict[str, str] = {}
        self.header_list: list[tuple[str, str]] = []
        self.pieces: list[bytes] = []
        self.failure: tuple[FailureKind, bool, str] | None = None
        self.over = asyncio.Event()
        self.heard = asyncio.Event()
        self.drained = asyncio.Event()
        self.on_event: Callable[[str], None] = lambda event: None

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)

    @property
    def kind(self) -> str:
        assert self.failure is not None, self.events
        return self.failure[0]

    @property
    def sent(self) -> bool:
        assert self.failure is not None, self.events
        return self.failure[1]

    def attempt_head(self, attempt: int, status: int, headers: Sequence[tuple[str, str]], /) -> None:
        self.status = status
        self.header_list = list(headers)
        self.headers = dict(headers)
        self._note("head")

    def attempt_data(self, attempt: int, data: bytes, last: bool, /) -> None:
        assert data
        self.pieces.append(data)
        self._note("data")

    def attempt_end(self, attempt: int, /) -> None:
        self.over.set()
        self._note("end")

    def attempt_failed(self, attempt: int, kind: FailureKind, sent: bool, detail: str, /) -> None:
        self.failure = (kind, sent, detail)
        self.over.set()
        self._note("failed")

    def upload_drained(self, attempt: int, /) -> None:
        self.drained.set()
        self._note("drained")

    async def done(self) -> Recorder:
        await asyncio.wait_for(self.over.wait(), PATIENCE)
        return self

    async def first(self) -> None:
        """Wait for anything at all."""
        await asyncio.wait_for(self.heard.wait(), PATIENCE)

    def _note(self, event: str) -> None:
        assert event == "drained" or not {"end", "failed"} & set(self.events)
        self.events.append(event)
        self.heard.set()
        self.on_event(event)


class WholeRecorder(Recorder):
    """One that takes a whole answer in one word."""

    def attempt_whole(self, attempt: int, status: int, headers: Sequence[tuple[str, str]], data: bytes, /) -> bool:
        assert data
        self.status = status
        self.headers = dict(headers)
        self.pieces.append(data)
        self._note("whole")
        return True

    def act(self, number: int) -> None:
        self._note(f"act {number}")
        if number == ACTS - 1:
            self.over.set()


@pytest.fixture
def whole_recorder() -> type[WholeRecorder]:
    """Makes those that take a whole answer in one word."""
    return WholeRecorder


class World:
    """What a test has at hand while its scenario runs."""

    def __init__(self, make: Callable[[BackendTransport], UpstreamClient], kind: str) -> None:
        self.make = make
        self.kind = kind
        self.url = ""
        self.connections = 0
        self.settings = BackendTransport()
        self.unhandled: list[dict[str, Any]] = []
        self.complaints_expected = False  # a backend's side of TLS complains when its client goes away
        self.tasks: set[asyncio.Task[None]] = set()
        self._client: UpstreamClient | None = None
        self._starter: UpstreamClient | Upstreams | None = None
        self.servers: list[asyncio.Server] = []
        self._attempts = 0

    @property
    def client(self) -> UpstreamClient:
        if self._client is None:
            self._client = self.make(self.settings)
        return self._client

    def through(self, upstreams: Upstreams) -> Upstreams:
        """Make calls through these from now on."""
        self._starter = upstreams
        return upstreams

    async def until(self, holds: Callable[[], object]) -> None:
        """Wait for what the loop is about to bring."""
        for _ in range(2000):
            if holds():
                return
            await asyncio.sleep(0.005)
        raise AssertionError("it never came")

    async def serve(self, script: Script, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> str:
        """Start a backend; its URL, which is also where calls go from now on."""

        async def run(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self.tasks.add(task)
            self.connections += 1
            try:
                await script(Peer(reader, writer, self.connections))
            except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                self.tasks.discard(task)
                writer.close()

        server = await asyncio.start_server(run, host, 0, ssl=tls, backlog=1024)
        self.servers.append(server)
        port = server.sockets[0].getsockname()[1]
        self.url = f"http{'s' if tls else ''}://{'[::1]' if ':' in host else host}:{port}/v1/x?y=%20z"
        return self.url

    def start(
        self,
        method: str = "POST",
        headers: tuple[tuple[str, str], ...] = (),
        body: bytes | None = b"{}",
        *,
        url: str = "",
        recorder: Recorder | None = None,
        connect_timeout: float = 5.0,
        public_only: bool = False,
        backend: str = "b",
    ) -> tuple[Recorder, Transfer]:
        """Begin a call."""
        self._attempts += 1
        recorder = recorder or Recorder()
        call = Call(
            attempt=self._attempts,
            backend=backend,
            method=method,
            url=url or self.url,
            headers=headers,
            body=body,
            connect_timeout=connect_timeout,
            public_only=public_only,
        )
        return recorder, (self._starter or self.client).start(call, recorder)

    async def call(self, *args: Any, **named: Any) -> Recorder:
        """Make a call and wait until it is over."""
        recorder, _ = self.start(*args, **named)
        return await recorder.done()

    async def answer(self, data: bytes, *, close: bool = True, method: str = "POST") -> Recorder:
        """What a listener hears of a backend that writes this."""

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(data)
            if not close:
                await peer.ended()

        await self.serve(script)
        return await self.call(method, body=b"")

    def run(self, scenario: Callable[[World], Coroutine[Any, Any, None]], loop: asyncio.AbstractEventLoop) -> None:
        """Run a scenario to its end, and close everything it left."""

        async def whole() -> None:
            try:
                await asyncio.wait_for(scenario(self), PATIENCE)
            finally:
                if self._client is not None:
                    await self._client.close()
                for server in self.servers:
                    server.close()
                for task in tuple(self.tasks):
                    task.cancel()
                if self.tasks:
                    await asyncio.wait(self.tasks, timeout=5)
                await asyncio.sleep(0.001)

        loop.set_exception_handler(lambda _, context: self.unhandled.append(context))
        try:
            loop.run_until_complete(whole())
            loop.run_until_complete(loop.shutdown_default_executor())
        finally:
            loop.close()
        assert self.complaints_expected or self.unhandled == []


Scenario = Callable[[World], Coroutine[Any, Any, None]]
Drive = Callable[[Scenario], None]


def _driver(client: str, loop: str) -> Drive:
    def drive(scenario: Scenario) -> None:
        with pytest.MonkeyPatch.context() as patch:
            if client == BURSTS:
                patch.setattr(bursts, "ALONE", 0)
            World(CLIENTS[client], client).run(scenario, LOOPS[loop]())

    return drive


@pytest.fixture(params=[(client, loop) for client in CLIENTS for loop in LOOPS], ids="-".join)
def drive(request: pytest.FixtureRequest) -> Drive:
    """Runs a scenario for each client on each loop."""
    return _driver(*request.param)


@pytest.fixture(params=[(client, loop) for client in ("lean", BURSTS) for loop in LOOPS], ids="-".join)
def drive_lean(request: pytest.FixtureRequest) -> Drive:
    """Runs a scenario for the lean client on each loop."""
    return _driver(*request.param)


@pytest.fixture(params=list(LOOPS))
def drive_aiohttp(request: pytest.FixtureRequest) -> Drive:
    """Runs a scenario for aiohttp's client on each loop."""
    return _driver("aiohttp", request.param)


@pytest.fixture(scope="session")
def tls_files() -> Path:
    """A CA (ca.pem) and a certificate of it for localhost, 127.0.0.1 and ::1 (server.pem, server.key)."""
    return Path(__file__).parents[2] / "data" / "tls"


@pytest.fixture(scope="session")
def server_context(tls_files: Path) -> Iterator[ssl.SSLContext]:
    """A backend's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls_files / "server.pem", tls_files / "server.key")
    yield context
