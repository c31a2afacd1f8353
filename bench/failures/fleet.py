"""The backends that fail: two real llama.cpp servers and a scripted cloud, with ollamux in front of them.

Strategy: llama.cpp runs in processes of our own, not in children of ollamux, so that nobody but the case starts one
anew. The local ones have the higher priority; the cloud is what is left. Slow is a process that may run a tenth of the
time: it is stopped and continued by turns.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from contextlib import ExitStack, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.load import BenchError, program
from bench.process import Server, environment, free_port, get

__all__ = ("MODEL", "Fleet", "Llama")

MODEL = "scripted"
_PLACES = 4
_RUNS_S, _RESTS_S = 0.02, 0.18


class Llama:
    """A llama.cpp server on a port that stays its own over restarts."""

    def __init__(self, file: Path) -> None:
        self.port = free_port()
        self._file = file
        self._slowing: threading.Thread | None = None
        self._swift = threading.Event()
        self.start()

    def start(self) -> None:
        """Starts it and waits until it listens. Raises BenchError where it does not."""
        command = [sys.executable, "-m", "ollamux_aiohttp.llama_child", "--model", str(self._file), "--name", MODEL]
        command += ["--port", str(self.port), "--parallel", str(_PLACES), "--threads", "1", "--ctx", "1024"]
        self._process = subprocess.Popen(
            command,
            env=environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        assert self._process.stdout is not None
        if not self._process.stdout.readline():
            raise BenchError("llama.cpp does not start; is xllamacpp installed?")

    def kill(self) -> None:
        """Ends it at once."""
        self._process.kill()
        self._end()

    def freeze(self) -> None:
        """Stops it: it keeps its connections, and says nothing more."""
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        """Continues it."""
        os.kill(self._process.pid, signal.SIGCONT)

    def slow(self) -> None:
        """Lets it run a tenth of the time, until `hurry`."""
        self._swift.clear()
        self._slowing = threading.Thread(target=self._stop_and_go, daemon=True)
        self._slowing.start()

    def _stop_and_go(self) -> None:
        while not self._swift.wait(_RUNS_S):
            self.freeze()
            self._swift.wait(_RESTS_S)
            self.thaw()

    def hurry(self) -> None:
        """Ends `slow`."""
        self._swift.set()
        if self._slowing is not None:
            self._slowing.join()
            self._slowing = None

    def _end(self) -> None:
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(OSError):
                    pipe.close()

    def close(self) -> None:
        """Ends it, whatever state it is in."""
        self.hurry()
        if self._process.poll() is None:
            self._process.kill()
        self._end()


class Fleet:
    """Two llama.cpp servers, a scripted cloud and ollamux; a context."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self.llamas: list[Llama] = []

    def __enter__(self) -> Self:
        try:
            self._begin()
        except BaseException:
            self._stack.close()
            raise
        return self

    def _begin(self) -> None:
        try:
            from tests.support.scripted_gguf import write_scripted_gguf
        except ImportError as error:
            raise BenchError(f"the model of the tests cannot be made here: {error}") from error
        folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        file = write_scripted_gguf(folder / "scripted.gguf")
        for _ in range(2):
            self.llamas.append(Llama(file))
            self._stack.callback(self.llamas[-1].close)
        cloud = self._cloud()
        config = folder / "ollamux.json"
        port = free_port()
        config.write_text(json.dumps(self._config(port, cloud)))
        command = [sys.executable, "-m", "ollamux_aiohttp", "serve", "--config", str(config)]
        self.server = Server("ollamux", command, folder, port, _ready)
        self._stack.callback(self.server.close)

    def _cloud(self) -> int:
        cloud = subprocess.Popen(
            [str(program("upstream")), "0", MODEL],
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            env=environment(),
        )
        self._stack.callback(cloud.wait)
        self._stack.callback(cloud.terminate)
        assert cloud.stdout is not None
        with cloud.stdout as said:
            line = said.readline()
        if not line:
            raise BenchError("the scripted cloud does not start")
        return int(line)

    def _config(self, port: int, cloud: int) -> dict[str, object]:
        timeouts = {"connect": 1, "first_byte": 2, "idle": 2}
        backends: list[dict[str, object]] = [
            {
                "id": f"llama{number}",
                "type": "llama_cpp",
                "endpoint": f"http://127.0.0.1:{llama.port}",
                "priority": 50,
                "timeouts": timeouts,
            }
            for number, llama in enumerate(self.llamas, 1)
        ]
        backends.append(
            {
                "id": "cloud",
                "type": "openai_compatible",
                "endpoint": f"http://127.0.0.1:{cloud}/v1",
                "priority": 10,
                "timeouts": timeouts,
            }
        )
        return {
            "server": {"host": "127.0.0.1", "port": port},
            "backends": backends,
            "health": {"interval": 1, "timeout": 1},
        }

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _ready(port: int) -> bool:
    status, body = get(port, "/api/backends")
    if status != 200:
        return False
    status, body = get(port, "/api/tags/cloud")
    return status == 200 and MODEL.encode() in body
