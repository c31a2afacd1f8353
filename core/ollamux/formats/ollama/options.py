"""The `options` of a request: which there are, of what type, and Ollama's words for a wrong one.

Owns one table, key to type. Strategy: numbers arrive as Go sees them, as float64, so an integer takes a fraction and
drops it. Rules: unknown keys and nulls are left out of the result; an error names the first wrong key in sorted order.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, cast

from ollamux.formats.ollama.gotext import quote

__all__ = ("OPTION_TYPES", "OptionError", "check_options")

OPTION_TYPES: dict[str, str] = {
    "draft_num_predict": "integer",
    "frequency_penalty": "float32",
    "main_gpu": "integer",
    "min_p": "float32",
    "num_batch": "integer",
    "num_ctx": "integer",
    "num_gpu": "integer",
    "num_keep": "integer",
    "num_predict": "integer",
    "num_thread": "integer",
    "presence_penalty": "float32",
    "repeat_last_n": "integer",
    "repeat_penalty": "float32",
    "seed": "integer",
    "stop": "array",
    "temperature": "float32",
    "top_k": "integer",
    "top_p": "float32",
    "typical_p": "float32",
    "use_mmap": "boolean",
}


class OptionError(ValueError):
    """An option of the wrong type. Ollama answers it with status 500."""


def check_options(raw: Mapping[str, Any]) -> dict[str, Any]:
    """The known options of `raw`: int, float, bool or list of str. Raises OptionError."""
    result: dict[str, Any] = {}
    for key in sorted(raw):
        kind = OPTION_TYPES.get(key)
        value = raw[key]
        if kind is None or value is None:
            continue
        try:
            result[key] = _READERS[kind](value)
        except TypeError as error:
            raise OptionError(
                f"option {quote(key)} must be of {error.args[0] if error.args else f'type {kind}'}"
            ) from None
    return result


def _integer(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return int(number) if abs(number) < 2.0**63 else -(1 << 63)  # what a conversion out of range gives on amd64


def _float(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def _boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _strings(value: object) -> list[str]:
    if not isinstance(value, list):
        raise TypeError
    items = cast("list[object]", value)
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) != len(items):
        raise TypeError("an array of strings")
    return texts


_READERS: dict[str, Callable[[object], Any]] = {
    "array": _strings,
    "boolean": _boolean,
    "float32": _float,
    "integer": _integer,
}
