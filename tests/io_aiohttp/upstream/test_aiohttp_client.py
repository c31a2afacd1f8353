"""What only aiohttp's client does: proxies."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING, Any

import pytest

from ollamux_aiohttp.upstream import BackendTransport
from ollamux_aiohttp.upstream.aiohttp_client import AiohttpClient

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io_aiohttp.upstream.conftest import Drive, Peer, World

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def _script(peer: Peer) -> None:
    while await peer.request():
        peer.send(OK)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
    except ConnectionError:
        pass
    writer.close()


def _tunnel(seen: list[bytes]) -> Any:
    """A proxy that tunnels to wherever it is asked to."""

    async def script(peer: Peer) -> None:
        head = await peer.request()
        seen.append(head)
        host, _, port = head.split()[1].decode().rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        peer.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(_pipe(peer.reader, writer), _pipe(reader, peer.writer))

    return script


def _proxy_of(url: str, user: str = "") -> str:
    scheme, rest = url.split("://")
    return f"{scheme}://{user}{rest.split('/')[0]}"


def test_a_plain_call_goes_to_the_proxy_with_its_whole_url(drive_aiohttp: Drive) -> None:
    async def scenario(world: World) -> None:
        seen: list[bytes] = []

        async def script(peer: Peer) -> None:
            while head := await peer.request():
                seen.append(head)
                peer.send(OK)

        proxy = await world.serve(script)
        world.settings = BackendTransport(proxy=_proxy_of(proxy, "me:pass@"))
        for _ in range(2):
            heard = await world.call("GET", body=b"", url="http://backend.invalid:81/v1/x")
            assert heard.body == b"ok"
        assert seen[0].startswith(b"GET http://backend.invalid:81/v1/x HTTP/1.1\r\n")
        assert b"proxy-authorization: basic bwu6cgfzcw==" in seen[0].lower()
        assert b"host: backend.invalid:81" in seen[0].lower()
        assert world.connections == 1

    drive_aiohttp(scenario)


def test_a_call_over_tls_goes_through_a_tunnel_that_sees_no_secret(
    drive_aiohttp: Drive, tls_files: Path, server_context: ssl.SSLContext
) -> None:
    async def scenario(world: World) -> None:
        seen: list[bytes] = []
        url = await world.serve(_script, tls=server_context)
        proxy = await world.serve(_tunnel(seen))
        world.settings = BackendTransport(ca=str(tls_files / "ca.pem"), proxy=_proxy_of(proxy))
        for _ in range(2):
            heard = await world.call("POST", (("Authorization", "Bearer secret"),), b"{}", url=url)
            assert (heard.failure, heard.body) == (None, b"ok")
        assert len(seen) == 1
        assert seen[0].startswith(b"CONNECT 127.0.0.1:")
        assert b"secret" not in seen[0]

    drive_aiohttp(scenario)


def test_a_tunnel_to_a_backend_that_is_not_trusted_is_refused(
    drive_aiohttp: Drive, server_context: ssl.SSLContext
) -> None:
    async def scenario(world: World) -> None:
        url = await world.serve(_script, tls=server_context)
        proxy = await world.serve(_tunnel([]))
        world.settings = BackendTransport(proxy=_proxy_of(proxy))
        world.complaints_expected = True
        heard = await world.call(url=url)
        assert (heard.kind, heard.sent) == ("tls", False)

    drive_aiohttp(scenario)


def test_a_proxy_that_refuses_the_tunnel(drive_aiohttp: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

        proxy = await world.serve(script)
        world.settings = BackendTransport(proxy=_proxy_of(proxy, "me:secret@"))
        heard = await world.call(url="https://backend.invalid/")
        assert (heard.kind, heard.sent) == ("unreachable", False)
        assert heard.failure is not None
        assert "403" in heard.failure[2] and "secret" not in heard.failure[2]

    drive_aiohttp(scenario)


def test_a_proxy_that_is_not_there(drive_aiohttp: Drive) -> None:
    async def scenario(world: World) -> None:
        proxy = await world.serve(_script)
        world.servers[0].close()
        world.settings = BackendTransport(proxy=_proxy_of(proxy))
        heard = await world.call(url="http://backend.invalid/")
        assert (heard.kind, heard.sent) == ("refused", False)

    drive_aiohttp(scenario)


@pytest.mark.parametrize("proxy", ["", "proxy:3128", "socks5://me:secret@a:1", "http://", "http://me:secret@[::1"])
def test_a_proxy_url_that_is_none_is_refused_without_being_repeated(proxy: str) -> None:
    with pytest.raises(ValueError, match="proxy") as refusal:
        AiohttpClient(BackendTransport(proxy=proxy))
    assert "secret" not in str(refusal.value)


def test_nothing_is_kept_where_nothing_may_be(drive_aiohttp: Drive) -> None:
    async def scenario(world: World) -> None:
        world.settings = BackendTransport(keepalive=0)
        await world.serve(_script)
        for _ in range(2):
            await world.call()
        assert world.connections == 2

    drive_aiohttp(scenario)


def test_a_mistake_of_the_listener_ends_its_call_and_no_other(drive_aiohttp: Drive) -> None:
    async def scenario(world: World) -> None:
        await world.serve(_script)
        recorder, transfer = world.start()

        def mistake(event: str) -> None:
            if event == "head":
                raise RuntimeError("mistake")

        recorder.on_event = mistake
        heard = await recorder.done()
        assert heard.events == ["head", "failed"]
        task: Any = transfer
        with pytest.raises(RuntimeError):
            await task.task
        assert (await world.call()).body == b"ok"

    drive_aiohttp(scenario)
