"""What a listener hears of answers that are whole: every framing, however the bytes were cut."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.io_aiohttp.upstream.conftest import Drive, Peer, World

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
KEPT = {
    "content-length": (HEAD + b"Content-Length: 11\r\n\r\nhello world", b"hello world"),
    "chunked": (
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n\r\n",
        b"hello world",
    ),
    "trailers": (HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nX-After: 1\r\n\r\n", b"hello"),
    "empty": (HEAD + b"Content-Length: 0\r\n\r\n", b""),
    "204": (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
    "304": (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n", b""),
    "after 100": (b"HTTP/1.1 100 Continue\r\n\r\n" + HEAD + b"Content-Length: 2\r\n\r\nok", b"ok"),
    "after 103": (
        b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + HEAD + b"Content-Length: 2\r\n\r\nok",
        b"ok",
    ),
    "without reason": (b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nok", b"ok"),
}
CLOSED = {
    "until close": (HEAD + b"\r\nhello world", b"hello world"),
    "http/1.0": (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
    "connection close": (HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok", b"ok"),
}


@pytest.mark.parametrize("name", KEPT)
def test_an_answer_is_the_same_wherever_it_is_cut_and_its_connection_is_kept(drive: Drive, name: str) -> None:
    data, body = KEPT[name]

    async def scenario(world: World) -> None:
        cuts = iter(range(len(data)))

        async def script(peer: Peer) -> None:
            while await peer.request():
                await peer.send_cut(data, next(cuts))

        await world.serve(script)
        for _ in range(len(data)):
            heard = await world.call("GET", body=b"")
            assert heard.failure is None
            assert heard.body == body
            assert heard.events[0] == "head" and heard.events[-1] == "end"
        assert world.connections == 1

    drive(scenario)


@pytest.mark.parametrize("name", KEPT)
def test_an_answer_that_comes_byte_by_byte_is_whole(drive: Drive, name: str) -> None:
    data, body = KEPT[name]

    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send_cut(data, *range(1, len(data)))
            await peer.ended()

        await world.serve(script)
        heard = await world.call("GET", body=b"")
        assert heard.body == body

    drive(scenario)


@pytest.mark.parametrize("name", CLOSED)
def test_an_answer_that_ends_with_its_connection_is_whole_wherever_it_is_cut(drive: Drive, name: str) -> None:
    data, body = CLOSED[name]

    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.send_cut(data, peer.index % len(data))

        await world.serve(script)
        for _ in range(0, len(data), 3):
            heard = await world.call("GET", body=b"")
            assert heard.failure is None
            assert heard.body == body
            assert heard.events[-1] == "end"
        assert world.connections == len(range(0, len(data), 3))

    drive(scenario)


def test_a_short_answer_is_a_head_one_piece_and_an_end(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        heard = await world.answer(
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n2\r\nef\r\n0\r\n\r\n", close=False
        )
        assert heard.events == ["head", "data", "end"]
        assert heard.body == b"abcdef"

    drive(scenario)


def test_an_answer_to_head_has_no_body_whatever_its_length_says(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            while await peer.request():
                peer.send(HEAD + b"Content-Length: 400\r\n\r\n")

        await world.serve(script)
        for _ in range(3):
            heard = await world.call("HEAD", body=b"")
            assert heard.events == ["head", "end"]
            assert heard.headers["content-length"] == "400"
        assert world.connections == 1

    drive(scenario)


def test_header_names_come_in_lower_case_and_all_of_them_come(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        heard = await world.answer(
            b"HTTP/1.1 207 Multi\r\nX-EMPTY:\r\nSet-Cookie: a\r\nset-cookie: b\r\nX-Text: \xe2\x82\xac\r\n"
            b"X-Bytes: \xff\r\nContent-Length: 0\r\n\r\n",
            close=False,
        )
        assert heard.status == 207
        assert heard.header_list == [
            ("x-empty", ""),
            ("set-cookie", "a"),
            ("set-cookie", "b"),
            ("x-text", "€"),
            ("x-bytes", "\udcff"),
            ("content-length", "0"),
        ]

    drive(scenario)


@pytest.mark.parametrize("status", [400, 404, 429, 500, 502, 503])
def test_an_error_page_is_an_answer_like_any_other(drive: Drive, status: int) -> None:
    async def scenario(world: World) -> None:
        page = b"<html>busy</html>"
        heard = await world.answer(
            b"HTTP/1.1 %d X\r\nContent-Type: text/html\r\nContent-Length: %d\r\n\r\n%b" % (status, len(page), page)
        )
        assert (heard.status, heard.body, heard.events[-1]) == (status, page, "end")

    drive(scenario)


def test_a_redirect_is_reported_and_not_followed(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        heard = await world.answer(b"HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")
        assert (heard.status, heard.headers["location"], world.connections) == (302, "/other", 1)

    drive(scenario)


def test_a_compressed_body_stays_compressed(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        heard = await world.answer(HEAD + b"Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00")
        assert heard.body == b"\x1f\x8b\x08\x00"

    drive(scenario)


def test_a_large_answer_comes_whole(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        body = bytes(range(256)) * 20000
        heard = await world.answer(HEAD + b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        assert heard.body == body

    drive(scenario)


@pytest.mark.parametrize("size", [0, 2, 70_000, 3_000_000])
def test_a_request_says_what_it_was_given_and_asks_for_nothing_else(drive: Drive, size: int) -> None:
    async def scenario(world: World) -> None:
        seen: list[bytes] = []

        async def script(peer: Peer) -> None:
            head = await peer.request()
            seen.extend((head, await peer.body(size)))
            peer.send(HEAD + b"Content-Length: 0\r\n\r\n")
            await peer.ended()

        url = await world.serve(script)
        body = b"x" * size
        headers = (
            ("X-Key", "secret"),
            ("content-length", "5"),
            ("Connection", "close"),
            ("Content-Type", "text/plain"),
        )
        heard = await world.call("POST", headers, body)
        assert heard.status == 200
        lines = seen[0].decode().rstrip().split("\r\n")
        assert lines[0] == "POST /v1/x?y=%20z HTTP/1.1"
        assert seen[1] == body
        assert sorted(line.lower() for line in lines[1:]) == sorted(
            (
                f"host: {url.split('/')[2]}",
                "x-key: secret",
                "content-type: text/plain",
                f"content-length: {size}",
            )
        )

    drive(scenario)


def test_a_get_without_a_body_has_no_framing(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        seen: list[bytes] = []

        async def script(peer: Peer) -> None:
            seen.append(await peer.request())
            peer.send(HEAD + b"Content-Length: 0\r\n\r\n")

        await world.serve(script)
        await world.call("GET", body=b"")
        assert b"ength" not in seen[0] and b"ransfer" not in seen[0] and b"ccept" not in seen[0]

    drive(scenario)


def test_a_host_header_of_the_call_is_the_one_that_is_sent(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        seen: list[bytes] = []

        async def script(peer: Peer) -> None:
            seen.append(await peer.request())
            peer.send(HEAD + b"Content-Length: 0\r\n\r\n")

        await world.serve(script)
        await world.call("GET", (("Host", "models.example"),), b"")
        assert seen[0].lower().count(b"host:") == 1
        assert b"host: models.example\r\n" in seen[0].lower()

    drive(scenario)


def test_calls_at_once_use_connections_of_their_own_and_keep_them(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        gate = asyncio.Event()

        async def script(peer: Peer) -> None:
            while await peer.request():
                await gate.wait()
                peer.send(HEAD + b"Content-Length: 2\r\n\r\nok")

        await world.serve(script)
        calls = [world.start("GET", body=b"")[0] for _ in range(120)]
        await world.until(lambda: world.connections == 120)
        gate.set()
        for recorder in calls:
            assert (await recorder.done()).body == b"ok"
        calls = [world.start("GET", body=b"")[0] for _ in range(80)]
        for recorder in calls:
            assert (await recorder.done()).body == b"ok"
        assert world.connections == 120

    drive(scenario)


def test_a_call_made_from_inside_the_end_of_another_is_made(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            while await peer.request():
                peer.send(HEAD + b"Content-Length: 2\r\n\r\nok")

        await world.serve(script)
        recorder, _ = world.start("GET", body=b"")
        second = type(recorder)()

        def again(event: str) -> None:
            if event == "end":
                world.start("GET", body=b"", recorder=second)

        recorder.on_event = again
        assert (await second.done()).body == b"ok"
        assert world.connections == 1

    drive(scenario)


def test_ipv6_literals_are_hosts(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        seen: list[bytes] = []

        async def script(peer: Peer) -> None:
            seen.append(await peer.request())
            peer.send(HEAD + b"Content-Length: 0\r\n\r\n")

        try:
            url = await world.serve(script, host="::1")
        except OSError:
            pytest.skip("no IPv6 here")
        await world.call("GET", body=b"")
        assert f"host: {url.split('/')[2]}\r\n".encode() in seen[0].lower()

    drive(scenario)
