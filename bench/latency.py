"""The case of added latency: one request after the other over one connection, and what each server adds to nginx.

What is counted: the median of a run's wall times, its 99th and 99.9th percentile, and by how much they exceed the mean
of the two nginx of the same round; then the same for the first byte of a stream. Nothing waits behind anything else, so
this is what a request is delayed; it holds the upstream and the load generator, which are the same for all.
"""

from __future__ import annotations

from functools import partial

import msgspec

from bench.harness import Rig
from bench.lanes import request_lanes
from bench.process import Server
from bench.requests import MODEL, measure
from bench.rounds import Contestant, Options, Result, Sample, compare
from bench.traffic import Route

__all__ = ("SUMMARY", "run")

SUMMARY = "added latency with one connection: whole answers, and the first byte of streams (2 minutes)"

_ROUNDS = 11
_REQUESTS, _STREAMS = 4000, 1000
_PARTS = (("p50", 0), ("p99", 0), ("p999", 0))
_SAID = {"p50": "p50", "p99": "p99", "p999": "p99.9"}


def _first_bytes(rig: Rig, server: Server, route: Route, streams: int, number: int) -> Sample:
    load = rig.load(server, route, MODEL, stream=True, connections=1, requests=streams, timeout_s=120, seed=number + 1)
    figures = {"first_p50_us": load.ttft_p50, "first_p99_us": load.ttft_p99, "first_p999_us": load.ttft_p999}
    return Sample(figures, load.problem())


def _columns(name: str) -> list[tuple[str, str, int]]:
    whole = [(f"{name}_{part}_us", f"{_SAID[part]} µs", decimals) for part, decimals in _PARTS]
    added = [(f"added_{name}_{part}_us", f"added {_SAID[part]}", decimals) for part, decimals in _PARTS]
    return [*whole, *added]


def run(options: Options) -> list[Result]:
    """Two tables; at least 11 rounds, but for a quick run. Raises BenchError."""
    most = options if options.quick else msgspec.structs.replace(options, rounds=max(options.rounds, _ROUNDS))
    results = []
    with Rig([MODEL], serve=options.serve) as rig:
        lanes = [(lane, lane.start()) for lane in request_lanes(rig, options)]
        for name, title in (
            ("wall", "one request after the other, whole answers"),
            ("first", "one stream after the other, first byte"),
        ):
            contestants = []
            for lane, server in lanes:
                if name == "wall":
                    run_one = partial(measure, rig, server, lane.route, MODEL, 1, options.amount(_REQUESTS))
                else:
                    run_one = partial(_first_bytes, rig, server, lane.route, options.amount(_STREAMS))
                contestants.append(Contestant(lane.name, run_one, lane.base))
            columns = _columns(name)
            added = [f"{name}_{part}_us" for part, _ in _PARTS]
            results.append(compare("latency", title, contestants, most, key=added[0], columns=columns, added=added))
    return results
