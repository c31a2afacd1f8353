"""A client's own words inside a warning, which becomes a header.

Rules: a header is one line of printable ASCII, so nothing else gets into it; words are bounded in length and number.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

__all__ = ("listed", "tame")

_WILD = re.compile(r"[^!-~]")
_LONGEST = 64
_MOST = 20


def tame(word: str) -> str:
    """The word as a header can hold it."""
    return _WILD.sub("?", word[:_LONGEST])


def listed(words: Iterable[str]) -> str:
    """Several words in their order, as a header can hold them."""
    found = sorted(words)
    return ", ".join(map(tame, found[:_MOST])) + (", ..." if len(found) > _MOST else "")
