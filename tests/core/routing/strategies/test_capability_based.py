"""Who can do it, by priority: the default."""

from __future__ import annotations

from tests.support.fleets import backend, field_of, planner_of, standing_of

from ollamux.routing.constraints import Constraints
from ollamux.routing.fleet import Fleet
from ollamux.routing.plan import Planner


def test_who_lacks_a_capability_is_no_candidate() -> None:
    fleet = Fleet()
    field = field_of(fleet, [backend("text", priority=90.0), backend("sees")])
    standing_of(field, "sees").able = fleet.mask(("completion", "vision"))
    planner = Planner(fleet)
    plan = planner.plan(field, planner.ask(needs=frozenset({"vision"})), 0.0)
    assert [candidate.backend for candidate in plan.candidates] == ["sees"]
    assert [(standing.station.id, by) for standing, by in plan.filtered] == [("text", "capabilities")]


def test_priority_comes_first_and_the_score_among_equals() -> None:
    planner, field = planner_of(
        backend("low", priority=10.0, first_ms=1.0),
        backend("slow", priority=50.0, first_ms=900.0),
        backend("quick", priority=50.0, first_ms=100.0),
    )
    plan = planner.plan(field, planner.ask(), 0.0)
    assert [candidate.backend for candidate in plan.candidates] == ["quick", "slow", "low"]
    assert "priority 50" in plan.reason


def test_a_wish_of_the_client_lets_the_score_decide() -> None:
    planner, field = planner_of(backend("high", priority=60.0, first_ms=900.0), backend("quick", first_ms=100.0))
    plan = planner.plan(field, planner.ask(Constraints(latency_critical=True)), 0.0)
    assert plan.best.backend == "quick"
    assert "what is cared for" in plan.reason
