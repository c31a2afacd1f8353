"""Routing measured: simulated fleets, in which the real planner decides, and the time that a decision takes."""

from __future__ import annotations

__all__ = ()
