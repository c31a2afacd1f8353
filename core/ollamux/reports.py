"""What every backend is and has, as values for people: the start-up screen, `ollamux check`, a front's own pages."""

from __future__ import annotations

import msgspec

from ollamux.backends import Backend
from ollamux.routing.catalog import Catalog

__all__ = ("BackendReport", "ModelReport", "report_of")


class ModelReport(msgspec.Struct, frozen=True):
    """A model that a backend serves, for people."""

    name: str
    upstream: str
    capabilities: frozenset[str]
    context_length: int | None
    loaded: bool


class BackendReport(msgspec.Struct, frozen=True):
    """A backend, for people. `state` is ready, unreachable, checking or misconfigured; `reason` says why; `hardware` is
    what the configuration says it runs on."""

    id: str
    type: str
    name: str
    endpoint: str
    state: str
    reason: str
    models: tuple[ModelReport, ...]
    hardware: str = ""


def report_of(backend: Backend, catalog: Catalog) -> BackendReport:
    """What this backend is and has."""
    named = {offer.name: offer for offer in catalog.of_backend(backend.id)}
    state = "unreachable" if backend.health.state == "refused" else backend.health.state
    return BackendReport(
        backend.id,
        backend.provider.type,
        backend.config.name or backend.id,
        "built in" if backend.answers_itself is not None else backend.endpoint or "",
        "misconfigured" if backend.misconfigured else state,
        backend.misconfigured or backend.health.reason,
        tuple(
            ModelReport(offer.name, offer.upstream, offer.capabilities, offer.context_length, catalog.is_loaded(offer))
            for offer in named.values()
        ),
        backend.config.hardware or "",
    )
