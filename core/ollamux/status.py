"""What the gateway tells of itself: the pages about health, providers, backends and models, as JSON.

Strategy: a page is a function of the moment, made when somebody asks for it, of what the machines know already: health,
the last probes, the ledger, the catalog. A table says which handler of the routes is which page.

Rules: a backend is named by its id, or by its provider's type, which means all of that type; one that nobody knows is a
404 that lists those that there are; what was never measured is null; nothing shown holds a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import msgspec

from ollamux.accounting.ledger import Ledger, Sums
from ollamux.backends import Backend
from ollamux.config import Config
from ollamux.contract import HeaderPairs
from ollamux.exchange import Exchange, Settled, SurveyExchange
from ollamux.exchange.base import JSON_UTF8, House
from ollamux.formats.ollama import listing
from ollamux.resilience.health import Condition

__all__ = ("Status", "StatusHouse", "condition_of")

_encode = msgspec.json.Encoder().encode


class StatusHouse(House, Protocol):
    """What the pages are made of."""

    config: Config
    ledger: Ledger

    def backends(self) -> Sequence[Backend]:
        """All backends, as configured."""
        ...

    def seen(self, backend_id: str) -> float | None:
        """When a backend's last round of probes was over."""
        ...


Page = Callable[[str, float], Exchange]
"""From the name in the path, empty where the path has none, and `now`."""


