"""The process that serves one GGUF file, as its parent sees it."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ollamux_aiohttp.llama_child import main
from ollamux_aiohttp.llama_supervisor import _environment


@contextmanager
def child(*arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A running child and where it listens."""
    command = [sys.executable, "-m", "ollamux_aiohttp.llama_child", *arguments]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=_environment()
    )
    try:
        assert process.stdout is not None
        yield process, json.loads(process.stdout.readline())["url"]
    finally:
        process.kill()
        process.communicate()


def ask(url: str, body: object = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


def test_it_chats_and_embeds_and_ends_when_stdin_does(scripted_gguf: Path) -> None:
    with child("--model", str(scripted_gguf)) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        asked = {"messages": [{"role": "user", "content": "hi"}], "temperature": 0}
        chat = ask(f"{url}/v1/chat/completions", asked)
        assert chat["choices"][0]["message"]["content"] == "Hello from a real llama.cpp server!"
        assert len(ask(f"{url}/v1/embeddings", {"input": "hi"})["data"][0]["embedding"]) > 300
        assert ask(f"{url}/v1/models")["data"][0]["id"] == "scripted"
        # The model was trained for far more; each of the two places has what it is capped at.
        assert [slot["n_ctx"] for slot in ask(f"{url}/slots")] == [8192, 8192]
        assert process.stdin is not None
        process.stdin.close()
        process.stdin = None
        assert process.wait(20) == 0


def test_flags_say_how_it_is_loaded(scripted_gguf: Path) -> None:
    flags = ("--name", "mine", "--ctx", "1024", "--parallel", "3", "--threads", "1", "--batch", "256")
    with child("--model", str(scripted_gguf), *flags, "--gpu-layers", "0", "--main-gpu", "0") as (_, url):
        assert ask(f"{url}/v1/models")["data"][0]["id"] == "mine"
        assert [slot["n_ctx"] for slot in ask(f"{url}/slots")] == [1024] * 3


def test_a_file_that_is_no_model_is_status_2(tmp_path: Path) -> None:
    assert main(["--model", str(tmp_path / "none.gguf")]) == 2
