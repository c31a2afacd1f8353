"""What a listener hears when a backend cannot be reached, breaks off or talks nonsense."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.io_aiohttp.upstream.conftest import Drive, Peer, World

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

CUT_OFF = {
    "in the status line": b"HTTP/1.1 20",
    "in the headers": HEAD,
    "in an announced length": HEAD + b"Content-Length: 11\r\n\r\nhello",
    "in a chunk": CHUNKED + b"6\r\nhel",
    "between chunks": CHUNKED + b"3\r\nhel\r\n",
    "before the last line": CHUNKED + b"3\r\nhel\r\n0\r\n",
    "after a continue": b"HTTP/1.1 100 Continue\r\n\r\n",
}
GARBAGE = {
    "html": b"<html><body>hello</body></html>\r\n\r\n",
    "bare text": b"hello\r\n\r\n",
    "binary": bytes(range(256)),
    "a request": b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
    "a broken status": b"HTTP/1.1 abc OK\r\n\r\n",
    "a negative length": HEAD + b"Content-Length: -3\r\n\r\nabc",
    "two lengths": HEAD + b"Content-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    "ssh": b"SSH-2.0-OpenSSH_9.2\r\n",
    "a switch of protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabc",
}


@pytest.mark.parametrize("name", CUT_OFF)
def test_an_answer_that_breaks_off_is_a_failure_and_not_an_end(drive: Drive, name: str) -> None:
    async def scenario(world: World) -> None:
        heard = await world.answer(CUT_OFF[name])
        assert heard.events[-1] == "failed"
        assert heard.kind == "closed"
        assert heard.sent

    drive(scenario)


@pytest.mark.parametrize("name", CUT_OFF)
def test_an_answer_that_is_reset_says_so(drive: Drive, name: str) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send_cut(CUT_OFF[name])
            peer.reset()

        await world.serve(script)
        heard = await world.call()
        assert heard.events[-1] == "failed"
        assert heard.kind in ("reset", "closed")
        assert heard.sent

    drive(scenario)


@pytest.mark.parametrize("name", GARBAGE)
def test_what_is_not_http_is_a_failure_of_the_protocol(drive: Drive, name: str) -> None:
    async def scenario(world: World) -> None:
        heard = await world.answer(GARBAGE[name], close=False)
        assert heard.events == ["failed"]
        assert (heard.kind, heard.sent) == ("protocol", True)

    drive(scenario)


def test_a_broken_chunk_fails_after_what_was_good(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(CHUNKED + b"3\r\nhel\r\n")
            await asyncio.sleep(0.02)
            peer.send(b"zz\r\nnonsense\r\n")
            await peer.ended()

        await world.serve(script)
        heard = await world.call()
        assert heard.events == ["head", "data", "failed"]
        assert heard.body == b"hel"
        assert heard.kind == "protocol"

    drive(scenario)


@pytest.mark.parametrize("head", [b"X-Big: " + b"x" * 100_000, b"X-Many: 12345678901234567890\r\n" * 4000])
@pytest.mark.parametrize("ends", [True, False])
def test_a_flood_of_headers_is_refused(drive: Drive, head: bytes, ends: bool) -> None:
    async def scenario(world: World) -> None:
        heard = await world.answer(HEAD + head + (b"\r\n\r\n" if ends else b""), close=False)
        assert heard.events == ["failed"]
        assert heard.kind == "protocol"

    drive(scenario)


def test_headers_of_some_thousand_bytes_are_nothing_special(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        value = b"x" * 20_000
        heard = await world.answer(HEAD + b"X-Big: %b\r\nContent-Length: 0\r\n\r\n" % value)
        assert heard.headers["x-big"] == value.decode()

    drive(scenario)


def test_a_backend_that_says_nothing_and_closes_is_reported_as_closed(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        heard = await world.answer(b"")
        assert (heard.events, heard.kind, heard.sent) == (["failed"], "closed", True)

    drive(scenario)


def test_nobody_listens_there(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            port = unused.getsockname()[1]
            heard = await world.call(url=f"http://127.0.0.1:{port}/")
        assert (heard.events, heard.kind, heard.sent) == (["failed"], "refused", False)

    drive(scenario)


def test_a_name_that_does_not_resolve(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        heard = await world.call(url="http://no-such-backend.invalid:1234/")
        assert (heard.kind, heard.sent) == ("dns", False)

    drive(scenario)


def test_a_backend_that_does_not_accept_runs_into_the_connect_timeout(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            address = listener.getsockname()
            fillers = [socket.socket() for _ in range(4)]
            try:
                for filler in fillers:
                    filler.setblocking(False)
                    filler.connect_ex(address)
                heard = await world.call(url=f"http://127.0.0.1:{address[1]}/", connect_timeout=0.1)
            finally:
                for filler in fillers:
                    filler.close()
        assert (heard.events, heard.kind, heard.sent) == (["failed"], "timeout", False)

    drive(scenario)


@pytest.mark.parametrize(
    ("headers", "url"),
    [
        ((("X-A", "b\r\nX-Evil: 1"),), ""),
        ((("X-A", "b\nc"),), ""),
        ((("X-A", "b\0c"),), ""),
        ((("X A", "b"),), ""),
        ((("X-A\r\n", "b"),), ""),
        ((("", "b"),), ""),
        ((), "http://127.0.0.1/a b"),
        ((), "http://127.0.0.1/a\r\nX-Evil: 1"),
        ((), "http://127.0.0.1:99999/"),
        ((), "http://127.0.0.1:0/"),
        ((), "ftp://127.0.0.1/"),
        ((), "/v1/models"),
        ((), "http:///v1/models"),
        ((), "http://user:secret@127.0.0.1/"),
        ((), "http://[::1/"),
    ],
)
def test_a_call_that_could_split_a_request_is_refused_before_anything_is_sent(
    drive: Drive, headers: tuple[tuple[str, str], ...], url: str
) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()

        await world.serve(script)
        recorder, _ = world.start("POST", headers, url=url)
        assert recorder.events == []
        heard = await recorder.done()
        assert (heard.events, heard.kind, heard.sent) == (["failed"], "configuration", False)
        assert heard.failure is not None and "secret" not in heard.failure[2] and "Evil" not in heard.failure[2]
        assert world.connections == 0

    drive(scenario)


def test_a_method_with_a_space_in_it_is_refused(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        heard = await world.call("GET /evil HTTP/1.1\r\nX:", url="http://127.0.0.1:9/")
        assert heard.kind == "configuration"

    drive(scenario)


def test_an_address_that_is_not_public_is_refused_where_only_public_ones_may_be_called(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()

        url = await world.serve(script)
        for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]"):
            heard = await world.call("GET", body=b"", url=url.replace("127.0.0.1", host), public_only=True)
            assert (heard.kind, heard.sent) == ("configuration", False)
        assert world.connections == 0

    drive(scenario)


def test_a_stale_connection_is_followed_by_a_new_one(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(HEAD + b"Content-Length: 2\r\n\r\nok")
            if peer.index % 2:
                await peer.request()  # and say nothing

        await world.serve(script)
        assert (await world.call()).body == b"ok"
        heard = await world.call()
        assert (heard.failure, heard.body, world.connections) == (None, b"ok", 2)

    drive(scenario)


def test_a_call_is_made_twice_at_most(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            if peer.index == 1:
                peer.send(HEAD + b"Content-Length: 2\r\n\r\nok")
                await peer.request()

        await world.serve(script)
        assert (await world.call()).body == b"ok"
        heard = await world.call()
        assert (heard.kind, heard.sent, world.connections) == ("closed", True, 2)

    drive(scenario)


def test_a_connection_that_dies_in_the_middle_of_an_answer_is_not_stale(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(HEAD + b"Content-Length: 2\r\n\r\nok")
            await peer.request()
            peer.send(b"HTTP/1.1 2")

        await world.serve(script)
        assert (await world.call()).body == b"ok"
        heard = await world.call()
        assert (heard.kind, world.connections) == ("closed", 1)

    drive(scenario)


def test_a_connection_that_the_backend_closed_while_idle_is_not_used(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(HEAD + b"Content-Length: 2\r\n\r\nok")

        await world.serve(script)
        for _ in range(3):
            heard = await world.call(body=b"{}")
            assert heard.failure is None
            await asyncio.sleep(0.02)
        assert world.connections == 3

    drive(scenario)


@pytest.mark.parametrize("extra", [b"X", b"HT", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"])
def test_bytes_behind_an_answer_never_become_part_of_the_next_one(drive: Drive, extra: bytes) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            while await peer.request():
                peer.send(HEAD + b"Content-Length: 2\r\n\r\nok" + extra)

        await world.serve(script)
        for _ in range(3):
            heard = await world.call()
            if heard.failure is None:
                assert heard.body == b"ok"
            else:  # aiohttp takes the whole read for broken
                assert (world.kind, heard.kind, heard.body) == ("aiohttp", "protocol", b"")
        assert world.connections == 3 or (world.kind, extra) == ("aiohttp", b"HT")

    drive(scenario)


def test_bytes_that_nobody_asked_for_close_an_idle_connection(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            while await peer.request():
                peer.send(HEAD + b"Content-Length: 2\r\n\r\nok")
                await asyncio.sleep(0.01)
                peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil")

        await world.serve(script)
        for _ in range(3):
            heard = await world.call()
            assert (heard.failure, heard.body) == (None, b"ok")
            await asyncio.sleep(0.05)
        assert world.connections == 3

    drive(scenario)
