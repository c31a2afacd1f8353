"""Where the least runs."""

from __future__ import annotations

from tests.support.fleets import backend, planner_of, standing_of


def test_the_smallest_share_of_taken_places_is_first() -> None:
    planner, field = planner_of(
        backend("small", max_concurrent_requests=2, priority=90.0),
        backend("large", max_concurrent_requests=8),
        backend("unknown"),
        strategy="least_loaded",
    )
    for id_, count in (("small", 1), ("large", 2), ("unknown", 3)):
        for _ in range(count):
            standing_of(field, id_).began(0.0)
    plan = planner.plan(field, planner.ask(), 0.0)
    assert [candidate.backend for candidate in plan.candidates] == ["large", "small", "unknown"]
    assert "25 percent of its places were taken" in plan.reason


def test_what_waits_at_the_backend_itself_counts_too() -> None:
    planner, field = planner_of(backend("a"), backend("b"), strategy="least_loaded")
    field.standings[0].station.reading(queued=1)
    assert planner.plan(field, planner.ask(), 0.0).best.backend == "b"
