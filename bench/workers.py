"""The case of workers: what a request costs with two of them, beside one, and what the second one brings.

What is counted: CPU of all processes of the server for one request with 32 connections, one worker and two on the same
core; the ratio of two workers is to one of the same round, passed through and translated. Where there are four cores,
the same again with two cores for the server and two for what drives it, and how many more requests a second two workers
answer than one: there the ratio is that.

Bars: 1.15 times the CPU; 1.7 times the requests.
"""

from __future__ import annotations

import os
from functools import partial

import msgspec

from bench.configs import Setup
from bench.harness import Rig
from bench.lanes import TWINS
from bench.load import BenchError
from bench.requests import COLUMNS, MODEL, measure
from bench.rounds import Contestant, Options, Result, compare
from bench.traffic import OLLAMA, OPENAI

__all__ = ("SUMMARY", "run")

SUMMARY = "CPU for one request with two workers beside one, and what the second brings (2 minutes)"

_CONNECTIONS, _REQUESTS = 32, 15_000
_MOST_CPU, _LEAST_GAIN = 1.15, 1.7
_WAYS = ((OPENAI, "OpenAI passed through"), (OLLAMA, "Ollama to OpenAI"))


def _title(workers: int, way: str) -> str:
    return f"{workers} worker{'s' if workers > 1 else ''}, {way}"


def _compared(options: Options, *, cores: int, key: str, title: str) -> Result:
    requests = options.amount(_REQUESTS)
    with Rig([MODEL], serve=options.serve, cores=cores) as rig:
        contestants = [
            Contestant(name, partial(measure, rig, rig.nginx(), OPENAI, MODEL, _CONNECTIONS, requests), TWINS)
            for name in TWINS
        ]
        for workers in (1, 2):
            server = rig.ollamux(setup=Setup(workers=workers))
            contestants += [
                Contestant(
                    _title(workers, way),
                    partial(measure, rig, server, route, MODEL, _CONNECTIONS, requests),
                    TWINS if workers == 1 else (_title(1, way),),
                )
                for route, way in _WAYS
            ]
        return compare("workers", title, contestants, options, key=key, columns=COLUMNS)


def run(options: Options) -> list[Result]:
    """One table, two with four cores; the status tells where a bar does not hold. Raises BenchError."""
    if not options.ollamux:
        raise BenchError("workers are ollamux's: there is nothing to measure without it")
    several = f"{_CONNECTIONS} connections; two workers beside one"
    results = [_compared(options, cores=1, key="cpu_us", title=f"one request, {several} on the same core")]
    if len(os.sched_getaffinity(0)) >= 4:
        results.append(
            _compared(options, cores=2, key="per_second", title=f"requests a second, {several} on two cores")
        )
    else:
        note = "what a second worker brings is not measured: that takes four cores"
        results[0] = msgspec.structs.replace(results[0], notes=[*results[0].notes, note])
    return [_judged(result) for result in results]


def _judged(result: Result) -> Result:
    """With a problem for each bar that does not hold."""
    problems = list(result.problems)
    for row in result.rows:
        if row.name not in [_title(2, way) for _, way in _WAYS] or row.ratio is None:
            continue
        if result.key == "cpu_us" and row.ratio.median > _MOST_CPU:
            problems.append(f"{row.name}: {row.ratio.median:.2f} times the CPU of one, {_MOST_CPU} are allowed")
        if result.key == "per_second" and row.ratio.median < _LEAST_GAIN:
            problems.append(f"{row.name}: {row.ratio.median:.2f} times the requests of one, {_LEAST_GAIN} are expected")
    return msgspec.structs.replace(result, problems=problems)
