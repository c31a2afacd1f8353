"""A client that writes its bytes itself: for what no HTTP library would send, and for answers seen piece by piece."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.support.running import Answered, Running

__all__ = ("Raw", "eventually", "post", "raw")


class Raw:
    """One connection. Reading takes answers off it one after the other; all waits end with TimeoutError."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._data = b""

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def answer(self, *, head_only: bool = False) -> Answered:
        """The next answer, whole."""
        status, headers = self.head()
        fields = dict(headers)
        if head_only or status in (204, 304):
            body = b""
        elif fields.get("transfer-encoding") == "chunked":
            body = b"".join(self.chunks())
        elif "content-length" in fields:
            body = self.exactly(int(fields["content-length"]))
        else:
            body = self.rest()
        return Answered(status, headers, body)

    def head(self) -> tuple[int, list[tuple[str, str]]]:
        """Status and headers of the next final answer."""
        while True:
            first, *lines = self.until(b"\r\n\r\n")[:-4].decode("latin-1").split("\r\n")
            status = int(first.split(" ")[1])
            if status >= 200:
                return status, [(k.lower(), v.strip()) for k, _, v in (line.partition(":") for line in lines)]

    def chunks(self) -> Iterator[bytes]:
        """The pieces of a chunked body as they come, to its end. ValueError where the end is missing."""
        while size := int(self.until(b"\r\n") or b"?", 16):
            yield self.exactly(size)
            self.exactly(2)
        self.exactly(2)

    def until(self, mark: bytes) -> bytes:
        """Everything up to a mark, with it."""
        while mark not in self._data:
            self._more()
        found, _, self._data = self._data.partition(mark)
        return found + mark

    def exactly(self, size: int) -> bytes:
        while len(self._data) < size:
            self._more()
        found, self._data = self._data[:size], self._data[size:]
        return found

    def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        try:
            while True:
                self._more()
        except ValueError:
            found, self._data = self._data, b""
            return found

    def ends(self) -> bool:
        """Whether the server closes the connection without another byte."""
        try:
            return not self._data and not self.sock.recv(1)
        except ConnectionError:
            return True

    def reset(self) -> None:
        """Cuts the connection the hard way."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def _more(self) -> None:
        piece = self.sock.recv(1 << 20)
        if not piece:
            raise ValueError("the connection ended too early")
        self._data += piece


@contextmanager
def raw(server: Running, timeout: float = 20.0) -> Iterator[Raw]:
    """A connection to the server, until the block ends."""
    with socket.create_connection((server.host, server.port), timeout=timeout) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield Raw(sock)


def post(path: str, body: object = b"", *lines: str, method: str = "POST", version: str = "1.1") -> bytes:
    """A request as bytes, with its length; a body that is no bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"{method} {path} HTTP/{version}", "Host: localhost", f"Content-Length: {len(data)}", *lines]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + data


def eventually(condition: Callable[[], bool], seconds: float = 20.0) -> bool:
    """Whether a condition comes true within this time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True
