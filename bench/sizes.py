"""The case of large bodies and of TLS: prompts of 100 KB and 1 MB, embeddings of 100 inputs, and a backend behind TLS.

What is counted: CPU of the server for one request, as for small ones. A prompt of 1 MB is a copy from socket to socket
where it passes through; translated, it is read and written again as JSON. A hundred embeddings are an answer of some
270 KB. Over TLS the server encrypts what it sends and decrypts what it gets, on connections that are kept.
"""

from __future__ import annotations

from functools import partial

import msgspec

from bench.configs import DEFAULTS, Setup
from bench.harness import Rig
from bench.lanes import request_lanes
from bench.requests import MODEL, measure
from bench.rounds import Contestant, Options, Result, compare
from bench.traffic import EMBED, EMBEDDINGS, OLLAMA, OPENAI, Route, with_prompt

__all__ = ("SUMMARY", "run")

SUMMARY = "prompts of 100 KB and 1 MB, embeddings of 100 inputs, a backend behind TLS (6 minutes)"

_COLUMNS = (
    ("cpu_us", "CPU µs", 1),
    ("wall_p50_us", "wall p50 µs", 0),
    ("wall_p99_us", "p99 µs", 0),
    ("per_second", "requests/s", 0),
    ("rss_mb", "RSS MB", 1),
)


class _Size(msgspec.Struct, frozen=True):
    """One table: routes, connections and how many requests a run has."""

    title: str
    openai: Route
    ollama: Route
    connections: int
    requests: int
    setup: Setup = DEFAULTS


_SIZES = (
    _Size("prompt of 100 KB, 32 connections", with_prompt(OPENAI, 100_000), with_prompt(OLLAMA, 100_000), 32, 3000),
    _Size("prompt of 1 MB, 8 connections", with_prompt(OPENAI, 1_000_000), with_prompt(OLLAMA, 1_000_000), 8, 400),
    _Size("embeddings of 100 inputs, 8 connections", EMBEDDINGS, EMBED, 8, 500),
    _Size("one request to a backend behind TLS, 32 connections", OPENAI, OLLAMA, 32, 10_000, Setup(tls=True)),
)


def run(options: Options) -> list[Result]:
    """One table for each size. Raises BenchError."""
    results = []
    with Rig([MODEL], serve=options.serve) as rig:
        for size in _SIZES:
            lanes = request_lanes(rig, options, setup=size.setup, openai=size.openai, ollama=size.ollama)
            servers = [lane.start() for lane in lanes]
            amount = options.amount(size.requests)
            contestants = [
                Contestant(
                    lane.name, partial(measure, rig, server, lane.route, MODEL, size.connections, amount), lane.base
                )
                for lane, server in zip(lanes, servers, strict=True)
            ]
            results.append(compare("sizes", size.title, contestants, options, key="cpu_us", columns=_COLUMNS))
            for server in servers:
                server.close()
    return results
