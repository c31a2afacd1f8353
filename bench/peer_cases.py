"""The case of peers: other gateways beside nginx and ollamux, passing OpenAI's format through, in the same rounds.

What is counted: CPU for one request with 32 connections and with one, CPU for one chunk as fast as taken and at a pace,
and memory. ollamux stands here twice: at its defaults, and with everything switched on that a deployment has. Notes
tell what it takes of what each gateway takes that is compiled to machine code.

Rules: a gateway that costs a hundred times as much gets fewer requests, so that a round ends, and, at a pace, as many
streams as it can carry; CPU for one is comparable all the same, and the row says so. What cannot be installed or does
not answer is left out with a note.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bench.configs import ALL
from bench.harness import Rig
from bench.lanes import TWINS
from bench.load import BenchError
from bench.pacing import PACED_COLUMNS, Pace, paced
from bench.peers import PEERS, default_folder, install
from bench.process import Server
from bench.requests import COLUMNS, MODEL, measure
from bench.rounds import Contestant, Options, Result, Sample, compare
from bench.streams import CHUNKS, SINGLE, unpaced
from bench.traffic import OPENAI

__all__ = ("SUMMARY", "run")

SUMMARY = "beside LiteLLM, vllm-router, sglang-router and Portkey (15 minutes, and what installing them takes)"

_LOADS = ((32, 10_000), (1, 3_000))
_STREAMS = 400
_LEAST = 40
_FINDING_S = 20.0
_OURS = ("ollamux", "ollamux, everything on")
_CHUNK_COLUMNS = (("cpu_us", "CPU µs/chunk", 2), ("stream_cpu_us", "CPU µs/stream", 0), ("wall_p50_ms", "p50 ms", 2))


class _Rival(NamedTuple):
    name: str
    server: Server
    base: tuple[str, ...]
    share: float
    streams: int

    def amount(self, full: int, connections: int) -> int:
        return max(int(full * self.share), _LEAST, 2 * connections)


def _rivals(rig: Rig, options: Options, notes: list[str]) -> list[_Rival]:
    found = [_Rival(name, rig.nginx(), TWINS, 1.0, 200) for name in TWINS]
    if options.ollamux:
        servers = (rig.ollamux(), rig.ollamux(setup=ALL))
        found += [_Rival(name, server, TWINS, 1.0, 200) for name, server in zip(_OURS, servers, strict=True)]
    cache = Path(options.peers) if options.peers else default_folder()
    for peer in PEERS.values():
        try:
            server = rig.peer(peer, install(peer, cache))
            if problem := _first_problem(rig, server):
                raise BenchError(problem)
        except BenchError as error:
            notes.append(f"{peer.name} is left out: {_last_line(error)}")
        else:
            found.append(_Rival(peer.name, server, TWINS, peer.share, peer.streams))
    return found


def _first_problem(rig: Rig, server: Server) -> str | None:
    """What is wrong with one request, once a gateway that looks for its backends by itself has had time to."""
    until = time.monotonic() + _FINDING_S
    while True:
        problem = measure(rig, server, OPENAI, MODEL, 1, 1, 0).problem
        if problem is None or time.monotonic() > until:
            return problem
        time.sleep(0.5)


def _last_line(error: BenchError) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0] if len(lines) < 2 else f"{lines[0]} {lines[-1]}"


def _streaming(rig: Rig, rivals: list[_Rival], notes: list[str]) -> list[_Rival]:
    """Those whose streams arrive."""
    found = []
    for rival in rivals:
        if problem := unpaced(rig, rival.server, OPENAI, SINGLE, 1, 0).problem:
            notes.append(f"{rival.name} is left out, its streams fail: {problem}")
        else:
            found.append(rival)
    return found


def _tables(rig: Rig, options: Options, rivals: list[_Rival], notes: list[str]) -> list[Result]:
    def contestants(run: Callable[[_Rival], Callable[[int], Sample]], those: list[_Rival]) -> list[Contestant]:
        return [Contestant(rival.name, run(rival), rival.base) for rival in those]

    def compared(title: str, those: list[Contestant], columns: Sequence[tuple[str, str, int]], **more: Any) -> Result:
        return _beside_native(compare("peers", title, those, options, key="cpu_us", columns=columns, **more))

    results = []
    for connections, full in _LOADS:

        def whole(rival: _Rival, connections: int = connections, full: int = full) -> Callable[[int], Sample]:
            amount = rival.amount(options.amount(full), connections)
            return partial(measure, rig, rival.server, OPENAI, MODEL, connections, amount)

        title = f"peers, one request, {connections} connection{'s' if connections > 1 else ''}"
        results.append(compared(title, contestants(whole, rivals), COLUMNS, notes=notes))

    notes = list(notes)
    streaming = _streaming(rig, rivals, notes)

    def stream(rival: _Rival) -> Callable[[int], Sample]:
        return partial(unpaced, rig, rival.server, OPENAI, SINGLE, rival.amount(options.amount(_STREAMS), 8) // 2)

    title = f"peers, streams of {CHUNKS} chunks as fast as they are taken"
    results.append(compared(title, contestants(stream, streaming), _CHUNK_COLUMNS, notes=notes))

    def at_pace(rival: _Rival) -> Callable[[int], Sample]:
        return partial(paced, rig, rival.server, OPENAI, _pace(rival.streams))

    fewer = [f"{rival.name}: with {rival.streams} streams" for rival in streaming if rival.streams != 200]
    results.append(
        compared(
            f"peers, {_pace(200).title}",
            contestants(at_pace, streaming),
            PACED_COLUMNS,
            warm_up=False,
            added=("ttft_p50_ms",),
            notes=[*notes, *fewer],
        )
    )
    return results


def _beside_native(result: Result) -> Result:
    """With a note for ollamux beside each gateway in machine code: the median of what it took of that one's CPU."""
    rows = {row.name: row.samples for row in result.rows}
    told = []
    for peer in PEERS.values():
        for name in _OURS:
            if peer.native and peer.name in rows and name in rows:
                shares = [
                    ours[result.key] / theirs[result.key]
                    for ours, theirs in zip(rows[name], rows[peer.name], strict=True)
                ]
                told.append(f"{name}: {statistics.median(shares):.2f} of what {peer.name} takes")
    return msgspec.structs.replace(result, notes=[*result.notes, *told])


def _pace(streams: int) -> Pace:
    return Pace(streams, 20, 2900)


def run(options: Options) -> list[Result]:
    """Four tables. Raises BenchError."""
    notes: list[str] = []
    with Rig([MODEL, SINGLE, _pace(200).model], serve=options.serve) as rig:
        rivals = _rivals(rig, options, notes)
        return _tables(rig, options, rivals, notes)
