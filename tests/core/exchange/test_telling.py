"""What is told of a decision: in the same words while it says the same, in others as soon as anything of it changes."""

from __future__ import annotations

from tests.support.driving import Driven, driven
from tests.support.fleets import another

from ollamux.contract import HeaderPairs
from ollamux.exchange import deciding
from ollamux.exchange.telling import Told, told, why
from ollamux.routing.ask import Ask
from ollamux.routing.plan import Plan, rough

FIRST = (("X-Backend-Used", "a"),)


def planned(run: Driven, ask: Ask | None = None) -> Plan:
    house = run.gateway
    found = deciding.planned(house, house.catalog.find("m"), ask or Ask(), run.now, 0)
    assert found is not None
    return found


def told_of(plan: Plan, kind: str = "", first: HeaderPairs = FIRST) -> dict[str, str]:
    return dict(told(plan, plan.best.offer, first, kind))


def test_the_same_decision_is_told_in_the_same_tuple_and_another_one_is_not() -> None:
    run = driven(a="vllm", b="vllm")
    plan, again = planned(run), planned(run)
    found = told(plan, plan.best.offer, FIRST)
    assert told(again, again.best.offer, FIRST) is found
    typed = told(plan, plan.best.offer, FIRST, "application/json")
    assert typed == (("Content-Type", "application/json"), *found)
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


def test_so_many_latencies_are_kept_of_one_and_each_is_told_as_it_is() -> None:
    run = driven(a="vllm", b="vllm")
    for round_ in range(2):
        for number in range(100):
            run.gateway.fleet.stations["a"].queue_ms = float(number)
            plan = planned(run, Ask(strategy=run.gateway.planner.strategy("round_robin")))
            latency = str(rough(plan.latency_ms))
            assert told_of(plan, f"kind/{number}")["X-Estimated-Latency-Ms"] == latency, round_
            assert f"{latency} ms" in told_of(plan)["X-Routing-Reason"]
            assert len(plan.chosen.said) <= 8
            assert all(isinstance(each, Told) for each in plan.chosen.said.values())


def test_who_was_not_the_first_choice_is_told_with_the_others_behind_it() -> None:
    run = driven(a="vllm", b="vllm", c="vllm")
    plan = planned(run)
    second = plan.candidates[1].offer
    found = dict(told(plan, second, ()))
    assert found["X-Alternatives"] == "a, c"
    assert found["X-Routing-Reason"] == why(plan, second) == "capability_based: b, for a failed or had no place"
    assert told(plan, another(second), FIRST, "text/plain") == (("Content-Type", "text/plain"), *FIRST)
