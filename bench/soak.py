"""The case of a soak: a million requests to one server, and its memory all the while.

What is counted: memory of the server after every twentieth of the requests, and CPU for one request in that part. The
requests take turns, passed through and translated, whole and streamed (20 chunks), with 32 connections that are opened
anew for each of 80 runs; everything is switched on that a deployment has. Memory that grows by more than 2 MB after the
first fifth is a problem, and the run fails: up to then, caches and the allocator's pools fill.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from bench.configs import ALL
from bench.harness import Rig
from bench.load import BenchError, Load
from bench.process import Server
from bench.rounds import Options, Result, Row
from bench.traffic import OLLAMA, OPENAI

__all__ = ("SUMMARY", "run")

SUMMARY = "a million requests to one server: memory does not grow (3 minutes; --requests N)"

_REQUESTS = 1_000_000
_PARTS, _SETTLED = 20, 4
_CONNECTIONS = 32
_MODEL = "m20x0x5"
_MOST_MB = 2.0
_COLUMNS = [
    ("requests", "requests so far", 0),
    ("rss_mb", "RSS MB", 2),
    ("pss_mb", "PSS MB", 2),
    ("cpu_us", "CPU µs/request", 1),
]


def _part(load: Callable[..., Load], server: Server, requests: int, part: int) -> tuple[float, list[str]]:
    """Sends a twentieth; CPU for one of them, and what went wrong."""
    each = max(requests // 4, 1)
    cpu, problems = 0.0, []
    for turn in range(4):
        route, stream = (OPENAI, OLLAMA)[turn % 2], turn >= 2
        done = load(
            server, route, _MODEL, stream=stream, connections=_CONNECTIONS, requests=each, timeout_s=600, seed=part + 1
        )
        cpu += done.cpu_us
        if (problem := done.problem()) is not None:
            problems.append(f"part {part + 1}: {problem}")
    return cpu / (4 * each), problems


def run(options: Options) -> list[Result]:
    """One table; `options.requests` are sent, a million unless told, a fiftieth in a quick run. Raises BenchError."""
    if not options.ollamux:
        raise BenchError("the soak is ollamux's: there is nothing to measure without it")
    total = options.requests or (_REQUESTS // 50 if options.quick else _REQUESTS)
    rows: list[Row] = []
    problems: list[str] = []
    with Rig([_MODEL], serve=options.serve) as rig:
        server = rig.ollamux(setup=ALL)
        for part in range(_PARTS):
            print(f"soak: part {part + 1} of {_PARTS}", file=sys.stderr)
            cpu, found = _part(rig.load, server, total // _PARTS, part)
            problems += found
            figures = {
                "requests": float((part + 1) * (total // _PARTS)),
                "rss_mb": server.memory("Rss") / 1e6,
                "pss_mb": server.memory("Pss") / 1e6,
                "cpu_us": cpu,
            }
            rows.append(Row.once(f"{(part + 1) * 100 // _PARTS} %", figures))
    settled, last = rows[_SETTLED - 1].samples[0]["rss_mb"], rows[-1].samples[0]["rss_mb"]
    if last - settled > _MOST_MB:
        problems.append(f"memory grew by {last - settled:.1f} MB after the first {_SETTLED * 100 // _PARTS} %")
    return [
        Result(
            case="soak",
            title=f"{total:,} requests, everything switched on",
            key="rss_mb",
            columns=_COLUMNS,
            rounds=1,
            tolerance=None,
            rows=rows,
            problems=problems,
            notes=[f"memory after the first {_SETTLED * 100 // _PARTS} %: {last - settled:+.2f} MB"],
        )
    ]
