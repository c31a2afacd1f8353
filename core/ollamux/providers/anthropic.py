"""Anthropic's own API.

What it tells: /v1/models names its models, page by page, of which the first may hold all of them; newer answers have
the size of the context and what each model can do. A retired model is told too, and is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from ollamux.contract import HeaderPairs
from ollamux.formats.base import Dialect
from ollamux.models import Inventory, ModelInfo, Probe, ProbeAnswer
from ollamux.providers.base import as_object, as_rows

__all__ = ("PROVIDERS", "Anthropic")

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_MODELS = "/v1/models?limit=1000"
_CAPABILITIES = {"image_input": "vision", "thinking": "thinking"}


class Anthropic(msgspec.Struct, frozen=True, kw_only=True):
    """The vendor's service, or whatever else speaks its API at another endpoint. `auth` is how its key is presented
    where the configuration does not say, `headers` what every call has, whose version a single request may replace."""

    type: str = "anthropic"
    format: str = "anthropic"
    other_formats: tuple[str, ...] = ()
    dialect: Dialect = Dialect(prefill={})  # later models refuse it
    default_endpoint: str | None = "https://api.anthropic.com"
    version_path: str = "/v1"
    fixed: bool = True
    manages_models: bool = False
    auth: str = "header:x-api-key"
    headers: HeaderPairs = (("anthropic-version", "2023-06-01"),)
    probes: tuple[Probe, ...] = (Probe(_MODELS),)

    def learn(self, answers: Mapping[str, ProbeAnswer]) -> Inventory:
        rows = as_rows(_decode(answers[_MODELS].body)["data"])
        return Inventory(
            models=tuple(
                _model(row) for row in rows if isinstance(row.get("id"), str) and row.get("lifecycle") != "retired"
            )
        )


def _model(row: dict[str, Any]) -> ModelInfo:
    context = row.get("max_input_tokens")
    return ModelInfo(
        name=row["id"],
        capabilities=_capabilities(as_object(row.get("capabilities"))),
        context_length=context if isinstance(context, int) and context > 0 else None,
        family="claude",
        modified=_moment(row.get("created_at")),
    )


def _capabilities(told: dict[str, Any]) -> frozenset[str] | None:
    if not told:
        return None
    found = {"completion", "tools"}
    found |= {word for name, word in _CAPABILITIES.items() if as_object(told.get(name)).get("supported") is True}
    return frozenset(found)


def _moment(value: object) -> float | None:
    """Seconds since the epoch; the epoch itself stands for a date that is not known."""
    if not isinstance(value, str):
        return None
    try:
        return datetime.fromisoformat(value).timestamp() or None
    except (ValueError, OverflowError):
        return None


PROVIDERS = (Anthropic(),)
