"""Where numbers come from: machine, versions, commit, build, options and peers of a run.

Rule: a number never travels without them.
"""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from bench.peers import PEERS, default_folder, installed_version
from bench.process import ROOT, environment, pins
from bench.rounds import Options

__all__ = ("circumstances", "describe")

_PACKAGES = ("aiohttp", "cython", "httptools", "msgspec", "orjson", "uvloop")


def _said(*command: str) -> str:
    """The first line a command says, empty where it cannot be run; nginx tells its version on stderr."""
    try:
        done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    except OSError:
        return ""
    lines = (done.stdout + done.stderr).strip().splitlines() if done.returncode == 0 else []
    return lines[0] if lines else ""


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def circumstances(options: Options) -> dict[str, Any]:
    """Machine, versions, commit and options of this run."""
    tell_build = "from ollamux import _build; print(_build.describe())"
    cache = Path(options.peers) if options.peers else default_folder()
    return {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _said("git", "rev-parse", "HEAD"),
        "modified": bool(_said("git", "status", "--porcelain", "--untracked-files=no")),
        "build": _said(sys.executable, "-c", tell_build) if options.ollamux else "",
        "machine": {
            "cpu": _cpu_model(),
            "cores": os.cpu_count(),
            "kernel": platform.release(),
            "system": platform.system(),
            "memory_mb": os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 1_000_000,
            "pinned": bool(pins()[0]),
            "load_average": os.getloadavg()[0],
        },
        "python": platform.python_version(),
        "packages": {name: version for name in _PACKAGES if (version := _version(name)) is not None},
        "nginx": _said("nginx", "-v") or _said("/usr/sbin/nginx", "-v"),
        "peers": {name: version for name, peer in PEERS.items() if (version := installed_version(peer, cache))},
        "options": msgspec.to_builtins(options),
    }


def describe(known: dict[str, Any]) -> str:
    """The circumstances in a few lines."""
    machine = known["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in known["packages"].items())
    peers = ", ".join(f"{name} {version}" for name, version in known["peers"].items())
    return "\n".join(
        (
            f"{machine['cpu']}, {machine['cores']} cores, {machine['system']} {machine['kernel']}"
            + (", servers and load pinned to a core each" if machine["pinned"] else ", nothing pinned"),
            f"Python {known['python']}, {packages}; {known['nginx']}",
            f"commit {known['commit'][:12] or 'unknown'}{' with changes' if known['modified'] else ''}"
            + (f"; {known['build']}" if known["build"] else ""),
            *([f"peers: {peers}"] if peers else []),
        )
    )
