"""The case of paces: 1, 100 and 2,000 streams at 20, 50 and 100 tokens a second each.

What is counted: CPU of the server for one chunk within a window in which every stream is under way, and how late the
streams were. With one stream every chunk finds a sleeping server and cold caches. Where streams times tokens are more
than a core can carry, chunks wait in the sockets and one read brings several: then the server is at 100 percent, the
streams are late, and CPU for a chunk says what it costs under too much load; the load generator and the upstream, on
their own core, are no less at their end, and the table says what they took.
"""

from __future__ import annotations

from functools import partial

from bench.harness import Rig
from bench.lanes import stream_lanes
from bench.pacing import PACED_COLUMNS, Pace, paced
from bench.rounds import Contestant, Options, Result, compare

__all__ = ("SUMMARY", "run")

SUMMARY = "1, 100 and 2,000 streams at 20, 50 and 100 tokens a second (26 minutes)"

_STREAMS, _TOKENS = (1, 100, 2000), (20, 50, 100)
_WINDOW_MS = 1900


def run(options: Options) -> list[Result]:
    """A table for each number of streams and each pace. Raises BenchError."""
    paces = [Pace(streams, tokens, _WINDOW_MS) for streams in _STREAMS for tokens in _TOKENS]
    results = []
    with Rig(sorted({pace.model for pace in paces}), serve=options.serve) as rig:
        lanes = [(lane, lane.start()) for lane in stream_lanes(rig, options, ndjson=False)]
        for pace in paces:
            contestants = [
                Contestant(lane.name, partial(paced, rig, server, lane.route, pace), lane.base)
                for lane, server in lanes
            ]
            results.append(
                compare(
                    "paced",
                    pace.title,
                    contestants,
                    options,
                    key="cpu_us",
                    columns=PACED_COLUMNS,
                    warm_up=False,
                    added=("ttft_p50_ms",),
                )
            )
    return results
