"""The other gateways: where they are installed, how they are started, and what they want from a client.

Strategy: each is installed once, from its registry, into a folder of its own under a cache outside the checkout, and
found there by later runs. One that cannot be installed or does not start is left out, with a note in its place.

Configuration, as each project documents it for production: one worker, no access log, no database, no retries, the
least logging. LiteLLM has a list of the models, with prices, and its one key, without which it does not start; the
routers speak to one worker, in turn; Portkey is told by headers where the provider is.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from bench.load import BenchError
from bench.process import free_port

__all__ = ("PEERS", "Peer", "default_folder", "install", "installed_version")

_INSTALL_S = 1800


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway.

    `command` gets the folder of its installation, a folder for its configuration, its own port, the upstream's and the
    models. `share` is the part of the requests that it is measured with, `streams` how many it can carry at 20 tokens
    a second; `native`: written in a language that is compiled to machine code.
    """

    name: str
    package: str
    program: str
    command: Callable[[Path, Path, int, int, Sequence[str]], list[str]]
    health: str
    headers: Callable[[int], tuple[str, ...]]
    variables: dict[str, str]
    share: float = 1.0
    streams: int = 200
    native: bool = False

    @property
    def from_npm(self) -> bool:
        """Whether npm installs it, and not pip."""
        return self.package.startswith("@")


def default_folder() -> Path:
    """Where peers are installed unless told otherwise: OLLAMUX_BENCH_PEERS, else the user's cache."""
    if told := os.environ.get("OLLAMUX_BENCH_PEERS"):
        return Path(told)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ollamux-bench"


def _run(command: Sequence[str], log: Path) -> None:
    with log.open("ab") as said:
        try:
            done = subprocess.run(command, stdout=said, stderr=said, timeout=_INSTALL_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BenchError(f"{command[0]} failed: {error}") from error
    if done.returncode:
        tail = log.read_text(errors="replace").strip().splitlines()
        raise BenchError(f"{' '.join(command)} failed: {tail[-1] if tail else 'it said nothing'}")


def install(peer: Peer, cache: Path) -> Path:
    """The folder where this peer is installed; installs it where it is not. Raises BenchError where that fails."""
    folder = cache / peer.name
    program = folder / peer.program
    if program.exists():
        return folder
    cache.mkdir(parents=True, exist_ok=True)
    log = cache / f"{peer.name}.log"
    print(f"{peer.name}: installing {peer.package} into {folder}", file=sys.stderr, flush=True)
    if peer.from_npm:
        npm = shutil.which("npm")
        if npm is None:
            raise BenchError("npm is not installed")
        _run([npm, "install", "--no-fund", "--no-audit", "--prefix", str(folder), peer.package], log)
    else:
        _run([sys.executable, "-m", "venv", str(folder)], log)
        _run([str(folder / "bin" / "pip"), "install", peer.package], log)
    if not program.exists():
        raise BenchError(f"{peer.package} brings no {peer.program}")
    return folder


def installed_version(peer: Peer, cache: Path) -> str:
    """What is installed there, empty where nothing is."""
    if peer.from_npm:
        said = cache / peer.name / "node_modules" / peer.package / "package.json"
        return str(json.loads(said.read_text())["version"]) if said.exists() else ""
    wanted = peer.package.partition("[")[0].replace("-", "_")
    found = sorted((cache / peer.name).glob(f"lib/python*/site-packages/{wanted}-*.dist-info"))
    return found[0].name.removesuffix(".dist-info").partition("-")[2] if found else ""


_LITELLM_KEY = "sk-bench-0123456789abcdef"


def _litellm(folder: Path, own: Path, port: int, upstream: int, models: Sequence[str]) -> list[str]:
    config = own / "litellm.json"
    listed = [
        {
            "model_name": model,
            "litellm_params": {
                "model": f"openai/{model}",
                "api_base": f"http://127.0.0.1:{upstream}/v1",
                "api_key": "none",
                "input_cost_per_token": 0,
                "output_cost_per_token": 0,
            },
        }
        for model in models
    ]
    own_key = {"master_key": _LITELLM_KEY}
    settings = {"num_retries": 0, "telemetry": False, "set_verbose": False, "request_timeout": 600}
    config.write_text(json.dumps({"model_list": listed, "litellm_settings": settings, "general_settings": own_key}))
    return [
        str(folder / "bin" / "litellm"),
        *("--config", str(config), "--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"),
    ]


def _router(program: str) -> Callable[[Path, Path, int, int, Sequence[str]], list[str]]:
    def command(folder: Path, own: Path, port: int, upstream: int, models: Sequence[str]) -> list[str]:
        return [
            str(folder / "bin" / program),
            *(("launch",) if program == "smg" else ()),
            *("--worker-urls", f"http://127.0.0.1:{upstream}", "--host", "127.0.0.1", "--port", str(port)),
            *("--policy", "round_robin", "--disable-retries", "--log-level", "error"),
            *("--prometheus-port", str(free_port())),
        ]

    return command


def _portkey(folder: Path, own: Path, port: int, upstream: int, models: Sequence[str]) -> list[str]:
    return ["node", str(folder / _PORTKEY), f"--port={port}", "--headless"]


_PORTKEY = "node_modules/@portkey-ai/gateway/build/start-server.js"


def _no_headers(upstream: int) -> tuple[str, ...]:
    return ()


PEERS: dict[str, Peer] = {
    peer.name: peer
    for peer in (
        Peer(
            name="litellm",
            package="litellm[proxy]",
            program="bin/litellm",
            command=_litellm,
            health="/health/readiness",
            headers=lambda upstream: (f"Authorization: Bearer {_LITELLM_KEY}",),
            variables={"LITELLM_LOG": "ERROR", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
            share=0.02,
            streams=10,
        ),
        Peer(
            name="vllm-router",
            package="vllm-router",
            program="bin/vllm-router",
            command=_router("vllm-router"),
            health="/health",
            headers=_no_headers,
            variables={},
            native=True,
        ),
        Peer(
            name="sglang-router",
            package="sglang-router",
            program="bin/smg",
            command=_router("smg"),
            health="/health",
            headers=_no_headers,
            variables={},
            native=True,
        ),
        Peer(
            name="portkey",
            package="@portkey-ai/gateway",
            program=_PORTKEY,
            command=_portkey,
            health="/",
            headers=lambda upstream: (
                "x-portkey-provider: openai",
                f"x-portkey-custom-host: http://127.0.0.1:{upstream}/v1",
                "Authorization: Bearer none",
            ),
            variables={"NODE_ENV": "production"},
            share=0.1,
            streams=100,
        ),
    )
}
