"""The earliest answer."""

from __future__ import annotations

from tests.support.fleets import backend, planner_of

from ollamux.routing.plan import Plan, Planner
from ollamux.routing.standing import Field, Standing


def answer(standing: Standing, now: float, first: float, pace_ms: float = 20.0) -> None:
    standing.began(now)
    standing.first_token(now + first, first)
    standing.ended(now + first + 0.1 * pace_ms, 100, first + 0.1 * pace_ms, first)


def plan_of(planner: Planner, field: Field, now: float, tokens_in: int = 0, tokens_out: int = 0) -> Plan:
    return planner.plan(field, planner.ask(tokens_in=tokens_in, tokens_out=tokens_out), now)


def test_the_time_of_all_tokens_counts_and_not_of_the_first_alone() -> None:
    planner, field = planner_of(backend("early"), backend("steady"), strategy="fastest_response")
    early, steady = field.standings
    answer(early, 0.0, 0.1, pace_ms=100.0)
    answer(steady, 0.0, 0.5, pace_ms=20.0)
    assert plan_of(planner, field, 20.0).best.backend == "steady"
    assert plan_of(planner, field, 20.0, tokens_out=2).best.backend == "early"


def test_it_follows_what_is_measured() -> None:
    planner, field = planner_of(backend("a"), backend("b"), strategy="fastest_response")
    a, b = field.standings
    answer(a, 0.0, 0.2)
    answer(b, 0.0, 0.4)
    assert plan_of(planner, field, 10.0).best.backend == "a"
    for turn in range(10):
        answer(a, 10.0 + turn, 2.0)
    assert plan_of(planner, field, 30.0).best.backend == "b"


def test_who_was_never_measured_is_tried_once_at_a_time() -> None:
    planner, field = planner_of(backend("a"), backend("b"), backend("new"), strategy="fastest_response")
    a, b, new = field.standings
    answer(a, 0.0, 0.2)
    answer(b, 0.0, 0.8)
    plan = plan_of(planner, field, 10.0)
    assert plan.best.backend == "a"  # its pace is known to be good, and the newcomer's is a guess
    answer(new, 10.0, 0.1)
    assert plan_of(planner, field, 20.0).best.backend == "new"


def test_a_long_prompt_goes_where_prompts_are_read_quickly() -> None:
    planner, field = planner_of(backend("near"), backend("strong"), strategy="fastest_response")
    near, strong = field.standings
    for turn in range(40):
        prompt = 200.0 if turn % 2 else 1000.0
        for standing, base, each in ((near, 0.05, 0.002), (strong, 0.5, 0.0001)):
            first = base + each * prompt
            standing.began(turn * 9.0)
            standing.first_token(turn * 9.0 + first, first, prompt)
            standing.ended(turn * 9.0 + first + 2.0, 100, first + 2.0, first)
    assert plan_of(planner, field, 400.0, tokens_in=100).best.backend == "near"
    assert plan_of(planner, field, 400.0, tokens_in=4000).best.backend == "strong"
