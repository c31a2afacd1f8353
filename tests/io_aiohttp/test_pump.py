"""How requests begin that come together."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import pytest
from tests.support.dialogues import OPENAI, backends, says
from tests.support.raw import post, raw
from tests.support.running import running
from tests.support.scripted import backend

from ollamux_aiohttp import bursts
from ollamux_aiohttp.client import Client, Lane
from ollamux_aiohttp.lane import LaneParser
from ollamux_aiohttp.pump import Arrivals, Pump


def test_requests_that_come_together_are_all_answered_and_who_left_meanwhile_is_not_called_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(bursts, "ALONE", 0)
    with backend(says("Hel", "lo")) as only, running({"backends": backends(only)}) as server:
        asked = post(OPENAI.path, OPENAI.body())
        for _ in range(5):
            with contextlib.ExitStack() as stack:
                clients = [stack.enter_context(raw(server)) for _ in range(8)]
                for client in clients:
                    client.send(asked)
                clients.pop().reset()
                assert [OPENAI.text(client.answer()) for client in clients] == ["Hello"] * len(clients)
        assert server.ask("GET", "/api/version").status == 200


def test_a_request_whose_client_left_before_it_was_begun_opens_nothing() -> None:
    async def test() -> None:
        client: Any = Client(None, Lane(), LaneParser(lambda method, path: True, 8192))  # type: ignore[arg-type]
        pump: Any = Pump.__new__(Pump)
        arrivals = Arrivals(asyncio.get_running_loop(), pump)
        client.reader.feed(post("/api/chat", b"{}"))
        for number in range(3):
            arrivals.step(client, number)
        client.transport = object()
        with pytest.raises((AttributeError, TypeError)):  # there is no gateway behind this pump
            arrivals.step(client, 0)

    asyncio.run(test())
