"""The case of one streamed chunk: streams that come as fast as they are taken, and 200 streams at the pace of a model.

What is counted: CPU of the server for one chunk. Without a pace it is that of whole streams, their requests included,
divided by the chunks they hold; how many chunks one read happens to bring decides it, and moves from run to run. At a
pace it is that of a window in which every stream is under way, divided by the chunks that arrived in it: every chunk is
a read, a wake-up and a write of its own, which is what a token costs. ollamux is measured at its defaults, and with
everything switched on that a deployment has: key, ten backends, limits and metrics.
"""

from __future__ import annotations

from functools import partial

from bench.harness import Rig
from bench.lanes import stream_lanes
from bench.pacing import PACED_COLUMNS, Pace, paced
from bench.process import Server
from bench.rounds import Contestant, Options, Result, Sample, compare
from bench.traffic import Route

__all__ = ("BATCHED", "CHUNKS", "SINGLE", "SUMMARY", "run", "unpaced")

SUMMARY = "streamed chunks: as fast as they are taken, and 200 streams at 20 tokens a second (14 minutes)"

CHUNKS = 200
SINGLE, BATCHED = f"m{CHUNKS}x0x1", f"m{CHUNKS}x0x20"
_PACE = Pace(200, 20)
_AT_ONCE = 8
_COLUMNS = (
    ("cpu_us", "CPU µs/chunk", 2),
    ("stream_cpu_us", "CPU µs/stream", 0),
    ("wall_p50_ms", "stream p50 ms", 2),
    ("wall_p99_ms", "p99 ms", 2),
)


def unpaced(rig: Rig, server: Server, route: Route, model: str, streams: int, number: int) -> Sample:
    """One run of streams of `CHUNKS`, as fast as they are taken, eight at a time."""
    load = rig.load(
        server, route, model, stream=True, connections=_AT_ONCE, requests=streams, timeout_s=120, seed=number + 1
    )
    per_stream = load.cpu_us / max(load.n, 1)
    figures = {
        "cpu_us": per_stream / CHUNKS,
        "drivers_us": load.drivers_us / max(load.n, 1) / CHUNKS,
        "stream_cpu_us": per_stream,
        "wall_p50_ms": load.latency_p50 / 1000,
        "wall_p99_ms": load.latency_p99 / 1000,
    }
    return Sample(figures, load.problem(streams * (CHUNKS - 1)))


def run(options: Options) -> list[Result]:
    """Three tables: chunk by chunk, 20 chunks in a write, and paced. Raises BenchError."""
    results = []
    with Rig([SINGLE, BATCHED, _PACE.model], serve=options.serve) as rig:
        lanes = [(lane, lane.start()) for lane in stream_lanes(rig, options, all_on=True)]
        for model, how in ((SINGLE, "each its own write upstream"), (BATCHED, "20 in a write upstream")):
            contestants = [
                Contestant(lane.name, partial(unpaced, rig, server, lane.route, model, options.amount(600)), lane.base)
                for lane, server in lanes
            ]
            title = f"streams of {CHUNKS} chunks as fast as they are taken, {how}"
            results.append(compare("streams", title, contestants, options, key="cpu_us", columns=_COLUMNS))
        contestants = [
            Contestant(lane.name, partial(paced, rig, server, lane.route, _PACE), lane.base) for lane, server in lanes
        ]
        results.append(
            compare(
                "streams",
                _PACE.title,
                contestants,
                options,
                key="cpu_us",
                columns=PACED_COLUMNS,
                warm_up=False,
                added=("ttft_p50_ms",),
            )
        )
    return results
