"""The whole gateway in virtual time, among backends that fail in every way and clients that do not care.

`playing.play(seed)` plays one seed; what must hold at every step is in `invariants`, one function each.
"""

from __future__ import annotations

__all__ = ()
