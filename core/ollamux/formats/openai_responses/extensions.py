"""Our own fields at the top of a foreign body: `options`, `num_ctx`, `think` and `keep_alive`, as Ollama spells them.

Rules: what the client says in the format's own words is stronger than configured options and weaker than its own
`options`; null counts as absent; what cannot be understood is refused in the field's name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from ollamux.config.values import duration
from ollamux.conversation import ReasoningOptions, Sampling
from ollamux.errors import InvalidRequest

__all__ = ("EXTENSIONS", "keep_alive_of", "sampling_of", "thinking_of")

EXTENSIONS = ("options", "num_ctx", "think", "keep_alive")
_EFFORTS = frozenset({"none", "minimal", "low", "medium", "high", "xhigh", "max"})
_KNOBS = frozenset(Sampling.__struct_fields__) - {"max_tokens", "stop", "other"}
_WHOLE = frozenset({"top_k", "seed", "repeat_last_n", "num_predict"})


def keep_alive_of(value: str | float | None) -> float | None:
    """Seconds, infinite for ever (below zero). Raises InvalidRequest."""
    if value is None:
        return None
    text = str(value).strip()
    try:
        return math.inf if text.startswith("-") else duration(value)
    except ValueError as error:
        raise InvalidRequest(f"keep_alive: expected {error}", param="keep_alive") from None


def thinking_of(value: bool | str | None) -> ReasoningOptions | None:
    """What `think` asks for. Raises InvalidRequest."""
    if value is None:
        return None
    if isinstance(value, bool):
        return ReasoningOptions(value)
    if value not in _EFFORTS:
        raise InvalidRequest(f"think: expected true, false or one of {', '.join(sorted(_EFFORTS))}", param="think")
    return ReasoningOptions(value != "none", value)


def sampling_of(said: Mapping[str, Any], options: Mapping[str, Any], defaults: Mapping[str, Any]) -> Sampling:
    """The knobs: `defaults` are the weakest, then what the format's own fields `said` (in the neutral names), then the
    client's `options`. Raises InvalidRequest."""
    known: dict[str, Any] = {}
    other: dict[str, Any] = {}
    for knobs in (defaults, options):
        for name, value in knobs.items():
            if value is None:
                continue
            if name == "num_predict":
                if isinstance(value, int) and value >= 0:
                    known["max_tokens"] = _checked(name, value)
            elif name == "stop":
                known["stop"] = _stop(value)
            elif name in _KNOBS:
                known[name] = _checked(name, value)
            else:
                other[name] = value
        if knobs is defaults:
            known |= {name: value for name, value in said.items() if value is not None}
    return Sampling(**known, other=other)


def _checked(name: str, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidRequest(f"options: {name} must be a number", param="options")
    return int(value) if name in _WHOLE else value


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]  # pyright: ignore[reportUnknownVariableType]


def _stop(value: Any) -> tuple[str, ...] | None:
    found = [value] if isinstance(value, str) else _listed(value)
    if not all(isinstance(one, str) for one in found):
        raise InvalidRequest("options: stop must be a list of texts", param="options")
    return tuple(found) or None
