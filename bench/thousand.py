"""The case of a thousand: 1,000 streams at once at 20 tokens a second, for about 15 seconds.

What is counted: first of all that every stream arrives whole; one that does not is a problem, and the run fails. Then
CPU for one chunk, and the memory of a server that was started afresh, both in a window in which all streams are under
way; and how late a stream's last chunk is: a stream takes 15 s by its upstream's clock, and what it takes beyond that
was added.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench.harness import Rig, Server
from bench.rounds import Contestant, Options, Result, Sample, compare
from bench.streams import lanes, least_lines
from bench.traffic import Route

__all__ = ("SUMMARY", "run")

SUMMARY = "1,000 streams at 20 tokens a second for 15 s: none lost"

_STREAMS, _PACE_MS, _RAMP_MS = 1000, 50, 2000
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


def _measure(rig: Rig, start: Callable[[], Server], route: Route, model: str, chunks: int, number: int) -> Sample:
    server = start()
    try:
        return _measured(rig, server, route, model, chunks, number)
    finally:
        server.close()


def _measured(rig: Rig, server: Server, route: Route, model: str, chunks: int, number: int) -> Sample:
    length = (chunks - 1) * _PACE_MS
    warmed = rig.load(server, route, model, stream=False, connections=8, requests=400)
    rest = server.memory("Rss")
    load = rig.load(
        server,
        route,
        model,
        stream=True,
        connections=_STREAMS,
        requests=_STREAMS,
        ramp_ms=_RAMP_MS,
        window_ms=(_RAMP_MS + 500, length - 300),
        timeout_s=length / 1000 + 30,
        seed=number + 1,
    )
    figures = {
        "cpu_us": load.window_cpu_us / max(load.window_lines, 1),
        "busy": load.window_cpu_us / 1e4 / max(load.window_seconds, 1e-9),
        "lost": float(load.lost + load.non200),
        "rss_mb": load.window_rss / 1e6,
        "stream_kb": (load.window_rss - rest) / _STREAMS / 1000,
        "ttft_p99_ms": load.ttft_p99 / 1000,
        "late_p50_ms": load.latency_p50 / 1000 - length,
        "late_p99_ms": load.latency_p99 / 1000 - length,
    }
    return Sample(figures, warmed.problem() or load.problem(least_lines(_STREAMS, chunks)))


def run(options: Options) -> list[Result]:
    """One table; a third of the rounds, for each is long. Raises BenchError."""
    chunks = 120 if options.quick else 301
    model = f"m{chunks}x{_PACE_MS}x1"
    with Rig([model], serve=options.serve) as rig:
        contestants = [
            Contestant(name, partial(_measure, rig, start, route, model, chunks), base)
            for name, start, route, base in lanes(rig, options)
        ]
        title = f"1,000 streams at 20 tokens a second for {(chunks - 1) * _PACE_MS / 1000:.0f} s"
        few = options.fewer()
        return [compare("thousand", title, contestants, few, key="cpu_us", columns=_COLUMNS, warm_up=False)]
