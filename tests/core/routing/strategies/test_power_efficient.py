"""The least energy."""

from __future__ import annotations

from tests.support.fleets import backend, planner_of


def test_an_answer_of_fewer_joules_is_first_whatever_the_watts() -> None:
    planner, field = planner_of(
        backend("slow", watts=28.0, tokens_s=5.0, priority=90.0),
        backend("quick", watts=55.0, tokens_s=60.0),
        strategy="power_efficient",
    )
    plan = planner.plan(field, planner.ask(), 0.0)
    assert [candidate.backend for candidate in plan.candidates] == ["quick", "slow"]
    assert " J for an answer" in plan.reason


def test_a_cloud_draws_nothing_of_ours() -> None:
    planner, field = planner_of(
        backend("npu", hardware="npu"), backend("cloud", type="openai"), strategy="power_efficient"
    )
    assert planner.plan(field, planner.ask(), 0.0).best.backend == "cloud"
