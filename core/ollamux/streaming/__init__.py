"""Streams: framing, the general translator, and the compiled converters that take its place where they can."""

from __future__ import annotations

__all__ = ()
