"""The command line, as a person meets it."""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ollamux_aiohttp.cli import main

DEMO = "backends: [{id: demo, type: demo}]\nserver: {port: 0}\n"


@pytest.fixture(autouse=True)
def _an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)


def write(folder: Path, text: str) -> None:
    (folder / "ollamux.yaml").write_text(text, encoding="utf-8")


@contextmanager
def serving(folder: Path, *arguments: str, env: Mapping[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    """`ollamux serve` as a process of its own."""
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
    process = subprocess.Popen(
        [sys.executable, "-m", "ollamux_aiohttp", "serve", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def address(process: subprocess.Popen[str]) -> str:
    """Where it listens, as the first line of its screen says."""
    assert process.stdout is not None and process.stderr is not None
    found = re.fullmatch(r"ollamux listens on (http://\S+)\n", line := process.stdout.readline())
    assert found is not None, line or process.stderr.read()
    return found.group(1)


def until_listed(url: str, model: str) -> None:
    """Waits for the model to be served: a file may take longer to load than the screen waits for."""
    for _ in range(200):
        with urllib.request.urlopen(f"{url}/api/tags", timeout=20) as answer:
            if any(row["name"] == model for row in json.load(answer)["models"]):
                return
        time.sleep(0.05)
    raise AssertionError(f"{model} is not served")


def ask(url: str, body: object) -> Any:
    with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode()), timeout=20) as answer:
        return json.load(answer)


def test_it_serves_until_it_is_asked_to_end(tmp_path: Path) -> None:
    write(tmp_path, DEMO)
    with serving(tmp_path) as process:
        url = address(process)
        asked = {"model": "demo", "stream": False, "messages": [{"role": "user", "content": "Hello"}]}
        assert "no real model" in ask(f"{url}/api/chat", asked)["message"]["content"]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "Stopping" in out
        assert err == ""


def test_the_lines_of_the_last_requests_are_written_before_it_ends(tmp_path: Path) -> None:
    write(tmp_path, DEMO + "logging: {level: debug}\n")
    with serving(tmp_path) as process:
        asked = {"model": "demo", "stream": False, "messages": [{"role": "user", "content": "Hello"}]}
        url = address(process)
        for _ in range(3):
            ask(f"{url}/api/chat", asked)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        lines = [line for line in err.splitlines() if "DEBUG ollamux: request answered" in line]
        assert process.returncode == 0 and len(lines) == 3
        assert all(" model=demo " in line and " status=200 " in line for line in lines)


def test_garbage_is_collected_whether_a_start_went_well_or_not(tmp_path: Path) -> None:
    write(tmp_path, "server: {port: much}\n")
    assert main(["serve"]) == 2
    assert gc.isenabled()


def test_it_records_what_it_serves_and_says_so(tmp_path: Path) -> None:
    write(tmp_path, DEMO)
    with serving(tmp_path, "--record", "seen") as process:
        url = address(process)
        assert process.stdout is not None
        assert process.stdout.readline() == "  every exchange is written into seen\n"
        ask(f"{url}/api/generate", {"model": "demo", "stream": False, "prompt": "Hello"})
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
    (file,) = (tmp_path / "seen").iterdir()
    assert json.loads(file.read_text(encoding="utf-8"))["request"]["path"] == "/api/generate"


def test_it_serves_and_ends_though_nobody_reads_what_it_prints(tmp_path: Path) -> None:
    write(tmp_path, DEMO)
    with serving(tmp_path) as process:
        url = address(process)
        assert process.stdout is not None
        process.stdout.close()
        process.stdout = None
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=20)
        assert (process.returncode, err) == (0, "")
        assert url


def test_a_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    write(tmp_path, DEMO)
    with serving(tmp_path) as process:
        host, port = address(process).removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as busy:
            # A request that is under way holds up an orderly end; it is, once its body is asked for.
            head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\nExpect: 100-continue\r\n\r\n"
            busy.sendall(head)
            assert busy.recv(1000).startswith(b"HTTP/1.1 100 ")
            process.send_signal(signal.SIGINT)
            assert process.stdout is not None
            while "Stopping" not in process.stdout.readline():
                pass
            process.send_signal(signal.SIGINT)
            assert process.wait(4) == 130


def test_a_model_file_is_served_and_its_process_ends_with_ours(tmp_path: Path, scripted_gguf: Path) -> None:
    with serving(tmp_path, "--gguf", str(scripted_gguf), "--port", "0") as process:
        asked = {"model": "scripted", "stream": False, "messages": [{"role": "user", "content": "Hello"}]}
        url = address(process)
        until_listed(url, "scripted:latest")
        answer = ask(f"{url}/api/chat", {**asked, "options": {"temperature": 0}})
        assert answer["message"]["content"] == "Hello from a real llama.cpp server!"
        (child,) = children_of(process.pid)
        process.kill()
        process.wait()
        assert gone(child)


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(child) for child in text.split()]


