"""What only the lean client promises: the order of its pool, its memory of heads, its idle connections."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from ollamux_aiohttp.upstream import BackendTransport, Transfer
from ollamux_aiohttp.upstream import lean as lean_module

if TYPE_CHECKING:
    from tests.io_aiohttp.upstream.conftest import Drive, Peer, WholeRecorder, World

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def _script(peer: Peer) -> None:
    while await peer.request():
        peer.send(OK)


def test_a_call_on_an_idle_connection_starts_no_task_and_no_timer(drive_lean: Drive) -> None:
    async def scenario(world: World) -> None:
        await world.serve(_script)
        headers = (("X-Key", "k"),)
        await world.call("POST", headers)
        client: Any = world.client
        loop = asyncio.get_running_loop()
        made: list[str] = []
        wanted = {"create_task", "call_later", "call_at", "create_future"}
        pool_loop = client.pool.loop

        class Watched:
            def __getattr__(self, name: str) -> Any:
                if name in wanted:
                    made.append(name)
                return getattr(loop, name)

        client.pool.loop = Watched()
        for _ in range(3):
            recorder, _ = world.start("POST", headers)
            await recorder.done()
        client.pool.loop = pool_loop
        assert made == []
        assert len(client._prepared) == 1

    drive_lean(scenario)


def test_heads_are_remembered_by_the_identity_of_the_headers_and_never_mixed_up(drive_lean: Drive) -> None:
    async def scenario(world: World) -> None:
        seen: list[bytes] = []

        async def script(peer: Peer) -> None:
            while head := await peer.request():
                seen.append(head)
                peer.send(OK)

        await world.serve(script)
        for number in range(600):
            await world.call("GET", (("X-Number", str(number)),), b"")
        client: Any = world.client
        assert len(client._prepared) <= lean_module.PREPARED_LIMIT
        assert [int(head.split(b"X-Number: ")[1].split()[0]) for head in seen] == list(range(600))
        assert world.connections == 1

    drive_lean(scenario)


def test_the_connection_used_last_is_used_first(drive_lean: Drive) -> None:
    async def scenario(world: World) -> None:
        used: list[int] = []

        async def script(peer: Peer) -> None:
            while await peer.request():
                used.append(peer.index)
                peer.send(OK)

        await world.serve(script)
        calls = [world.start()[0] for _ in range(3)]
        for recorder in calls:
            await recorder.done()
        used.clear()
        for _ in range(4):
            await world.call()
        assert len(set(used)) == 1

    drive_lean(scenario)


def test_idle_connections_expire_and_surplus_ones_are_not_kept(drive_lean: Drive) -> None:
    async def scenario(world: World) -> None:
        world.settings = BackendTransport(keepalive=2, expiry=0.08)
        ended: list[int] = []

        async def script(peer: Peer) -> None:
            while await peer.request():
                peer.send(OK)
            ended.append(peer.index)

        await world.serve(script)
        calls = [world.start()[0] for _ in range(3)]
        for recorder in calls:
            await recorder.done()
        client: Any = world.client
        (origin,) = client.pool.origins.values()
        assert len(origin.idle) == 2
        await world.until(lambda: len(ended) == 3)
        assert origin.idle == []
        assert client.pool.open == set()
        assert client.pool._timer is None

    drive_lean(scenario)


def test_a_connection_that_the_backend_closed_leaves_the_pool_at_once(drive_lean: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(OK)

        await world.serve(script)
        await world.call()
        client: Any = world.client
        (origin,) = client.pool.origins.values()
        await world.until(lambda: not origin.idle)
        await world.until(lambda: not client.pool.open)

    drive_lean(scenario)


def test_a_connection_that_dies_late_is_not_called_stale(drive_lean: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lean_module, "STALE_SECONDS", 0.0)

    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(OK)
            await peer.request()

        await world.serve(script)
        await world.call()
        heard = await world.call()
        assert (heard.kind, heard.sent, world.connections) == ("closed", True, 1)

    drive_lean(scenario)


def test_a_retry_that_cannot_connect_still_says_that_something_was_sent(drive_lean: Drive) -> None:
    async def scenario(world: World) -> None:
        stop = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(OK)
            await peer.request()
            await stop.wait()

        await world.serve(script)
        await world.call()
        recorder, _ = world.start()
        await asyncio.sleep(0.02)
        world.servers[0].close()
        stop.set()
        heard = await recorder.done()
        assert (heard.kind, heard.sent) == ("refused", True)

    drive_lean(scenario)


def test_a_connection_whose_call_ended_paused_is_read_again(drive_lean: Drive) -> None:
    async def scenario(world: World) -> None:
        await world.serve(_script)
        for _ in range(3):
            recorder, transfer = world.start()

            def pause(event: str, transfer: Any = transfer) -> None:
                if event == "data":
                    transfer.read(False)

            recorder.on_event = pause
            assert (await recorder.done()).body == b"ok"
        assert world.connections == 1

    drive_lean(scenario)


def test_addresses_that_only_public_calls_reach_are_not_kept(
    drive_lean: Drive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ollamux_aiohttp.upstream.dial.is_public", lambda host: True)

    async def scenario(world: World) -> None:
        await world.serve(_script)
        for _ in range(2):
            assert (await world.call("GET", body=b"", public_only=True)).body == b"ok"
        await world.call("GET", body=b"")
        client: Any = world.client
        assert world.connections == 3
        assert len(client._prepared) == 1

    drive_lean(scenario)


def test_a_mistake_of_the_listener_ends_its_call_and_no_other(drive_lean: Drive) -> None:
    async def scenario(world: World) -> None:
        await world.serve(_script)
        recorder, _ = world.start()

        def mistake(event: str) -> None:
            if event == "head":
                raise RuntimeError("mistake")

        recorder.on_event = mistake
        heard = await recorder.done()
        assert heard.events == ["head", "failed"]
        assert (await world.call()).body == b"ok"
        assert len(world.unhandled) == 1
        world.unhandled.clear()

    drive_lean(scenario)


def test_of_what_was_read_for_a_cancelled_call_nobody_hears(drive_lean: Drive) -> None:
    async def scenario(world: World) -> None:
        await world.serve(_script)
        await world.call()
        client: Any = world.client
        recorder, transfer = world.start()
        (connection,) = client.pool.open
        connection.data_received(OK[:-1])
        heard = list(recorder.events)
        transfer.cancel()
        connection.data_received(OK[-1:])
        await asyncio.sleep(0.01)
        assert recorder.events == heard
        assert (await world.call()).status == 200
        assert world.connections == 2

    drive_lean(scenario)


def test_what_was_read_before_the_end_of_a_connection_is_heard_before_it(drive_lean: Drive) -> None:
    async def scenario(world: World) -> None:
        await world.serve(_script)
        await world.call()
        client: Any = world.client
        recorder, _ = world.start()
        (connection,) = client.pool.open
        for start in range(0, len(OK), 5):
            connection.data_received(OK[start : start + 5])
        connection.eof_received()
        assert (recorder.status, recorder.body, recorder.events[-1]) == (200, b"ok", "end")

    drive_lean(scenario)


@pytest.mark.parametrize("answer", [OK, CHUNKED, OK.replace(b"200", b"404")])
@pytest.mark.parametrize("cancels", [False, True])
def test_a_whole_answer_is_one_word_to_who_takes_it_and_acted_upon_after_that(
    drive_lean: Drive, whole_recorder: type[WholeRecorder], answer: bytes, cancels: bool
) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            while await peer.request():
                peer.send(answer)

        def cancel_at_once(transfer: Transfer, event: str) -> None:
            if event == "whole":
                transfer.cancel()

        await world.serve(script)
        await world.call()  # its head is known from here on
        for number in range(1, 4):
            whole = whole_recorder()
            _, transfer = world.start(recorder=whole)
            if cancels:
                whole.on_event = partial(cancel_at_once, transfer)
            await whole.done()
            assert whole.events == ["whole", "act 0", "act 1", "act 2"]
            assert (str(whole.status).encode() in answer, whole.body) == (True, b"ok")
            assert world.connections == (number if cancels else 1)

    drive_lean(scenario)


def test_an_answer_that_does_not_come_whole_is_told_in_its_parts(
    drive_lean: Drive, whole_recorder: type[WholeRecorder]
) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(OK[:-1])
            await first.first()
            peer.send(OK[-1:])
            await peer.request()

        await world.serve(script)
        first = whole_recorder()
        world.start(recorder=first)
        await first.done()
        assert (first.events, first.body) == (["head", "data", "data", "end"], b"ok")

    drive_lean(scenario)


def test_a_call_is_let_go_of_once_its_answer_has_begun_and_kept_until_then(
    drive_lean: Drive, whole_recorder: type[WholeRecorder]
) -> None:
    async def scenario(world: World) -> None:
        asked = asyncio.Event()
        answers = asyncio.Event()

        async def script(peer: Peer) -> None:
            await peer.request()
            asked.set()
            await answers.wait()
            peer.send(OK[:-1])
            await first.first()
            peer.send(OK[-1:])
            await peer.request()

        await world.serve(script)
        first = whole_recorder()
        _, found = world.start(recorder=first)
        transfer: Any = found
        await asked.wait()
        assert transfer.call is not None
        answers.set()
        await first.first()
        assert transfer.call is None
        await first.done()

    drive_lean(scenario)
