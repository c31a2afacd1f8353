"""What single values mean: durations, sizes, rates, plain YAML scalars, and `${NAME}` in a string.

Strategy: each function takes what a file or a variable held and gives the value in one unit (seconds, bytes) or as a
`Rate`, or raises ValueError whose text completes the sentence "expected ...". Nothing here knows of keys or sources.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from ollamux.config.pacing import Rate

__all__ = ("duration", "interpolate", "number", "rate", "scalar", "size")

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h)?")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, None: 1.0}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([KMGT]i?)?B?", re.IGNORECASE)
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(s|min|h)")
_PERIODS = {"s": 1.0, "min": 60.0, "h": 3600.0}
_REFERENCE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\})?")
_INTEGER = re.compile(r"[-+]?[0-9]{1,300}")
_OTHER_BASE = re.compile(r"0x[0-9a-fA-F]{1,300}|0o[0-7]{1,300}")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}


def number(value: object) -> float | None:
    """A finite number, or text that spells one; None for anything else."""
    if isinstance(value, str):
        value = scalar(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    return found if math.isfinite(found) else None


def duration(value: object) -> float:
    """Seconds. `250ms`, `5s`, `2m`, `1h`, or a number of seconds, not below 0."""
    found = number(value)
    if found is None and isinstance(value, str) and (match := _DURATION.fullmatch(value.strip())):
        found = float(match[1]) * _SECONDS[match[2]]
    if found is None or found < 0:
        raise ValueError("a duration (250ms, 5s, 2m, 1h, or a number of seconds)")
    return found


def size(value: object) -> int:
    """Bytes. `64KiB`, `256MiB`, `1GB` (a thousand to the third), or a whole number of bytes, not below 0."""
    found = number(value)
    if found is None and isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        unit = (match[2] or "").upper()
        found = float(match[1]) * (1024 if unit.endswith("I") else 1000) ** _POWERS.get(unit[:1], 0)
    if found is None or found < 0 or found != int(found):
        raise ValueError("a size (64KiB, 256MiB, or a number of bytes)")
    return int(found)


def rate(value: object) -> Rate | None:
    """So many events in so much time. `5/s`, `600/min`, `1000/h`; None is no limit, for 0 or `0/min`."""
    if isinstance(value, str) and (match := _RATE.fullmatch(value.strip())):
        count = float(match[1])
        return Rate(count, _PERIODS[match[2]]) if count else None
    if number(value) == 0:
        return None
    raise ValueError("a rate (5/s, 600/min, 1000/h, or 0 for no limit)")


def scalar(text: str) -> Any:
    """A plain scalar as YAML 1.2 reads it: null, true, false, a number, else text (as `on` and `12:30` are)."""
    text = text.strip()
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text):
        return int(text)
    if _OTHER_BASE.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text)
    return text


def interpolate(text: str, env: Mapping[str, str]) -> str:
    """The text with `${NAME}` and `${NAME:-default}` put in; the default serves where NAME is unset or empty, `$${`
    stands for `${`. Raises ValueError with a whole sentence."""

    def put_in(match: re.Match[str]) -> str:
        name: str | None = match[1]
        if match[0] == "$${":
            return "${"
        if name is None:
            raise ValueError("`${` opens no ${NAME} or ${NAME:-default}; a plain `${` is written `$${`")
        if match[2] is not None:
            return env.get(name) or match[2]
        if name not in env:
            raise ValueError(f"{name} is not set in the environment, and ${{{name}}} has no default")
        return env[name]

    return _REFERENCE.sub(put_in, text) if "${" in text else text
