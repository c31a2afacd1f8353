"""TLS to backends: whom to trust, for both clients."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest

from ollamux_aiohttp.upstream import BackendTransport
from ollamux_aiohttp.upstream.tls import client_context

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io_aiohttp.upstream.conftest import Drive, Peer, World

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


async def _script(peer: Peer) -> None:
    while await peer.request():
        peer.send(OK)


def test_a_context_is_made_once_for_each_way_of_trusting(tls_files: Path) -> None:
    ca = str(tls_files / "ca.pem")
    assert client_context(True, ca) is client_context(True, ca)
    assert client_context(True, ca) is not client_context(False, ca)
    assert client_context(True, ca).verify_mode is ssl.CERT_REQUIRED
    assert client_context(False, ca).verify_mode is ssl.CERT_NONE


@pytest.mark.parametrize("name", ["missing.pem", "server.key"])
def test_a_ca_file_that_cannot_be_used_is_refused(tls_files: Path, name: str) -> None:
    with pytest.raises(ValueError, match="CA file"):
        client_context(True, str(tls_files / name))


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_backend_whose_ca_is_given_is_trusted_and_its_connection_kept(
    drive: Drive, tls_files: Path, server_context: ssl.SSLContext, host: str
) -> None:
    async def scenario(world: World) -> None:
        world.settings = BackendTransport(ca=str(tls_files / "ca.pem"))
        url = await world.serve(_script, tls=server_context)
        for _ in range(3):
            heard = await world.call(url=url.replace("127.0.0.1", host))
            assert (heard.failure, heard.body) == (None, b"ok")
        assert world.connections == 1

    drive(scenario)


def test_a_certificate_that_nobody_vouches_for_is_refused(drive: Drive, server_context: ssl.SSLContext) -> None:
    async def scenario(world: World) -> None:
        await world.serve(_script, tls=server_context)
        world.complaints_expected = True
        heard = await world.call()
        assert (heard.events, heard.kind, heard.sent) == (["failed"], "tls", False)

    drive(scenario)


def test_a_certificate_for_another_name_is_refused(
    drive: Drive, tls_files: Path, server_context: ssl.SSLContext
) -> None:
    async def scenario(world: World) -> None:
        world.settings = BackendTransport(ca=str(tls_files / "ca.pem"))
        url = await world.serve(_script, tls=server_context, host="127.0.0.2")
        world.complaints_expected = True
        heard = await world.call(url=url)
        assert (heard.kind, heard.sent) == ("tls", False)

    drive(scenario)


def test_any_certificate_will_do_where_verification_is_off(drive: Drive, server_context: ssl.SSLContext) -> None:
    async def scenario(world: World) -> None:
        world.settings = BackendTransport(verify=False)
        await world.serve(_script, tls=server_context)
        assert (await world.call()).body == b"ok"

    drive(scenario)


def test_a_backend_that_does_not_speak_tls_is_a_failure_of_tls(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.reader.read(10)
            peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        url = await world.serve(script)
        heard = await world.call(url=url.replace("http:", "https:"))
        assert (heard.kind, heard.sent) == ("tls", False)

    drive(scenario)


def test_a_backend_that_never_shakes_hands_runs_into_the_connect_timeout(drive: Drive) -> None:
    async def scenario(world: World) -> None:
        async def script(peer: Peer) -> None:
            await peer.ended()

        url = await world.serve(script)
        heard = await world.call(url=url.replace("http:", "https:"), connect_timeout=0.1)
        assert (heard.kind, heard.sent) == ("timeout", False)

    drive(scenario)


def test_a_long_body_over_tls_can_be_paused(drive: Drive, tls_files: Path, server_context: ssl.SSLContext) -> None:
    async def scenario(world: World) -> None:
        world.settings = BackendTransport(ca=str(tls_files / "ca.pem"))
        body = b"x" * (4 << 20)

        async def script(peer: Peer) -> None:
            await peer.request()
            peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))
            await peer.ended()

        await world.serve(script, tls=server_context)
        recorder, transfer = world.start(body=b"")
        transfer.read(False)
        transfer.read(True)
        heard = await recorder.done()
        assert heard.body == body

    drive(scenario)
