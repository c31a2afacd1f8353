"""Keeps a llama.cpp child process alive for one `gguf` backend, and tells where it listens.

Strategy: one task for each child: start it, wait for the line with its URL, wait for its end, wait a little, again. The
wait doubles from one second to thirty and starts over once a child has lived for a minute. The last lines of the
child's stderr say why it died.

Rules: `on_endpoint` is called in the event loop, with the URL, or with None and the reason why there is none now; what
cannot get better by itself (no such file, no xllamacpp) is reported once and not tried again. `stop` leaves no process
behind.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import sys
from collections import deque
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ollamux_aiohttp.gguf_header import file_problem

__all__ = ("LOADING", "LlamaSupervisor", "problem_of")

LOADING = "the model is being loaded"
"""The reason that is reported while a child starts."""

_DELAYS = (1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
_STABLE = 60.0
_GRACE = 2.0
_FLAGS: dict[str, str] = {
    "main_gpu": "--main-gpu",
    "num_batch": "--batch",
    "num_ctx": "--ctx",
    "num_gpu": "--gpu-layers",
    "num_parallel": "--parallel",
    "num_thread": "--threads",
}
"""The options of a backend that are about loading, by Ollama's names; the others go with each request."""
_LOG_LINE = re.compile(r"^[\d.]+ (?P<level>[A-Z]) +(?P<text>.*)$")
_LONGEST_REASON = 300


def problem_of(file: str) -> str | None:
    """Why a `gguf` backend on this file cannot start at all, or None."""
    if find_spec("xllamacpp") is None:
        return "llama.cpp is not installed: pip install 'ollamux[llamacpp]'"
    return file_problem(file)


class LlamaSupervisor:
    """One backend's child. `delays` are the waits in seconds before the second, third, ... start."""

    def __init__(
        self,
        backend_id: str,
        file: str,
        options: Mapping[str, Any],
        on_endpoint: Callable[[str | None, str], None],
        *,
        delays: tuple[float, ...] = _DELAYS,
    ) -> None:
        self.backend_id = backend_id
        self.file = os.path.expanduser(file)
        self.pid: int | None = None
        self._options = options
        self._on_endpoint = on_endpoint
        self._delays = delays
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the child in the background. A file that cannot be served is reported and nothing is started."""
        problem = problem_of(self.file)
        if problem is not None:
            self._on_endpoint(None, problem)
            return
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"llama {self.backend_id}")

    async def stop(self) -> None:
        """Ends the child; nothing is reported of that."""
        if self._task is None:
            return
        task, self._task = self._task, None
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def _run(self) -> None:
        now = asyncio.get_running_loop().time
        failures = 0
        while True:
            began = now()
            self._on_endpoint(None, LOADING)
            reason = await self._one_life()
            failures = 1 if now() - began > _STABLE else failures + 1
            delay = self._delays[min(failures, len(self._delays)) - 1]
            self._on_endpoint(None, f"llama.cpp ended: {reason}; starting it again in {delay:g} s")
            await asyncio.sleep(delay)

    async def _one_life(self) -> str:
        """Runs one child to its end. Returns why it ended."""
        process = await asyncio.create_subprocess_exec(
            *self._command(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=_environment(),
            start_new_session=True,  # an interrupt at the terminal is for the parent, which then ends its child
        )
        self.pid = process.pid
        assert process.stdout is not None and process.stderr is not None
        lines: deque[str] = deque(maxlen=100)
        drain = asyncio.get_running_loop().create_task(_drain(process.stderr, lines))
        try:
            url = _url(await process.stdout.readline())
            if url is not None:
                self._on_endpoint(url, "")
            status = await process.wait()
            await drain
            return _reason(lines, status)
        finally:
            self.pid = None
            drain.cancel()
            await _end(process)

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "ollamux_aiohttp.llama_child", "--model", self.file]
        for option, flag in _FLAGS.items():
            value = self._options.get(option)
            if value is not None:
                command += [flag, str(int(value))]
        return command


def _environment() -> dict[str, str]:
    """Ours, with this very package in front, wherever the parent found it; a failed assertion ends at once, without
    the backtrace that a debugger would take seconds for."""
    here = str(Path(__file__).resolve().parent.parent)
    paths = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))
    return {**os.environ, "GGML_NO_BACKTRACE": "1", "PYTHONPATH": paths}


async def _drain(stream: asyncio.StreamReader, lines: deque[str]) -> None:
    """Reads what the child logs, so that it never blocks, and keeps the last lines."""
    rest = b""
    while data := await stream.read(65_536):
        *whole, rest = (rest + data).split(b"\n")
        lines.extend(line.decode(errors="replace").rstrip() for line in whole)
        rest = rest[-4096:]
    if rest:
        lines.append(rest.decode(errors="replace"))


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ends a child that still runs: politely by closing its stdin, then by force."""
    if process.returncode is not None:
        return
    assert process.stdin is not None
    process.stdin.close()
    try:
        await asyncio.wait_for(process.wait(), _GRACE)
    except (TimeoutError, asyncio.CancelledError):
        process.kill()
        await process.wait()


def _url(line: bytes) -> str | None:
    try:
        return str(json.loads(line)["url"])
    except (ValueError, LookupError, TypeError):
        return None


def _reason(lines: deque[str], status: int) -> str:
    """The line that tells most: a failed assertion, else the first error that was logged, else the last line."""
    parsed = [(found["level"], found["text"].strip()) if (found := _LOG_LINE.match(line)) else ("", line.strip())
              for line in lines if line.strip()]  # fmt: skip
    asserted = [text for _, text in parsed if "GGML_ASSERT" in text or "GGML_ABORT" in text]
    failed = [text for level, text in parsed if level == "E"]
    plain = [text for level, text in parsed if not level and not text.startswith("Traceback")]
    how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
    text = (asserted[:1] or failed[:1] or plain[-1:] or [""])[0]
    return f"{text[:_LONGEST_REASON]} ({how})" if text else how
