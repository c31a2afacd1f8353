"""Who serves what, and in which order they are asked."""

from __future__ import annotations

__all__ = ()
