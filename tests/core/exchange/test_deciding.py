"""Where requests go, as clients meet it: constraints in headers, what is told of a decision, and loads that spread."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.driving import IN_ORDER, Asked, Driven, delta, driven, ending
from tests.support.fleets import another

from ollamux.exchange import deciding
from ollamux.routing.ask import Ask
from ollamux.routing.plan import Plan
from ollamux.routing.station import DEGRADED, OUT, READY

WHOLE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}]}
BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": False}


def ask(run: Driven, path: str = "/api/chat", **headers: str) -> Asked:
    return run.ask("POST", path, BODY, {name.replace("_", "-"): value for name, value in headers.items()})


def test_a_request_goes_to_the_backend_that_it_names() -> None:
    run = driven(a="vllm", b="vllm")
    asked = ask(run, x_target_backend="b")
    asked.called.answer(200, WHOLE)
    assert (asked.asked, asked.headers["x-backend-used"], asked.headers["x-provider-used"]) == (["b"], "b", "vllm")


def test_who_is_named_is_asked_though_it_is_hot_or_not_well() -> None:
    run = driven(a="vllm", b="vllm")
    run.gateway.fleet.stations["b"].exclude("thermal")
    assert ask(run).asked == ["a"] and ask(run, x_target_backend="b").asked == ["b"]
    assert ask(run, x_provider="b").asked == ["b"]
    assert ask(run, x_provider="vllm").asked == ["a"]
    run = driven(a="vllm", b="vllm")
    for _ in range(3):
        run.gateway.backend("b").health.bad("gone", run.now)
    assert ask(run).asked == ["a"] and ask(run, x_target_backend="b").asked == ["b"]


def test_who_is_named_is_asked_alone_even_where_it_fails() -> None:
    run = driven({"retry": {"attempts": 1}}, a="vllm", b="vllm")
    asked = ask(run, x_target_backend="b")
    while not asked.over:
        asked.called.answer(500, {"error": "x"})
        run.pass_time(5)
    assert set(asked.asked) == {"b"} and asked.status >= 500


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
def test_a_header_that_cannot_be_read_is_a_400_in_the_clients_format(path: str) -> None:
    for run in (driven(a="vllm"), driven(a="vllm", b="vllm")):
        asked = ask(run, path, x_max_latency_ms="soon")
        assert (asked.status, asked.calls) == (400, [])
        error = asked.json["error"]
        assert "X-Max-Latency-Ms" in (error if path == "/api/chat" else error["message"])


def test_a_backend_that_nobody_knows_is_a_400_that_lists_those_that_there_are() -> None:
    asked = ask(driven(a="vllm", b="vllm"), x_target_backend="c")
    assert asked.status == 400 and "a, b" in asked.json["error"]


def test_constraints_hold_where_there_is_one_backend_alone() -> None:
    run = driven(a={"type": "vllm", "characteristics": {"power_watts": 200}})
    refused = ask(run, x_max_power_watts="100")
    assert refused.status == 400 and "X-Max-Power-Watts" in refused.json["error"]
    assert ask(run, x_max_power_watts="300").asked == ["a"]


def test_who_exists_but_is_not_to_be_had_now_is_a_503_that_says_when_to_come_back() -> None:
    run = driven(a="vllm", b="vllm")
    run.gateway.backend("b").health.refuse("it is itself")
    asked = ask(run, x_target_backend="b")
    assert asked.status == 503 and int(asked.headers["retry-after"]) >= 1


def test_what_was_decided_is_told_in_headers() -> None:
    run = driven(a="vllm", b="vllm")
    asked = ask(run)
    asked.called.answer(200, WHOLE)
    assert asked.headers["x-backend-used"] == "a" and asked.headers["x-alternatives"] == "b"
    assert asked.headers["x-routing-reason"].startswith("capability_based: a, ")
    assert float(asked.headers["x-estimated-latency-ms"]) > 0 and float(asked.headers["x-estimated-power-watts"]) >= 0


def test_who_answers_after_another_failed_is_told_as_that() -> None:
    run = driven(a="vllm", b="vllm")
    asked = ask(run)
    asked.called.answer(500, {"error": "x"})
    asked.called.answer(200, WHOLE)
    assert asked.headers["x-backend-used"] == "b" and asked.headers["x-alternatives"] == "a"
    assert "b, for a failed" in asked.headers["x-routing-reason"]


def test_decisions_are_not_told_where_that_is_switched_off() -> None:
    asked = ask(driven({"server": {"decision_headers": False}}, a="vllm", b="vllm"))
    asked.called.answer(200, WHOLE)
    assert not [name for name in asked.headers if name.startswith("x-") and name != "x-ollamux"]


def test_requests_spread_over_those_that_serve_a_model() -> None:
    run = driven(a={"type": "vllm", "max_concurrent_requests": 8}, b={"type": "vllm", "max_concurrent_requests": 8})
    assert {run.chat().asked[0] for _ in range(4)} == {"a", "b"}
    run = driven(IN_ORDER, a="vllm", b="vllm")
    assert {run.chat().asked[0] for _ in range(4)} == {"a"}


def test_who_was_quick_is_preferred_to_who_was_slow() -> None:
    run = driven({"routing": {"strategy": "fastest_response"}}, a="vllm", b="vllm")
    for backend, seconds in (("a", 3.0), ("b", 0.1)):
        body = {**BODY, "stream": True}
        asked = run.ask("POST", "/api/chat", body, {"x-target-backend": backend})
        asked.called.head()
        run.pass_time(seconds)
        asked.called.data(delta("x"))
        asked.called.data(ending())
        asked.called.end()
    assert ask(run).asked == ["b"]


def test_every_call_is_given_back_to_its_station() -> None:
    run = driven(a="vllm", b="vllm")
    done, failed, left = ask(run), ask(run), ask(run)
    done.called.answer(200, WHOLE)
    while not failed.over:
        failed.called.answer(400, {"error": "x"})
    left.leave()
    assert [station.running for station in run.gateway.fleet.stations.values()] == [0, 0]


def test_a_strategy_may_be_named_for_one_request() -> None:
    run = driven(a="vllm", b="vllm")
    seen = [ask(run, x_routing_strategy="round_robin") for _ in range(4)]
    assert sorted(asked.asked[0] for asked in seen) == ["a", "a", "b", "b"]


def test_a_region_that_is_not_allowed_is_refused_where_it_is_the_only_one() -> None:
    run = driven({"routing": {"regions": ["eu"]}}, a={"type": "vllm", "region": "us"})
    assert ask(run).status == 400


class Guest:
    wanted = ("a",)


def planned(run: Driven, model: str = "m") -> Plan:
    house = run.gateway
    found = deciding.planned(house, house.catalog.find(model), Ask(), run.now, 0)
    assert found is not None
    return found


def test_what_changes_of_a_backend_is_known_to_the_next_plan() -> None:
    run = driven(a="vllm", b="vllm")
    backend, station = run.gateway.backend("a"), run.gateway.fleet.stations["a"]
    assert planned(run).best.backend == "a" and station.condition == READY
    backend.health.bad("slow", run.now)
    planned(run)
    assert station.condition == DEGRADED
    for _ in range(3):
        backend.health.bad("gone", run.now)
    assert planned(run).best.backend == "b" and station.condition == OUT
    for _ in range(30):
        backend.health.good(run.now)
    assert planned(run).best.backend == "a" and station.condition == READY


def test_a_backend_that_moves_or_must_not_be_called_any_more_is_seen_at_once() -> None:
    run = driven(a="vllm", b="vllm")
    backend, station = run.gateway.backend("a"), run.gateway.fleet.stations["a"]
    planned(run)
    backend.move(None)
    assert planned(run).best.backend == "b" and not station.callable
    backend.move("http://a:2")
    assert planned(run).best.backend == "a" and station.callable
    backend.health.refuse("it is this gateway", run.now)
    assert planned(run).best.backend == "b" and station.trouble == "it is this gateway"


def test_calls_that_no_plan_was_behind_count_until_they_are_over() -> None:
    run = driven(a="vllm", b="vllm")
    run.gateway.admission.take("a")
    planned(run)
    station = run.gateway.fleet.stations["a"]
    assert (station.taken, station.running) == (1, 0)
    run.gateway.admission.give_back("a")
    planned(run)
    assert station.taken == 0


def test_a_call_that_a_plan_is_behind_counts_once_though_it_was_let_in_before() -> None:
    run = driven(a="vllm", b="vllm")
    run.gateway.admission.take("a")
    plan = planned(run)
    assert plan.best.backend == "b"
    station = run.gateway.fleet.stations["a"]
    station.standings[0].began(run.now)
    assert (station.taken, station.running) == (1, 1)


def test_who_waits_for_a_backend_is_known_to_the_next_plan_until_he_is_gone() -> None:
    run = driven(a={"type": "vllm", "max_concurrent_requests": 1}, b="vllm")
    admission, station = run.gateway.admission, run.gateway.fleet.stations["a"]
    admission.take("a")
    guest = Guest()
    admission.wait(guest)
    planned(run)
    assert (station.queued, station.tier) == (1, 1)
    admission.leave(guest)
    planned(run)
    assert station.queued == 0


def test_a_circuit_puts_out_its_own_model_alone_and_only_while_it_is_open() -> None:
    run = driven(a="vllm", b="vllm", learn=False)
    run.learn(a=["m", "n"], b=["m", "n"])
    for name in ("m", "n"):
        planned(run, name)
    for _ in range(5):
        call = run.gateway.guards.circuits.take("a", "m", run.now)
        assert call is not None
        call.failed("missing", run.now)
    assert (planned(run, "m").best.backend, planned(run, "n").best.backend) == ("b", "a")
    out = run.gateway.fleet.out
    assert [(standing.station.id, standing.name) for standing in out] == [("a", "m")]
    run.gateway.guards.circuits.probed("a", run.now, run.now)
    assert planned(run, "m").best.backend == "a" and not run.gateway.fleet.out


def test_offers_of_several_names_have_no_plan() -> None:
    run = driven(a="vllm", b="vllm")
    offers = run.gateway.catalog.find("m")
    assert deciding.planned(run.gateway, offers, Ask(), run.now, 0) is not None
    other = another(offers[1], name="another")
    assert deciding.planned(run.gateway, (offers[0], other), Ask(), run.now, 0) is None
