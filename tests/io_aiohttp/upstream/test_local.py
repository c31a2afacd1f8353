"""Backends that are Python code: what a listener hears of them, and the guide's own one over real HTTP."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.io_aiohttp.upstream.conftest import Drive, Recorder, World
from tests.support.installing import installed
from tests.support.raw import eventually, post, raw
from tests.support.running import Running, running

from ollamux.config import BackendConfig
from ollamux_aiohttp.upstream.local import LocalClient, LocalRequest

CONFIG = BackendConfig(id="b", type="parrot")
Answer = AsyncGenerator[Any, None]


async def _told(world: World, code: Any) -> Recorder:
    client = LocalClient(code, CONFIG)
    world.make = lambda settings: client
    return await world.call(url="local://x/chat?a=1")


def test_an_answer_is_told_as_a_servers_is(drive_lean: Drive) -> None:
    asked: list[LocalRequest] = []

    async def code(request: LocalRequest) -> Answer:
        asked.append(request)
        yield 201, [("X-One", "1"), ("X-One", "2")]
        yield b""
        yield b"ab"
        yield memoryview(b"cd")

    async def scenario(world: World) -> None:
        heard = await _told(world, code)
        assert heard.events == ["head", "data", "data", "end"]
        assert (heard.status, heard.header_list, heard.body) == (201, [("x-one", "1"), ("x-one", "2")], b"abcd")
        assert (asked[0].method, asked[0].path, asked[0].body) == ("POST", "/chat?a=1", b"{}")
        assert asked[0].config is CONFIG

    drive_lean(scenario)


@pytest.mark.parametrize(
    ("error", "kind", "detail"),
    [
        (TimeoutError("secret"), "timeout", "TimeoutError"),
        (ConnectionRefusedError("secret"), "refused", "ConnectionRefusedError"),
        (ConnectionResetError("secret"), "reset", "ConnectionResetError"),
        (ValueError("secret"), "protocol", "ValueError"),
    ],
)
@pytest.mark.parametrize("begun", [False, True])
def test_what_the_code_raises_is_a_failure_without_its_words(
    drive_lean: Drive, caplog: pytest.LogCaptureFixture, error: Exception, kind: str, detail: str, begun: bool
) -> None:
    async def code(request: LocalRequest) -> Answer:
        if begun:
            yield 200, {}
        raise error

    async def scenario(world: World) -> None:
        with caplog.at_level(logging.WARNING, "ollamux"):
            heard = await _told(world, code)
        assert heard.events == (["head", "failed"] if begun else ["failed"])
        assert heard.failure == (kind, True, f"its code failed: {detail}")
        assert "test_local.py" in caplog.text and "secret" not in caplog.text

    drive_lean(scenario)


async def _nothing(request: LocalRequest) -> Answer:
    return
    yield


async def _text(request: LocalRequest) -> Answer:
    yield 200, {}
    yield "text"


async def _early(request: LocalRequest) -> Answer:
    yield 100, {}


async def _headless(request: LocalRequest) -> Answer:
    yield b"body"


async def _cancels(request: LocalRequest) -> Answer:
    yield 200, {}
    raise asyncio.CancelledError


@pytest.mark.parametrize("code", [_nothing, _text, _early, _headless, _cancels])
def test_code_that_breaks_the_rules_is_a_failed_call(drive_lean: Drive, code: Any) -> None:
    async def scenario(world: World) -> None:
        assert (await _told(world, code)).kind in ("protocol", "closed")

    drive_lean(scenario)


@pytest.mark.parametrize("paused", [False, True])
def test_code_hears_of_a_cancel_where_it_waits_and_cleans_up(drive_lean: Drive, paused: bool) -> None:
    ends: list[str] = []

    async def code(request: LocalRequest) -> Answer:
        try:
            yield 200, {}
            yield b"a"
            await asyncio.sleep(0 if paused else 100)
            yield b"b"
        finally:
            await asyncio.sleep(0)
            ends.append("cleaned")

    async def scenario(world: World) -> None:
        client = LocalClient(code, CONFIG)
        world.make = lambda settings: client
        heard, transfer = world.start(url="local://x/")
        heard.on_event = lambda event: transfer.read(False) if paused and event == "data" else None
        await world.until(lambda: heard.body == b"a")
        transfer.cancel()
        await world.until(lambda: ends)
        await client.close()
        assert heard.events == ["head", "data"]

    drive_lean(scenario)


def test_it_is_asked_for_no_more_than_is_read(drive_lean: Drive) -> None:
    made: list[int] = []

    async def code(request: LocalRequest) -> Answer:
        yield 200, {}
        for number in range(100):
            made.append(number)
            yield b"x"

    async def scenario(world: World) -> None:
        client = LocalClient(code, CONFIG)
        world.make = lambda settings: client
        heard, transfer = world.start(url="local://x/")
        heard.on_event = lambda event: transfer.read(False) if event == "data" and len(heard.pieces) == 3 else None
        await world.until(lambda: len(heard.pieces) == 3)
        await asyncio.sleep(0.01)
        assert len(made) == 4 and len(heard.pieces) == 3
        transfer.read(True)
        await heard.done()
        assert len(heard.body) == 100

    drive_lean(scenario)


def test_an_upload_is_handed_over_whole(drive_lean: Drive) -> None:
    async def code(request: LocalRequest) -> Answer:
        yield 200, {}
        yield request.body

    async def scenario(world: World) -> None:
        client = LocalClient(code, CONFIG)
        world.make = lambda settings: client
        heard, transfer = world.start(url="local://x/", body=None)
        assert transfer.write(b"ab") and transfer.write(b"cd")
        transfer.write_end()
        assert (await heard.done()).body == b"abcd"

    drive_lean(scenario)


def test_closing_the_client_ends_its_calls(drive_lean: Drive) -> None:
    async def code(request: LocalRequest) -> Answer:
        yield 200, {}
        await asyncio.sleep(100)

    async def scenario(world: World) -> None:
        client = LocalClient(code, CONFIG)
        world.make = lambda settings: client
        heard, _ = world.start(url="local://x/")
        await heard.first()
        client.retire()
        await client.close()
        assert heard.events == ["head", "failed"]

    drive_lean(scenario)


def test_a_request_shows_no_header() -> None:
    request = LocalRequest("POST", "/x", (("Authorization", "Bearer secret"),), b"", "local://x/x", CONFIG)
    assert "secret" not in repr(request)


# The guide's ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def parrot(root: Path, tmp_path: Path) -> Iterator[Running]:
    """A server in front of the guide's backend, which was installed as a package is."""
    text = (root / "docs/library.md").read_text(encoding="utf-8")
    (code,) = (found for found in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "class Parrot" in found)
    (entry,) = re.findall(r"^parrot = \"(.*)\"$", text, re.MULTILINE)
    backend = {"id": "polly", "type": "parrot", "options": {"breath": 0.01}}
    with (
        installed(tmp_path, "parrot_ollamux", code, "ollamux.backends", f"parrot = {entry}"),
        running({"backends": [backend]}) as server,
    ):
        yield server