def gone(pid: int) -> bool:
    """Whether the process ends within some seconds; one that only waits to be reaped has ended."""
    for _ in range(200):
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False


def test_a_port_that_is_taken_is_told_plainly(tmp_path: Path) -> None:
    write(tmp_path, DEMO)
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with serving(tmp_path, "--port", str(port)) as process:
            _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert err == f"ollamux: 127.0.0.1 port {port} is taken: something else listens there\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--host", "0.0.0.0"], "SERVICE_API_KEY"),
        (["--gguf", "none.gguf"], "none.gguf: there is no such file"),
        (["--config", "none.yaml"], "none.yaml: there is no such file"),
        (["--port", "many"], "--port"),
        (["--workers", "0"], "--workers"),
    ],
)
def test_serve_refuses_what_cannot_be_before_it_listens(
    arguments: list[str], told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, DEMO)
    assert main(["serve", *arguments]) == 2
    out, err = capsys.readouterr()
    assert told in err
    assert out == ""


def test_the_help_says_how_many_processes_are_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    assert "how many processes serve (1); limits are divided by it" in " ".join(capsys.readouterr().out.split())


def test_check_says_that_all_is_well(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, DEMO)
    assert main(["check"]) == 0
    assert "Configuration: ollamux.yaml" in capsys.readouterr().out


def test_check_tells_a_backend_that_is_away(
    tmp_path: Path, unused_endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, f"backends: [{{id: far, type: vllm, endpoint: '{unused_endpoint}'}}]")
    assert main(["check", "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert [(row["id"], row["state"]) for row in told["backends"]] == [("far", "unreachable")]


def test_check_tells_everything_that_is_wrong_with_a_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "server: {prot: 1}\nbackends: [{id: a, type: nothing}]")
    assert main(["check"]) == 2
    err = capsys.readouterr().err
    assert "server.prot" in err and "backends[0].type" in err
    assert main(["check", "--json"]) == 2
    assert len(json.loads(capsys.readouterr().out)["problems"]) == 2


def test_check_tells_a_bind_that_serve_would_refuse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, "backends: [{id: demo, type: demo}]\nserver: {host: 0.0.0.0}\n")
    assert main(["check"]) == 2
    assert "SERVICE_API_KEY" in capsys.readouterr().out


def test_models_lists_what_is_served(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, DEMO + "models: {mine: {backend: demo, api_model: demo}}\naliases: {fast: mine}\n")
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert "mine" in out and "fast" in out
    assert main(["models", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {row["backend"] for row in told["models"]} == {"demo"}
    assert told["aliases"] == {"fast": "mine"}


def test_version_names_what_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["version"]) == 0
    assert re.fullmatch(r"ollamux \S+ \(.* build\), python \S+, aiohttp \S+, (no )?uvloop.*\n", capsys.readouterr().out)


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "serve" in capsys.readouterr().out
