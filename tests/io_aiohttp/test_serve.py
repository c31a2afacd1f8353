"""From a configuration to a server that listens."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from msgspec.structs import replace

from ollamux.config import BackendConfig, Config, ServerConfig
from ollamux.hardware.readings import Device, Readings
from ollamux_aiohttp.screen import Paint
from ollamux_aiohttp.serve import PortTaken, allow_many_files, listen, resolve, serve

DEMO = BackendConfig(id="demo", type="demo")


@contextmanager
def held() -> Iterator[int]:
    """A port at which something listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        yield sock.getsockname()[1]


def free() -> int:
    with held() as port:
        return port


def bound(config: Config, ports: tuple[int, int]) -> tuple[int, tuple[str, ...]]:
    async def run() -> tuple[int, tuple[str, ...]]:
        server, host, port, notes = await listen(config, ports=ports)
        assert host == "127.0.0.1"
        await server.stop(0.0)
        return port, notes

    return asyncio.run(run())


def test_the_usual_port_is_used_where_it_is_free() -> None:
    port = free()
    assert bound(Config(backends=(DEMO,)), (port, 1)) == (port, ())


def test_a_port_nobody_asked_for_gives_way_and_a_line_says_so() -> None:
    second = free()
    with held() as first:
        port, notes = bound(Config(backends=(DEMO,)), (first, second))
    assert port == second
    assert notes == (f"port {first} is taken, so ollamux is on {second}",)


def test_it_gives_way_to_an_ollama_that_is_configured_and_does_not_run() -> None:
    second = free()
    ollama = BackendConfig(id="o", type="ollama", name="Ollama", endpoint="http://localhost:11434")
    port, notes = bound(Config(backends=(ollama,)), (free(), second))
    assert port == second
    assert notes == (f"Ollama is on port 11434, so ollamux is on {second}",)


def test_a_port_that_was_asked_for_is_used_or_the_start_fails() -> None:
    with held() as port:
        config = Config(backends=(DEMO,), server=ServerConfig(port=port, port_given=True))
        with pytest.raises(PortTaken, match=f"127.0.0.1 port {port} is taken"):
            bound(config, (free(), free()))
    other = Config(backends=(DEMO,), server=ServerConfig(host="192.0.2.1", port=1, port_given=True))
    with pytest.raises(PortTaken, match="cannot be used"):
        bound(other, (free(), free()))


def test_configured_backends_are_all_there_are() -> None:
    config, notes = asyncio.run(resolve(Config(backends=(DEMO,)), ports=((free(), "ollama"),)))
    assert config.backends == (DEMO,)
    assert notes == ()
    config, _ = asyncio.run(resolve(Config(backends=()), ports=((free(), "ollama"),)))
    assert config.backends == ()


def test_where_none_is_configured_the_machine_is_searched_and_the_demo_serves_at_last() -> None:
    config, _ = asyncio.run(resolve(Config(), ports=((free(), "ollama"),)))
    assert [backend.type for backend in config.backends or ()] == ["demo"]


def test_model_files_are_served_beside_what_is_configured_under_ids_of_their_own() -> None:
    taken = replace(DEMO, id="tiny")
    files = ("/models/tiny.gguf", "/other/tiny.gguf", "/models/Größe (1).gguf", "/.gguf")
    config, _ = asyncio.run(resolve(Config(backends=(taken,)), files))
    assert [backend.id for backend in config.backends or ()] == ["tiny", "tiny-2", "tiny-3", "Gr-e-1", "gguf"]
    assert [backend.file for backend in config.backends or ()][1:] == list(files)


def test_a_model_file_alone_needs_no_search() -> None:
    config, _ = asyncio.run(resolve(Config(), ("a.gguf",)))
    assert [(backend.id, backend.type) for backend in config.backends or ()] == [("a", "gguf")]


class WarmProcessor:
    """Sensors of a machine with a warm processor."""

    def __init__(self) -> None:
        self.closed = False

    def read(self) -> Readings:
        return Readings(devices=(Device(id="cpu", kind="cpu", temperature=78.0),))

    def close(self) -> None:
        self.closed = True


def devices(url: str) -> list[dict[str, object]]:
    """The devices that a server tells of, once it has read its sensors."""
    found: list[dict[str, object]] = []
    while not found:
        with urllib.request.urlopen(url) as answer:
            found = json.load(answer)["devices"]
    return found


def test_the_sensors_of_the_machine_are_read_while_it_serves_and_let_go_at_its_end() -> None:
    sensors = WarmProcessor()
    backend = replace(DEMO, hardware="cpu")
    config = Config(backends=(backend,), server=ServerConfig(port=0, port_given=True))

    async def run() -> list[dict[str, object]]:
        screen: asyncio.Future[str] = asyncio.get_running_loop().create_future()

        def say(text: str) -> None:
            if not screen.done():
                screen.set_result(text)

        task = asyncio.create_task(serve(config, (), say, Paint(sys.stderr), sensors=sensors))
        found = re.search(r"http://[\d.]+:\d+", await screen)
        assert found is not None
        try:
            return await asyncio.to_thread(devices, f"{found[0]}/thermal")
        finally:
            os.kill(os.getpid(), signal.SIGTERM)
            await task

    (device,) = asyncio.run(run())
    assert (device["id"], device["temperature_celsius"], device["state"]) == ("cpu", 78.0, "warm")
    assert sensors.closed


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such limit")
def test_as_many_files_may_be_open_as_the_system_lets_a_process_have() -> None:
    import resource

    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(before, 512), most))
        allow_many_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (most, most)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))
