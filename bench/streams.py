"""The case of one streamed chunk: streams that come as fast as they are taken, and streams at the pace of a model.

What is counted: CPU of the server for one chunk. Without a pace it is that of whole streams, their requests included,
divided by the chunks they hold; how many chunks one read happens to bring decides it, and moves from run to run. At a
pace it is that of a window in which every stream is under way, divided by the chunks that arrived in it: every chunk is
a read, a wake-up and a write of its own, which is what a token costs.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bench.harness import Rig, Server
from bench.rounds import Contestant, Options, Result, Sample, compare
from bench.traffic import OLLAMA, OPENAI, Route

__all__ = ("SUMMARY", "lanes", "least_lines", "run")

SUMMARY = "streamed chunks: as fast as they are taken, and 200 streams at 20 tokens a second"

_CHUNKS = 200
_SINGLE, _BATCHED = f"m{_CHUNKS}x0x1", f"m{_CHUNKS}x0x20"
_PACED, _PACED_CHUNKS, _PACE_MS = "m110x50x1", 110, 50
_AT_ONCE = 8
_COLUMNS = (("cpu_us", "CPU µs/chunk", 2), ("ttft_p50_ms", "first byte p50 ms", 2), ("ttft_p99_ms", "p99 ms", 2))
_WHOLE = (("stream_cpu_us", "CPU µs/stream", 0), ("wall_p50_ms", "stream p50 ms", 2), ("wall_p99_ms", "p99 ms", 2))

Lane = tuple[str, Callable[[], Server], Route, tuple[str, ...]]


def lanes(rig: Rig, options: Options) -> list[Lane]:
    """Who is measured: name, what starts the server, route, and whom it is compared with (the same bytes upstream)."""
    twins, lines = ("nginx", "nginx again"), ("nginx, NDJSON",)
    found: list[Lane] = [(name, rig.nginx, OPENAI, twins) for name in twins]
    found.append((lines[0], rig.nginx, OLLAMA, lines))
    if options.ollamux:
        found += [
            ("ollamux, SSE passed through", rig.ollamux, OPENAI, twins),
            ("ollamux, SSE to NDJSON", rig.ollamux, OLLAMA, twins),
            ("ollamux, NDJSON passed through", partial(rig.ollamux, "ollama"), OLLAMA, lines),
        ]
    return found


def least_lines(streams: int, chunks: int) -> int:
    """The lines that a client must see at the least: a format may leave out the first chunk, which has no text, and
    join the last to the end of the stream, but nothing between them."""
    return streams * (chunks - 1)


def _unpaced(rig: Rig, server: Server, route: Route, model: str, streams: int, number: int) -> Sample:
    load = rig.load(
        server, route, model, stream=True, connections=_AT_ONCE, requests=streams, timeout_s=120, seed=number + 1
    )
    per_stream = load.cpu_us / max(load.n, 1)
    figures = {
        "cpu_us": per_stream / _CHUNKS,
        "stream_cpu_us": per_stream,
        "wall_p50_ms": load.latency_p50 / 1000,
        "wall_p99_ms": load.latency_p99 / 1000,
        "ttft_p50_ms": load.ttft_p50 / 1000,
        "ttft_p99_ms": load.ttft_p99 / 1000,
    }
    return Sample(figures, load.problem(least_lines(streams, _CHUNKS)))


def _paced(rig: Rig, server: Server, route: Route, streams: int, number: int) -> Sample:
    ramp = 1000
    load = rig.load(
        server,
        route,
        _PACED,
        stream=True,
        connections=streams,
        requests=streams,
        ramp_ms=ramp,
        window_ms=(ramp + 300, _PACED_CHUNKS * _PACE_MS - 300),
        seed=number + 1,
    )
    figures = {
        "cpu_us": load.window_cpu_us / max(load.window_lines, 1),
        "busy": load.window_cpu_us / 1e4 / max(load.window_seconds, 1e-9),
        "ttft_p50_ms": load.ttft_p50 / 1000,
        "ttft_p99_ms": load.ttft_p99 / 1000,
    }
    return Sample(figures, load.problem(least_lines(streams, _PACED_CHUNKS)))


def run(options: Options) -> list[Result]:
    """Three tables: chunk by chunk, 20 chunks in a write, and paced. Raises BenchError."""
    results = []
    with Rig([_SINGLE, _BATCHED, _PACED], serve=options.serve) as rig:
        found = [(name, start(), route, base) for name, start, route, base in lanes(rig, options)]
        for model, how in ((_SINGLE, "each its own write upstream"), (_BATCHED, "20 in a write upstream")):
            contestants = [
                Contestant(name, partial(_unpaced, rig, server, route, model, options.amount(600)), base)
                for name, server, route, base in found
            ]
            title = f"streams of {_CHUNKS} chunks as fast as they are taken, {how}"
            columns = (*_COLUMNS[:1], *_WHOLE)
            results.append(compare("streams", title, contestants, options, key="cpu_us", columns=columns))
        contestants = [
            Contestant(name, partial(_paced, rig, server, route, 200), base) for name, server, route, base in found
        ]
        title = "200 streams at 20 tokens a second"
        columns = (*_COLUMNS, ("busy", "% of a core", 1))
        results.append(compare("streams", title, contestants, options, key="cpu_us", columns=columns, warm_up=False))
    return results
