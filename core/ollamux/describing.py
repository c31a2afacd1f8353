"""What is told of one backend: its health, its figures, and what it is, in the shapes of the documents.

Rules: what was never measured is null; nothing shown holds a secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ollamux.accounting.ledger import Ledger, Sums
from ollamux.backends import Backend
from ollamux.exchange.base import House
from ollamux.hardware.machine import Machine
from ollamux.resilience.health import Condition

if TYPE_CHECKING:
    from ollamux.config import Config

__all__ = ("DescribedHouse", "Descriptions", "condition_of", "serves", "share")


class DescribedHouse(House, Protocol):
    """What the descriptions are made of."""

    config: Config
    ledger: Ledger
    machine: Machine

    def backends(self) -> Sequence[Backend]:
        """All backends, as configured."""
        ...

    def seen(self, backend_id: str) -> float | None:
        """When a backend's last round of probes was over."""
        ...


class Descriptions:
    """Of the backends of one house."""

    def __init__(self, house: DescribedHouse) -> None:
        self._house = house

    def health(self, backend: Backend, now: float) -> dict[str, Any]:
        """How it is, as document 001's health checks have it, with the circuits of its models that are not closed."""
        house = self._house
        seen = house.seen(backend.id)
        sums = self._sums(backend)
        usable = serves(backend)
        failed = sums.last_failure
        return {
            "healthy": usable,
            "status": condition_of(backend),
            "reason": backend.trouble or None if not usable else None,
            "response_time_ms": _milliseconds(_waited(backend)),
            "last_check": house.clock.stamp(seen) if seen is not None else None,
            "circuit_breaker": {
                **self._circuit(backend, now),
                "failure_count": sums.errors,
                "success_count": sums.requests - sum(sums.failures.values()),
                "request_count": sums.requests,
                "last_failure_time": house.clock.stamp(failed) if failed >= 0.0 else None,
            },
            "request_count": sums.requests,
            "error_count": sums.errors,
            "error_rate": share(sums.errors, sums.requests),
        }

    def provider(self, backend: Backend) -> dict[str, Any]:
        """What it is, and its figures, as document 001's list of providers has it."""
        offers = self._house.catalog.of_backend(backend.id)
        return {
            "type": backend.provider.type,
            "name": backend.config.name or backend.id,
            "endpoint": _place(backend),
            "hardware": backend.config.hardware,
            "region": backend.config.region,
            "priority": backend.config.priority,
            "healthy": serves(backend),
            "status": condition_of(backend),
            "models": sorted({offer.name for offer in offers}),
            "capabilities": sorted({each for offer in offers for each in offer.capabilities}),
            "stats": self.figures(backend),
        }

    def stats(self, backend: Backend) -> dict[str, Any]:
        """Its figures, and the requests for each model."""
        models: dict[str, int] = {}
        for row in self._house.ledger.rows():
            if row.backend == backend.id:
                models[row.model] = models.get(row.model, 0) + row.requests
        return {
            "provider": backend.id,
            "type": backend.provider.type,
            "status": condition_of(backend),
            **self.figures(backend),
            "models": models,
        }

    def figures(self, backend: Backend) -> dict[str, Any]:
        """Its requests, times, tokens and costs."""
        house = self._house
        sums = self._sums(backend)
        return {
            "requests": sums.requests,
            "errors": sums.errors,
            "error_rate": share(sums.errors, sums.requests),
            "success_rate": share(sums.requests - sum(sums.failures.values()), sums.requests),
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

    def status(self, backend: Backend) -> dict[str, Any]:
        """What a backend is, and its health: `info` and `health` as document 004 has them, times in seconds since the
        epoch and milliseconds."""
        seen = self._house.seen(backend.id)
        health: dict[str, Any] = {
            "status": condition_of(backend),
            "response_time_ms": _milliseconds(_waited(backend)),
            "models_available": len({offer.name for offer in self._house.catalog.of_backend(backend.id)}),
            "last_checked": round(self._house.clock.unix(seen), 3) if seen is not None else None,
        }
        if not serves(backend):
            health["error_message"] = backend.trouble
        return {
            "info": {
                "backend_id": backend.id,
                "backend_type": backend.provider.type,
                "base_url": _place(backend),
            },
            "health": health,
        }

    def backend(self, backend: Backend, now: float) -> dict[str, Any]:
        """What it is, can do and did, as document 000's list of backends has it."""
        house = self._house
        offers = house.catalog.of_backend(backend.id)
        able = {each for offer in offers for each in offer.capabilities}
        seen = house.seen(backend.id)
        sums = self._sums(backend)
        minutes = self.uptime(now) / 60.0
        return {
            "id": backend.id,
            "type": backend.provider.type,
            "name": backend.config.name or backend.id,
            "hardware": backend.config.hardware,
            "status": {
                "state": condition_of(backend),
                "message": "" if serves(backend) else backend.trouble,
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
                "error_rate": share(sums.errors, sums.requests),
                "power_watts": house.machine.condition(backend.id).watts,
                "loaded_models": sorted({offer.name for offer in offers if house.catalog.is_loaded(offer)}),
            },
        }

    def _circuit(self, backend: Backend, now: float) -> dict[str, Any]:
        """The state of its own circuit and of those of its models that are not closed."""
        circuits = self._house.guards.circuits
        whole = circuits.of_backend(backend.id)
        parts = {model: breaker.standing(now) for model, breaker in circuits.of_models(backend.id).items()}
        return {
            "state": whole.standing(now) if whole is not None else "closed",
            "models": {model: state for model, state in parts.items() if state != "closed"},
            "failures_in_a_row": whole.failures if whole is not None else 0,
            "calls_in_window": whole.calls_in_window if whole is not None else 0,
            "failed_in_window": whole.failed_in_window if whole is not None else 0,
            "next_trial_in_ms": _milliseconds(circuits.recovers_in(backend.id, "", now)) or None,
        }

    def _sums(self, backend: Backend) -> Sums:
        return self._house.ledger.sums(lambda row: row.backend == backend.id)

    def uptime(self, now: float) -> float:
        """Seconds since the gateway was told the time first."""
        began = self._house.clock.began
        return round(self._house.clock.unix(now) - began, 3) if began is not None else 0.0


def condition_of(backend: Backend) -> Condition:
    """How a backend is, for people; one that lacks its key is unhealthy."""
    return "unhealthy" if backend.misconfigured else backend.health.condition


def serves(backend: Backend) -> bool:
    """Whether a request may be answered by it now."""
    return backend.callable and backend.health.usable


def share(part: int, whole: int) -> float:
    """In percent."""
    return round(100.0 * part / whole, 2) if whole else 0.0


def _place(backend: Backend) -> str | None:
    """Where a backend is; None where it is built in or nowhere."""
    return None if backend.answers_itself is not None else backend.endpoint


def _waited(backend: Backend) -> float | None:
    """For how long it lets a probe wait."""
    return backend.health.response_time if backend.health.response_time >= 0.0 else None


def _milliseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1000)
