"""Failures under load: real backends that are killed, frozen and slowed, and what clients see of it."""

from __future__ import annotations

__all__ = ()
