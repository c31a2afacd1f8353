"""What others on the same host take from this machine: the share of time in which a core was wanted and not given.

Source: `steal` in /proc/stat, in ticks of 10 ms over all cores; nothing where a kernel tells of none. What else runs
within the machine is not in it.
"""

from __future__ import annotations

from pathlib import Path

__all__ = ("Meter",)

_STEAL, _TOLD = 7, 8
_STAT = Path("/proc/stat")


def _ticks() -> tuple[int, int]:
    """Stolen ticks, and all that the cores have counted."""
    try:
        counts = [int(count) for count in _STAT.read_text().partition("\n")[0].split()[1 : 1 + _TOLD]]
    except (OSError, ValueError):
        return 0, 0
    return (counts[_STEAL], sum(counts)) if len(counts) == _TOLD else (0, 0)


class Meter:
    """Measures from when it is made."""

    def __init__(self) -> None:
        self._stolen, self._all = _ticks()

    def share(self) -> float:
        """Of the machine's time since then, 0 to 1."""
        stolen, counted = _ticks()
        return (stolen - self._stolen) / max(counted - self._all, 1)