def _chat(words: str, **more: Any) -> dict[str, Any]:
    return {"model": "parrot", "messages": [{"role": "user", "content": words}], **more}


def test_the_guides_backend_answers_streamed_and_whole_for_every_client(parrot: Running) -> None:
    assert [model["name"] for model in parrot.ask("GET", "/api/tags").json["models"]] == ["parrot:latest"]
    lines = parrot.ask("POST", "/api/chat", _chat("hello there")).lines
    assert [line["message"]["content"] for line in lines] == ["hello ", "there ", ""] and lines[-1]["done"]
    whole = parrot.ask("POST", "/v1/messages", _chat("hello there", max_tokens=5))
    assert whole.json["content"][0]["text"] == "hello there"
    events = parrot.ask("POST", "/v1/chat/completions", _chat("hi", stream=True))
    assert events.body.endswith(b"data: [DONE]\n\n") and b'"hi "' in events.body.replace(b'": "', b'":"')


def test_the_guides_backend_fails_in_the_clients_words(parrot: Running) -> None:
    refused = parrot.ask("POST", "/v1/messages", _chat("", max_tokens=5))
    assert (refused.status, refused.json["error"]["message"]) == (400, "a parrot needs something to say")
    broken = parrot.ask("POST", "/v1/chat/completions", _chat([{"type": "text", "text": "x"}], stream=True))  # type: ignore[arg-type]
    assert broken.status == 502 and "its code failed: AttributeError" in broken.json["error"]["message"]


def test_the_guides_backend_stops_when_its_client_leaves(parrot: Running) -> None:
    clients = parrot.server._upstreams._clients  # pyright: ignore[reportPrivateUsage]
    running_now = clients["polly"]._running  # type: ignore[attr-defined]
    with raw(parrot) as client:
        client.send(post("/api/chat", _chat("word " * 1000)))
        assert b"word" in next(client.chunks() if client.head()[0] == 200 else iter([b""]))
        assert len(running_now) == 1
    assert eventually(lambda: not running_now, 5)
