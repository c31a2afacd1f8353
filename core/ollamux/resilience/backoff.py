"""How long to wait before a call is repeated, and what stands for chance in that.

Rules: chance is handed in as a number from 0 to 1; `draw` derives one from a seed and a count, so that a run can be
played again.
"""

from __future__ import annotations

from ollamux.config.pacing import Backoff

__all__ = ("Backoff", "draw")

_MASK = (1 << 64) - 1


def draw(seed: int, count: int) -> float:
    """A number in [0, 1) that looks like chance and is the same for the same arguments (the mixer of splitmix64)."""
    mixed = (seed + (count + 1) * 0x9E3779B97F4A7C15) & _MASK
    mixed = ((mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & _MASK
    return ((mixed ^ (mixed >> 31)) >> 11) / 9007199254740992.0
