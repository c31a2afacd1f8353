"""The benchmarks: whole servers as processes, side by side, in CPU time for one request and one streamed chunk."""

from __future__ import annotations

__all__ = ()
