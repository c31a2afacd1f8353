"""Text as Go's encoding/json, strconv and time write it.

Owns the spelling of numbers, strings, times and whole JSON documents where an answer must be the same bytes that a Go
server would send. Strategy: let C code do the work (msgspec, printf, array) and repair only what differs from Go.
Rules: no clock; a number that JSON cannot hold raises ValueError; floats inside `dump` keep msgspec's spelling, so
whoever must match Go there puts a `msgspec.Raw` of `float64_text` or `embedding_text` in the tree.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from math import ulp

import msgspec

__all__ = (
    "dump",
    "embedding_text",
    "escape_html",
    "float32_text",
    "float64_text",
    "normalised",
    "quote",
    "rfc3339nano",
    "rfc3339nano_local",
)

_ENCODE = msgspec.json.Encoder().encode
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHORT_ESCAPES = {
    "\a": "\\a", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\v": "\\v", "\\": "\\\\", '"': '\\"',
}  # fmt: skip


def dump(obj: object) -> bytes:
    """`obj` as one JSON document without a newline, escaped for HTML as Go's encoder does."""
    return escape_html(_ENCODE(obj))


def escape_html(document: bytes) -> bytes:
    """A JSON document with `<`, `>`, `&`, U+2028 and U+2029 written as escapes. They only occur inside strings."""
    # Bytes as numbers: to look for a text, `in` first fails to take it for one, with an exception and all.
    if 0x3C in document:
        document = document.replace(b"<", b"\\u003c")
    if 0x3E in document:
        document = document.replace(b">", b"\\u003e")
    if 0x26 in document:
        document = document.replace(b"&", b"\\u0026")
    if 0xE2 in document:
        document = document.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
    return document


def float64_text(value: float) -> str:
    """A float64 as encoding/json writes it: `0.1`, `1`, `0.00001`, `1e-7`, `1e+21`."""
    if not math.isfinite(value):
        raise ValueError(f"json: unsupported value: {value}")
    return _spell(repr(float(value)))


def float32_text(value: float) -> str:
    """A float32 (given as the float nearest to it) in the fewest digits that read back as the same float32."""
    rounded = array("f", (value,))[0]
    if not math.isfinite(rounded):
        raise ValueError(f"json: unsupported value: {rounded}")
    return _float32(rounded)


def embedding_text(values: Sequence[float]) -> bytes:
    """A JSON array of float32. Raises ValueError for a value that is not finite."""
    return ("[" + ",".join(map(_float32, array("f", values).tolist())) + "]").encode()


def normalised(values: Sequence[float]) -> list[float]:
    """The vector at length one, computed in float32 as Ollama does. Raises ValueError where one is not finite."""
    numbers = array("f", values).tolist()
    cell = array("f", (0.0,))
    for square in array("f", [number * number for number in numbers]):
        if not square < math.inf and not all(map(math.isfinite, numbers)):
            raise ValueError("embedding contains NaN or Inf values")
        cell[0] = cell[0] + square  # a float32 has to be rounded at every step
    cell[0] = 1.0 / max(math.sqrt(cell[0]), 1e-12)
    factor = cell[0]
    return array("f", [number * factor for number in numbers]).tolist()


def rfc3339nano(seconds: int, nanos: int) -> str:
    """Unix time in UTC with up to nine digits of fraction, trailing zeros trimmed: `2026-01-02T03:04:05.5Z`."""
    return _date(seconds) + _fraction(nanos) + "Z"


