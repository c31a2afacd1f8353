"""A request has the same answer whether the lane reads it or aiohttp does: to the byte, but for the time of day.

The same bytes go to two servers of one configuration in front of one backend, the one with its lane, the other
without; what comes back is compared as it stood on the wire, and whether the connection stays after it.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
from tests.support.dialogues import ALL, OPENAI, Dialect, backends, says
from tests.support.raw import Raw, post, raw
from tests.support.running import Running, running
from tests.support.scripted import Backend, backend

BODY_LIMIT = 256 * 1024
LIMITS = {"header_bytes": "8KiB", "body": f"{BODY_LIMIT}"}
HASTY = LIMITS | {"header_timeout": 0.3, "body_timeout": 0.3}
KEYS = [{"name": "laptop", "key": "use-me"}, {"name": "desk", "key": "once"}]
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
WHOLE = json.dumps(CHAT | {"stream": False}).encode()
_TIMES = re.compile(rb"(?<![0-9a-z])[0-9a-f]+-\d+|\d+")
"""Times, and names that a gateway gives its requests."""


class Pair(NamedTuple):
    """Two servers, and what stands behind both."""

    laned: Running
    plain: Running
    behind: Backend


class Heard(NamedTuple):
    """An answer as it stood on the wire, its figures made alike, and whether another request was answered after it."""

    head: list[bytes]
    body: bytes
    stays: bool


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with backend(says("Hello", " there")) as only:
        settings: dict[str, Any] = {"backends": backends(only), "server": {"limits": LIMITS}}
        with running(settings, lane=True) as laned, running(settings, lane=False) as plain:
            yield Pair(laned, plain, only)


@pytest.fixture(scope="module")
def hasty() -> Iterator[Pair]:
    with backend(says("Hello")) as only:
        settings: dict[str, Any] = {"backends": backends(only), "server": {"limits": HASTY}}
        with running(settings, lane=True) as laned, running(settings, lane=False) as plain:
            yield Pair(laned, plain, only)


@pytest.fixture(scope="module")
def keyed() -> Iterator[Pair]:
    with backend(says("Hello")) as only:
        settings: dict[str, Any] = {"backends": backends(only), "server": {"keys": KEYS, "limits": LIMITS}}
        with running(settings, lane=True) as laned, running(settings, lane=False) as plain:
            yield Pair(laned, plain, only)


def heard(server: Running, send: Callable[[Raw], None], *, head_only: bool = False) -> Heard:
    """What comes back for one request."""
    with raw(server, 20.0) as client:
        send(client)
        first, *lines = client.until(b"\r\n\r\n")[:-4].split(b"\r\n")
        while first.split(b" ")[1] == b"100":
            first, *lines = client.until(b"\r\n\r\n")[:-4].split(b"\r\n")
        fields = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        if head_only or first.split(b" ")[1] in (b"204", b"304"):
            body = b""
        elif fields.get(b"transfer-encoding") == b"chunked":
            body = b"".join(client.chunks())
        elif b"content-length" in fields:
            body = client.exactly(int(fields[b"content-length"]))
        else:
            body = client.rest()
        told = [_TIMES.sub(b"#", line) for line in lines if not line.startswith((b"Date:", b"X-Ollamux:"))]
        return Heard([first, *told], _TIMES.sub(b"#", body), _stays(client))


def _stays(client: Raw) -> bool:
    try:
        client.send(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return client.answer().status == 200
    except (OSError, ValueError):
        return False


def alike(pair: Pair, data: bytes | Callable[[Raw], None], *, head_only: bool = False) -> Heard:
    """What both servers answer. Fails where they differ."""

    def send(client: Raw) -> None:
        client.send(data) if isinstance(data, bytes) else data(client)

    laned = heard(pair.laned, send, head_only=head_only)
    plain = heard(pair.plain, send, head_only=head_only)
    assert laned == plain
    return laned


def get(path: str, *lines: str, method: str = "GET", version: str = "1.1") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/{version}", "Host: localhost", *lines, "", ""]).encode()


def chunked(path: str, body: bytes, *lines: str, size: int = 7, trailer: bytes = b"") -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: localhost", "Transfer-Encoding: chunked", *lines, "", ""]
    pieces = [body[at : at + size] for at in range(0, len(body), size)]
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    return "\r\n".join(head).encode() + b"".join(chunks) + b"0\r\n%b\r\n" % trailer


def in_pieces(data: bytes, size: int) -> Callable[[Raw], None]:
    def send(client: Raw) -> None:
        client.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(0, len(data), size):
            client.send(data[at : at + size])

    return send


PATHS = (
    "/", "/api/version", "/api/tags", "/api/ps", "/api/chat", "/api/chat/", "/api/generate", "/api/show", "/api/pull",
    "/api/delete", "/api/blobs/sha256:00", "/api/nothing", "//api/tags", "/api//tags", "/api/tags?x=1", "/api/%74ags",
    "/v1/chat/completions", "/chat/completions", "/v1/models", "/v1/models/m", "/v1/models/a%2Fb", "/v1/messages",
    "/v1/messages?beta=true", "/v1/responses", "/v1/responses/resp_1", "/v1beta/models/m:generateContent",
    "/v1/models/m%3AgenerateContent", "/v1/embeddings", "/health", "/metrics", "/%ff", "/a b",
    "http://localhost/api/version", "*",
)  # fmt: skip


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "QUERY"])
@pytest.mark.parametrize("path", PATHS)
def test_every_method_of_every_path_is_answered_alike(pair: Pair, method: str, path: str) -> None:
    alike(pair, get(path, "Content-Length: 0", method=method), head_only=method == "HEAD")


@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("CONTENT-TYPE: text/plain",),
        ("content-type: application/json; charset=latin1",),
        ("Accept-Encoding: gzip, br, zstd", "User-Agent: \xfc\xf6"),
        ("x-target-backend: a",),
        ("X-Target-Backend: nobody",),
        ("X-MAX-LATENCY-MS: fast",),
        ("X-Priority:  low ", "X-Request-Id: mine"),
        ("X-Request-ID: first", "x-request-id: second"),
        ("X-Media-Type: code", "X-Deadline-Ms: 100000"),
        ("Origin: http://localhost:3000",),
        ("Origin: https://elsewhere.example",),
        ("Connection: close",),
        ("Connection: keep-alive, Upgrade", "Upgrade: websocket"),
        ("Connection: x-one, close",),
        ("Connection: keep-alive", "Connection: close"),
        ("Keep-Alive: timeout=5",),
        ("Empty:", "Odd!#$%&'*+-.^_`|~: 1"),
        ("Folded: one\r\n two",),
        ("Tabs:\tone\t",),
        ("Host: elsewhere.example",),
        ("X-Ollamux-Via: somebody",),
    ],
)
def test_headers_say_the_same_both_ways(pair: Pair, dialect: Dialect, lines: tuple[str, ...]) -> None:
    head = "\r\n".join([f"POST {dialect.path} HTTP/1.1", "Host: localhost", *lines])
    body = json.dumps(dialect.body()).encode()
    alike(pair, f"{head}\r\nContent-Length: {len(body)}\r\n\r\n".encode("latin-1") + body)


@pytest.mark.parametrize("way", ["length", "chunked", "expect", "trailer", "pieces", "much"])
@pytest.mark.parametrize("dialect", ALL)
@pytest.mark.parametrize(
    ("lines", "status"),
    [((), 200), (("X-Target-Backend: nobody",), 400), (("X-Priority: soon",), 400), (("ANTHROPIC-VERSION: x",), 200)],
)
def test_a_request_means_the_same_however_its_body_is_framed(
    pair: Pair, dialect: Dialect, way: str, lines: tuple[str, ...], status: int
) -> None:
    body = json.dumps(dialect.body()).encode()
    usual = post(dialect.path, body, *lines)
    framed: dict[str, bytes | Callable[[Raw], None]] = {
        "length": usual,
        "chunked": chunked(dialect.path, body, *lines),
        "expect": post(dialect.path, body, "Expect: 100-continue", *lines),
        "trailer": chunked(dialect.path, body, *lines, trailer=b"X-Priority: none\r\n"),
        "pieces": in_pieces(usual, 23),
        "much": post(dialect.path, body + b" " * 200_000, *lines),
    }
    found = alike(pair, framed[way])
    assert found.head[0].split(b" ")[1] == b"%d" % status
    assert found == alike(pair, usual)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"{}", b'{"model": ""}', b'{"model": "nobody"}', b"\xff\xfe", b"\x00", b'{"model": 1}',
     b"[" * 20_000, b'{"model":"m","messages":7}', WHOLE + b"x", b"\xef\xbb\xbf" + WHOLE, b" \r\n" + WHOLE,
     WHOLE[:-1] + b',"model":"nobody"}', WHOLE.replace(b"model", b"MODEL")],
)  # fmt: skip
@pytest.mark.parametrize(
    "path",
    ["/api/chat", "/api/generate", "/api/embed", "/v1/chat/completions", "/v1/messages", "/v1/responses",
     "/v1/models/m:generateContent", "/v1/embeddings"],
)  # fmt: skip
def test_bodies_that_are_wrong_are_refused_alike(pair: Pair, path: str, body: bytes) -> None:
    assert alike(pair, post(path, body)) == alike(pair, chunked(path, body, size=997))


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions", "/v1/messages", "/api/nothing", "/api/tags"])
@pytest.mark.parametrize("size", [BODY_LIMIT, BODY_LIMIT + 1, BODY_LIMIT * 5])
def test_the_limit_of_a_body_is_the_same(pair: Pair, path: str, size: int) -> None:
    body = WHOLE.ljust(size)
    found = alike(pair, post(path, body))
    assert alike(pair, chunked(path, body, size=65536)).head[0] == found.head[0]


@pytest.mark.parametrize(
    "data",
    [
        b"what is this\r\n\r\n",
        b"GET /api/version HTTP/9.9\r\n\r\n",
        b"GET /api/version HTTP/1.1\r\nno colon here\r\n\r\n",
        b"GET /api/version HTTP/1.1\r\n\r\n",
        b"GET /api/version HTTP/1.1\nHost: localhost\n\n",
        b"\r\n\r\nGET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/version HTTP/1.0\r\n\r\n",
        b"GET /api/version HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        b"POST /api/chat HTTP/1.0\r\nContent-Length: %d\r\n\r\n%b" % (len(WHOLE), WHOLE),
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: +2\r\n\r\n{}",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n{}",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\n",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}",
        b"GET /api/version HTTP/1.1\r\nHost: localhost\r\nBad\x00Name: y\r\n\r\n",
        b"GET /api/version HTTP/1.1\r\nHost : localhost\r\n\r\n",
        b"GET /api/version HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n",
        b"GET /api/version HTTP/1.1\r\nHost: localhost\r\nHost: elsewhere.example\r\n\r\n",
        b"get /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/version HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 9000 + b"\r\n\r\n",
        b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 1500 + b"\r\n",
        b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n" + b"X: y\r\n" * 300 + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
def test_heads_out_of_the_ordinary_are_judged_alike(pair: Pair, data: bytes) -> None:
    alike(pair, data)


@pytest.mark.parametrize(
    "data",
    [
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Len",
        post("/api/chat", WHOLE)[:-1],
        post("/v1/chat/completions", WHOLE)[:-1],
        post("/v1/messages", WHOLE)[:-1],
        chunked("/api/chat", WHOLE)[:-4],
        chunked("/v1/chat/completions", WHOLE)[:-4],
        post("/api/chat", b"", "Expect: 100-continue").replace(b"Content-Length: 0", b"Content-Length: 9"),
    ],
)
def test_what_does_not_come_is_waited_for_alike(hasty: Pair, data: bytes) -> None:
    found = alike(hasty, data)
    assert found.head[0].startswith(b"HTTP/1.1 408 ")
    assert not found.stays


@pytest.mark.parametrize(
    "data",
    [
        get("/api/version") + get("/api/tags"),
        post("/api/chat", WHOLE) + get("/api/version"),
        get("/api/version") + post("/v1/chat/completions", WHOLE),
        get("/api/version", "Connection: close") + get("/api/tags"),
        get("/api/version") + b"garbage\r\n\r\n",
        post("/api/chat", WHOLE) + b"\r\n\r\n",
        post("/api/chat", WHOLE) + chunked("/api/chat", WHOLE),
    ],
)
def test_requests_on_one_connection_are_answered_alike(pair: Pair, data: bytes) -> None:
    def everything(server: Running) -> bytes:
        with raw(server) as client:
            client.send(data)
            client.send(get("/health", "Connection: close"))
            told = _TIMES.sub(b"#", client.rest())
            return re.sub(rb"(?m)^(Date|X-Ollamux): .*$", b"", told)

    assert everything(pair.laned) == everything(pair.plain)


@pytest.mark.parametrize(
    "lines",
    [
        (),
        ("Authorization: Bearer use-me",),
        ("authorization: bearer use-me",),
        ("X-API-KEY: use-me",),
        ("x-goog-api-key: once",),
        ("Api-Key: use-me",),
        ("Authorization: Bearer wrong",),
        ("Authorization: Bearer wrong", "X-Api-Key: use-me"),
        ("Authorization: Bearer use-me", "Authorization: Bearer wrong"),
        ("Authorization: Bearer \xfc",),
        ("Authorization: Bearer use-me ",),
    ],
)
@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions", "/v1/messages", "/v1/responses", "/api/pull"])
def test_keys_are_known_alike(keyed: Pair, path: str, lines: tuple[str, ...]) -> None:
    head = "\r\n".join([f"POST {path} HTTP/1.1", "Host: localhost", *lines])
    data = f"{head}\r\nContent-Length: {len(WHOLE)}\r\n\r\n".encode("latin-1") + WHOLE
    assert alike(keyed, data) == alike(keyed, data.replace(b"Host:", b"Expect: 100-continue\r\nHost:"))


def test_what_reaches_the_backend_is_the_same(pair: Pair) -> None:
    def asked(data: bytes) -> list[tuple[str, dict[str, str], bytes]]:
        before = len(pair.behind.calls)
        alike(pair, data)
        calls = pair.behind.calls[before:]
        return [(call.path, call.headers | {"x-ollamux-via": ""}, call.body) for call in calls]

    body = json.dumps(OPENAI.body() | {"metadata": {"a": "ü"}, "more": 1}).encode()
    lines = ("Accept: text/event-stream", "OpenAI-Beta: one", "X-Request-ID: r", "User-Agent: me")
    found = asked(post(OPENAI.path, body, *lines)) + asked(chunked(OPENAI.path, body, *lines))
    assert len(found) == 4
    assert all(each == found[0] for each in found)
