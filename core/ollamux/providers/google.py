"""Google's Gemini API, and the same models on Vertex AI.

What the Gemini API tells: /models names the models with the length of their input and the methods that they have.
Vertex lists nothing that says what a project may call, so its models are those that the configuration names.

Rules: the endpoint of Vertex is given whole, with project, location and publisher; a model that neither generates nor
embeds is none of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from ollamux.formats.base import Dialect
from ollamux.models import Inventory, ModelInfo, Probe, ProbeAnswer
from ollamux.providers.base import as_rows

__all__ = ("PROVIDERS", "Google")

_decode = msgspec.json.Decoder(dict[str, Any]).decode
_LIST = "/models?pageSize=1000"
_PREDICTS = re.compile(r"text-embedding|text-multilingual-embedding|textembedding|gemini-embedding-001")
_VECTORS = Dialect(predicts=True, most_inputs=250)
_ONE_VECTOR = Dialect(predicts=True, most_inputs=1)
_GENERATES = "generateContent"
_EMBEDS = frozenset({"embedContent", "batchEmbedContents"})
_SEES_AND_CALLS = frozenset({"completion", "tools", "vision"})


class Google(msgspec.Struct, frozen=True, kw_only=True):
    """Models that are called by Gemini's API."""

    type: str = "google"
    format: str = "gemini"
    other_formats: tuple[str, ...] = ()
    dialect: Dialect = Dialect()
    default_endpoint: str | None = "https://generativelanguage.googleapis.com"
    version_path: str = "/v1beta"
    fixed: bool = False
    manages_models: bool = False
    probes: tuple[Probe, ...] = (Probe(_LIST),)
    auth: str = "header:x-goog-api-key"

    def dialect_for(self, model: str) -> Dialect:
        """Its dialect towards this model: on Vertex, models that make vectors predict them, the newer ones one at a
        time."""
        if self.probes or not _PREDICTS.search(model):
            return self.dialect
        return _ONE_VECTOR if "gemini" in model else _VECTORS

    def learn(self, answers: Mapping[str, ProbeAnswer]) -> Inventory:
        if not self.probes:
            return Inventory()
        rows = as_rows(_decode(answers[_LIST].body).get("models"))
        return Inventory(models=tuple(model for row in rows if (model := _model(row)) is not None))


def _model(row: dict[str, Any]) -> ModelInfo | None:
    name, limit, methods = row.get("name"), row.get("inputTokenLimit"), row.get("supportedGenerationMethods")
    if not isinstance(name, str) or not name:
        return None
    name = name.removeprefix("models/")
    found: set[str] | None = None
    if isinstance(methods, list):
        found = set()
        if _GENERATES in methods:
            found |= _SEES_AND_CALLS if name.startswith("gemini") else {"completion"}
        if not _EMBEDS.isdisjoint(method for method in map(str, methods)):  # pyright: ignore[reportUnknownArgumentType]
            found.add("embedding")
        if not found:
            return None
        if row.get("thinking") is True:
            found.add("thinking")
    return ModelInfo(
        name=name,
        capabilities=frozenset(found) if found is not None else None,
        context_length=limit if isinstance(limit, int) else None,
        family=name.partition("-")[0],
        format="gemini",
    )


PROVIDERS = (
    Google(),
    Google(type="vertex", default_endpoint=None, version_path="", probes=(), auth="bearer"),
)
