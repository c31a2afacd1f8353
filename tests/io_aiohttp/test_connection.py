"""Connections: heads, pipelining, versions of HTTP, and what is no HTTP at all."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from aiohttp import web
from tests.support.dialogues import OLLAMA, OPENAI, backends, says
from tests.support.raw import Raw, eventually, post, raw
from tests.support.running import Answered, Running, running
from tests.support.scripted import Asked, Wire, backend

from ollamux_aiohttp import bursts
from ollamux_aiohttp.client import Client, Lane
from ollamux_aiohttp.connection import Connection, ConnectionLimits, Front
from ollamux_aiohttp.deadlines import Deadlines

LIMITS = {"header_bytes": "8KiB", "header_timeout": 0.2, "body_timeout": 0.2, "body": "64KiB"}


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with (
        backend(says("Hello")) as only,
        running({"backends": backends(only), "server": {"limits": LIMITS}}) as found,
    ):
        yield found


def _refused(client: Raw, server: Running, status: int) -> str:
    """The refusal, in Ollama's form, that ends this connection and no other."""
    answer = client.answer()
    assert answer.status == status, answer
    assert answer.header("content-type") == "application/json; charset=utf-8"
    assert answer.header("connection") == "close"
    assert client.ends()
    assert server.ask("GET", "/api/version").status == 200
    text = answer.json["error"]
    assert isinstance(text, str) and text
    return text


@pytest.mark.parametrize(
    "garbage",
    [
        b"what is this\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon here\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nBad\x00Name: y\r\n\r\n",
        b"\r\n\r\n\r\nSSH-2.0-OpenSSH_9.9\r\n",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: many\r\n\r\n",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        post("/api/chat", b"{}", "Transfer-Encoding: chunked"),
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip, cow\r\n\r\n{}",
    ],
)
def test_what_is_no_http_is_refused_and_its_connection_closed(server: Running, garbage: bytes) -> None:
    with raw(server) as client:
        client.send(garbage)
        _refused(client, server, 400)


@pytest.mark.parametrize("pause", [None, 0.0, 0.02])
@pytest.mark.parametrize("path", [b"/api/chat", b"/v1/chat/completions?x=/api/chat"])
def test_a_body_that_is_not_well_framed_is_refused_in_the_clients_format(
    server: Running, path: bytes, pause: float | None
) -> None:
    head = b"POST %b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    pieces = (head % path + b'5\r\n{"mod\r\n', b"zz\r\nnot a chunk\r\n")
    with raw(server) as client:
        if pause is None:
            client.send(b"".join(pieces))
        else:
            client.send(pieces[0])
            time.sleep(pause)
            client.send(pieces[1])
        answer = client.answer()
        assert answer.status == 400
        assert answer.header("connection") == "close"
        assert isinstance(answer.json["error"], str if path == b"/api/chat" else dict)
        assert client.ends()


@pytest.mark.parametrize(
    ("header", "status"),
    [(b"no colon", 400), (b"X: " + b"y" * 9000, 431), (b"Content-Length: many", 400)],
)
def test_a_head_that_cannot_be_read_is_refused_in_the_format_of_its_path(
    server: Running, header: bytes, status: int
) -> None:
    for path, kind in ((b"/api/chat", str), (b"/v1/chat/completions", dict), (b"/v1/messages", dict), (b"/", str)):
        with raw(server) as client:
            client.send(b"POST %b HTTP/1.1\r\nHost: localhost\r\n%b\r\n\r\n" % (path, header))
            answer = client.answer()
            assert answer.status == status, answer
            assert isinstance(answer.json["error"], kind)
            assert answer.header("connection") == "close"
            assert client.ends()


def test_one_header_that_is_too_large_is_431(server: Running) -> None:
    with raw(server) as client:
        client.send(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 9000 + b"\r\n\r\n")
        _refused(client, server, 431)


