"""Which client serves a backend, and how its settings change while calls run."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from ollamux_aiohttp.upstream import BackendTransport, Upstreams, client_for
from ollamux_aiohttp.upstream.aiohttp_client import AiohttpClient
from ollamux_aiohttp.upstream.lean import LeanClient

if TYPE_CHECKING:
    from tests.io_aiohttp.upstream.conftest import Drive, Peer, World

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def test_a_backend_behind_a_proxy_gets_aiohttp_and_any_other_the_lean_client() -> None:
    assert isinstance(client_for(BackendTransport()), LeanClient)
    assert isinstance(client_for(BackendTransport(verify=False)), LeanClient)
    assert isinstance(client_for(BackendTransport(proxy="http://127.0.0.1:3128")), AiohttpClient)


def test_settings_that_cannot_be_used_are_refused_and_change_nothing(drive_lean: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            while await peer.request():
                peer.send(OK)

        await world.serve(script)
        upstreams = world.through(Upstreams())
        upstreams.configure("b", BackendTransport())
        assert (await world.call()).body == b"ok"
        for settings in (BackendTransport(ca="/missing.pem"), BackendTransport(proxy="nonsense")):
            with pytest.raises(ValueError, match=r"CA|proxy"):
                upstreams.configure("b", settings)
        assert (await world.call()).body == b"ok"
        assert world.connections == 1
        await upstreams.close()

    drive_lean(scenario)


def test_backends_do_not_share_connections_and_the_same_settings_keep_them(drive_lean: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            while await peer.request():
                peer.send(OK)

        await world.serve(script)
        upstreams = world.through(Upstreams())
        for backend in ("a", "b", "a", "b"):
            upstreams.configure(backend, BackendTransport())
            assert (await world.call(backend=backend)).body == b"ok"
        assert world.connections == 2
        assert (await world.call(backend="never configured")).body == b"ok"
        assert world.connections == 3
        await upstreams.close()

    drive_lean(scenario)


def test_new_settings_are_for_new_calls_while_old_ones_finish(drive_lean: Drive) -> None:
    async def scenario(world: World) -> None:
        go = asyncio.Event()
        ended: list[int] = []

        async def script(peer: Peer) -> None:
            while await peer.request():
                if peer.index == 1:
                    await go.wait()
                peer.send(OK)
            ended.append(peer.index)

        await world.serve(script)
        upstreams = world.through(Upstreams())
        old, _ = world.start()
        await world.until(lambda: world.connections)
        upstreams.configure("b", BackendTransport(keepalive=5))
        assert (await world.call()).body == b"ok"
        go.set()
        assert (await old.done()).body == b"ok"
        await world.until(lambda: ended == [1])
        upstreams.remove("b")
        await world.until(lambda: ended == [1, 2])
        await upstreams.close()

    drive_lean(scenario)


def test_closing_cancels_the_calls_of_every_backend(drive_lean: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            await peer.ended()

        await world.serve(script)
        upstreams = world.through(Upstreams())
        calls = [world.start(backend=name)[0] for name in ("a", "b")]
        await world.until(lambda: world.connections == 2)
        await upstreams.close()
        await asyncio.sleep(0.02)
        assert [recorder.events for recorder in calls] == [[], []]

    drive_lean(scenario)
