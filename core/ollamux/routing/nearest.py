"""The names that are most like one that nobody has, for the error that says so.

Strategy: a name's likeness is how many of its letters, taken in threes, the other one has too; a common beginning
counts as well. Cheap enough for thousands of names, and good enough for a person to see what they meant.

Rules: case and what stands around a name are no difference; names that are alike nothing follow in their own order.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile

__all__ = ("nearest",)

NAMED = 8
"""How many are told."""


def nearest(name: str, names: Iterable[str], limit: int = NAMED) -> tuple[str, ...]:
    """The `limit` names most like this one, the nearest first."""
    wanted = name.strip().lower()[:200]
    threes = _threes(wanted)

    def likeness(other: str) -> float:
        other = other.lower()
        found = _threes(other)
        same = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(wanted, other, strict=False)))
        return same + 10.0 * len(threes & found) / (len(threes | found) or 1)

    return tuple(sorted(dict.fromkeys(names), key=lambda other: -likeness(other))[:limit])


def _threes(text: str) -> set[str]:
    return {text[at : at + 3] for at in range(max(1, len(text) - 2))}
