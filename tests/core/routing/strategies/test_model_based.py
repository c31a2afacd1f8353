"""By the model's name."""

from __future__ import annotations

from tests.support.fleets import backend, field_of

from ollamux.routing.fleet import Fleet
from ollamux.routing.plan import Planner


def test_the_vendor_whose_models_have_such_names_is_first_and_then_priority() -> None:
    fleet = Fleet(vendors=lambda name: ("anthropic",) if name.startswith("claude") else ())
    configs = [
        backend("router", type="openrouter", priority=90.0),
        backend("vendor", type="anthropic", priority=10.0),
        backend("cloud", type="aws_bedrock", priority=20.0),
    ]
    planner = Planner(fleet, "model_based")
    plan = planner.plan(field_of(fleet, configs, "claude-sonnet-4"), planner.ask(), 0.0)
    assert [candidate.backend for candidate in plan.candidates] == ["vendor", "router", "cloud"]
    assert "models of this name are those of anthropic" in plan.reason
    plan = planner.plan(field_of(fleet, configs, "something"), planner.ask(), 0.0)
    assert [candidate.backend for candidate in plan.candidates] == ["router", "cloud", "vendor"]
