"""What the gateway tells of itself: the pages about health, providers, backends and models, as JSON.

Strategy: a page is a function of the moment, made when somebody asks for it, of what the machines know already: health,
the last probes, the ledger, the catalog. A table says which handler of the routes is which page.

Rules: a backend is named by its id, or by its provider's type, which means all of that type; one that nobody knows is a
404 that lists those that there are; what was never measured is null; nothing shown holds a secret.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import msgspec

from ollamux.backends import Backend
from ollamux.contract import ClientRequest, HeaderPairs
from ollamux.describing import DescribedHouse, Descriptions, serves, share
from ollamux.errors import OllamuxError
from ollamux.exchange import Exchange, Settled
from ollamux.exchange.base import JSON_UTF8
from ollamux.exchange.survey import SurveyExchange
from ollamux.formats.ollama import listing

__all__ = ("Status", "StatusHouse")

_TEXT: HeaderPairs = (("Content-Type", "text/plain"),)
_encode = msgspec.json.Encoder().encode


class _Choice(msgspec.Struct):
    """The body of POST /efficiency."""

    mode: str


_decode_choice = msgspec.json.Decoder(_Choice).decode


class StatusHouse(DescribedHouse, Protocol):
    """What the pages are made of."""

    def choose_efficiency(self, mode: str) -> None:
        """A person chose an efficiency mode."""
        ...


Page = Callable[[ClientRequest, str, float], Exchange]
"""From the request, the name in its path, empty where the path has none, and `now`."""


class Status:
    """The pages. `version` is ollamux's own, `headers` go out with the lists that other gateways read."""

    def __init__(self, house: StatusHouse, version: str, headers: HeaderPairs) -> None:
        self._house = house
        self._told = Descriptions(house)
        self._version = version
        self._headers = headers
        self.pages: dict[str, Page] = {
            "health": self._health_alone,
            "alive": self._alive,
            "ready": self._ready,
            "health_detailed": self._detailed,
            "health_providers": self._health_of,
            "providers": self._providers,
            "provider_stats": self._stats,
            "tags_of": self._tags,
            "api_backends": self._api_backends,
            "api_models": self._api_models,
            "backends": self._backends,
            "thermal": self._thermal,
            "efficiency": self._efficiency,
            "efficiency_set": self._choose,
        }
        """By the routes' handlers."""

    def of(self, house: StatusHouse) -> Status:
        """The same pages, of another house."""
        return Status(house, self._version, self._headers)

    def backends(self) -> dict[str, dict[str, Any]]:
        """What each backend is (`info`) and how it is (`health`), by its id, as document 004 has them."""
        return {backend.id: self._told.status(backend) for backend in self._house.backends()}

    def overall(self) -> str:
        """healthy where every backend is, unhealthy where none can serve, degraded between."""
        backends = self._house.backends()
        serving = sum(serves(backend) for backend in backends)
        return "unhealthy" if not serving else "healthy" if serving == len(backends) else "degraded"

    # For load balancers -----------------------------------------------------------------------------------------------

    def _health_alone(self, request: ClientRequest, name: str, now: float) -> Exchange:
        if any(map(serves, self._house.backends())):
            return Settled(200, JSON_UTF8, b'{"status":"ok"}')
        return Settled(503, JSON_UTF8, b'{"status":"unavailable"}')

    def _alive(self, request: ClientRequest, name: str, now: float) -> Exchange:
        return Settled(200, _TEXT, b"ok")

    def _ready(self, request: ClientRequest, name: str, now: float) -> Exchange:
        backends = self._house.backends()
        usable = sum(backend.callable and backend.health.state == "ready" for backend in backends)
        text = f"ready: {usable}/{len(backends)} backends healthy"
        return Settled(200 if usable else 503, _TEXT, text.encode())

    # Document 001 -----------------------------------------------------------------------------------------------------

    def _detailed(self, request: ClientRequest, name: str, now: float) -> Exchange:
        house = self._house
        sums = house.ledger.sums()
        uptime = self._told.uptime(now)
        backends = house.backends()
        return _json(
            {
                "status": self.overall(),
                "timestamp": house.clock.stamp(now),
                "version": self._version,
                "uptime": uptime,
                "providers": {backend.id: self._told.health(backend, now) for backend in backends},
                "queue": {"waiting": house.admission.waiting, "size": house.config.queue.size},
                "metrics": {
                    "total_requests": sums.requests,
                    "total_errors": sums.errors,
                    "error_rate": share(sums.errors, sums.requests),
                    "fallbacks": house.ledger.fallbacks,
                    "active_providers": sum(map(serves, backends)),
                    "uptime": uptime,
                },
            }
        )

    def _health_of(self, request: ClientRequest, name: str, now: float) -> Exchange:
        found = self._named(name) if name else self._house.backends()
        if not found:
            return self._unknown(name)
        if name and len(found) == 1:
            changes = [
                {"at": self._house.clock.stamp(each.now), "status": each.condition, "reason": each.reason}
                for each in found[0].health.history
            ]
            return _json({"provider": found[0].id, **self._told.health(found[0], now), "history": changes})
        return _json(
            {
                "status": self.overall(),
                "timestamp": self._house.clock.stamp(now),
                "providers": {backend.id: self._told.health(backend, now) for backend in found},
            }
        )

    def _providers(self, request: ClientRequest, name: str, now: float) -> Exchange:
        backends = self._house.backends()
        config = self._house.config
        return _json(
            {
                "providers": {backend.id: self._told.provider(backend) for backend in backends},
                "total": len(backends),
                "healthy": sum(map(serves, backends)),
                "routing_strategy": config.routing.strategy,
                "fallback_strategy": config.routing.fallback,
            }
        )

    def _stats(self, request: ClientRequest, name: str, now: float) -> Exchange:
        found = self._named(name)
        if not found:
            return self._unknown(name)
        told = {backend.id: self._told.stats(backend) for backend in found}
        return _json(told[found[0].id] if len(found) == 1 else {"providers": told})

    def _tags(self, request: ClientRequest, name: str, now: float) -> Exchange:
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

    def _api_backends(self, request: ClientRequest, name: str, now: float) -> Exchange:
        return _json(self.backends())

    def _api_models(self, request: ClientRequest, name: str, now: float) -> Exchange:
        house = self._house

        def page(at: float) -> bytes:
            rows: list[dict[str, Any]] = []
            for backend in house.backends():
                for offer in {offer.name: offer for offer in house.catalog.of_backend(backend.id)}.values():
                    room = house.machine.vram.room(backend.id, offer.upstream)
                    rows.append(
                        {
                            "name": offer.name,
                            "backend_id": backend.id,
                            "backend_type": backend.provider.type,
                            "capabilities": sorted(offer.capabilities),
                            "context_length": offer.context_length,
                            "size": offer.info.size or None,
                            "loaded": house.catalog.is_loaded(offer),
                            "fits": room.fits,
                            "unloads": [{"backend_id": each.backend, "name": each.model} for each in room.unload],
                        }
                    )
            return _encode({"models": rows})

        return SurveyExchange(house, page, JSON_UTF8)

    # Document 000 -----------------------------------------------------------------------------------------------------

    def _backends(self, request: ClientRequest, name: str, now: float) -> Exchange:
        return _json({"backends": [self._told.backend(backend, now) for backend in self._house.backends()]})

    def _thermal(self, request: ClientRequest, name: str, now: float) -> Exchange:
        return _json(self._house.machine.describe())

    def _efficiency(self, request: ClientRequest, name: str, now: float) -> Exchange:
        efficiency = self._house.machine.efficiency
        return _json(
            {
                "current_mode": efficiency.current,
                "effective_mode": efficiency.effective,
                "description": efficiency.description,
            }
        )

    def _choose(self, request: ClientRequest, name: str, now: float) -> Exchange:
        try:
            self._house.choose_efficiency(_decode_choice(request.body or b"").mode)
        except ValueError:
            return _json({"error": 'expected a body like {"mode": "Quiet"}', "type": "bad_request"}, 400)
        except OllamuxError as error:
            return _json({"error": error.message, "type": error.kind}, error.status)
        return self._efficiency(request, name, now)

    # What they share --------------------------------------------------------------------------------------------------

    def _named(self, name: str) -> list[Backend]:
        """The backend of this id, else those of this type."""
        backends = self._house.backends()
        found = [backend for backend in backends if backend.id == name]
        return found or [backend for backend in backends if backend.provider.type == name.lower()]

    def _unknown(self, name: str) -> Exchange:
        there = ", ".join(backend.id for backend in self._house.backends()) or "none"
        return _json({"error": f"provider '{name}' not found (there are: {there})", "type": "not_found"}, 404)


def _json(value: Any, status: int = 200) -> Exchange:
    return Settled(status, JSON_UTF8, _encode(value))