def test_a_target_that_is_too_long_is_431(server: Running) -> None:
    with raw(server) as client:
        client.send(b"GET /" + b"y" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
        _refused(client, server, 431)


def test_headers_that_are_small_but_too_much_together_are_431_in_one_piece(server: Running) -> None:
    with raw(server) as client:
        lines = b"".join(b"X-%d: %b\r\n" % (n, b"y" * 190) for n in range(60))
        client.send(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n" + lines + b"\r\n")
        _refused(client, server, 431)


def test_headers_that_are_small_but_too_much_together_are_431_in_many_pieces(server: Running) -> None:
    with raw(server) as client:
        client.send(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n")
        for n in range(60):
            client.send(b"X-%d: %b\r\n" % (n, b"y" * 190))
            time.sleep(0.001)
        _refused(client, server, 431)


def test_very_many_headers_are_431(server: Running) -> None:
    with raw(server) as client:
        client.send(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n" + b"a:b\r\n" * 1000 + b"\r\n")
        _refused(client, server, 431)


def test_a_flood_of_headers_is_answered_though_the_client_has_not_finished_sending(server: Running) -> None:
    with raw(server) as client:
        flood = b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n" + b"X: 123456789\r\n" * 200_000
        sender = threading.Thread(target=lambda: _send_quietly(client, flood))
        sender.start()
        assert client.answer().status == 431
        sender.join(5)
        assert server.ask("GET", "/api/version").status == 200


def _send_quietly(client: Raw, data: bytes) -> None:
    try:
        client.send(data)
    except OSError:
        pass


def test_a_head_that_comes_too_slowly_is_408(server: Running) -> None:
    with raw(server) as client:
        client.send(b"GET /api/version HTTP/1.1\r\nHos")
        _refused(client, server, 408)


def test_a_head_that_trickles_is_not_given_more_time_with_each_byte(server: Running) -> None:
    with raw(server) as client:
        stop = threading.Event()

        def trickle() -> None:
            while not stop.wait(0.02):
                _send_quietly(client, b"X")

        client.send(b"GET /api/version HTTP/1.1\r\n")
        sender = threading.Thread(target=trickle)
        sender.start()
        assert client.answer().status == 408
        stop.set()
        sender.join()


def test_the_head_of_a_second_request_has_its_own_time(server: Running) -> None:
    with raw(server) as client:
        client.send(post("/api/chat", OLLAMA.body()))
        assert client.answer().status == 200
        time.sleep(0.3)
        client.send(b"GET /api/version HTTP/1.1\r\nHos")
        _refused(client, server, 408)


def test_a_head_that_comes_in_pieces_is_read(server: Running) -> None:
    with raw(server) as client:
        for piece in (b"GE", b"T /api/ver", b"sion HTTP/1.1\r\nHost: loc", b"alhost\r\n", b"\r\n"):
            client.send(piece)
            time.sleep(0.005)
        assert client.answer().json == {"version": "0.33.0"}


def test_headers_below_the_limit_are_taken(server: Running) -> None:
    with raw(server) as client:
        client.send(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 7000 + b"\r\n\r\n")
        assert client.answer().status == 200


def test_an_empty_line_before_a_request_is_passed_over(server: Running) -> None:
    with raw(server) as client:
        client.send(b"\r\nGET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.answer().status == 200


def _version() -> bytes:
    return b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_requests_that_come_together_are_answered_in_their_order(server: Running) -> None:
    with raw(server) as client:
        client.send(_version() + post("/api/chat", OLLAMA.body()) + _version() + post(OPENAI.path, OPENAI.body()))
        assert client.answer().json == {"version": "0.33.0"}
        assert OLLAMA.text(client.answer()) == "Hello"
        assert client.answer().json == {"version": "0.33.0"}
        assert OPENAI.text(client.answer()) == "Hello"


def test_requests_that_come_while_another_is_answered_wait_for_its_end() -> None:
    go = threading.Event()

    def slow(asked: Asked, wire: Wire) -> None:
        go.wait(5)
        says("Hello")(asked, wire)

    with backend(slow) as only, running({"backends": backends(only)}) as server, raw(server) as client:
        client.send(post("/api/chat", OLLAMA.body()))
        assert eventually(lambda: len(only.calls) == 1)
        for _ in range(3):
            client.send(_version())
            time.sleep(0.005)
        client.send(post("/api/chat", OLLAMA.body())[:-5])
        time.sleep(0.01)
        go.set()
        assert OLLAMA.text(client.answer()) == "Hello"
        for _ in range(3):
            assert client.answer().status == 200
        client.send(post("/api/chat", OLLAMA.body())[-5:])
        assert OLLAMA.text(client.answer()) == "Hello"


@pytest.mark.parametrize("alone", [0, bursts.ALONE])
@pytest.mark.parametrize("size", [100_000, 3_000_000])
def test_much_that_comes_while_another_is_answered_is_left_in_the_kernel_and_read_after_it(
    size: int, alone: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bursts, "ALONE", alone)
    go = threading.Event()

    def slow(asked: Asked, wire: Wire) -> None:
        go.wait(5)
        says(str(len(asked.body)))(asked, wire)

    with backend(slow) as only, running({"backends": backends(only)}) as server, raw(server) as client:
        client.send(post("/v1/chat/completions", OPENAI.body()))
        assert eventually(lambda: len(only.calls) == 1)
        large = OPENAI.body() | {"messages": [{"role": "user", "content": "x" * size}]}
        requests = post("/v1/chat/completions", large) * 3 + _version()
        sender = threading.Thread(target=client.send, args=(requests,))
        sender.start()
        large_ones = size * 3 > 8_000_000
        sender.join(0.05 if large_ones else 20)
        assert sender.is_alive() == large_ones
        go.set()
        assert int(OPENAI.text(client.answer())) < 1000
        for _ in range(3):
            assert int(OPENAI.text(client.answer())) > size
        assert client.answer().json == {"version": "0.33.0"}
        sender.join(5)


def test_a_connection_of_http_1_0_is_closed_after_its_answer(server: Running) -> None:
    with raw(server) as client:
        client.send(post("/api/chat", OLLAMA.body(), version="1.0"))
        answer = client.answer()
        assert answer.header("transfer-encoding") is None
        assert answer.header("connection") == "close"
        assert OLLAMA.text(answer) == "Hello"
        assert client.ends()


def test_http_1_0_may_ask_to_keep_its_connection(server: Running) -> None:
    with raw(server) as client:
        for _ in range(2):
            client.send(b"GET /api/version HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            answer = client.answer()
            assert answer.status == 200
            assert answer.header("connection") == "keep-alive"
        client.send(post("/api/chat", OLLAMA.body(), "Connection: keep-alive", version="1.0"))
        answer = client.answer()
        assert answer.header("connection") == "close", "a stream without its length can only end with the connection"
        assert OLLAMA.text(answer) == "Hello"
        assert client.ends()


@pytest.mark.parametrize("path", ["/api/version", "/api/chat"])
def test_a_client_may_ask_that_its_connection_is_closed(server: Running, path: str) -> None:
    with raw(server) as client:
        if path == "/api/version":
            client.send(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        else:
            client.send(post(path, OLLAMA.body(), "Connection: close"))
        answer = client.answer()
        assert (answer.status, answer.header("connection")) == (200, "close")
        assert client.ends()


def test_many_requests_use_one_connection(server: Running) -> None:
    with raw(server) as client:
        for dialect in (OLLAMA, OPENAI) * 5:
            client.send(post(dialect.path, dialect.body()))
            assert dialect.text(client.answer()) == "Hello"


def test_an_upgrade_is_declined_and_the_request_answered(server: Running) -> None:
    with raw(server) as client:
        lines = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n"
        client.send(b"GET /api/version HTTP/1.1\r\nHost: localhost\r\n" + lines + b"\r\n")
        assert client.answer().json == {"version": "0.33.0"}


def test_a_request_with_an_upgrade_and_a_body_is_answered(server: Running) -> None:
    with raw(server) as client:
        client.send(post("/api/chat", OLLAMA.body(), "Connection: Upgrade", "Upgrade: websocket"))
        assert OLLAMA.text(client.answer()) == "Hello"


def test_a_client_that_leaves_in_the_middle_of_its_head_harms_nobody(server: Running) -> None:
    with raw(server) as client:
        client.send(b"POST /api/chat HTTP/1.1\r\nHo")
        client.reset()
    assert server.ask("GET", "/api/version").status == 200


def test_a_client_that_leaves_in_the_middle_of_its_body_harms_nobody(server: Running) -> None:
    with raw(server) as client:
        client.send(post("/api/chat", OLLAMA.body())[:-4])
        client.reset()
    assert server.ask("GET", "/api/version").status == 200


def test_many_connections_that_say_nothing_keep_nobody_out(server: Running) -> None:
    clients = [raw(server) for _ in range(100)]
    opened = [client.__enter__() for client in clients]
    found: Answered = server.ask("POST", "/api/chat", OLLAMA.body())
    assert OLLAMA.text(found) == "Hello"
    for client in opened:
        client.sock.close()


def test_a_refusal_of_a_head_repeats_nothing_of_it(server: Running) -> None:
    key = b"sk-" + b"s3cret" * 20_000
    with raw(server) as client:
        client.send(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + key + b"\r\n\r\n")
        answer = client.answer()
    assert answer.status == 431 and b"s3cret" not in answer.body


class _NoLane(Lane):
    """Takes nothing: every request goes the way of aiohttp."""

    def begin(self, client: Client, message: object, body: bytes) -> None:
        raise AssertionError

    def give_up(self, client: Client, message: object) -> None:
        raise AssertionError


async def _hello(request: web.BaseRequest) -> web.Response:
    return web.Response(text="hello")


async def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)


def test_a_connection_without_requests_has_no_task_and_is_closed_after_a_while() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(loop)
        limits = ConnectionLimits(8192, 30.0, 30.0)
        front = Front(_hello, lane=_NoLane(), limits=limits, deadlines=deadlines, keepalive_timeout=0.3)
        server = await loop.create_server(front, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        streams = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        await _until(lambda: len(front.connections) == 3)
        assert len(asyncio.all_tasks()) == 1
        reader, writer = streams[0]
        for _ in range(2):  # aiohttp is woken by the first and goes on with the second
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")
            assert len(asyncio.all_tasks()) == 2
        async with asyncio.timeout(10):
            for reader, writer in streams:
                assert await reader.read() == b""
                writer.close()
        assert not front.connections
        deadlines.close()
        server.close()

    asyncio.run(main())


async def _its_body(request: web.BaseRequest) -> web.Response:
    try:
        return web.Response(body=await request.read())
    except Exception:
        return web.Response(status=400)


@pytest.mark.parametrize("iterations", range(5))
def test_a_chunk_that_is_none_ends_the_body_of_its_request_begun_or_not(iterations: int) -> None:
    head = b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"

    async def main() -> None:
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(loop)
        limits = ConnectionLimits(8192, 60.0, 60.0)
        front = Front(_its_body, lane=_NoLane(), limits=limits, deadlines=deadlines, keepalive_timeout=60)
        server = await loop.create_server(front, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        await _until(lambda: bool(front.connections))
        [connection] = front.connections
        connection.data_received(head + b"5\r\nhello\r\n")
        for _ in range(iterations):
            await asyncio.sleep(0)
        connection.data_received(b"zz\r\nnot a chunk\r\n")
        async with asyncio.timeout(10):
            assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
        writer.close()
        deadlines.close()
        front.pre_shutdown()
        server.close()

    asyncio.run(main())


def test_a_server_that_stops_closes_connections_that_wait_for_a_request_at_once() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(loop)
        limits = ConnectionLimits(8192, 30.0, 30.0)
        front = Front(_hello, lane=_NoLane(), limits=limits, deadlines=deadlines, keepalive_timeout=60)
        server = await loop.create_server(front, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        await _until(lambda: bool(front.connections))
        front.pre_shutdown()
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        deadlines.close()
        server.close()

    asyncio.run(main())


class _AtOnce(_NoLane):
    """Takes everything, and answers in the same call."""

    def takes(self, method: str, path: str, /) -> bool:
        return True

    def begin(self, client: Client, message: object, body: bytes) -> None:
        assert client.transport is not None
        client.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
        client.leave(True, time.monotonic() + 1000)  # it is used long after it was made


def test_a_connection_in_the_lane_has_no_task_stays_for_the_next_request_and_is_closed_after_a_while() -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        deadlines = Deadlines(loop)
        limits = ConnectionLimits(8192, 30.0, 30.0)
        front = Front(_hello, lane=_AtOnce(), limits=limits, deadlines=deadlines, keepalive_timeout=60)
        server = await loop.create_server(front, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.sockets[0].getsockname()[1])
        request = post("/api/chat", b"hello")
        for cut in (len(request), 30, 1):
            writer.write(request[:cut])
            await asyncio.sleep(0.01)
            writer.write(request[cut:])
            assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")
            assert len(asyncio.all_tasks()) == 1
        (connection,) = front.connections
        assert isinstance(connection, Connection) and connection.transport is not None
        left = connection.client.left_at
        connection.wake(left + 59)
        assert not connection.transport.is_closing()
        connection.wake(left + 61)
        async with asyncio.timeout(10):
            assert await reader.read() == b""
        writer.close()
        assert not front.connections
        deadlines.close()
        server.close()

    asyncio.run(main())
