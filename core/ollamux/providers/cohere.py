"""Cohere, through its compatibility API; its own list of models stands at another path of the same host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec

from ollamux.contract import HeaderPairs
from ollamux.formats.base import Dialect
from ollamux.models import Inventory, ModelInfo, Probe, ProbeAnswer
from ollamux.providers.base import as_rows

if TYPE_CHECKING:
    from ollamux.config import BackendConfig

__all__ = ("PROVIDERS", "Cohere")

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_PATH = "/v1/models?page_size=1000"
_ENDPOINTS = {"chat": "completion", "embed": "embedding"}
_FEATURES = {"tools": "tools", "vision": "vision", "reasoning": "thinking"}


class Cohere(msgspec.Struct, frozen=True, kw_only=True):
    """The API of Cohere as OpenAI's clients see it."""

    type: str = "cohere"
    format: str = "openai_chat"
    other_formats: tuple[str, ...] = ()
    dialect: Dialect = Dialect(
        think="reasoning_effort",
        sampling={"reasoning_effort": "reasoning_effort"},
        stream_options=False,
        json_schema=False,
        completions=False,
        refuses=frozenset({"stream_options", "logit_bias", "store", "metadata", "service_tier", "parallel_tool_calls"}),
    )
    default_endpoint: str | None = "https://api.cohere.ai/compatibility/v1"
    version_path: str = "/compatibility/v1"
    fixed: bool = False
    manages_models: bool = False
    auth: str = "bearer"
    headers: HeaderPairs = ()
    probes: tuple[Probe, ...] = (Probe(_PATH),)

    def url(self, base: str, path: str, upstream: str, config: BackendConfig) -> str:
        """Below the base; the list of models below the host."""
        parts = urlsplit(base)
        return f"{parts.scheme}://{parts.netloc}{path}" if path == _PATH else base + path

    def learn(self, answers: Mapping[str, ProbeAnswer]) -> Inventory:
        body = _decode(answers[_PATH].body)
        rows = as_rows(body["models"] if "models" in body else body["data"])
        return Inventory(models=tuple(_model(row) for row in rows if isinstance(row.get("name") or row.get("id"), str)))


def _model(row: dict[str, Any]) -> ModelInfo:
    context = row.get("context_length")
    told = {word for name, word in _ENDPOINTS.items() if name in (row.get("endpoints") or ())}
    features = row.get("features")
    if isinstance(features, list):
        told |= {word for name, word in _FEATURES.items() if name in features}
    elif "completion" in told:
        told.add("tools")  # every chat model of theirs calls tools
    return ModelInfo(
        name=row.get("name") or row["id"],
        capabilities=frozenset(told) or None,
        context_length=int(context) if isinstance(context, int | float) and context > 0 else None,
    )


PROVIDERS = (Cohere(),)
