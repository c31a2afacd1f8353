"""The native tools: compiles them once, and runs the load generator.

Strategy: `native/*.c` is compiled with the machine's own C compiler into `native/build`, and again whenever a source is
newer than its program. The load generator answers with one JSON object, which becomes a `Load`.

Rules: units are microseconds and bytes; CPU and memory are those of the watched processes alone, the generator's own
and the upstream's stand in fields of their own.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

__all__ = ("BenchError", "Load", "program", "run_load")

_NATIVE = Path(__file__).parent / "native"
_FLAGS = ("-O2", "-Wall", "-Wextra")


class BenchError(Exception):
    """What keeps a benchmark from running: a missing tool, a server that does not start, a generator that fails."""


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What one run of the generator saw; latencies and CPU in microseconds, memory in bytes."""

    n: int
    begun: int
    whole: int
    open: int
    answered: int
    errors: int
    non200: int
    incomplete: int
    lost: int
    seconds: float
    lines: int
    bytes: int
    latency_p50: float
    latency_p90: float
    latency_p99: float
    latency_p999: float
    ttft_p50: float
    ttft_p90: float
    ttft_p99: float
    ttft_p999: float
    cpu_us: float
    own_cpu_us: float
    rss_before: int
    rss_after: int
    sample: str
    window_seconds: float = 0.0
    window_lines: int = 0
    window_cpu_us: float = 0.0
    window_rss: int = 0
    upstream_cpu_us: float = 0.0

    def driven(self, upstream_cpu_us: float) -> Load:
        """The same, with what the upstream used."""
        return msgspec.structs.replace(self, upstream_cpu_us=upstream_cpu_us)

    @property
    def drivers_us(self) -> float:
        """What the load generator and the upstream used together."""
        return self.own_cpu_us + self.upstream_cpu_us

    def problem(self, least_lines: int = 0) -> str | None:
        """What went wrong in one line, None where every answer was a whole 200 and no chunk is missing."""
        if not (self.errors or self.non200 or self.lost):
            if self.lines < least_lines:
                return f"{self.lines} lines where at least {least_lines} were sent"
            return None
        counts = {
            "broken": self.errors,
            "not 200": self.non200,
            "without their end": self.incomplete,
            "lost": self.lost,
        }
        said = ", ".join(f"{count} {what}" for what, count in counts.items() if count)
        return f"of {self.begun}: {said}" + (f" ({self.sample.strip()})" if self.sample else "")


def program(name: str) -> Path:
    """The path of a compiled native tool. Raises BenchError without a C compiler or where it does not compile."""
    source, built = _NATIVE / f"{name}.c", _NATIVE / "build" / name
    newest = max(part.stat().st_mtime for part in (source, *_NATIVE.glob("*.h")))
    if built.exists() and built.stat().st_mtime >= newest:
        return built
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise BenchError(
            "no C compiler (cc, gcc or clang) on PATH: the upstream and the load generator are written in C"
        )
    built.parent.mkdir(exist_ok=True)
    done = subprocess.run(
        [compiler, *_FLAGS, "-o", str(built), str(source)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(f"{source.name} does not compile:\n{done.stderr}")
    return built


def run_load(
    *,
    port: int,
    path: str,
    body: bytes,
    connections: int,
    requests: int,
    pids: Sequence[int],
    headers: Sequence[str] = (),
    terminal: str = "",
    ramp_ms: int = 0,
    window_ms: tuple[int, int] | None = None,
    abandon: bool = False,
    timeout_s: float = 60,
    seed: int = 1,
    pin: Sequence[str] = (),
) -> Load:
    """One run; `terminal` is what a complete stream must contain, `pin` a prefix such as ("taskset", "-c", "1")."""
    with tempfile.NamedTemporaryFile(prefix="bench-body-") as file:
        file.write(body)
        file.flush()
        command = [*pin, str(program("load")), "-p", str(port), "-u", path, "-b", file.name]
        command += ["-c", str(connections), "-n", str(requests), "-P", ",".join(map(str, pids)), "-e", terminal]
        command += ["-r", str(ramp_ms), "-t", str(int(timeout_s * 1000)), "-s", str(seed)]
        for header in headers:
            command += ["-h", header]
        if window_ms is not None:
            command += ["-w", f"{window_ms[0]},{window_ms[1]}"]
        if abandon:
            command.append("-x")
        done = subprocess.run(command, capture_output=True, timeout=timeout_s + 30, check=False)
    if done.returncode:
        raise BenchError(f"the load generator failed: {done.stderr.decode(errors='replace').strip()}")
    return msgspec.json.decode(done.stdout, type=Load)
