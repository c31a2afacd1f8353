"""Cancelling, back-pressure and uploads."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.io_aiohttp.upstream.conftest import Drive, Peer, World

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
OK = HEAD + b"Content-Length: 2\r\n\r\nok"


@pytest.mark.parametrize("moment", ["before the head", "within the body", "from the head", "from the data"])
def test_a_cancelled_call_closes_its_connection_at_once_and_is_silent(drive: Drive, moment: str) -> None:
    async def scenario(world: World) -> None:
        gone = asyncio.Event()
        asked = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            asked.set()
            if moment != "before the head":
                peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n")
            await peer.ended()
            gone.set()

        await world.serve(script)
        recorder, transfer = world.start(body=b"")
        wanted = {"from the head": "head", "from the data": "data"}.get(moment)

        def act(event: str) -> None:
            if event == wanted:
                transfer.cancel()

        recorder.on_event = act
        await asyncio.wait_for(asked.wait(), 5)
        if moment == "within the body":
            await recorder.first()
        if wanted is None:
            transfer.cancel()
        await asyncio.wait_for(gone.wait(), 1)
        heard = list(recorder.events)
        transfer.cancel()
        transfer.read(True)
        assert transfer.write(b"x")
        transfer.write_end()
        await asyncio.sleep(0.02)
        assert recorder.events == heard
        assert "end" not in heard and "failed" not in heard
        if wanted:
            assert heard[-1] == wanted

    drive(scenario)


def test_a_call_that_is_cancelled_while_it_dials_leaves_nothing_behind(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            assert not await peer.request()

        await world.serve(script)
        for turns in range(8):
            recorder, transfer = world.start()
            for _ in range(turns // 4):
                await asyncio.sleep(0)
            transfer.cancel()
            await asyncio.sleep(0.01)
            assert recorder.events == []

    drive(scenario)


def test_a_call_that_is_over_cannot_be_cancelled_and_its_connection_lives_on(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            while await peer.request():
                peer.send(OK)

        await world.serve(script)
        recorder, transfer = world.start(body=b"")
        await recorder.done()
        second, _ = world.start(body=b"")
        transfer.cancel()
        transfer.read(False)
        assert (await second.done()).body == b"ok"
        assert world.connections == 1

    drive(scenario)


def test_a_paused_call_leaves_the_bytes_with_the_backend(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        total = 64 << 20
        written = 0

        async def script(peer: Peer) -> None:
            nonlocal written
            await peer.request()
            peer.send(HEAD + b"Content-Length: %d\r\n\r\n" % total)
            piece = b"x" * 65536
            while written < total:
                peer.send(piece)
                written += len(piece)
                await peer.writer.drain()
            await peer.ended()

        await world.serve(script)
        recorder, transfer = world.start(body=b"")
        size = 0

        def act(event: str) -> None:
            nonlocal size
            if event == "head":
                transfer.read(False)
            elif event == "data":
                size += sum(map(len, recorder.pieces))
                recorder.pieces.clear()

        recorder.on_event = act
        await recorder.first()
        before = -1
        while before != written:
            before = written
            await asyncio.sleep(0.1)
        assert written < total // 2
        assert size <= 1 << 20
        transfer.read(True)
        await recorder.done()
        assert (size, recorder.events[-1]) == (total, "end")

    drive(scenario)


def test_a_call_can_be_paused_before_it_is_connected(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            while await peer.request():
                peer.send(OK)

        await world.serve(script)
        recorder, transfer = world.start(body=b"")
        transfer.read(False)
        await asyncio.sleep(0.05)
        assert "data" not in recorder.events
        transfer.read(True)
        assert (await recorder.done()).body == b"ok"

    drive(scenario)


async def _chunks(peer: Peer) -> bytes:
    """The body of a chunked request."""
    body = b""
    while size := int(await peer.reader.readuntil(b"\r\n"), 16):
        body += (await peer.body(size + 2))[:-2]
    await peer.body(2)
    return body


def test_an_upload_without_a_length_goes_in_chunks(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        seen: list[bytes] = []

        async def script(peer: Peer) -> None:
            while head := await peer.request():
                seen.extend((head, await _chunks(peer)))
                peer.send(OK)

        await world.serve(script)
        for _ in range(2):
            recorder, transfer = world.start(body=None)
            transfer.write(b"one ")
            await asyncio.sleep(0.02)
            transfer.write(b"")
            transfer.write(b"two ")
            transfer.write(b"three")
            transfer.write_end()
            transfer.write_end()
            assert (await recorder.done()).body == b"ok"
        assert b"transfer-encoding: chunked\r\n" in seen[0].lower()
        assert b"content-length" not in seen[0].lower()
        assert seen[1::2] == [b"one two three"] * 2

    drive(scenario)


def test_an_upload_with_a_length_goes_as_it_is(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        seen: list[bytes] = []

        async def script(peer: Peer) -> None:
            seen.extend((await peer.request(), await peer.body(9)))
            peer.send(OK)

        await world.serve(script)
        recorder, transfer = world.start(headers=(("Content-Length", "9"),), body=None)
        transfer.write(b"123456")
        await asyncio.sleep(0.02)
        transfer.write(b"789")
        transfer.write_end()
        assert (await recorder.done()).body == b"ok"
        assert b"content-length: 9\r\n" in seen[0].lower()
        assert b"transfer-encoding" not in seen[0].lower()
        assert seen[1] == b"123456789"

    drive(scenario)


@pytest.mark.parametrize("pieces", [(b"123", b"4567"), (b"12",)])
def test_an_upload_that_is_not_as_long_as_it_said_fails(drive: Drive, pieces: tuple[bytes, ...]) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.ended()

        await world.serve(script)
        recorder, transfer = world.start(headers=(("Content-Length", "4"),), body=None)
        await asyncio.sleep(0.02)
        for piece in pieces:
            transfer.write(piece)
        transfer.write_end()
        heard = await recorder.done()
        assert (heard.events, heard.kind) == (["failed"], "configuration")

    drive(scenario)


def test_an_upload_waits_for_a_backend_that_does_not_read(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        go = asyncio.Event()
        total = 0

        async def script(peer: Peer) -> None:
            nonlocal total
            await peer.request()
            await go.wait()
            total = len(await _chunks(peer))
            peer.send(OK)

        await world.serve(script)
        recorder, transfer = world.start(body=None)
        piece = b"x" * 262144
        count = 0
        stalled = False
        while count < 400:
            count += 1
            recorder.drained.clear()
            if not transfer.write(piece):
                try:
                    await asyncio.wait_for(recorder.drained.wait(), 0.2 if not stalled else 10)
                except TimeoutError:
                    stalled = True
                    assert count < 200
                    go.set()
                    await asyncio.wait_for(recorder.drained.wait(), 10)
                if stalled and count > 60:
                    break
        transfer.write_end()
        assert stalled
        assert (await recorder.done()).body == b"ok"
        assert total == count * len(piece)

    drive(scenario)


def test_an_answer_before_the_end_of_the_upload_is_heard(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nbig")
            await peer.ended()

        await world.serve(script)
        recorder, transfer = world.start(body=None)
        transfer.write(b"x" * 1000)
        heard = await recorder.done()
        assert (heard.status, heard.body, heard.events[-3:]) == (413, b"big", ["head", "data", "end"])
        transfer.write(b"more")
        transfer.write_end()
        recorder, transfer = world.start(body=None)
        transfer.write(b"x")
        assert (await recorder.done()).status == 413
        assert world.connections == 2

    drive(scenario)


def test_a_cancelled_upload_closes_its_connection_though_the_backend_does_not_read(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        asked = asyncio.Event()
        go = asyncio.Event()
        gone = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            asked.set()
            await go.wait()
            await peer.ended()
            gone.set()

        await world.serve(script)
        recorder, transfer = world.start(body=None)
        transfer.write(b"x")
        await asyncio.wait_for(asked.wait(), 5)
        for _ in range(100):
            transfer.write(b"x" * 262144)
        await asyncio.sleep(0.05)
        transfer.cancel()
        await asyncio.sleep(0.05)
        go.set()
        await asyncio.wait_for(gone.wait(), 1)
        assert set(recorder.events) <= {"drained"}

    drive(scenario)


def test_an_upload_that_was_refused_by_closing_is_not_made_twice(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            if peer.index == 1:
                peer.send(OK)
                await peer.ended()

        await world.serve(script)
        assert (await world.call(body=b"")).body == b"ok"
        recorder, transfer = world.start(body=None)
        transfer.write(b"x")
        heard = await recorder.done()
        assert heard.kind in ("closed", "reset")
        assert heard.sent

    drive(scenario)


def test_closing_the_client_cancels_what_runs(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        gone = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.ended()
            gone.set()

        await world.serve(script)
        recorder, _ = world.start()
        await asyncio.sleep(0.05)
        await world.client.close()
        await asyncio.wait_for(gone.wait(), 1)
        assert recorder.events == []

    drive(scenario)


def test_a_retired_client_lets_its_calls_finish_and_keeps_nothing(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        go = asyncio.Event()
        gone: list[int] = []

        async def script(peer: Peer) -> None:
            while await peer.request():
                if peer.index == 1:
                    await go.wait()
                peer.send(OK)
            gone.append(peer.index)

        await world.serve(script)
        recorder, _ = world.start()
        await world.until(lambda: world.connections)
        assert (await world.call()).body == b"ok"
        world.client.retire()
        go.set()
        assert (await recorder.done()).body == b"ok"
        await world.until(lambda: len(gone) == 2)

    drive(scenario)
