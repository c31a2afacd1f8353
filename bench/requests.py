"""The case of one request: a whole answer, not streamed, with many connections and with one.

What is counted: CPU of the server for one request, which is reading it, finding its backend, passing it on, and reading
and writing the answer. With 32 connections one turn of a server's loop serves several; with one connection every
request pays for its own wake-ups, on both sides.
"""

from __future__ import annotations

from functools import partial

from bench.harness import Rig, Server
from bench.rounds import Contestant, Options, Result, Sample, compare
from bench.traffic import OLLAMA, OPENAI, Route

__all__ = ("SUMMARY", "run")

SUMMARY = "one request and its whole answer, 32 connections and 1"

_MODEL = "m10x0x1"
_LOADS = ((32, 15_000), (1, 4_000))
_COLUMNS = (
    ("cpu_us", "CPU µs", 1),
    ("wall_p50_us", "wall p50 µs", 0),
    ("wall_p99_us", "wall p99 µs", 0),
    ("per_second", "requests/s", 0),
)


def _measure(rig: Rig, server: Server, route: Route, connections: int, requests: int, number: int) -> Sample:
    load = rig.load(
        server, route, _MODEL, stream=False, connections=connections, requests=requests, timeout_s=120, seed=number + 1
    )
    figures = {
        "cpu_us": load.cpu_us / max(load.n, 1),
        "wall_p50_us": load.latency_p50,
        "wall_p99_us": load.latency_p99,
        "per_second": load.n / load.seconds,
    }
    return Sample(figures, load.problem())


def run(options: Options) -> list[Result]:
    """One table for each number of connections. Raises BenchError."""
    results = []
    with Rig([_MODEL], serve=options.serve) as rig:
        twins = ("nginx", "nginx again")
        lanes = [("nginx", rig.nginx(), OPENAI, twins), ("nginx again", rig.nginx(), OPENAI, twins)]
        if options.ollamux:
            openai, ollama = rig.ollamux(), rig.ollamux("ollama")
            lanes += [
                ("ollamux, OpenAI passed through", openai, OPENAI, twins),
                ("ollamux, Ollama to OpenAI", openai, OLLAMA, twins),
                ("ollamux, Ollama passed through", ollama, OLLAMA, twins),
            ]
        for connections, requests in _LOADS:
            contestants = [
                Contestant(name, partial(_measure, rig, server, route, connections, options.amount(requests)), base)
                for name, server, route, base in lanes
            ]
            title = f"one request, {connections} connection{'s' if connections > 1 else ''}"
            results.append(compare("requests", title, contestants, options, key="cpu_us", columns=_COLUMNS))
    return results
