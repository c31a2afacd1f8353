"""What is told of a decision: in the same words while it says the same, in others as soon as anything of it changes."""

from __future__ import annotations

from typing import Any

from tests.support.driving import Driven, driven
from tests.support.fleets import another

from ollamux.contract import HeaderPairs
from ollamux.exchange import deciding
from ollamux.exchange.telling import told, why
from ollamux.head_lines import pairs_of
from ollamux.routing.ask import Ask
from ollamux.routing.plan import Plan, rough

FIRST = (("X-Backend-Used", "a"),)


def planned(run: Driven, ask: Ask | None = None) -> Plan:
    house = run.gateway
    found = deciding.planned(house, house.catalog.find("m"), ask or Ask(), run.now, 0)
    assert found is not None
    return found


def told_of(plan: Plan, first: HeaderPairs = FIRST) -> dict[str, str]:
    return dict(pairs_of(told(plan, plan.best.offer, first)))


def test_the_same_decision_is_told_by_what_was_kept_and_another_one_is_not() -> None:
    run = driven(a="vllm", b="vllm")
    plan, again = planned(run), planned(run)
    found = told(plan, plan.best.offer, FIRST)
    kept = plan.chosen.said
    assert told(again, again.best.offer, FIRST) == found and again.chosen.said is kept
    assert found == (
        b"X-Backend-Used: a\r\nX-Provider-Used: vllm\r\n"
        b"X-Routing-Reason: capability_based: a, priority 50; 500 ms to the first token\r\n"
        b"X-Estimated-Latency-Ms: 500\r\nX-Estimated-Power-Watts: 0\r\nX-Alternatives: b\r\n"
    )
    for station in run.gateway.fleet.stations.values():
        station.reading(watts=7.0)
    assert told_of(planned(run))["X-Estimated-Power-Watts"] == "7"
    assert told_of(planned(run))["X-Routing-Reason"].endswith(", 7 W")


def test_all_that_is_told_is_told_anew_when_it_changes() -> None:
    run = driven(a="vllm", b="vllm", c="vllm")
    fleet, planner = run.gateway.fleet, run.gateway.planner
    before = told_of(planned(run))
    assert before["X-Alternatives"] == "b, c"
    fleet.stations["b"].reading(heat=1.0)
    assert told_of(planned(run)) == {**before, "X-Alternatives": "c, b"}
    assert told_of(planned(run), first=(("X-Backend-Used", "x"),))["X-Backend-Used"] == "x"
    leaning = Ask()
    leaning.lean(1.0, 1.0, 1.0)
    assert "cared for" in told_of(planned(run, leaning))["X-Routing-Reason"]
    other = Ask(strategy=planner.strategy("round_robin"))
    assert told_of(planned(run, other))["X-Routing-Reason"].startswith("round_robin: ")
    for station in fleet.stations.values():
        station.reading(slots=1, admitted=1)
    full = told_of(planned(run))
    assert full["X-Routing-Reason"].endswith("; full, as are all others")
    assert full["X-Estimated-Latency-Ms"] != before["X-Estimated-Latency-Ms"]
    for station in fleet.stations.values():
        station.reading(slots=0, admitted=0, heat=0.0)
    assert told_of(planned(run)) == before


def test_what_the_catalog_says_of_an_offer_is_told_as_it_is_now() -> None:
    run = driven({"routing": {"strategy": "model_based"}}, a="vllm", b="vllm")
    plan = planned(run)
    assert "priority 50" in told_of(plan)["X-Routing-Reason"]
    plan.chosen.describe(another(plan.chosen.offer, priority=70.0))
    assert "priority 70" in told_of(planned(run))["X-Routing-Reason"]


def test_so_many_alternatives_are_told_as_a_plan_keeps() -> None:
    names = "abcdef"
    for size in range(1, len(names)):
        backends: dict[str, Any] = dict.fromkeys(names[:size], "vllm")
        found = told_of(planned(driven(**backends)))
        assert found.get("X-Alternatives", "") == ", ".join(names[1 : min(size, 4)])


def test_each_latency_is_told_as_it_is() -> None:
    run = driven(a="vllm", b="vllm")
    for round_ in range(2):
        for number in range(100):
            run.gateway.fleet.stations["a"].queue_ms = float(number)
            plan = planned(run, Ask(strategy=run.gateway.planner.strategy("round_robin")))
            latency = str(rough(plan.latency_ms))
            assert told_of(plan)["X-Estimated-Latency-Ms"] == latency, round_
            assert told_of(plan)["X-Routing-Reason"] == plan.reason
            assert f"{latency} ms" in plan.reason


def test_who_was_not_the_first_choice_is_told_with_the_others_behind_it() -> None:
    run = driven(a="vllm", b="vllm", c="vllm")
    plan = planned(run)
    second = plan.candidates[1].offer
    found = dict(pairs_of(told(plan, second, ())))
    assert found["X-Alternatives"] == "a, c"
    assert found["X-Routing-Reason"] == why(plan, second) == "capability_based: b, for a failed or had no place"
    assert told(plan, another(second), FIRST) == b"X-Backend-Used: a\r\n"
