"""What a decision takes: the least of many rounds, in microseconds, for each strategy and size of fleet.

The backends differ in speed and in how busy they are, and all have the same priority, so that nothing is decided early.
"""

from __future__ import annotations

import random
import time

from ollamux.config import BackendConfig
from ollamux.models import ModelInfo
from ollamux.routing.catalog import Offer
from ollamux.routing.constraints import Constraints
from ollamux.routing.fleet import Fleet
from ollamux.routing.plan import Planner
from ollamux.routing.standing import Field

__all__ = ("a_field", "microseconds", "table")

_SIZES = (10, 1000)
_NEEDS = frozenset({"completion"})


def a_field(size: int) -> tuple[Planner, Field]:
    """A planner, and so many backends that all serve one model, measured and busy."""
    fleet = Fleet()
    chance = random.Random(1)
    offers: list[Offer] = []
    for place in range(size):
        fleet.add(BackendConfig(id=f"b{place}", type="ollama", max_concurrent_requests=4, region="eu"))
        offers.append(
            Offer(
                name="m",
                upstream="m",
                backend=f"b{place}",
                priority=50.0,
                info=ModelInfo(name="m"),
                capabilities=_NEEDS,
                told=True,
                context_length=None,
                options={},
                digest="",
                rank=(-50.0, place),
            )
        )
    planner = Planner(fleet)
    field = fleet.field(tuple(offers))
    for standing in field.standings:
        standing.began(0.0)
        standing.first_token(1.0, chance.random(), chance.randrange(10, 1000))
        standing.ended(2.0, 100, 1.0 + chance.random() * 10, 0.5)
        for _ in range(chance.randrange(6)):
            standing.began(2.0)
    return planner, field


def microseconds(size: int, strategy: str, rounds: int) -> float:
    """One decision; the strategy `headers` is the default one with constraints of the request."""
    planner, field = a_field(size)
    headers = strategy == "headers"
    wishes = Constraints.read({"x-max-latency-ms": "50000", "x-region": "eu"}) if headers else None
    prefix = tuple(range(30)) if strategy == "prefix_affinity" else ()
    ask = planner.ask(wishes, needs=_NEEDS, strategy="" if headers else strategy, prefix=prefix)
    repeats = max(1, 2000 // size)
    found: list[float] = []
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(repeats):
            planner.plan(field, ask, 2.0)
        found.append((time.perf_counter() - began) / repeats * 1e6)
    return min(found)


def table(*, quick: bool = False) -> str:
    """A line for each strategy."""
    lines = [f"| strategy | {' | '.join(f'{size:,} backends, µs' for size in _SIZES)} |", "|---|---|---|"]
    for name in (*sorted(Planner(Fleet()).strategies), "headers"):
        figures = (microseconds(size, name, 5 if quick else 200) for size in _SIZES)
        lines.append(f"| {name} | {' | '.join(f'{figure:.1f}' for figure in figures)} |")
    return "\n".join(lines)
