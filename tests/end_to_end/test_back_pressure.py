"""A client that does not read slows its backend down: the bytes in between stay few, and none is lost."""

from __future__ import annotations

import socket
import threading
import time

import pytest
from tests.support.dialogues import OLLAMA, OPENAI, Dialect, backends, line
from tests.support.raw import Raw, post, raw
from tests.support.running import running
from tests.support.scripted import Asked, Wire, backend, chunk, sse, stream_head

MIB = 1 << 20
KERNEL = 20 * MIB  # what the buffers of four sockets may hold on the way


class _Flood:
    """Sends a stream of `total` bytes as fast as it is taken, and counts what was taken."""

    def __init__(self, kind: str, piece: bytes, end: bytes, total: int) -> None:
        self.sent = 0
        self.finished = threading.Event()
        self._kind, self._piece, self._end, self._total = kind, piece, end, total

    def __call__(self, asked: Asked, wire: Wire) -> None:
        wire.send(stream_head(self._kind))
        framed = chunk(self._piece * (65536 // len(self._piece)))
        while self.sent < self._total:
            wire.send(framed)
            self.sent += len(framed)
        wire.send(chunk(self._end) + chunk(b""))
        self.finished.set()

    def stands_still(self) -> int:
        """What was taken when nothing more is."""
        deadline, before = time.monotonic() + 3, -1
        while self.sent != before and time.monotonic() < deadline:
            before = self.sent
            time.sleep(0.1)
        return self.sent


CASES = [
    pytest.param(
        OPENAI, "openai", "text/event-stream", sse("x" * 1000), b"data: [DONE]\n\n", id="passing through, SSE"
    ),
    pytest.param(
        OLLAMA, "ollama", "application/x-ndjson", line("x" * 1000), line(done=True), id="passing through, NDJSON"
    ),
    pytest.param(OLLAMA, "openai", "text/event-stream", sse("x" * 1000), sse(finish="stop"), id="translated to NDJSON"),
    pytest.param(OPENAI, "ollama", "application/x-ndjson", line("x" * 1000), line(done=True), id="translated to SSE"),
]


@pytest.mark.parametrize(("dialect", "style", "kind", "piece", "end"), CASES)
def test_a_stream_that_is_not_read(dialect: Dialect, style: str, kind: str, piece: bytes, end: bytes) -> None:
    flood = _Flood(kind, piece, end, 200 * MIB)
    with (
        backend(flood, style=style) as only,
        running({"backends": backends(only)}) as server,
        raw(server) as client,
    ):
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        client.send(post(dialect.path, dialect.body()))
        client.until(b"xxx")
        assert flood.stands_still() < KERNEL
        assert not flood.finished.is_set()
        assert server.ask("GET", "/api/version").status == 200


@pytest.mark.parametrize(("dialect", "style", "kind", "piece", "end"), CASES)
def test_a_stream_that_is_read_late_is_whole(dialect: Dialect, style: str, kind: str, piece: bytes, end: bytes) -> None:
    flood = _Flood(kind, piece, end, 24 * MIB)
    with (
        backend(flood, style=style) as only,
        running({"backends": backends(only, timeouts={"idle": 1.0})}) as server,
        raw(server) as client,
    ):
        client.send(post(dialect.path, dialect.body()))
        flood.stands_still()
        time.sleep(1.3)  # a client that pauses is not a backend that is idle
        answer = client.answer()
        text = dialect.text(answer)
        assert set(text) == {"x"}
        assert flood.finished.is_set()
        assert len(text) == 1000 * (65536 // len(piece)) * -(-24 * MIB // len(chunk(piece * (65536 // len(piece)))))


def test_a_pull_that_is_not_read() -> None:
    flood = _Flood("application/x-ndjson", b'{"status":"pulling","total":1000,"completed":10}\n', b"", 100 * MIB)
    with backend(flood, style="ollama") as only, running({"backends": backends(only)}) as server, raw(server) as client:
        client.send(post("/api/pull", {"model": "x"}))
        client.until(b"pulling")
        assert flood.stands_still() < KERNEL


def test_an_upload_that_the_backend_does_not_take_is_not_read_from_the_client() -> None:
    go = threading.Event()
    taken = 0

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            nonlocal taken
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(sock,), daemon=True).start()

        def one(sock: socket.socket) -> None:
            nonlocal taken
            with sock:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = sock.recv(65536)
                    if not piece:
                        return
                    head += piece
                if head.startswith(b"GET"):
                    sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n{"models":[]}')
                    return
                taken = len(head.partition(b"\r\n\r\n")[2])
                go.wait(5)
                while taken < 64 * MIB:
                    taken += len(sock.recv(1 << 20))
                sock.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

        threading.Thread(target=serve, daemon=True).start()
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with (
            running({"backends": [{"id": "a", "type": "ollama", "endpoint": endpoint}]}) as server,
            raw(server) as client,
        ):
            sent = 0
            body = b"z" * MIB

            def upload(client: Raw) -> None:
                nonlocal sent
                head = post("/api/blobs/sha256:" + "a" * 64, b"").replace(b"Length: 0", b"Length: %d" % (64 * MIB))
                client.send(head)
                for _ in range(64):
                    client.send(body)
                    sent += MIB

            sender = threading.Thread(target=upload, args=(client,))
            sender.start()
            time.sleep(0.3)
            before = sent
            time.sleep(0.1)
            assert sent == before < KERNEL
            go.set()
            assert client.answer().status == 201
            sender.join(5)
            assert taken == 64 * MIB
