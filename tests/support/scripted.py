"""A backend whose every answer is written by the test: a real socket, a real HTTP request, any bytes back.

`Backend` answers model lists by itself and hands every other request to `script`, which gets the request and a `Wire`
to write on, sleep by, or cut.
"""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

__all__ = ("Asked", "Backend", "Wire", "backend", "chunk", "sse", "stream_head")


class Asked(NamedTuple):
    """A request as the backend got it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Wire:
    """The backend's end of a connection."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._held: list[bytes] | None = None

    def send(self, data: bytes) -> None:
        if self._held is None:
            self.sock.sendall(data)
        else:
            self._held.append(data)

    @contextmanager
    def together(self) -> Iterator[None]:
        """What is sent inside goes out as one write, so that nothing of it can come later than the rest."""
        self._held = []
        yield
        held, self._held = self._held, None
        self.send(b"".join(held))

    def answer(self, status: int, value: Any, kind: str = "application/json", *extra: str) -> None:
        """A whole answer with its length."""
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        lines = "".join(f"{line}\r\n" for line in extra)
        head = f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n{lines}\r\n"
        self.send(head.encode() + body)

    def reset(self) -> None:
        """Cuts the connection the hard way."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def close(self) -> None:
        self.sock.close()

    def wait_for_peer_to_leave(self, seconds: float) -> bool:
        """Whether the other side closed within this time."""
        self.sock.settimeout(seconds)
        try:
            while True:
                if not self.sock.recv(65536):
                    return True
        except TimeoutError:
            return False
        except OSError:
            return True


Script = Callable[[Asked, Wire], None]


class Backend:
    """Listens on loopback; counts what it is asked."""

    def __init__(self, script: Script, models: tuple[str, ...] = ("m",), *, style: str = "openai") -> None:
        self.script = script
        self.models = models
        self.style = style
        self.asked: list[Asked] = []
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self._open: set[socket.socket] = set()
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def calls(self) -> list[Asked]:
        """Everything it was asked but for the lists of models."""
        return [asked for asked in self.asked if asked.method != "GET"]

    def stop(self) -> None:
        """Listens no more and drops every connection: as a process that was killed."""
        try:
            self._listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._listener.close()
        for sock in list(self._open):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._open.add(sock)
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        try:
            with sock:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                while (asked := _read(sock)) is not None:
                    self.asked.append(asked)
                    wire = Wire(sock)
                    if asked.method == "GET" and self._lists(asked.path, wire):
                        continue
                    self.script(asked, wire)
        except (OSError, ValueError):
            pass
        finally:
            self._open.discard(sock)

    def _lists(self, path: str, wire: Wire) -> bool:
        rows: Any
        if path.endswith("/models"):
            wire.answer(200, {"object": "list", "data": [{"id": name, "object": "model"} for name in self.models]})
        elif path == "/api/tags" and self.style == "ollama":
            rows = [
                {
                    "name": name,
                    "model": name,
                    "modified_at": "2026-01-02T03:04:05Z",
                    "size": 7,
                    "digest": "a" * 64,
                    "details": {"family": "llama"},
                }
                for name in self.models
            ]
            wire.answer(200, {"models": rows})
        elif path == "/api/ps" and self.style == "ollama":
            wire.answer(200, {"models": []})
        elif path in ("/props", "/health"):
            wire.answer(404, {"error": "no"})
        else:
            return False
        return True


@contextmanager
def backend(script: Script, *models: str, style: str = "openai") -> Iterator[Backend]:
    """A backend that listens until the block ends."""
    found = Backend(script, models or ("m",), style=style)
    try:
        yield found
    finally:
        found.stop()


def stream_head(kind: str = "text/event-stream") -> bytes:
    """The head of a chunked answer."""
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()


def chunk(data: bytes) -> bytes:
    """A piece of a chunked body; an empty one ends it."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def sse(text: str | None = None, finish: str | None = None, **more: Any) -> bytes:
    """One event of a chat stream."""
    delta: dict[str, Any] = {"content": text} if text is not None else {}
    value = {
        "id": "x",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta | more, "finish_reason": finish}],
    }
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _read(sock: socket.socket) -> Asked | None:
    data = b""
    while b"\r\n\r\n" not in data:
        piece = sock.recv(65536)
        if not piece:
            return None
        data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
    if headers.get("transfer-encoding", "").lower() == "chunked":
        body = _read_chunked(sock, body)
    else:
        length = int(headers.get("content-length", 0))
        while len(body) < length:
            piece = sock.recv(65536)
            if not piece:
                return None
            body += piece
    return Asked(method, path, headers, body)


def _read_chunked(sock: socket.socket, data: bytes) -> bytes:
    whole = b""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        line, found, rest = data.partition(b"\r\n")
        if found:
            size = int(line, 16)
            while len(rest) < size + 2:
                rest += sock.recv(65536)
            if not size:
                return whole
            whole += rest[:size]
            data = rest[size + 2 :]
        else:
            data += sock.recv(65536)
    raise ValueError("a chunked body without an end")
