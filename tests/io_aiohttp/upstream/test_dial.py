"""Names, addresses, and the words for what went wrong."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any

import pytest
import uvloop

from ollamux_aiohttp.upstream.dial import DialError, classify, dial, is_public, resolve
from ollamux_aiohttp.upstream.request import Address


@pytest.mark.parametrize("host", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_addresses_of_the_open_internet_are_public(host: str) -> None:
    assert is_public(host)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.3.4",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "240.0.0.1",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "2001:0:53aa:64c:0:0:80ff:fffe",
        "192.0.2.1",
    ],
)
def test_all_others_are_not(host: str) -> None:
    assert not is_public(host)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (None, "closed"),
        (EOFError(), "closed"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), "refused"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "reset"),
        (ConnectionResetError(), "reset"),
        (BrokenPipeError(errno.EPIPE, "x"), "reset"),
        (TimeoutError(), "timeout"),
        (OSError(errno.ETIMEDOUT, "x"), "timeout"),
        (OSError(errno.EHOSTUNREACH, "x"), "unreachable"),
        (OSError(errno.EMFILE, "x"), "unreachable"),
        (socket.gaierror(socket.EAI_NONAME, "x"), "dns"),
        (ssl.SSLCertVerificationError(1, "x"), "tls"),
        (ssl.SSLError(1, "x"), "tls"),
        (RuntimeError("x"), "protocol"),
    ],
)
def test_an_error_has_a_kind(error: BaseException | None, kind: str) -> None:
    if isinstance(error, ssl.SSLCertVerificationError):
        error.verify_message = "expired"
    assert classify(error)[0] == kind


def test_a_literal_address_is_not_looked_up() -> None:
    assert asyncio.run(resolve("192.0.2.7", 80, False)) == ["192.0.2.7"]
    assert asyncio.run(resolve("2001:db8::1", 80, False)) == ["2001:db8::1"]


def test_a_name_with_one_private_address_among_its_public_ones_is_refused() -> None:
    async def scenario() -> None:
        async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
            return [(0, 0, 0, "", (address, port)) for address in ("8.8.8.8", "10.0.0.1", "8.8.8.8")]

        asyncio.get_running_loop().getaddrinfo = getaddrinfo  # type: ignore[assignment, method-assign]
        assert await resolve("rebind.example", 80, False) == ["8.8.8.8", "10.0.0.1"]
        with pytest.raises(DialError, match="public"):
            await resolve("rebind.example", 80, True)

    asyncio.run(scenario())


def test_the_next_address_is_tried_where_one_refuses() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(asyncio.Protocol, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]

        async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
            return [(0, 0, 0, "", (address, port)) for address in ("127.0.0.2", "127.0.0.1")]

        loop.getaddrinfo = getaddrinfo  # type: ignore[assignment, method-assign]
        transports: list[asyncio.BaseTransport] = []

        class Client(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                transports.append(transport)

        protocol = await dial(Client, Address("http", "two.example", port), timeout=5)
        assert isinstance(protocol, Client)
        assert transports[-1].get_extra_info("peername") == ("127.0.0.1", port)
        transports[-1].close()
        server.close()
        await server.wait_closed()

    asyncio.run(scenario())


def test_a_refusal_says_more_than_an_address_that_cannot_be_reached() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
            return [(0, 0, 0, "", (address, port)) for address in ("127.0.0.1", "127.0.0.2")]

        async def create_connection(factory: object, host: str, *_: object, **__: object) -> Any:
            raise OSError(errno.ECONNREFUSED if host == "127.0.0.1" else errno.ENETUNREACH, "x")

        loop.getaddrinfo = getaddrinfo  # type: ignore[assignment, method-assign]
        loop.create_connection = create_connection  # type: ignore[assignment, method-assign]
        with pytest.raises(DialError) as failure:
            await dial(asyncio.Protocol, Address("http", "two.example", 1), timeout=5)
        assert failure.value.kind == "refused"

    asyncio.run(scenario())


def test_a_resolver_that_hangs_runs_into_the_timeout() -> None:
    async def scenario() -> None:
        async def getaddrinfo(*_: object, **__: object) -> list[Any]:
            await asyncio.sleep(60)
            return []

        asyncio.get_running_loop().getaddrinfo = getaddrinfo  # type: ignore[method-assign]
        with pytest.raises(DialError) as failure:
            await dial(asyncio.Protocol, Address("http", "slow.example", 1), timeout=0.05)
        assert failure.value.kind == "timeout"

    asyncio.run(scenario())


@pytest.mark.parametrize("new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_server_that_is_late_does_not_take_a_connection_that_stands_for_one_that_never_came(
    new_loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as server:
            dialled = loop.create_task(dial(asyncio.Protocol, Address("http", *server.getsockname()), timeout=0.05))
            loop.call_soon(time.sleep, 0.2)  # right behind its first step: it connects, and the time is up
            assert isinstance(await dialled, asyncio.Protocol)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(scenario())


def test_an_address_that_swallows_everything_takes_its_share_of_the_time_and_no_more() -> None:
    asked: list[str] = []

    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        async def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
            return [(0, 0, 0, "", (address, port)) for address in ("127.0.0.1", "127.0.0.2")]

        async def create_connection(factory: object, host: str, *_: object, **__: object) -> Any:
            asked.append(host)
            await asyncio.sleep(60)

        loop.getaddrinfo = getaddrinfo  # type: ignore[assignment, method-assign]
        loop.create_connection = create_connection  # type: ignore[assignment, method-assign]
        with pytest.raises(DialError) as failure:
            await dial(asyncio.Protocol, Address("http", "two.example", 1), timeout=0.1)
        assert failure.value.kind == "timeout"

    asyncio.run(scenario())
    assert asked == ["127.0.0.1", "127.0.0.2"]


def test_who_cancels_a_dial_hears_that_it_was_cancelled() -> None:
    async def scenario() -> None:
        loop = asyncio.get_running_loop()

        async def getaddrinfo(*_: object, **__: object) -> list[Any]:
            await asyncio.sleep(60)
            return []

        loop.getaddrinfo = getaddrinfo  # type: ignore[method-assign]
        task = loop.create_task(dial(asyncio.Protocol, Address("http", "slow.example", 1), timeout=60))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(scenario())
