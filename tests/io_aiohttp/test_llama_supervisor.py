"""A child that is kept alive, and what is told of it."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from ollamux.providers import provider
from ollamux_aiohttp import llama_supervisor
from ollamux_aiohttp.llama_supervisor import LlamaSupervisor, problem_of


class Watcher:
    """Collects what is reported."""

    def __init__(self) -> None:
        self.reports: list[tuple[str | None, str]] = []
        self._news = asyncio.Event()

    def __call__(self, endpoint: str | None, reason: str) -> None:
        self.reports.append((endpoint, reason))
        self._news.set()

    async def until(self, wanted: Callable[[tuple[str | None, str]], bool]) -> tuple[str | None, str]:
        """The next report like this one, which is then forgotten with all before it."""
        async with asyncio.timeout(30):
            while True:
                while self.reports:
                    report = self.reports.pop(0)
                    if wanted(report):
                        return report
                self._news.clear()
                await self._news.wait()


def listens(report: tuple[str | None, str]) -> bool:
    return report[0] is not None


def died(report: tuple[str | None, str]) -> bool:
    return "ended" in report[1]


def supervise(file: Path, body: Callable[[LlamaSupervisor, Watcher], Awaitable[None]]) -> Watcher:
    async def run() -> Watcher:
        watcher = Watcher()
        supervisor = LlamaSupervisor("local", str(file), {"num_ctx": 512}, watcher, delays=(0.01,))
        supervisor.start()
        try:
            await body(supervisor, watcher)
        finally:
            await supervisor.stop()
        assert supervisor.pid is None
        return watcher

    return asyncio.run(run())


def test_a_child_that_is_killed_is_started_again(scripted_gguf: Path) -> None:
    async def body(supervisor: LlamaSupervisor, watcher: Watcher) -> None:
        first, _ = await watcher.until(listens)
        assert supervisor.pid is not None
        os.kill(supervisor.pid, signal.SIGKILL)
        endpoint, reason = await watcher.until(died)
        assert endpoint is None
        assert "killed by signal 9" in reason
        second, _ = await watcher.until(listens)
        assert first != second

    supervise(scripted_gguf, body)


def test_stopping_ends_the_child_and_reports_nothing(scripted_gguf: Path) -> None:
    pids: list[int] = []

    async def body(supervisor: LlamaSupervisor, watcher: Watcher) -> None:
        await watcher.until(listens)
        pids.append(supervisor.pid or 0)

    watcher = supervise(scripted_gguf, body)
    assert watcher.reports == []
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)


def test_a_damaged_model_is_tried_again_and_the_reason_told(scripted_gguf: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.gguf"
    damaged.write_bytes(scripted_gguf.read_bytes()[:-200_000])

    async def body(supervisor: LlamaSupervisor, watcher: Watcher) -> None:
        _, reason = await watcher.until(died)
        assert "not within the file bounds" in reason
        assert "exit status 1" in reason
        assert "again in 0.01 s" in reason
        await watcher.until(died)

    supervise(damaged, body)


@pytest.mark.parametrize(("content", "why"), [(None, "no such file"), (b"hello", "not a GGUF file")])
def test_a_file_that_cannot_be_served_is_reported_and_not_tried(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    path = tmp_path / "model.gguf"
    if content is not None:
        path.write_bytes(content)

    async def body(supervisor: LlamaSupervisor, watcher: Watcher) -> None:
        endpoint, reason = await watcher.until(lambda _: True)
        assert endpoint is None and why in reason

    assert supervise(path, body).reports == []


def test_without_llama_cpp_the_way_to_install_it_is_told(scripted_gguf: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert problem_of(str(scripted_gguf)) is None
    monkeypatch.setattr(llama_supervisor, "find_spec", lambda name: None)
    assert problem_of(str(scripted_gguf)) == "llama.cpp is not installed: pip install 'ollamux[llamacpp]'"


def test_the_options_about_loading_are_those_that_no_request_gets() -> None:
    gguf: Any = provider("gguf")
    assert set(llama_supervisor._FLAGS) == gguf.files.options
