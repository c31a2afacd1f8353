"""Ollama, called through its native API alone.

What it tells: /api/tags names its models, newer ones with their capabilities; /api/ps what is loaded. `row` keeps each
entry as Ollama wrote it, so that a listing loses nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from ollamux.formats.base import Dialect
from ollamux.models import Inventory, Loaded, ModelInfo, Probe, ProbeAnswer
from ollamux.providers.base import as_object, as_rows

__all__ = ("PROVIDERS", "Ollama")

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_FAR = 4102444800.0  # 2100: Ollama writes "forever" as a moment centuries away


class Ollama(msgspec.Struct, frozen=True, kw_only=True):
    """A local Ollama, or one somewhere else."""

    type: str = "ollama"
    format: str = "ollama"
    other_formats: tuple[str, ...] = ()
    dialect: Dialect = Dialect(image_urls=False, prefill={})
    default_endpoint: str | None = "http://127.0.0.1:11434"
    version_path: str = ""
    fixed: bool = True
    manages_models: bool = True
    probes: tuple[Probe, ...] = (Probe("/api/tags"), Probe("/api/ps", optional=True))

    def learn(self, answers: Mapping[str, ProbeAnswer]) -> Inventory:
        models = [_model(row) for row in _rows(answers["/api/tags"])]
        running = answers.get("/api/ps")
        loaded = [_loaded(row) for row in _rows(running)] if running is not None and running.status == 200 else []
        return Inventory(models=tuple(models), loaded=tuple(loaded))


def _rows(answer: ProbeAnswer) -> list[dict[str, Any]]:
    rows = as_rows(_decode(answer.body).get("models"))
    return [row for row in rows if isinstance(row.get("name") or row.get("model"), str)]


def _model(row: dict[str, Any]) -> ModelInfo:
    details = as_object(row.get("details"))
    capabilities: list[str] | None = row["capabilities"] if isinstance(row.get("capabilities"), list) else None
    return ModelInfo(
        name=row.get("name") or row["model"],
        capabilities=frozenset(capabilities) if capabilities else None,
        context_length=_integer(details.get("context_length")),
        embedding_length=_integer(details.get("embedding_length")),
        parameter_size=details.get("parameter_size") or "",
        quantization=details.get("quantization_level") or "",
        format=details.get("format") or "",
        family=details.get("family") or "",
        size=_integer(row.get("size")) or 0,
        modified=_moment(row.get("modified_at")),
        digest=row.get("digest") or None,
        row=row,
    )


def _loaded(row: dict[str, Any]) -> Loaded:
    expires = _moment(row.get("expires_at"))
    return Loaded(
        name=row.get("name") or row["model"],
        expires=None if expires is not None and expires > _FAR else expires,
        size=_integer(row.get("size")) or 0,
        size_vram=_integer(row.get("size_vram")) or 0,
        context_length=_integer(row.get("context_length")),
        row=row,
    )


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _moment(value: object) -> float | None:
    if not isinstance(value, str) or not value:
        return None
    try:
        return datetime.fromisoformat(value).timestamp()
    except (ValueError, OverflowError):
        return None


PROVIDERS = (Ollama(),)