def rfc3339nano_local(seconds: int, nanos: int, offset: int) -> str:
    """The same in a zone `offset` seconds east of UTC: `...-07:00`, and `Z` where the offset is 0."""
    if not offset:
        return rfc3339nano(seconds, nanos)
    hours, minutes = divmod(abs(offset) // 60, 60)
    zone = f"{'-' if offset <= -60 else '+'}{hours:02d}:{minutes:02d}"
    return _date(seconds + offset) + _fraction(nanos) + zone


def quote(text: str) -> str:
    """`text` as Go's `%q`: double quotes, escapes for whatever is not printable."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return '"' + "".join([_quoted(char) for char in text]) + '"'


def _quoted(char: str) -> str:
    short = _SHORT_ESCAPES.get(char)
    if short is not None:
        return short
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x20 or code == 0x7F:
        return f"\\x{code:02x}"
    if 0xD800 <= code <= 0xDFFF:
        return "\\ufffd"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


@lru_cache(maxsize=8)
def _date(seconds: int) -> str:
    return (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")


def _fraction(nanos: int) -> str:
    return f".{nanos:09d}".rstrip("0") if nanos else ""


# Half the distance between float32 neighbours, in distances between float64 neighbours.
_HALF_ULP = 268435456.0
_SMALLEST_NORMAL = 2.0**-126


def _float32(number: float) -> str:
    """The text of a float that is a float32 already."""
    size = abs(number)
    if 0.001 <= size < 1.0:
        return _common(number, size)
    if size < 16777216.0 and size == (whole := int(size)):
        return ("-" if math.copysign(1.0, number) < 0 else "") + str(whole)
    if not size < math.inf:
        raise ValueError(f"json: unsupported value: {number}")
    if size < _SMALLEST_NORMAL or math.frexp(size)[0] == 0.5:
        return _spell(_uneven(number))
    room = ulp(size) * _HALF_ULP
    for digits in (6, 7, 8):
        text = f"{number:.{digits}g}"
        gap = abs(float(text) - number)
        if gap < room or (gap == room and array("f", (float(text),))[0] == number):
            return _spell(text)
    return _spell(f"{number:.9g}")


def _common(number: float, size: float) -> str:
    """The same for 0.001 to 1, where embeddings lie: 24 bits times a power of ten are exact in a float64, so integers
    tell how many digits are needed, and in this range seven are never more than need be."""
    scale, width = (1e7, 7) if size >= 0.1 else (1e8, 8) if size >= 0.01 else (1e9, 9)
    room = ulp(size) * _HALF_ULP
    whole = round(size * scale)
    if abs(whole - size * scale) >= room * scale:
        scale *= 10.0
        width += 1
        whole = round(size * scale)
        if abs(whole - size * scale) >= room * scale:
            return f"{number:.9g}"
    return f"{'-0.' if number < 0.0 else '0.'}{str(whole).rjust(width, '0').rstrip('0')}"


def _uneven(number: float) -> str:
    """The shortest decimal that reads back, of those the nearest, of two as near the greater.

    For powers of two, below which float32 lie twice as close as above, and for numbers too small to have 24 bits."""
    cell = array("f", (0.0,))
    sign = "-" if number < 0.0 else ""
    mantissa, _, exponent = f"{abs(number):.120e}".partition("e")  # exact: float32 have at most 112 digits
    figures = mantissa.replace(".", "")
    for digits in range(1, 9):
        below = int(figures[:digits])
        nearest = below + (figures[digits] >= "5")
        for whole in (nearest, below + 1):
            decimal = float(f"{whole}e{int(exponent) - digits + 1}")
            cell[0] = decimal
            if cell[0] == abs(number):
                return f"{sign}{decimal:.{digits}g}"
    return f"{number:.9g}"


def _spell(text: str) -> str:
    """A number in Python's spelling, as %g or repr give it, in the spelling of encoding/json."""
    if text.endswith(".0"):
        text = text[:-2]
    mantissa, mark, tail = text.partition("e")
    if not mark:
        return text
    exponent = int(tail)
    if not -7 < exponent < 21:
        sign = "-" if exponent < 0 else "+"
        return f"{mantissa}e{sign}{abs(exponent)}"
    sign = "-" if mantissa[0] == "-" else ""
    digits = mantissa.lstrip("-").replace(".", "")
    if exponent < 0:
        return f"{sign}0.{'0' * (-exponent - 1)}{digits}"
    return sign + digits.ljust(exponent + 1, "0")
