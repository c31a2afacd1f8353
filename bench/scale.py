"""The cases of many streams: 1,000 at 20 tokens a second, and 8,000 at 2 tokens a second, on one core.

What is counted: first of all that every stream arrives whole; one that does not is a problem, and the run fails. Then
CPU for one chunk, and the memory of a server that was started afresh, both in a window in which all streams are under
way; and how late a stream's last chunk is: what it takes beyond its upstream's clock was added. Each sample starts a
server anew. 8,000 streams are 16,000 sockets of the server: the limit on open files has to allow for them.
"""

from __future__ import annotations

import resource
from collections.abc import Callable
from functools import partial

import msgspec

from bench.harness import Rig
from bench.lanes import stream_lanes
from bench.load import BenchError
from bench.process import Server
from bench.requests import MODEL
from bench.rounds import Contestant, Options, Result, Sample, compare
from bench.traffic import Route

__all__ = ("SUMMARIES", "eight_thousand", "thousand")

SUMMARIES: dict[str, str] = {
    "thousand": "1,000 streams at 20 tokens a second for 6 s: none lost (9 minutes)",
    "eight_thousand": "8,000 streams at 2 tokens a second for 15 s: none lost (16 minutes)",
}

_COLUMNS = (
    ("cpu_us", "CPU µs/chunk", 2),
    ("busy", "% of a core", 1),
    ("lost", "lost", 0),
    ("rss_mb", "RSS MB", 1),
    ("stream_kb", "KB/stream", 1),
    ("ttft_p99_ms", "first byte p99 ms", 1),
    ("late_p50_ms", "late p50 ms", 1),
    ("late_p99_ms", "p99 ms", 1),
)
_SPARE_FILES = 200


class _Crowd(msgspec.Struct, frozen=True):
    """So many streams of so many chunks, so far apart, begun within `ramp_ms`."""

    streams: int
    chunks: int
    delay_ms: int
    ramp_ms: int

    @property
    def model(self) -> str:
        return f"m{self.chunks}x{self.delay_ms}x1"

    @property
    def length_ms(self) -> int:
        return (self.chunks - 1) * self.delay_ms


def _measure(rig: Rig, start: Callable[[], Server], route: Route, crowd: _Crowd, number: int) -> Sample:
    server = start()
    try:
        return _measured(rig, server, route, crowd, number)
    finally:
        server.close()


def _measured(rig: Rig, server: Server, route: Route, crowd: _Crowd, number: int) -> Sample:
    warmed = rig.load(server, route, MODEL, stream=False, connections=8, requests=400)
    rest = server.memory("Rss")
    load = rig.load(
        server,
        route,
        crowd.model,
        stream=True,
        connections=crowd.streams,
        requests=crowd.streams,
        ramp_ms=crowd.ramp_ms,
        window_ms=(crowd.ramp_ms + 500, crowd.length_ms - 300),
        timeout_s=(crowd.ramp_ms + crowd.length_ms) / 1000 + 30,
        seed=number + 1,
    )
    figures = {
        "cpu_us": load.window_cpu_us / max(load.window_lines, 1),
        "busy": load.window_cpu_us / 1e4 / max(load.window_seconds, 1e-9),
        "lost": float(load.lost + load.non200),
        "rss_mb": load.window_rss / 1e6,
        "stream_kb": (load.window_rss - rest) / crowd.streams / 1000,
        "ttft_p99_ms": load.ttft_p99 / 1000,
        "late_p50_ms": load.latency_p50 / 1000 - crowd.length_ms,
        "late_p99_ms": load.latency_p99 / 1000 - crowd.length_ms,
    }
    return Sample(figures, warmed.problem() or load.problem(crowd.streams * (crowd.chunks - 1)))


def _run(case: str, options: Options, crowd: _Crowd, *, ndjson: bool) -> list[Result]:
    _, files = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files < 2 * crowd.streams + _SPARE_FILES:
        raise BenchError(
            f"{crowd.streams:,} streams need {2 * crowd.streams + _SPARE_FILES:,} open files, not {files:,}"
        )
    with Rig([crowd.model, MODEL], serve=options.serve) as rig:
        contestants = [
            Contestant(lane.name, partial(_measure, rig, lane.start, lane.route, crowd), lane.base)
            for lane in stream_lanes(rig, options, ndjson=ndjson, streams=crowd.streams)
        ]
        pace, seconds = 1000 / crowd.delay_ms, crowd.length_ms / 1000
        title = f"{crowd.streams:,} streams at {pace:.0f} tokens a second for {seconds:.0f} s"
        return [compare(case, title, contestants, options, key="cpu_us", columns=_COLUMNS, warm_up=False)]


def thousand(options: Options) -> list[Result]:
    """One table. Raises BenchError."""
    return _run("thousand", options, _Crowd(1000, 121, 50, 2000), ndjson=True)


def eight_thousand(options: Options) -> list[Result]:
    """One table. Raises BenchError, as where the limit on open files is too low."""
    return _run("eight_thousand", options, _Crowd(8000, 31, 500, 8000), ndjson=False)
