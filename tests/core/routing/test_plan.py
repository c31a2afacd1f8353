"""Who is asked, in which order, and why."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.fleets import backend, field_of, planner_of, standing_of

from ollamux.errors import Busy, InvalidRequest
from ollamux.routing.constraints import Constraints
from ollamux.routing.fleet import Fleet
from ollamux.routing.plan import Plan, Planner, rough
from ollamux.routing.standing import Field
from ollamux.routing.station import OUT
from ollamux.routing.strategies import names


def order(plan: Plan) -> list[str]:
    return [candidate.backend for candidate in plan.candidates]


def laptop(strategy: str = "capability_based") -> tuple[Planner, Field]:
    return planner_of(
        backend("nvidia", priority=10.0, watts=55.0, first_ms=150.0, tokens_s=60.0, max_concurrent_requests=1),
        backend("igpu", priority=5.0, watts=12.0, first_ms=350.0, tokens_s=25.0, max_concurrent_requests=1),
        backend("cpu", priority=2.0, watts=28.0, first_ms=1200.0, tokens_s=10.0, max_concurrent_requests=1),
        backend("npu", priority=1.0, watts=3.0, first_ms=800.0, tokens_s=8.0, max_concurrent_requests=1),
        strategy=strategy,
    )


def ask_of(planner: Planner, field: Field, wishes: Constraints | None = None, **told: Any) -> Plan:
    return planner.plan(field, planner.ask(wishes, **told), 0.0)


def test_a_lower_priority_is_asked_only_where_those_above_are_full_out_or_excluded() -> None:
    planner, field = laptop()
    assert order(ask_of(planner, field)) == ["nvidia", "igpu", "cpu", "npu"]
    nvidia = standing_of(field, "nvidia")
    nvidia.began(0.0)
    assert order(ask_of(planner, field)) == ["igpu", "cpu", "npu", "nvidia"]
    standing_of(field, "igpu").station.reading(condition=OUT)
    assert order(ask_of(planner, field)) == ["cpu", "npu", "nvidia", "igpu"]
    plan = ask_of(planner, field, Constraints(max_watts=20))
    assert order(plan) == ["npu", "igpu"]
    assert [(standing.station.id, by) for standing, by in plan.filtered] == [
        ("nvidia", "X-Max-Power-Watts"),
        ("cpu", "X-Max-Power-Watts"),
    ]


def test_what_the_client_cares_for_changes_the_choice() -> None:
    planner, field = laptop()
    assert ask_of(planner, field, Constraints(latency_critical=True)).best.backend == "nvidia"
    assert ask_of(planner, field, Constraints(power_efficient=True)).best.backend == "igpu"


def test_a_header_beats_the_aliass_strategy_which_beats_the_default() -> None:
    planner, field = laptop()
    assert ask_of(planner, field).strategy.name == "capability_based"
    assert ask_of(planner, field, strategy="power_efficient").best.backend == "npu"
    wishes = Constraints(strategy="fastest_response")
    assert ask_of(planner, field, wishes, strategy="power_efficient").best.backend == "nvidia"


def test_an_unknown_strategy_is_an_error_that_lists_them() -> None:
    planner, field = laptop()
    with pytest.raises(InvalidRequest, match="X-Routing-Strategy: 'best' is not known; there is: balanced, capab"):
        ask_of(planner, field, Constraints(strategy="best"))


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        (Constraints(max_watts=1), "X-Max-Power-Watts leaves no backend for 'm': npu draws the least, 3 W"),
        (
            Constraints(max_watts=20, max_latency_ms=200),
            "X-Max-Latency-Ms leaves no backend for 'm': igpu is the quickest, with about 350 ms to the first token",
        ),
        (
            Constraints(deadline_ms=100),
            "X-Deadline-Ms leaves no backend for 'm': nvidia is the quickest, with about 150 ms to the first token",
        ),
        (
            Constraints(media="image"),
            "X-Media-Type leaves no backend for 'm': nvidia, igpu, cpu, npu cannot read images",
        ),
        (
            Constraints(target="elsewhere"),
            "X-Target-Backend leaves no backend for 'm': it is served by nvidia, igpu, cpu, npu",
        ),
        (Constraints(provider="openai"), "X-Provider leaves no backend for 'm': it is served by ollama"),
        (Constraints(region="mars"), "X-Region leaves no backend for 'm': it is served in nowhere that is known"),
    ],
)
def test_constraints_that_leave_nobody_name_the_one_that_removed_the_last(wishes: Constraints, told: str) -> None:
    planner, field = laptop()
    planner.fleet.add(backend("elsewhere", type="openai", region="mars"))
    with pytest.raises(InvalidRequest) as raised:
        ask_of(planner, field, wishes)
    assert raised.value.message == told
    assert raised.value.status == 400


def test_a_target_that_cannot_do_it_is_told_apart_from_one_that_has_not_the_model() -> None:
    fleet = Fleet()
    able, unable = backend("able"), backend("unable")
    field = field_of(fleet, [able, unable])
    standing_of(field, "able").able = fleet.mask(("completion", "vision"))
    planner = Planner(fleet)
    with pytest.raises(InvalidRequest, match="it cannot do what the request needs; able can"):
        ask_of(planner, field, Constraints(target="unable"), needs=frozenset({"vision"}))


def test_where_nobody_has_what_the_request_needs_all_remain_for_the_format_to_refuse() -> None:
    planner, field = laptop()
    assert len(order(ask_of(planner, field, needs=frozenset({"vision"})))) == 4


def test_nobody_now_is_503_with_a_reason_and_a_time() -> None:
    planner, field = planner_of(backend("a"), backend("b"))
    for standing in field.standings:
        standing.station.exclude("thermal", 40.0 if standing.station.id == "a" else 25.0)
    with pytest.raises(Busy) as raised:
        ask_of(planner, field)
    assert raised.value.status == 503
    assert (
        raised.value.message == "no backend for 'm' is free now: a is ruled out by thermal; b is ruled out by thermal"
    )
    assert raised.value.retry_after == 25.0
    for standing in field.standings:
        standing.station.allow(False, "its key is missing")
    with pytest.raises(Busy, match=r"a cannot be called \(its key is missing\)"):
        ask_of(planner, field)


def test_who_would_be_quick_enough_were_it_not_busy_is_503() -> None:
    planner, field = planner_of(backend("a", first_ms=100.0, max_concurrent_requests=1))
    field.standings[0].station.busy_ms = 8000.0
    field.standings[0].began(0.0)
    with pytest.raises(Busy, match="a needs about 8100 ms to the first token") as raised:
        ask_of(planner, field, Constraints(max_latency_ms=500))
    assert raised.value.retry_after == 8.0


def test_a_plan_says_who_was_chosen_and_why() -> None:
    planner, field = laptop()
    plan = ask_of(planner, field)
    assert plan.reason == "capability_based: nvidia, priority 10; 150 ms to the first token, 55 W"
    assert (plan.alternatives, plan.latency_ms, plan.watts) == (("igpu", "cpu", "npu"), 150.0, 55.0)
    told = ask_of(planner, field, Constraints(max_watts=20)).explain()
    assert told["backend"] == "npu" or told["backend"] == "igpu"
    assert {entry["backend"] for entry in told["candidates"]} == {"igpu", "npu"}
    assert [entry["by"] for entry in told["filtered"]] == ["X-Max-Power-Watts"] * 2
    first = told["candidates"][0]
    assert first["score"] == pytest.approx(sum(first["terms"].values()), abs=1.0)


def test_where_all_are_full_the_reason_says_so() -> None:
    planner, field = planner_of(backend("é", max_concurrent_requests=1, watts=0.0, first_ms=50.0))
    field.standings[0].began(0.0)
    plan = ask_of(planner, field)
    assert plan.best.state == "full"
    assert plan.reason.startswith("capability_based: ?, priority 50; ")
    assert plan.reason.endswith("; full, as are all others")


def test_a_request_waits_for_a_place_where_the_model_is_in_memory_while_that_is_sooner_than_a_load() -> None:
    planner, field = planner_of(
        backend("warm", max_concurrent_requests=2), backend("cold", max_concurrent_requests=2), size=8_000_000_000
    )
    warm, cold = field.standings
    cold.reading(0.0, loaded=False)
    ask = planner.ask()
    assert planner.plan(field, ask, 0.0).patience == 0.0
    warm.station.busy_ms = 2000.0
    warm.began(0.0)
    warm.began(0.0)
    plan = planner.plan(field, ask, 0.0)
    assert (plan.best.backend, plan.best.state) == ("cold", "ready")
    assert plan.patience == 10.0
    assert planner.plan(field, ask, 0.0, 50).patience == 0.0
    assert [plan.goes(waited) for waited in (0.0, 9.0, 10.0)] == [False, False, True]
    assert [plan.goes(waited, first_round=True) for waited in (10.0, 160.0)] == [False, True]
    warm.left()
    assert planner.plan(field, ask, 0.0).goes(0.0, first_round=True)
    warm.began(0.0)
    cold.began(0.0)
    cold.began(0.0)
    assert not planner.plan(field, ask, 0.0).goes(1000.0)
    cold.left()
    warm.blocked = True
    assert planner.plan(field, ask, 0.0).patience == 0.0


def test_planning_changes_nothing_and_taking_does() -> None:
    planner, field = planner_of(backend("a"), backend("b"), strategy="round_robin")
    assert [ask_of(planner, field).best.backend for _ in range(3)] == ["a", "a", "a"]
    plan = ask_of(planner, field)
    planner.took(plan, plan.best, 0.0)
    assert field.standings[0].running == 1
    assert ask_of(planner, field).best.backend == "b"


machines = st.lists(
    st.tuples(
        st.sampled_from([10.0, 50.0]),  # priority
        st.floats(1, 2000),  # first_ms
        st.floats(0, 300),  # watts
        st.integers(0, 2),  # places
        st.integers(0, 3),  # running
        st.sampled_from(["ollama", "openai"]),
        st.booleans(),  # excluded
    ),
    min_size=1,
    max_size=12,
)
wanted = st.builds(
    Constraints,
    provider=st.sampled_from(["", "ollama"]),
    max_watts=st.none() | st.floats(0, 300),
    max_latency_ms=st.none() | st.floats(0, 3000),
    latency_critical=st.booleans(),
    power_efficient=st.booleans(),
    media=st.sampled_from(["auto", "realtime"]),
)


@given(machines, wanted, st.sampled_from(names()))
def test_no_candidate_is_lost_and_the_same_is_planned_for_the_same(
    told: list[tuple[float, float, float, int, int, str, bool]], wishes: Constraints, strategy: str
) -> None:
    fleet = Fleet()
    fleet.add(backend("other"))
    configs = [
        backend(
            f"b{place}", priority=one[0], first_ms=one[1], watts=one[2], max_concurrent_requests=one[3], type=one[5]
        )
        for place, one in enumerate(told)
    ]
    field = field_of(fleet, configs)
    for place, one in enumerate(told):
        standing = standing_of(field, f"b{place}")
        standing.station.exclude("thermal" if one[6] else "")
        for _ in range(one[4]):
            standing.began(0.0)
    planner = Planner(fleet, strategy)
    ask = planner.ask(wishes)
    try:
        plan = planner.plan(field, ask, 0.0)
    except (Busy, InvalidRequest) as error:
        assert all(ask.filtered(standing, 0) for standing in field.standings)
        with pytest.raises((Busy, InvalidRequest)) as raised:
            planner.plan(field, ask, 0.0)
        assert raised.value.message == error.message
        return
    found = order(plan)
    left_out = [standing.station.id for standing, _ in plan.filtered]
    assert sorted(found + left_out) == sorted(config.id for config in configs)
    assert all(by for _, by in plan.filtered)
    again = planner.plan(field, ask, 0.0)
    assert order(again) == found
    assert (again.reason, again.explain()) == (plan.reason, plan.explain())
    ranks = [(-one.tier, -one.primary) for one in plan.candidates]
    assert ranks == sorted(ranks)


@given(st.integers(1, 12), st.sampled_from(names()))
def test_ties_keep_the_order_of_the_configuration(count: int, strategy: str) -> None:
    planner, field = planner_of(*(backend(f"b{place}") for place in range(count)), strategy=strategy)
    assert order(ask_of(planner, field)) == [f"b{place}" for place in range(count)]


@pytest.mark.parametrize(
    ("number", "told"),
    [(-2.0, 0), (0.4, 0), (99.4, 99), (100.0, 100), (149.0, 150), (1249.0, 1200), (1250.0, 1300), (9960.0, 10000)],
)
def test_estimates_are_told_in_two_digits(number: float, told: int) -> None:
    assert rough(number) == told
    assert rough(math.inf) == 1e9
