"""A gateway in a program's own loop."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from tests.support.library import as_ollama, config
from tests.support.scripted import Asked, Wire, backend

from ollamux_aiohttp.library.engine import Asking, Broken, Engine
from ollamux_aiohttp.library.settings import config_of

BODY = json.dumps({"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": False}).encode()


async def engine_of(**backends: Any) -> Engine:
    engine = Engine(config_of(config(**backends), {}))
    await engine.start(5.0)
    return engine


async def told(asking: Asking) -> Any:
    return json.loads(b"".join([piece async for piece in asking.pieces()]))


def test_requests_share_a_place_and_are_answered_one_after_the_other() -> None:
    async def main() -> None:
        with backend(as_ollama("a"), "m", style="ollama") as up:
            settings = config(a=up.url)
            settings["backends"]["a"]["max_concurrent_requests"] = 1
            engine = Engine(config_of(settings, {}))
            await engine.start(5.0)
            found = await asyncio.gather(*(told(engine.ask(BODY)) for _ in range(5)))
            assert [row["message"]["content"] for row in found] == ["a"] * 5
            await engine.close()

    asyncio.run(main())


def silent(asked: Asked, wire: Wire) -> None:
    """A backend that never answers."""
    wire.wait_for_peer_to_leave(10)


def test_what_still_runs_when_it_closes_is_told_as_broken() -> None:
    async def main() -> None:
        with backend(silent, "m", style="ollama") as up:
            engine = await engine_of(a=up.url)
            asking = engine.ask(BODY)
            asyncio.get_running_loop().call_later(0.1, lambda: asyncio.ensure_future(engine.close()))
            with pytest.raises(Broken):
                await told(asking)

    asyncio.run(main())


def test_a_mistake_of_ours_ends_one_request_and_no_other(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        with backend(as_ollama("a"), "m", style="ollama") as up:
            engine = await engine_of(a=up.url)
            asking = engine.ask(BODY)
            asking.report(lambda exchange, now: (_ for _ in ()).throw(RuntimeError("ours")))
            with pytest.raises(Broken):
                await told(asking)
            assert (await told(engine.ask(BODY)))["message"]["content"] == "a"
            await engine.close()

    with caplog.at_level(logging.ERROR):
        asyncio.run(main())
    assert "a request failed inside the gateway" in caplog.text
