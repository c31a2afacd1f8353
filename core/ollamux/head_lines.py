"""Headers as lines, as they go out: what is told again and again is encoded once, and kept so.

Rule: nothing in a header can end its line, whoever wrote it.
"""

from __future__ import annotations

from ollamux.contract import HeaderPairs

__all__ = ("line_of", "pairs_of", "value_of")

_NO_CONTROLS = dict.fromkeys((*range(9), *range(10, 32), 127), " ")


def value_of(text: str) -> bytes:
    """What a header says, as it stands in its line."""
    if not text.isprintable():
        text = text.translate(_NO_CONTROLS)
    return text.encode("utf-8", "surrogateescape")


def line_of(name: str, value: str) -> bytes:
    """The line of one header, with its end."""
    return b"%b: %b\r\n" % (name.encode(), value_of(value))


def pairs_of(lines: bytes) -> HeaderPairs:
    """The headers that these lines tell."""
    found: list[tuple[str, str]] = []
    for line in lines.decode("utf-8", "surrogateescape").split("\r\n")[:-1]:
        name, _, value = line.partition(": ")
        found.append((name, value))
    return tuple(found)