class Status:
    """The pages. `version` is ollamux's own, `headers` go out with the lists that other gateways read."""

    def __init__(self, house: StatusHouse, version: str, headers: HeaderPairs) -> None:
        self._house = house
        self._version = version
        self._headers = headers
        self.pages: dict[str, Page] = {
            "health_detailed": self._detailed,
            "health_providers": self._health_of,
            "providers": self._providers,
            "provider_stats": self._stats,
            "tags_of": self._tags,
            "api_backends": self._api_backends,
            "api_models": self._api_models,
            "backends": self._backends,
        }
        """By the routes' handlers."""

    def overall(self) -> str:
        """healthy where every backend is, unhealthy where none can serve, degraded between."""
        backends = self._house.backends()
        serving = sum(_serves(backend) for backend in backends)
        return "unhealthy" if not serving else "healthy" if serving == len(backends) else "degraded"

    # Document 001 -----------------------------------------------------------------------------------------------------

    def _detailed(self, name: str, now: float) -> Exchange:
        house = self._house
        sums = house.ledger.sums()
        uptime = self._uptime(now)
        backends = house.backends()
        return _json(
            {
                "status": self.overall(),
                "timestamp": house.clock.stamp(now),
                "version": self._version,
                "uptime": uptime,
                "providers": {backend.id: self._health(backend, now) for backend in backends},
                "queue": {"waiting": house.admission.waiting, "size": house.config.queue.size},
                "metrics": {
                    "total_requests": sums.requests,
                    "total_errors": sums.errors,
                    "error_rate": _share(sums.errors, sums.requests),
                    "fallbacks": house.ledger.fallbacks,
                    "active_providers": sum(map(_serves, backends)),
                    "uptime": uptime,
                },
            }
        )

    def _health_of(self, name: str, now: float) -> Exchange:
        found = self._named(name) if name else self._house.backends()
        if not found:
            return self._unknown(name)
        if name and len(found) == 1:
            changes = [
                {"at": self._house.clock.stamp(each.now), "status": each.condition, "reason": each.reason}
                for each in found[0].health.history
            ]
            return _json({"provider": found[0].id, **self._health(found[0], now), "history": changes})
        return _json(
            {
                "status": self.overall(),
                "timestamp": self._house.clock.stamp(now),
                "providers": {backend.id: self._health(backend, now) for backend in found},
            }
        )

    def _health(self, backend: Backend, now: float) -> dict[str, Any]:
        house = self._house
        seen = house.seen(backend.id)
        sums = self._sums(backend)
        usable = _serves(backend)
        failed = sums.last_failure
        return {
            "healthy": usable,
            "status": condition_of(backend),
            "reason": backend.trouble or None if not usable else None,
            "response_time_ms": _milliseconds(_waited(backend)),
            "last_check": house.clock.stamp(seen) if seen is not None else None,
            "circuit_breaker": {
                "state": "closed" if usable else "open",
                "failure_count": sums.errors,
                "success_count": sums.requests - sum(sums.failures.values()),
                "request_count": sums.requests,
                "last_failure_time": house.clock.stamp(failed) if failed >= 0.0 else None,
            },
            "request_count": sums.requests,
            "error_count": sums.errors,
            "error_rate": _share(sums.errors, sums.requests),
        }

    def _providers(self, name: str, now: float) -> Exchange:
        backends = self._house.backends()
        config = self._house.config
        return _json(
            {
                "providers": {backend.id: self._provider(backend, now) for backend in backends},
                "total": len(backends),
                "healthy": sum(map(_serves, backends)),
                "routing_strategy": config.routing.strategy,
                "fallback_strategy": config.routing.fallback,
            }
        )

    def _provider(self, backend: Backend, now: float) -> dict[str, Any]:
        offers = self._house.catalog.of_backend(backend.id)
        return {
            "type": backend.provider.type,
            "name": backend.config.name or backend.id,
            "endpoint": _place(backend),
            "hardware": backend.config.hardware,
            "region": backend.config.region,
            "priority": backend.config.priority,
            "healthy": _serves(backend),
            "status": condition_of(backend),
            "models": sorted({offer.name for offer in offers}),
            "capabilities": sorted({each for offer in offers for each in offer.capabilities}),
            "stats": self._figures(backend),
        }

    def _stats(self, name: str, now: float) -> Exchange:
        found = self._named(name)
        if not found:
            return self._unknown(name)
        told = {backend.id: self._stats_of(backend) for backend in found}
        return _json(told[found[0].id] if len(found) == 1 else {"providers": told})

    def _stats_of(self, backend: Backend) -> dict[str, Any]:
        models: dict[str, int] = {}
        for row in self._house.ledger.rows():
            if row.backend == backend.id:
                models[row.model] = models.get(row.model, 0) + row.requests
        return {
            "provider": backend.id,
            "type": backend.provider.type,
            "status": condition_of(backend),
            **self._figures(backend),
            "models": models,
        }

    def _figures(self, backend: Backend) -> dict[str, Any]:
        house = self._house
        sums = self._sums(backend)
        return {
            "requests": sums.requests,
            "errors": sums.errors,
            "error_rate": _share(sums.errors, sums.requests),
            "errors_by_kind": sums.failures,
            "active_requests": house.admission.running(backend.id),
            "average_response_time_ms": _milliseconds(sums.seconds.mean),
            "average_first_token_ms": _milliseconds(sums.first_token.mean),
            "tokens": {
                "input": sums.input,
                "cached": sums.cached,
                "output": sums.output,
                "reasoning": sums.reasoning,
            },
            "cost_usd": round(sums.cost, 9),
            "energy_wh": round(sums.energy, 6),
            "last_request": house.clock.stamp(sums.last) if sums.last >= 0.0 else None,
        }

    def _tags(self, name: str, now: float) -> Exchange:
        ids = {backend.id for backend in self._named(name)}
        if not ids:
            return self._unknown(name)
        house = self._house
        return SurveyExchange(
            house,
            lambda at: listing.tags(
                {offer.name: offer for id_ in sorted(ids) for offer in house.catalog.of_backend(id_)}.values(),
                house.clock,
                at,
            ),
            (*JSON_UTF8, *self._headers),
        )

    # Document 004 -----------------------------------------------------------------------------------------------------

    def _api_backends(self, name: str, now: float) -> Exchange:
        return _json({backend.id: self.backend_status(backend) for backend in self._house.backends()})

    def backend_status(self, backend: Backend) -> dict[str, Any]:
        """What a backend is, and its health: `info` and `health` as document 004 has them, times in seconds since the
        epoch and milliseconds."""
        seen = self._house.seen(backend.id)
        health: dict[str, Any] = {
            "status": condition_of(backend),
            "response_time_ms": _milliseconds(_waited(backend)),
            "models_available": len({offer.name for offer in self._house.catalog.of_backend(backend.id)}),
            "last_checked": round(self._house.clock.unix(seen), 3) if seen is not None else None,
        }
        if not _serves(backend):
            health["error_message"] = backend.trouble
        return {
            "info": {
                "backend_id": backend.id,
                "backend_type": backend.provider.type,
                "base_url": _place(backend),
            },
            "health": health,
        }

    def _api_models(self, name: str, now: float) -> Exchange:
        house = self._house

        def page(at: float) -> bytes:
            rows: list[dict[str, Any]] = []
            for backend in house.backends():
                for offer in {offer.name: offer for offer in house.catalog.of_backend(backend.id)}.values():
                    rows.append(
                        {
                            "name": offer.name,
                            "backend_id": backend.id,
                            "backend_type": backend.provider.type,
                            "capabilities": sorted(offer.capabilities),
                            "context_length": offer.context_length,
                            "size": offer.info.size or None,
                            "loaded": house.catalog.is_loaded(offer),
                        }
                    )
            return _encode({"models": rows})

        return SurveyExchange(house, page, JSON_UTF8)

    # Document 000 -----------------------------------------------------------------------------------------------------

    def _backends(self, name: str, now: float) -> Exchange:
        return _json({"backends": [self._backend(backend, now) for backend in self._house.backends()]})

    def _backend(self, backend: Backend, now: float) -> dict[str, Any]:
        house = self._house
        offers = house.catalog.of_backend(backend.id)
        able = {each for offer in offers for each in offer.capabilities}
        seen = house.seen(backend.id)
        sums = self._sums(backend)
        minutes = self._uptime(now) / 60.0
        return {
            "id": backend.id,
            "type": backend.provider.type,
            "name": backend.config.name or backend.id,
            "hardware": backend.config.hardware,
            "status": {
                "state": condition_of(backend),
                "message": "" if _serves(backend) else backend.trouble,
                "last_check_unix": int(house.clock.unix(seen)) if seen is not None else None,
            },
            "capabilities": {
                "generate": "completion" in able,
                "embed": "embedding" in able,
                "stream": "completion" in able,
                "models": sorted({offer.name for offer in offers}),
                "max_context": max((offer.context_length or 0 for offer in offers), default=0) or None,
            },
            "metrics": {
                "avg_latency_ms": _milliseconds(sums.seconds.mean),
                "requests_per_minute": round(sums.requests / minutes, 3) if minutes > 0 else 0.0,
                "error_rate": _share(sums.errors, sums.requests),
                "power_watts": backend.config.characteristics.power_watts,
                "loaded_models": sorted({offer.name for offer in offers if house.catalog.is_loaded(offer)}),
            },
        }

    # What they share --------------------------------------------------------------------------------------------------

    def _named(self, name: str) -> list[Backend]:
        """The backend of this id, else those of this type."""
        backends = self._house.backends()
        found = [backend for backend in backends if backend.id == name]
        return found or [backend for backend in backends if backend.provider.type == name.lower()]

    def _unknown(self, name: str) -> Exchange:
        there = ", ".join(backend.id for backend in self._house.backends()) or "none"
        return _json({"error": f"provider '{name}' not found (there are: {there})", "type": "not_found"}, 404)

    def _sums(self, backend: Backend) -> Sums:
        return self._house.ledger.sums(lambda row: row.backend == backend.id)

    def _uptime(self, now: float) -> float:
        began = self._house.clock.began
        return round(self._house.clock.unix(now) - began, 3) if began is not None else 0.0


def condition_of(backend: Backend) -> Condition:
    """How a backend is, for people; one that lacks its key is unhealthy."""
    return "unhealthy" if backend.misconfigured else backend.health.condition


def _place(backend: Backend) -> str | None:
    """Where a backend is; None where it is built in or nowhere."""
    return None if backend.answers_itself is not None else backend.endpoint


def _waited(backend: Backend) -> float | None:
    """For how long it lets a probe wait."""
    return backend.health.response_time if backend.health.response_time >= 0.0 else None


def _serves(backend: Backend) -> bool:
    return backend.callable and backend.health.usable


def _json(value: Any, status: int = 200) -> Exchange:
    return Settled(status, JSON_UTF8, _encode(value))


def _share(part: int, whole: int) -> float:
    """In percent."""
    return round(100.0 * part / whole, 2) if whole else 0.0


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
