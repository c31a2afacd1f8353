"""What Ollama answers about models: tags, ps and show, written from the catalog.

An entry that an Ollama backend wrote is repeated as it wrote it, under the name that clients use here; for all other
backends it is made of what they told.

Rules: a name without a tag is listed with `:latest`; a digest has 64 hexadecimal digits and is another one for each
name; key order is Ollama's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from ollamux.clock import Clock
from ollamux.formats.ollama.gotext import dump
from ollamux.models import Loaded
from ollamux.routing.catalog import Offer

__all__ = ("listed_name", "ps", "show", "tags")

_FOREVER = 292 * 365.25 * 86400.0
"""Seconds after now at which Ollama lets a model expire that stays for ever."""

_CAPABILITY_ORDER = ("completion", "vision", "audio", "tools", "insert", "thinking", "embedding")


def listed_name(name: str) -> str:
    """The name as lists show it, with its tag."""
    return name if ":" in name.rpartition("/")[2] else name + ":latest"


def tags(offers: Iterable[Offer], clock: Clock, now: float) -> bytes:
    """The body of GET /api/tags, newest first."""
    seen: set[str] = set()
    rows: list[tuple[float, dict[str, Any]]] = []
    for offer in offers:
        modified = _modified(offer, clock)
        rows.append((modified, _tag_row(offer, clock, _unique(offer, seen))))
    rows.sort(key=lambda row: -row[0])
    return dump({"models": [row for _, row in rows]})


def ps(loaded: Iterable[tuple[Offer, Loaded]], clock: Clock, now: float) -> bytes:
    """The body of GET /api/ps, latest expiry first."""
    seen: set[str] = set()
    rows: list[tuple[float, dict[str, Any]]] = []
    for offer, entry in loaded:
        expires = entry.expires if entry.expires is not None else clock.unix(now) + _FOREVER
        name = listed_name(offer.name)
        row: dict[str, Any] = {
            "name": name,
            "model": name,
            "size": entry.size or offer.info.size,
            "digest": _unique(offer, seen),
            "details": (entry.row or {}).get("details") or _details(offer),
            "expires_at": (entry.row or {}).get("expires_at") or clock.local(expires),
            "size_vram": entry.size_vram,
        }
        context = entry.context_length or offer.context_length
        if context is not None:
            row["context_length"] = context
        rows.append((expires, row))
    rows.sort(key=lambda row: -row[0])
    return dump({"models": [row for _, row in rows]})


def show(offer: Offer, clock: Clock, now: float) -> bytes:
    """The body of POST /api/show for a model of a backend that is no Ollama, or of none (`auto`)."""
    info = offer.info
    source = f"Served by ollamux from backend '{offer.backend}'" if offer.backend else "Chosen by ollamux"
    body: dict[str, Any] = {"modelfile": f"# {source}\nFROM {info.name}\n"}
    if offer.options:
        body["parameters"] = "\n".join(f"{name:<30} {_parameter(value)}" for name, value in offer.options.items())
    if info.template:
        body["template"] = info.template
    body["details"] = _details(offer)
    body["model_info"] = _model_info(offer)
    body["capabilities"] = _capabilities(offer)
    body["modified_at"] = clock.local(_modified(offer, clock))
    return dump(body)


def _tag_row(offer: Offer, clock: Clock, digest: str) -> dict[str, Any]:
    name = listed_name(offer.name)
    if offer.info.row is not None:
        return {**offer.info.row, "name": name, "model": name, "digest": digest}
    return {
        "name": name,
        "model": name,
        "modified_at": clock.local(_modified(offer, clock)),
        "size": offer.info.size,
        "digest": digest,
        "details": _details(offer),
        "capabilities": _capabilities(offer),
    }


def _modified(offer: Offer, clock: Clock) -> float:
    """When the model last changed: as far as this gateway knows, when it began, where nobody tells."""
    return offer.info.modified if offer.info.modified is not None else clock.began or 0.0


def _details(offer: Offer) -> dict[str, Any]:
    info = offer.info
    details: dict[str, Any] = {
        "parent_model": "",
        "format": info.format,
        "family": info.family,
        "families": [info.family] if info.family else None,
        "parameter_size": info.parameter_size,
        "quantization_level": info.quantization,
    }
    if offer.context_length is not None:
        details["context_length"] = offer.context_length
    if info.embedding_length is not None:
        details["embedding_length"] = info.embedding_length
    return details


def _model_info(offer: Offer) -> dict[str, Any]:
    info = offer.info
    architecture = info.family or "unknown"
    found: dict[str, Any] = {"general.architecture": architecture, "general.basename": offer.name}
    if info.parameter_count is not None:
        found["general.parameter_count"] = info.parameter_count
    if offer.context_length is not None:
        found[f"{architecture}.context_length"] = offer.context_length
    if info.embedding_length is not None:
        found[f"{architecture}.embedding_length"] = info.embedding_length
    return found


def _capabilities(offer: Offer) -> list[str]:
    rest = sorted(offer.capabilities.difference(_CAPABILITY_ORDER))
    return [word for word in _CAPABILITY_ORDER if word in offer.capabilities] + rest


def _parameter(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)


def _unique(offer: Offer, seen: set[str]) -> str:
    digest = offer.digest
    if digest in seen:
        digest = hashlib.sha256(f"{digest} {offer.name}".encode()).hexdigest()
    seen.add(digest)
    return digest
