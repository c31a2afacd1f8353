"""What holds for every strategy that is discovered."""

from __future__ import annotations

import pytest
from tests.support.fleets import backend, planner_of, standing_of

from ollamux.routing.station import OUT
from ollamux.routing.strategies import make, names


def test_every_strategy_of_the_configuration_is_there() -> None:
    assert names() == (
        "balanced", "capability_based", "cost_optimized", "fastest_response", "least_loaded", "model_based",
        "power_efficient", "prefix_affinity", "round_robin",
    )  # fmt: skip
    assert tuple(sorted(make())) == names()


@pytest.mark.parametrize("name", names())
def test_no_strategy_puts_who_is_full_before_who_is_ready_or_who_is_out_before_either(name: str) -> None:
    planner, field = planner_of(
        backend("out", priority=90.0, first_ms=1.0, watts=1.0),
        backend("full", priority=80.0, first_ms=10.0, watts=2.0, max_concurrent_requests=1),
        backend("ready", priority=10.0, first_ms=900.0, watts=300.0),
        strategy=name,
    )
    standing_of(field, "out").station.reading(condition=OUT)
    standing_of(field, "full").began(0.0)
    plan = planner.plan(field, planner.ask(prefix=(1,)), 0.0)
    assert [candidate.backend for candidate in plan.candidates] == ["ready", "full", "out"]
    assert [candidate.state for candidate in plan.candidates] == ["ready", "full", "out"]


@pytest.mark.parametrize("name", names())
def test_every_strategy_says_why_in_one_line(name: str) -> None:
    planner, field = planner_of(backend("a"), backend("b"), strategy=name)
    plan = planner.plan(field, planner.ask(prefix=(1,)), 0.0)
    assert plan.reason.startswith(f"{name}: a, ")
    assert plan.reason.isprintable()
    assert plan.reason.isascii()
