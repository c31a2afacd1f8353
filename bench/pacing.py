"""Streams at a pace: how many at once, how fast, for how long, and one measured run of them."""

from __future__ import annotations

import msgspec

from bench.harness import Rig
from bench.process import Server
from bench.rounds import Sample
from bench.traffic import Route

__all__ = ("PACED_COLUMNS", "Pace", "paced")

PACED_COLUMNS = (
    ("cpu_us", "CPU µs/chunk", 2),
    ("busy", "% of a core", 1),
    ("ttft_p50_ms", "first byte p50 ms", 2),
    ("ttft_p99_ms", "p99 ms", 2),
    ("added_ttft_p50_ms", "p50 added ms", 2),
    ("late_p99_ms", "late p99 ms", 1),
)

_RAMP_MS, _SETTLED_MS = 1000, 300


class Pace(msgspec.Struct, frozen=True):
    """So many streams at once, each with so many tokens a second, for a window of `window_ms` in which all are under
    way. Their starts are spread over a second."""

    streams: int
    tokens: float
    window_ms: int = 3900

    @property
    def delay_ms(self) -> int:
        """From one chunk to the next."""
        return round(1000 / self.tokens)

    @property
    def chunks(self) -> int:
        """Of one stream."""
        return (_RAMP_MS + 2 * _SETTLED_MS + self.window_ms) // self.delay_ms

    @property
    def model(self) -> str:
        """The upstream's script for it."""
        return f"m{self.chunks}x{self.delay_ms}x1"

    @property
    def title(self) -> str:
        """As a table is headed."""
        several = "s" if self.streams > 1 else ""
        return f"{self.streams:,} stream{several} at {self.tokens:g} tokens a second"


def paced(rig: Rig, server: Server, route: Route, pace: Pace, number: int) -> Sample:
    """One run. Late is how much longer a stream took than its upstream meant it to. A format may leave out the first
    chunk, which has no text, and join the last to the end of the stream, but nothing between them."""
    meant_ms = (pace.chunks - 1) * pace.delay_ms
    start = _RAMP_MS + _SETTLED_MS
    load = rig.load(
        server,
        route,
        pace.model,
        stream=True,
        connections=pace.streams,
        requests=pace.streams,
        ramp_ms=_RAMP_MS,
        window_ms=(start, start + pace.window_ms),
        timeout_s=meant_ms / 1000 + 60,
        seed=number + 1,
    )
    figures = {
        "cpu_us": load.window_cpu_us / max(load.window_lines, 1),
        "drivers_us": load.drivers_us / max(load.lines, 1),
        "busy": load.window_cpu_us / 1e4 / max(load.window_seconds, 1e-9),
        "ttft_p50_ms": load.ttft_p50 / 1000,
        "ttft_p99_ms": load.ttft_p99 / 1000,
        "late_p99_ms": load.latency_p99 / 1000 - meant_ms,
    }
    return Sample(figures, load.problem(pace.streams * (pace.chunks - 1)))
