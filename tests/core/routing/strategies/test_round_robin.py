"""In turn, by weight."""

from __future__ import annotations

from collections import Counter

from hypothesis import example, given
from hypothesis import strategies as st
from tests.support.fleets import backend, offer

from ollamux.routing.catalog import Offer
from ollamux.routing.fleet import Fleet
from ollamux.routing.plan import Planner
from ollamux.routing.standing import Field


def weighted(*weights: float) -> tuple[Planner, Field]:
    fleet = Fleet()
    offers: list[Offer] = []
    for place, weight in enumerate(weights):
        config = backend(f"b{place}")
        fleet.add(config, weight=weight)
        offers.append(offer(config, place))
    return Planner(fleet, "round_robin"), fleet.field(tuple(offers))


def turns(planner: Planner, field: Field, count: int) -> list[str]:
    found: list[str] = []
    for _ in range(count):
        plan = planner.plan(field, planner.ask(), 0.0)
        planner.took(plan, plan.best, 0.0)
        found.append(plan.best.backend)
    return found


def test_equals_take_turns() -> None:
    assert turns(*weighted(1, 1, 1), 6) == ["b0", "b1", "b2", "b0", "b1", "b2"]


def test_a_heavy_one_has_its_turns_between_those_of_the_others() -> None:
    found = turns(*weighted(5, 1, 1), 14)
    assert Counter(found) == {"b0": 10, "b1": 2, "b2": 2}
    assert found[:7] == ["b0", "b0", "b0", "b1", "b2", "b0", "b0"]


@given(st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers(1, 120))
@example([1, 1, 1, 1, 1, 8], 95)
def test_over_any_run_everybody_gets_its_share_to_within_a_request_or_two(weights: list[int], count: int) -> None:
    found = Counter(turns(*weighted(*map(float, weights)), count))
    for place, weight in enumerate(weights):
        share = weight / sum(weights)
        assert abs(found[f"b{place}"] - count * share) <= 1.0 + share * (len(weights) - 1) / 2


def test_who_was_away_does_not_make_up_for_it() -> None:
    planner, field = weighted(1, 1)
    field.standings[1].station.exclude("thermal")
    assert turns(planner, field, 20) == ["b0"] * 20
    field.standings[1].station.exclude("")
    assert Counter(turns(planner, field, 10))["b1"] <= 6
