"""Plans in a simulated fleet, beside a choice that knows every duration: a short form of `python -m bench.routing`."""

from __future__ import annotations

import pytest
from bench.routing.compare import outcomes
from bench.routing.play import clairvoyant, planned
from bench.routing.through import through
from bench.routing.world import arrivals, machines, rate_for

BOUND = 1.25


@pytest.mark.parametrize("bursty", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_default_strategy_is_near_a_clairvoyant_choice_at_80_percent_load(seed: int, bursty: bool) -> None:
    found = dict(outcomes(10, 4000, 0.8, seed, bursty, ["capability_based"]))
    assert found["capability_based"].p99 <= BOUND * found["clairvoyant"].p99
    assert found["capability_based"].p99 < found["two choices"].p99


@pytest.mark.parametrize("bursty", [False, True])
def test_so_is_the_whole_gateway_with_its_queue(bursty: bool) -> None:
    requests = arrivals(2500, rate_for(machines(10, 1), 0.8), 2, bursty=bursty)
    best = clairvoyant(machines(10, 1), requests, 1250)
    assert through(machines(10, 1), requests, 1250, "capability_based").p99 <= BOUND * best.p99


def test_what_waits_in_the_gateway_goes_where_the_plan_sends_it_when_models_have_to_be_loaded() -> None:
    fleet, requests = machines(8, 5), arrivals(1000, rate_for(machines(8, 5), 0.7), 6, bursty=True)
    for machine in fleet:
        machine.memory.clear()
    gateway = through(fleet, requests, 300, "capability_based")
    for machine in fleet:
        assert machine.running == 0
    emptied = machines(8, 5)
    for machine in emptied:
        machine.memory.clear()
    plans = planned(emptied, requests, 300, "capability_based")
    assert abs(gateway.loads - plans.loads) <= 0.2 * plans.loads + 2
    assert gateway.p99 <= 1.2 * plans.p99


def test_strategies_give_what_they_are_for() -> None:
    found = dict(outcomes(10, 3000, 0.5, 1, False, ["capability_based", "cost_optimized", "power_efficient"]))
    plain = found["capability_based"]
    assert found["cost_optimized"].dollars < plain.dollars
    assert found["power_efficient"].joules < plain.joules


def test_the_same_seed_gives_the_same_run() -> None:
    one, other = (dict(outcomes(10, 500, 0.8, 7, True, ["round_robin"])) for _ in range(2))
    assert one == other
