"""The machine under the backends: limits of heat, and what is done about memory.

Rules: degrees are Celsius, sizes bytes, times seconds; what these figures do is decided in `hardware`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ("HeatConfig", "ThermalConfig", "VramConfig")


class HeatConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Degrees Celsius that differ for one kind of hardware. None is as for all."""

    warning: float | None = None
    critical: float | None = None
    shutdown: float | None = None


class ThermalConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Degrees Celsius from which a device costs points, is left alone, and gets nothing at all; the seconds for which
    one that was too hot is left alone at least, and from one reading to the next; and what differs for some kinds of
    hardware, as backends name them."""

    warning: float = 70.0
    critical: float = 85.0
    shutdown: float = 95.0
    cooldown: float = 120.0
    interval: float = 5.0
    hardware: dict[str, HeatConfig] = {}

    def of(self, hardware: str) -> tuple[float, float, float]:
        """Warning, critical and shutdown for this kind of hardware."""
        own = self.hardware.get(hardware, HeatConfig())
        return (
            self.warning if own.warning is None else own.warning,
            self.critical if own.critical is None else own.critical,
            self.shutdown if own.shutdown is None else own.shutdown,
        )


class VramConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Whether models are taken out of memory for others that do not fit, which go first, bytes left free on each
    device, patterns of models that never go, what a model of unknown size takes, and from which percentage of use on
    models go though nobody needs the room (0: never)."""

    unload: bool = True
    strategy: Literal["lru", "largest"] = "lru"
    reserve: int = 512 * 1024 * 1024
    pinned: tuple[str, ...] = ()
    assumed_size: int = 8 * 1024 * 1024 * 1024
    threshold: float = 0.0
