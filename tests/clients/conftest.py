"""One ollamux for all clients, in front of a real llama.cpp, the built-in demo and a scripted Ollama.

A test asks for `speaker` and runs once for each of them; what a model says is known in advance.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from tests.support.ollama_like import ollama_like
from tests.support.running import Running, running
from tests.support.scripted_gguf import write_scripted_gguf

from ollamux_aiohttp import deadlines

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A picture of one point, as PNG."""


class Speaker(NamedTuple):
    """A model, and what it is known to say: to a greeting, to "think ..." (the thought and the answer), and to a tool
    that answered "21C"."""

    model: str
    hello: str
    thought: str
    answer: str
    told: str


SPEAKERS = {
    "llama_cpp": Speaker(
        "scripted",
        "Hello from a real llama.cpp server!",
        "The user wants 2+2.",
        "The answer is 4.",
        "It's 21°C in sunny 東京 😀 today",
    ),
    "demo": Speaker("demo", "the built-in demo", "I am a demo and cannot think", "the built-in demo", "21C"),
    "ollama": Speaker("tiny", "Hello from Ollama!", "hm", "Hello from Ollama!", "The tool said 21C."),
}


def search_path() -> str:
    """Where a Python process of its own finds what this one finds."""
    return os.pathsep.join(os.path.abspath(path) for path in sys.path if path)


@pytest.fixture(scope="package")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where a real llama.cpp server listens. It runs in a process of its own, which ends with its stdin."""
    file = write_scripted_gguf(tmp_path_factory.mktemp("models") / "scripted.gguf")
    command = [sys.executable, "-m", "ollamux_aiohttp.llama_child", "--model", str(file), "--name", "scripted"]
    environment = {**os.environ, "PYTHONPATH": search_path()}
    with subprocess.Popen(
        [*command, "--ctx", "2048", "--threads", "1"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=environment,
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        process.stdin.close()


@pytest.fixture(scope="package")
def whole(llama: str) -> Iterator[Running]:
    """An ollamux with all three backends."""
    with ollama_like() as upstream:
        settings = {
            "backends": [
                {"id": "llama", "type": "llama_cpp", "endpoint": llama},
                {"id": "demo", "type": "demo"},
                {"id": "ollama", "type": "ollama", "endpoint": upstream.url},
            ]
        }
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(deadlines, "TICK", 0.005)  # the demo plays its answer out a piece at a turn of the wheel
            with running(settings) as found:
                yield found


@pytest.fixture(params=list(SPEAKERS))
def speaker(request: pytest.FixtureRequest) -> Speaker:
    """A model behind each kind of backend in turn."""
    return SPEAKERS[request.param]
