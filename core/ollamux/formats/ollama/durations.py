"""Durations as Go writes them: `300ms`, `1h30m`, `-1.5h`.

Owns the reading of such text, with the limits, the rounding and the words of Go's `time.ParseDuration`.
Strategy: one pass over the text, number and unit in turn; everything is an integer of nanoseconds but the fraction,
which Go multiplies as a float64. Rules: no clock, no locale; text that Go refuses raises `DurationError` in its words.
"""

from __future__ import annotations

import re

__all__ = ("DurationError", "parse_duration")

_UNITS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,  # U+00B5, the micro sign
    "μs": 1_000,  # U+03BC, the Greek letter
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_LIMIT = 1 << 63
_PART = re.compile(r"([0-9]*)(\.[0-9]*)?([^.0-9]*)")


class DurationError(ValueError):
    """The text is no duration. The message is Go's."""


def parse_duration(text: str) -> int:
    """The nanoseconds that `text` says, within int64. Raises DurationError."""
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0
    if not rest:
        raise _invalid(text)
    total = 0
    at = 0
    while at < len(rest):
        part = _PART.match(rest, at)
        assert part is not None
        whole, fraction, unit = part.groups()
        if not whole and (fraction is None or fraction == "."):
            raise _invalid(text)
        if len(whole.lstrip("0")) > 19 or int(whole or "0") > _LIMIT:
            raise _invalid(text)
        if not unit:
            raise DurationError(f"time: missing unit in duration {_quote(text)}")
        scale = _UNITS.get(unit)
        if scale is None:
            raise DurationError(f"time: unknown unit {_quote(unit)} in duration {_quote(text)}")
        value = int(whole or "0")
        if value > _LIMIT // scale:
            raise _invalid(text)
        value *= scale
        if fraction is not None:
            value += _fraction(fraction[1:], scale)
        total += value
        if value > _LIMIT or total > _LIMIT:
            raise _invalid(text)
        at = part.end()
    if text[0] == "-":
        return -total
    if total == _LIMIT:
        raise _invalid(text)
    return total


def _fraction(digits: str, scale: int) -> int:
    number = 0
    divisor = 1.0
    for digit in digits[:32]:  # after 19 digits Go ignores what follows
        if number > (_LIMIT - 1) // 10 or number * 10 + int(digit) > _LIMIT:
            break
        number = number * 10 + int(digit)
        divisor *= 10
    return int(float(number) * (float(scale) / divisor))


def _invalid(text: str) -> DurationError:
    return DurationError(f"time: invalid duration {_quote(text)}")


def _quote(text: str) -> str:
    """Go's `time` quotes with a rule of its own: every byte beyond ASCII and every control is written `\\xNN`."""
    parts: list[str] = []
    for char in text:
        if char < " " or char >= "\x80":
            parts.extend(f"\\x{byte:02x}" for byte in char.encode("utf-8", "surrogatepass"))
        elif char in '"\\':
            parts.append("\\" + char)
        else:
            parts.append(char)
    return '"' + "".join(parts) + '"'
