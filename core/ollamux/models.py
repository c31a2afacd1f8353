"""What is known of models: what a backend tells of each, what it keeps loaded, and what it is asked to find that out.

Values alone; providers make them from their backends' answers, the catalog unites them, formats list them.

Rules: None is not told, which is neither no nor zero; names are spelled as the backend spells them.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ("ASSUMED_CAPABILITIES", "AUTO", "Inventory", "Loaded", "ModelInfo", "Probe", "ProbeAnswer")

ASSUMED_CAPABILITIES = frozenset({"completion", "tools"})
"""What a model is taken to be able to do where nobody says."""

AUTO = "auto"
"""The name by which a client leaves the choice of a model to the gateway."""


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """One model of one backend. `title` is the name that clients see where it is not `name`, `row` an Ollama backend's
    own entry in /api/tags; sizes are bytes, times seconds since the epoch."""

    name: str
    title: str | None = None
    capabilities: frozenset[str] | None = None
    context_length: int | None = None
    embedding_length: int | None = None
    parameter_count: int | None = None
    parameter_size: str = ""
    quantization: str = ""
    format: str = ""
    family: str = ""
    size: int = 0
    modified: float | None = None
    digest: str | None = None
    template: str | None = None
    row: dict[str, Any] | None = None


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """A model in a backend's memory. `expires` in seconds since the epoch, None where it stays."""

    name: str
    expires: float | None = None
    size: int = 0
    size_vram: int = 0
    context_length: int | None = None
    row: dict[str, Any] | None = None


class Inventory(msgspec.Struct, frozen=True, kw_only=True):
    """What one round of probes found out. `slots` is how many requests the backend runs at once, where it tells."""

    models: tuple[ModelInfo, ...] = ()
    loaded: tuple[Loaded, ...] = ()
    slots: int | None = None
    version: str = ""


class Probe(msgspec.Struct, frozen=True):
    """A question to a backend: a path below its root, and whether a refusal of it says nothing."""

    path: str
    optional: bool = False


class ProbeAnswer(msgspec.Struct, frozen=True):
    """What came back; status 0 where nothing did."""

    status: int
    body: bytes
