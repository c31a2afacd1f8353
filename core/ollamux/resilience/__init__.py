"""What keeps one backend's trouble from becoming a client's: health, and admission where places are few."""

from __future__ import annotations

__all__ = ()
