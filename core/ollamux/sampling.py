"""How a model is to choose its words: the knobs that formats share, by their common names.

Rule: None is absent; nothing here has a default of its own.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = ("NO_SAMPLING", "Sampling")


class Sampling(msgspec.Struct, frozen=True, omit_defaults=True):
    """The knobs that formats share, by their common names; None is absent. `other` holds a format's own knobs under
    their own names (num_ctx, num_gpu, ...), which another format drops with a warning, and what a model's configuration
    adds: `reasoning_effort` (weaker than the request's own), `summary_level`, `verbosity_level` and
    `truncation_strategy`, which a format without them drops in silence."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    stop: tuple[str, ...] | None = None
    seed: int | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    other: dict[str, Any] = {}


NO_SAMPLING = Sampling()
"""Nothing asked for: the one object for it, so that it can be told by identity."""
