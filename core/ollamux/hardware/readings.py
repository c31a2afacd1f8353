"""Readings: what the sensors of this machine say at one moment. Plain values that an I/O layer makes.

Rules: None is not told, which is neither zero nor cold; temperatures are degrees Celsius, fans and utilisation percent,
power watts, memory bytes; a machine without sensors has `Readings()`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = ("Device", "DeviceKind", "Readings")

DeviceKind = Literal["nvidia", "amd", "intel", "cpu", "npu"]


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """One device that models run on. `id` is unique on the machine and stays the same from reading to reading;
    `integrated` is a GPU on the processor's own die; `throttling` says that it is being slowed down because of heat
    (not because of a power limit, nor because it idles)."""

    id: str
    kind: DeviceKind
    name: str = ""
    integrated: bool = False
    temperature: float | None = None
    fan: float | None = None
    power: float | None = None
    utilisation: float | None = None
    throttling: bool = False
    vram_total: int | None = None
    vram_used: int | None = None


class Readings(msgspec.Struct, frozen=True, kw_only=True):
    """All devices, the battery's charge in percent, whether the machine runs on it, and the hour of the local day (0 to
    23)."""

    devices: tuple[Device, ...] = ()
    battery: float | None = None
    on_battery: bool | None = None
    hour: int | None = None
