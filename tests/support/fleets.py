"""Fleets for tests of routing: backends by a few words, and the field of one model that all of them serve."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ollamux.config import BackendConfig, Price
from ollamux.config.schema import Capability, Characteristics
from ollamux.models import ModelInfo
from ollamux.routing.catalog import Offer
from ollamux.routing.fleet import Fleet
from ollamux.routing.plan import Planner
from ollamux.routing.standing import Field, Standing

__all__ = ("another", "backend", "field_of", "offer", "planner_of", "standing_of")


def backend(id_: str, **told: Any) -> BackendConfig:
    """A backend; `watts`, `first_ms`, `tokens_s` and `preferred` are short for what stands deeper."""
    characteristics = Characteristics(
        power_watts=told.pop("watts", None),
        avg_latency_ms=told.pop("first_ms", None),
        max_tokens_per_second=told.pop("tokens_s", None),
    )
    capability = Capability(preferred_models=tuple(told.pop("preferred", ())))
    told.setdefault("type", "ollama")
    return BackendConfig(id=id_, characteristics=characteristics, model_capability=capability, **told)


def offer(config: BackendConfig, place: int, model: str = "m", **told: Any) -> Offer:
    """What it offers: a model of this name."""
    price: Price | None = told.pop("price", None)
    capabilities: Iterable[str] = told.pop("capabilities", ("completion",))
    return Offer(
        name=model,
        upstream=told.pop("upstream", model),
        backend=config.id,
        priority=config.priority,
        info=ModelInfo(name=model, size=told.pop("size", 0)),
        capabilities=frozenset(capabilities),
        told=told.pop("told", True),
        context_length=None,
        options={},
        digest="",
        rank=(-config.priority, place),
        price=price,
    )


def another(like: Offer, **changes: Any) -> Offer:
    """An offer that differs from this one in what is named."""
    fields = [name for name in dir(like) if not name.startswith("_")]
    return Offer(**{name: getattr(like, name) for name in fields} | changes)


def field_of(fleet: Fleet, configs: Iterable[BackendConfig], model: str = "m", **told: Any) -> Field:
    """Adds what is new of these backends to the fleet; the field of a model that all of them serve, by priority."""
    offers: list[Offer] = []
    for place, config in enumerate(configs):
        if config.id not in fleet.stations:
            fleet.add(config)
        offers.append(offer(config, place, model, **told))
    return fleet.field(tuple(sorted(offers, key=lambda one: one.rank)))


def planner_of(*configs: BackendConfig, strategy: str = "capability_based", **told: Any) -> tuple[Planner, Field]:
    """A planner over these backends, and the field of the model `m`."""
    fleet = Fleet()
    field = field_of(fleet, configs, **told)
    return Planner(fleet, strategy), field


def standing_of(field: Field, id_: str) -> Standing:
    """The standing of this backend."""
    return next(standing for standing in field.standings if standing.station.id == id_)
