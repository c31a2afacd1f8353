"""The cheapest for this request."""

from __future__ import annotations

import pytest
from tests.support.fleets import backend, offer

from ollamux.config import BackendConfig, Price
from ollamux.routing.fleet import Fleet
from ollamux.routing.plan import Plan, Planner
from ollamux.routing.strategies.cost_optimized import ORDER


def plan_of(fleet: Fleet, *told: tuple[BackendConfig, Price | None], tokens_in: int = 0, tokens_out: int = 0) -> Plan:
    for config, _ in told:
        fleet.add(config)
    field = fleet.field(tuple(offer(config, place, price=price) for place, (config, price) in enumerate(told)))
    planner = Planner(fleet, "cost_optimized")
    return planner.plan(field, planner.ask(tokens_in=tokens_in, tokens_out=tokens_out), 0.0)


def order(plan: Plan) -> list[str]:
    return [candidate.backend for candidate in plan.candidates]


def test_without_prices_what_is_ours_is_first_and_then_the_documented_order() -> None:
    told = [(backend(type_, type=type_), None) for type_ in reversed((*ORDER, "cohere"))]
    assert order(plan_of(Fleet(), *told)) == [*ORDER, "cohere"]


def test_what_runs_here_is_free_and_known_prices_come_before_unknown_ones() -> None:
    cloud = [
        (backend("unknown", type="openrouter"), None),
        (backend("dear", type="openai"), Price(input=5.0, output=15.0)),
        (backend("cheap", type="openai"), Price(input=0.5, output=1.5)),
        (backend("ours"), None),
    ]
    plan = plan_of(Fleet(), *cloud)
    assert order(plan) == ["ours", "cheap", "dear", "unknown"]
    assert "it costs nothing" in plan.reason


@pytest.mark.parametrize(("tokens_in", "tokens_out", "first"), [(10_000, 10, "reads"), (10, 10_000, "writes")])
def test_tokens_in_and_out_have_their_own_prices(tokens_in: int, tokens_out: int, first: str) -> None:
    told = [
        (backend("reads", type="openai"), Price(input=1.0, output=20.0)),
        (backend("writes", type="openai"), Price(input=5.0, output=6.0)),
    ]
    plan = plan_of(Fleet(), *told, tokens_in=tokens_in, tokens_out=tokens_out)
    assert plan.best.backend == first
    assert "about $" in plan.reason


def test_energy_counts_where_a_kilowatt_hour_has_a_price() -> None:
    told = [
        (backend("heater", watts=3000.0, tokens_s=5.0), None),
        (backend("cloud", type="openai"), Price(input=0.01, output=0.02)),
    ]
    assert order(plan_of(Fleet(), *told)) == ["heater", "cloud"]
    assert order(plan_of(Fleet(kwh_price=0.4), *told)) == ["cloud", "heater"]


def test_where_nobody_knows_a_price_the_reason_says_so() -> None:
    assert "nobody knows its price" in plan_of(Fleet(), (backend("azure", type="azure"), None)).reason
