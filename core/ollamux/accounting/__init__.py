"""What requests cost: tokens, counted where a backend tells and estimated where none can be asked."""

from __future__ import annotations

__all__ = ()
