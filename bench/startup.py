"""The case of starting: what imports cost, and what a server has used when it gives its first answer.

What is counted: CPU of a fresh interpreter, user and kernel, without its end, which a server comes to once and nobody
waits for; the least of three, for what else a machine does only ever adds. The dependencies are all modules from
outside of ollamux, the standard library's too, that importing its server brings in: they are imported alone, then with
the core (`ollamux.gateway`, which is all that answers need), then with the server (`ollamux_aiohttp.server`); each
figure that was *added* is the difference to the one before it in the same round. The first answer is one that comes
from the upstream, through a server with one backend (the model list, asked for until it is there), and it stands beside
the dependencies. nginx is there for comparison: the dependencies it has are none.

Bars: the core 25 ms, the server 60 ms, the first answer 200 ms, each more than what stands before it.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from bench.harness import Rig
from bench.load import BenchError
from bench.process import Server, environment, pins
from bench.requests import MODEL
from bench.rounds import Contestant, Options, Result, Sample, compare

__all__ = ("SUMMARY", "run")

SUMMARY = "CPU of imports, and from the start to the first answer (2 minutes)"

_BARE, _DEPENDENCIES, _CORE, _SERVER = "an empty interpreter", "the dependencies", "with the core", "with the server"
_CORE_MODULES, _SERVER_MODULES = ("ollamux.gateway",), ("ollamux_aiohttp.server", "ollamux_aiohttp.serve")
_TRIES = 3
_BARS_MS = {_CORE: 25.0, _SERVER: 60.0, "ollamux, first answer": 200.0}
_COLUMNS = (("cpu_ms", "CPU ms", 1), ("added_cpu_ms", "added ms", 1))
_ASK = """
import importlib, sys
before = set(sys.modules)
for name in {names!r}:
    importlib.import_module(name)
theirs = [name for name in sys.modules if name not in before]
print("\\n".join(name for name in theirs if name.partition(".")[0] not in ("ollamux", "ollamux_aiohttp")))
"""
_IMPORT = """
import importlib, os
for name in {names!r}:
    try:
        importlib.import_module(name)
    except ImportError:
        pass  # a part of a package that it makes itself
os._exit(0)  # to take everything down again costs more than an import
"""


def _dependencies() -> tuple[str, ...]:
    """Modules from outside, in the order in which the server brings them in."""
    code = _ASK.format(names=_SERVER_MODULES)
    done = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"the server cannot be imported: {done.stderr.strip()}")
    return tuple(done.stdout.split())


def _import(names: Sequence[str]) -> tuple[float, int]:
    """Milliseconds of CPU, and the status."""
    pin, _ = pins()
    child = subprocess.Popen([*pin, sys.executable, "-c", _IMPORT.format(names=tuple(names))], env=environment())
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    return (used.ru_utime + used.ru_stime) * 1000, status


def _imports(names: Sequence[str], number: int) -> Sample:
    tries = [_import(names) for _ in range(_TRIES)]
    return Sample(
        {"cpu_ms": min(took for took, _ in tries)}, "it failed" if any(status for _, status in tries) else None
    )


def _starts(start: Callable[[], Server], number: int) -> Sample:
    took = []
    for _ in range(_TRIES):
        server = start()
        took.append(server.cpu_us() / 1000)
        server.close()
    return Sample({"cpu_ms": min(took)})


def run(options: Options) -> list[Result]:
    """One table; the status tells where a bar does not hold. Raises BenchError."""
    found = _dependencies()
    with Rig([MODEL], serve=options.serve) as rig:
        contestants = [
            Contestant(_BARE, partial(_imports, ())),
            Contestant(_DEPENDENCIES, partial(_imports, found), beside=(_BARE,)),
            Contestant(_CORE, partial(_imports, (*found, *_CORE_MODULES)), beside=(_DEPENDENCIES,)),
            Contestant(_SERVER, partial(_imports, (*found, *_CORE_MODULES, *_SERVER_MODULES)), beside=(_CORE,)),
            Contestant("nginx, first answer", partial(_starts, rig.nginx)),
            Contestant("ollamux, first answer", partial(_starts, rig.ollamux), beside=(_DEPENDENCIES,)),
        ]
        title = f"starting; {len(found)} modules are dependencies"
        result = compare("startup", title, contestants, options, key="cpu_ms", columns=_COLUMNS, added=("cpu_ms",))
    problems = list(result.problems)
    for row in result.rows:
        bar, added = _BARS_MS.get(row.name), row.figures.get("added_cpu_ms")
        if bar is not None and added is not None and added.median > bar:
            problems.append(f"{row.name}: {added.median:.0f} ms were added, where {bar:.0f} are allowed")
    return [msgspec.structs.replace(result, problems=problems)]
