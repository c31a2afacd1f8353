"""A worker's end of the socket between it and the supervisor."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from typing import Any

import pytest
import uvloop
from tests.support.driving import configured

from ollamux.gateway import Gateway
from ollamux.workers.circle import Circle
from ollamux.workers.dividing import Part
from ollamux.workers.messages import Joined, frame_of
from ollamux_aiohttp.workers import link as module
from ollamux_aiohttp.workers.link import Link

CONFIG = configured({"backends": {"demo": {"type": "demo"}}})


def circle_of(number: int) -> Circle:
    found = Gateway(CONFIG, part=Part(number, 2)).circle
    assert found is not None
    return found


async def linked(circle: Circle, drained: list[int]) -> tuple[asyncio.Transport, socket.socket]:
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_unix_connection(lambda: Link(circle, lambda: drained.append(1)), sock=ours)
    return transport, theirs


async def heard(sock: socket.socket) -> bytes:
    return await asyncio.wait_for(asyncio.get_running_loop().sock_recv(sock, 65536), 5)


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_what_is_said_goes_out_and_what_arrives_is_heard_and_lets_others_go_on(loop: Any) -> None:
    async def scenario() -> None:
        circle, drained = circle_of(0), list[int]()
        transport, carrier = await linked(circle, drained)
        circle.join()
        assert await heard(carrier) == frame_of(Joined(0))
        data = frame_of(Joined(1))
        carrier.send(data[:5])
        await asyncio.sleep(0)
        carrier.send(data[5:])
        assert await heard(carrier)  # it welcomes the newcomer
        assert drained
        transport.close()
        await asyncio.sleep(0)
        assert circle.post is None
        carrier.close()

    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())


def test_what_is_not_taken_in_time_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        circle = circle_of(0)
        transport, carrier = await linked(circle, [])
        assert circle.post is not None
        for _ in range(100):
            circle.post(b"x" * 100_000)
        assert transport.get_write_buffer_size() <= 1_000_000
        transport.abort()
        carrier.close()

    monkeypatch.setattr(module, "UNSENT", 1_000_000)
    asyncio.run(scenario())


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_a_worker_whose_supervisor_is_gone_is_asked_to_end(loop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        circle = circle_of(0)
        _, carrier = await linked(circle, [])
        carrier.close()
        for _ in range(100):
            await asyncio.sleep(0.01)
            if circle.post is None:
                break
        assert circle.post is None

    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(scenario())
    assert sent == [(os.getpid(), signal.SIGTERM)]
