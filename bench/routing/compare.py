"""All rules on one fleet and one row of requests: a line of a table for each, the clairvoyant's p99 as the measure.

The first half of the requests warms up and does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bench.routing.play import Outcome, clairvoyant, planned, two_choices
from bench.routing.through import through
from bench.routing.world import arrivals, machines, rate_for

__all__ = ("compare", "outcomes")

_DEFAULT = "capability_based"
_WHOLE = 1000
"""Backends that a gateway is played with at most: it does all of its work for each request."""


def outcomes(
    size: int, count: int, load: float, seed: int, bursty: bool, strategies: Iterable[str], *, whole: bool = False
) -> Iterator[tuple[str, Outcome]]:
    """What came of the clairvoyant rule, of the two choices, and of each strategy; `whole`: of the default one in a
    whole gateway, too."""
    requests = arrivals(count, rate_for(machines(size, seed), load), seed + 1, bursty=bursty)
    since = count // 2
    yield "clairvoyant", clairvoyant(machines(size, seed), requests, since)
    yield "two choices", two_choices(machines(size, seed), requests, since, seed + 2)
    for name in strategies:
        if whole and name == _DEFAULT:
            yield f"{name}, whole gateway", through(machines(size, seed), requests, since, name)
        yield name, planned(machines(size, seed), requests, since, name)


def compare(size: int, count: int, load: float, seed: int, bursty: bool, strategies: Iterable[str]) -> Iterator[str]:
    """The lines of the table, each as soon as it is known."""
    yield "| rule | mean s | p50 s | p99 s | p99 / clairvoyant | $ / 1,000 requests | J / request | models loaded |"
    yield "|---|---|---|---|---|---|---|---|"
    measure = 0.0
    for name, outcome in outcomes(size, count, load, seed, bursty, strategies, whole=size <= _WHOLE):
        measure = measure or outcome.p99
        yield (
            f"| {name} | {outcome.mean:.3f} | {outcome.p50:.3f} | {outcome.p99:.3f} | {outcome.p99 / measure:.2f} "
            f"| {1000 * outcome.dollars:.2f} | {outcome.joules:.0f} | {outcome.loads} |"
        )
