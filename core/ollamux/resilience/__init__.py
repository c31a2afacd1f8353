"""What keeps one backend's trouble from becoming a client's: health, circuits, limits, fallback, and admission."""

from __future__ import annotations

__all__ = ()
