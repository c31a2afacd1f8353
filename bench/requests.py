"""The case of one request: a whole answer, not streamed, with 256 connections, 32 and one.

What is counted: CPU of the server for one request, which is reading it, finding its backend, passing it on, and reading
and writing the answer. With 32 connections one turn of a server's loop serves several; with one connection every
request pays for its own wake-ups, on both sides. Requests a second are what one core gave while a closed loop asked.
"""

from __future__ import annotations

from functools import partial

from bench.harness import Rig
from bench.lanes import request_lanes
from bench.process import Server
from bench.rounds import Contestant, Options, Result, Sample, compare
from bench.traffic import Route

__all__ = ("COLUMNS", "MODEL", "SUMMARY", "measure", "run")

SUMMARY = "one request and its whole answer, 256 connections, 32 and 1 (4 minutes)"

MODEL = "m10x0x1"
_LOADS = ((256, 15_000), (32, 15_000), (1, 4_000))
COLUMNS = (
    ("cpu_us", "CPU µs", 1),
    ("wall_p50_us", "wall p50 µs", 0),
    ("wall_p99_us", "p99 µs", 0),
    ("wall_p999_us", "p99.9 µs", 0),
    ("per_second", "requests/s", 0),
    ("rss_mb", "RSS MB", 1),
)


def measure(rig: Rig, server: Server, route: Route, model: str, connections: int, requests: int, number: int) -> Sample:
    """One run of whole answers; `number` is the round's."""
    load = rig.load(
        server, route, model, stream=False, connections=connections, requests=requests, timeout_s=120, seed=number + 1
    )
    done = max(load.n, 1)
    figures = {
        "cpu_us": load.cpu_us / done,
        "drivers_us": load.drivers_us / done,
        "wall_p50_us": load.latency_p50,
        "wall_p99_us": load.latency_p99,
        "wall_p999_us": load.latency_p999,
        "per_second": load.n / load.seconds,
        "rss_mb": load.rss_after / 1e6,
    }
    return Sample(figures, load.problem())


def run(options: Options) -> list[Result]:
    """One table for each number of connections. Raises BenchError."""
    results = []
    with Rig([MODEL], serve=options.serve) as rig:
        lanes = [(lane, lane.start()) for lane in request_lanes(rig, options)]
        for connections, requests in _LOADS:
            amount = options.amount(requests)
            contestants = [
                Contestant(lane.name, partial(measure, rig, server, lane.route, MODEL, connections, amount), lane.base)
                for lane, server in lanes
            ]
            title = f"one request, {connections} connection{'s' if connections > 1 else ''}"
            results.append(compare("requests", title, contestants, options, key="cpu_us", columns=COLUMNS))
    return results
