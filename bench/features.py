"""The case of features: what an API key, routing among ten backends, rate limits, metrics and a log cost, each alone
and all together.

What is counted: CPU of the server for one request with 32 connections, and by how much it exceeds the bare server's of
the same round. Bare has one backend and no page of metrics; everything together is what a deployment has switched on:
key, ten backends, limits for the key, the address and all, and metrics. The page of metrics is read once in each run,
which is far more often than a Prometheus does. The log is a line for each request (`logging.level: debug`), and not
part of the whole.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from functools import partial

import msgspec

from bench.configs import ALL, BARE, Setup
from bench.harness import Rig
from bench.lanes import TWINS
from bench.load import BenchError
from bench.process import Server, get
from bench.requests import MODEL, measure
from bench.rounds import Contestant, Options, Result, Sample, compare
from bench.traffic import OLLAMA, OPENAI, Route

__all__ = ("SUMMARY", "run")

SUMMARY = "what each feature costs, alone and all together (6 minutes)"

_CONNECTIONS, _REQUESTS = 32, 10_000
_COLUMNS = (
    ("cpu_us", "CPU µs", 1),
    ("added_cpu_us", "added to bare", 2),
    ("wall_p50_us", "wall p50 µs", 0),
    ("per_second", "requests/s", 0),
)
_BARE = "bare"
_SETUPS: dict[str, Setup] = {
    _BARE: BARE,
    "API key": msgspec.structs.replace(BARE, key=True),
    "routing among 10 backends": msgspec.structs.replace(BARE, ten=True),
    "rate limits": msgspec.structs.replace(BARE, limit=True),
    "metrics, read once": msgspec.structs.replace(BARE, metrics=True),
    "log": msgspec.structs.replace(BARE, log=True),
    "all but the log": ALL,
}


def _scrape(server: Server, seen: list[int]) -> None:
    time.sleep(0.1)
    seen.append(get(server.port, "/metrics", server.headers)[0])


def _measure(rig: Rig, server: Server, setup: Setup, route: Route, requests: int, number: int) -> Sample:
    seen: list[int] = []
    reader = threading.Thread(target=_scrape, args=(server, seen)) if setup.metrics else None
    if reader is not None:
        reader.start()
    sample = measure(rig, server, route, MODEL, _CONNECTIONS, requests, number)
    if reader is not None:
        reader.join()
        if seen != [200]:
            return Sample(sample.figures, sample.problem or f"/metrics answered {seen}")
    return sample


def _contestants(
    rig: Rig, servers: Iterable[tuple[str, Setup, Server]], route: Route, requests: int
) -> list[Contestant]:
    return [
        Contestant(name, partial(_measure, rig, server, setup, route, requests), TWINS, (_BARE,))
        for name, setup, server in servers
    ]


def run(options: Options) -> list[Result]:
    """Two tables, passed through and translated. Raises BenchError."""
    if not options.ollamux:
        raise BenchError("features are ollamux's: there is nothing to measure without it")
    results = []
    requests = options.amount(_REQUESTS)
    with Rig([MODEL], serve=options.serve) as rig:
        twins = [(name, rig.nginx()) for name in TWINS]
        servers = [(name, setup, rig.ollamux(setup=setup)) for name, setup in _SETUPS.items()]
        for route, how in ((OPENAI, "passed through"), (OLLAMA, "translated")):
            contestants = [
                Contestant(name, partial(measure, rig, server, OPENAI, MODEL, _CONNECTIONS, requests), TWINS, ())
                for name, server in twins
            ]
            contestants += _contestants(rig, servers, route, requests)
            title = f"features, {how}, {_CONNECTIONS} connections"
            results.append(
                compare("features", title, contestants, options, key="cpu_us", columns=_COLUMNS, added=("cpu_us",))
            )
    return results
