"""Plans in a simulated fleet, beside a choice that knows every duration: a short form of `python -m bench.routing`."""

from __future__ import annotations

import pytest
from bench.routing.compare import outcomes

BOUND = 1.25


@pytest.mark.parametrize("bursty", [False, True])
@pytest.mark.parametrize("seed", [1, 2])
def test_the_default_strategy_is_near_a_clairvoyant_choice_at_80_percent_load(seed: int, bursty: bool) -> None:
    found = dict(outcomes(10, 4000, 0.8, seed, bursty, ["capability_based"]))
    assert found["capability_based"].p99 <= BOUND * found["clairvoyant"].p99
    assert found["capability_based"].p99 < found["two choices"].p99


def test_strategies_give_what_they_are_for() -> None:
    found = dict(outcomes(10, 3000, 0.5, 1, False, ["capability_based", "cost_optimized", "power_efficient"]))
    plain = found["capability_based"]
    assert found["cost_optimized"].dollars < plain.dollars
    assert found["power_efficient"].joules < plain.joules


def test_the_same_seed_gives_the_same_run() -> None:
    one, other = (dict(outcomes(10, 500, 0.8, 7, True, ["round_robin"])) for _ in range(2))
    assert one == other
