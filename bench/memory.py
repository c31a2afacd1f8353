"""The case of memory: a server at rest, and what one open stream that waits for its next token holds.

What is counted: every sample starts a server afresh, sends it 1,000 requests over 32 connections so that what is loaded
late is loaded, and reads its memory; then 500 streams are opened, each of which brings five chunks and then nothing,
and it is read again. The difference, divided by 500, is an idle stream: two connections and the server's state for
them, without the kernel's buffers. Time from the start of the process to the first request it passes on comes along for
nothing.

Bars: 12 KB for an idle stream of ollamux, 60 MB of RSS at rest.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import msgspec

from bench.harness import Rig
from bench.lanes import stream_lanes
from bench.process import Server
from bench.rounds import Contestant, Options, Result, Sample, compare
from bench.traffic import Route

__all__ = ("SUMMARY", "run")

SUMMARY = "memory at rest, memory of one idle stream of 500, time to start (5 minutes)"

_CHUNKS_BEFORE = 5
_WAITING, _WHOLE = f"m100x600000x{_CHUNKS_BEFORE}", "m10x0x1"
_STREAMS = 500
_CONNECTIONS, _REQUESTS = 32, 1000
_BARS = (("stream_kb", 12.0, "KB for an idle stream"), ("rest_rss_mb", 60.0, "MB of RSS at rest"))
_COLUMNS = (
    ("stream_kb", "KB/idle stream", 1),
    ("rest_rss_mb", "at rest RSS MB", 1),
    ("rest_pss_mb", "at rest PSS MB", 1),
    ("start_ms", "start ms", 0),
)


def _measure(rig: Rig, start: Callable[[], Server], route: Route, number: int) -> Sample:
    server = start()
    try:
        warmed = rig.load(server, route, _WHOLE, stream=False, connections=_CONNECTIONS, requests=_REQUESTS)
        time.sleep(0.5)
        rss, pss = server.memory("Rss"), server.memory("Pss")
        load = rig.load(
            server,
            route,
            _WAITING,
            stream=True,
            connections=_STREAMS,
            requests=_STREAMS,
            ramp_ms=1000,
            window_ms=(1500, 2500),
            abandon=True,
            seed=number + 1,
        )
    finally:
        server.close()
    figures = {
        "stream_kb": (load.window_rss - rss) / _STREAMS / 1000,
        "rest_rss_mb": rss / 1e6,
        "rest_pss_mb": pss / 1e6,
        "start_ms": server.start_ms,
    }
    least = _STREAMS * (_CHUNKS_BEFORE - 1)
    return Sample(figures, warmed.problem() or load.problem(least))


def run(options: Options) -> list[Result]:
    """One table; the status tells where a bar does not hold. Raises BenchError."""
    with Rig([_WAITING, _WHOLE], serve=options.serve) as rig:
        contestants = [
            Contestant(lane.name, partial(_measure, rig, lane.start, lane.route), lane.base)
            for lane in stream_lanes(rig, options)
        ]
        title = f"memory, {_STREAMS} idle streams"
        found = compare("memory", title, contestants, options, key="stream_kb", columns=_COLUMNS, warm_up=False)
    over = [
        f"{row.name}: {row.figures[name].median:.1f} {what}, where {bar:.0f} are allowed"
        for row in found.rows
        for name, bar, what in _BARS
        if row.name.startswith("ollamux") and row.figures[name].median > bar
    ]
    return [msgspec.structs.replace(found, problems=[*found.problems, *over])]
