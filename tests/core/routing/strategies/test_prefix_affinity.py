"""Back to where the conversation's beginning is still in the cache."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from tests.support.fleets import backend, planner_of

from ollamux.routing.affinity import marks
from ollamux.routing.plan import Plan, Planner
from ollamux.routing.standing import Field


def turn(planner: Planner, field: Field, text: bytes) -> Plan:
    plan = planner.plan(field, planner.ask(prefix=marks([text])), 0.0)
    planner.took(plan, plan.best, 0.0)
    return plan


@given(st.lists(st.binary(min_size=300, max_size=900), min_size=1, max_size=12), st.integers(0, 3))
def test_a_growing_conversation_stays_with_its_backend(pieces: list[bytes], busy: int) -> None:
    planner, field = planner_of(*(backend(f"b{place}") for place in range(4)), strategy="prefix_affinity")
    for standing in field.standings[:busy]:
        standing.began(0.0)
    text = b""
    homes: set[str] = set()
    for piece in pieces:
        text += piece
        plan = turn(planner, field, text)
        homes.add(plan.best.backend)
        plan.best.standing.left()
        field.standings[0].distrust += 100.0  # the others' scores move, and nothing follows
    assert len(homes) == 1


def test_it_leaves_a_backend_that_is_full_and_comes_back() -> None:
    planner, field = planner_of(
        backend("a", max_concurrent_requests=1), backend("b", max_concurrent_requests=1), strategy="prefix_affinity"
    )
    first = turn(planner, field, b"x" * 400)
    assert first.best.backend == "a"
    second = planner.plan(field, planner.ask(prefix=marks([b"x" * 500])), 0.0)
    assert second.best.backend == "b"
    assert "nobody who has room holds" in second.reason
    first.best.standing.left()
    third = planner.plan(field, planner.ask(prefix=marks([b"x" * 600])), 0.0)
    assert third.best.backend == "a"
    assert "it holds the beginning of this conversation" in third.reason


def test_it_leaves_a_backend_where_far_more_runs_than_elsewhere() -> None:
    planner, field = planner_of(*(backend(f"b{place}") for place in range(4)), strategy="prefix_affinity")
    text = b"x" * 400
    homes = [turn(planner, field, text).best.backend for _ in range(12)]
    assert homes[:2] == ["b0", "b0"]
    assert set(homes) == {"b0", "b1", "b2", "b3"}
    assert max(standing.running for standing in field.standings) <= 1 + 1.25 * 12 / 4 + 1


def test_another_conversation_goes_by_the_score() -> None:
    planner, field = planner_of(backend("a"), backend("b"), strategy="prefix_affinity")
    assert turn(planner, field, b"x" * 400).best.backend == "a"
    assert turn(planner, field, b"y" * 400).best.backend == "b"
    assert turn(planner, field, b"short").best.backend == "a"
