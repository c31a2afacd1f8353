"""The case of failures: two real llama.cpp servers and a scripted cloud behind ollamux; under load one is killed,
frozen (SIGSTOP) and slowed, then both local ones are frozen.

What is counted: what clients saw. An error before the first content byte could have been avoided by asking another
backend, and one of them is a problem: the run fails. A stream that breaks after it began is counted apart. Times are of
whole answers, of all requests of a scenario: begun before, while and after something is wrong. A request that had been
sent to a server that is frozen waits for its timeout of two seconds, which is what p99 shows.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Callable

import msgspec

from bench.failures.clients import Seen, ask_for
from bench.failures.fleet import Fleet
from bench.load import BenchError
from bench.rounds import Options, Result, Row

__all__ = ("SUMMARY", "run")

SUMMARY = "real backends killed, frozen and slowed under load: no error that a fallback avoids (2 minutes)"

_CLIENTS = 8
_COLUMNS = [
    ("requests", "requests", 0),
    ("avoidable", "avoidable errors", 0),
    ("broke", "streams that broke", 0),
    ("p50_ms", "p50 ms", 1),
    ("p99_ms", "p99 ms", 0),
    ("most_ms", "longest ms", 0),
    ("elsewhere", "% by the cloud", 0),
]


class _Scenario(msgspec.Struct, frozen=True):
    """What goes wrong, and how it is put right."""

    name: str
    wrong: Callable[[Fleet], None]
    right: Callable[[Fleet], None]


def _nothing(fleet: Fleet) -> None:
    return None


def _freeze_both(fleet: Fleet) -> None:
    for llama in fleet.llamas:
        llama.freeze()


def _thaw_both(fleet: Fleet) -> None:
    for llama in fleet.llamas:
        llama.thaw()


_SCENARIOS = (
    _Scenario("nothing is wrong", _nothing, _nothing),
    _Scenario("one is killed", lambda fleet: fleet.llamas[0].kill(), lambda fleet: fleet.llamas[0].start()),
    _Scenario("one is frozen", lambda fleet: fleet.llamas[0].freeze(), lambda fleet: fleet.llamas[0].thaw()),
    _Scenario("one is slowed", lambda fleet: fleet.llamas[0].slow(), lambda fleet: fleet.llamas[0].hurry()),
    _Scenario("both are frozen", _freeze_both, _thaw_both),
)


def _play(fleet: Fleet, scenario: _Scenario, seconds: float) -> list[Seen]:
    """A third of the time before it, a third while it is wrong, a third after it."""
    found: list[Seen] = []
    failed: list[BaseException] = []

    def clients() -> None:
        try:
            found.extend(ask_for(seconds, f"http://127.0.0.1:{fleet.server.port}", _CLIENTS))
        except BaseException as error:
            failed.append(error)

    asking = threading.Thread(target=clients)
    asking.start()
    time.sleep(seconds / 3)
    scenario.wrong(fleet)
    try:
        time.sleep(seconds / 3)
    finally:
        scenario.right(fleet)
    asking.join()
    if failed:
        raise BenchError(f"{scenario.name}: the clients failed: {failed[0]}")
    if not fleet.server.running:
        raise BenchError(f"{scenario.name}: ollamux ended")
    return found


def _figures(seen: list[Seen]) -> dict[str, float]:
    times = sorted(one.seconds * 1000 for one in seen)
    outcomes = Counter(one.outcome for one in seen)
    cloud = sum(one.backend == "cloud" for one in seen)
    return {
        "requests": float(len(seen)),
        "avoidable": float(outcomes["before"]),
        "broke": float(outcomes["broke"]),
        "p50_ms": times[len(times) // 2],
        "p99_ms": times[int(0.99 * (len(times) - 1))],
        "most_ms": times[-1],
        "elsewhere": 100 * cloud / len(seen),
    }


def run(options: Options) -> list[Result]:
    """One table, each scenario played once. Raises BenchError, as where there is no xllamacpp."""
    if not options.ollamux:
        raise BenchError("failures are ollamux's: there is nothing to measure without it")
    seconds = 9.0 if options.quick else 21.0
    rows, problems, notes = [], [], []
    with Fleet() as fleet:
        for scenario in _SCENARIOS:
            print(f"failures: {scenario.name}", file=sys.stderr)
            seen = _play(fleet, scenario, seconds)
            figures = _figures(seen)
            rows.append(Row.once(scenario.name, dict(figures)))
            wrong = [one for one in seen if one.outcome == "before"]
            if wrong:
                told = Counter(f"{one.backend or 'nobody'}: {one.said}" for one in wrong).most_common(3)
                problems.append(f"{scenario.name}: {len(wrong)} avoidable errors, such as {told}")
            broken = [one for one in seen if one.outcome == "broke"]
            if broken:
                notes.append(f"{scenario.name}: a stream that broke was told {broken[0].said[-120:]!r}")
    return [
        Result(
            case="failures",
            title=f"failures under load, {_CLIENTS} clients, {seconds:.0f} s each",
            key="requests",
            columns=_COLUMNS,
            rounds=1,
            tolerance=None,
            rows=rows,
            problems=problems,
            notes=notes,
        )
    ]
