"""The few best of a field: the same as if all of it were put in order, and what its full ones will free."""

from __future__ import annotations

from random import Random

import pytest
from tests.support.fleets import backend, planner_of, standing_of

from ollamux.routing.ask import Ask
from ollamux.routing.standing import Field, Standing
from ollamux.routing.station import OUT as GONE
from ollamux.routing.strategies import make, names
from ollamux.routing.strategies.base import Strategy
from ollamux.routing.walking import OUT, freed, latency, walk


def a_field(seed: int, size: int) -> Field:
    """Backends of all sorts, many of them alike."""
    random = Random(seed)
    configs = [
        backend(
            f"b{number}",
            priority=float(random.choice((10, 10, 50))),
            watts=float(random.choice((5, 50))),
            first_ms=float(random.choice((100, 100, 400))),
            max_concurrent_requests=random.choice((1, 4)),
        )
        for number in range(size)
    ]
    _, field = planner_of(*configs)
    for standing in field.standings:
        station = standing.station
        station.reading(admitted=random.choice((0, 1, 4)), condition=GONE if random.random() < 0.2 else None)
        if random.random() < 0.2:
            station.exclude("thermal")
        standing.reading(0.0, condition=GONE if random.random() < 0.1 else None)
    return field


def in_order(field: Field, ask: Ask, strategy: Strategy) -> list[Standing]:
    """All that pass, the best first, as one would write it down."""
    left = [standing for standing in field.standings if not ask.filtered(standing, ask.needs)]
    tiers = {id(each): OUT if each.out else each.station.tier for each in left}
    return sorted(left, key=lambda each: (-tiers[id(each)], -strategy.primary(each, ask), -strategy.rate(each, ask)))


@pytest.mark.parametrize("name", names())
def test_the_best_few_are_those_of_the_whole_order_with_ties_as_they_stood(name: str) -> None:
    strategy = make()[name]
    for seed in range(60):
        field, ask = a_field(seed, 1 + seed % 12), Ask(tokens_in=float(seed * 40))
        strategy.prepare(field, ask)
        first: list[Standing] = []
        kept = walk(field, ask, strategy, 0, first)
        expected = in_order(field, ask, strategy)[:4]
        assert [each.station.id for each in first] == [each.station.id for each in expected]
        assert kept == len(first)
        for each in first:
            tier = OUT if each.out else each.station.tier
            assert (each.tier, each.primary, each.rate) == (
                tier,
                strategy.primary(each, ask),
                strategy.rate(each, ask),
            )


def test_what_is_waited_for_the_first_token_is_the_prompts_reading_and_those_in_front() -> None:
    _, field = planner_of(backend("a", first_ms=200.0, max_concurrent_requests=2))
    standing = standing_of(field, "a")
    before = latency(standing, Ask())
    assert before == standing.wait_ms == 200.0
    assert latency(standing, Ask(tokens_in=1500.0)) == before + 1000.0 * standing.read_ms
    standing.station.reading(admitted=1)
    assert latency(standing, Ask()) == before + standing.station.queue_ms > before


def test_only_the_full_that_would_be_sooner_and_are_no_worse_free_places() -> None:
    _, field = planner_of(
        backend("quick", first_ms=100.0, max_concurrent_requests=2),
        backend("slow", first_ms=900.0, max_concurrent_requests=1),
        backend("free", first_ms=100.0, max_concurrent_requests=1),
    )
    strategy = make()["fastest_response"]
    for id_ in ("quick", "slow"):
        station = standing_of(field, id_).station
        station.busy_ms = 1000.0
        station.reading(admitted=station.slots)
    assert freed(field, Ask(), strategy, 0, -1e9, 500.0) == (2 / 1000.0, 100.0)
    assert freed(field, Ask(), strategy, 0, -1e9, 50.0) == (0.0, 0.0)
