"""What heat, power, batteries and memory mean for the choice of a backend: decisions from readings."""

from __future__ import annotations

__all__ = ()
