"""The score alone."""

from __future__ import annotations

from tests.support.fleets import backend, planner_of

from ollamux.routing.plan import Planner
from ollamux.routing.standing import Field


def best(planner: Planner, field: Field) -> str:
    return planner.plan(field, planner.ask(), 0.0).best.backend


def test_priority_is_one_term_of_it() -> None:
    slow, quick = backend("slow", priority=60.0, first_ms=1500.0), backend("quick", priority=50.0, first_ms=100.0)
    assert best(*planner_of(slow, quick, strategy="balanced")) == "quick"
    near = backend("near", priority=60.0, first_ms=150.0)
    assert best(*planner_of(near, quick, strategy="balanced")) == "near"


def test_heat_moves_requests_away() -> None:
    planner, field = planner_of(backend("a"), backend("b"), strategy="balanced")
    assert best(planner, field) == "a"
    field.standings[0].station.reading(heat=250.0)
    assert best(planner, field) == "b"
