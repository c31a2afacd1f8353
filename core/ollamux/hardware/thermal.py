"""Heat: how much a warm device costs in the choice of a backend, and when it is left alone.

The penalty, subtracted from a score, is the sum of

- ((T - warning) / (critical - warning))^2 * 1000 above `warning`,
- 5 for each percent of fan speed above 85,
- 2000 while it throttles,
- 10 for each percent of utilisation above 80.

A device is `hot` at `critical` or while it throttles: its backends are passed over, unless a request names one. At
`shutdown` nothing goes there, whoever asks. So that it does not flap, a hot device stays hot until `cooldown` seconds
have passed since it last was at `critical` or throttled, and it is `MARGIN` degrees below; one at `shutdown` is merely
hot again as soon as it is below `critical`.

Rules: a device that tells no temperature is judged by the rest; one that vanishes from the readings stays as it was
until its cooldown is over; several devices count as the worst of them, for nobody here chooses among them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from ollamux.hardware.placement import word_for
from ollamux.hardware.readings import Device

__all__ = ("COOL", "MARGIN", "Heat", "HeatState", "Thermal", "ThermalLimits", "penalty")

MARGIN = 5.0
"""Degrees below `critical` at which a hot device may be used again."""

_LOUD_FAN = 85.0
_PER_FAN_PERCENT = 5.0
_THROTTLING = 2000.0
_BUSY = 80.0
_PER_BUSY_PERCENT = 10.0

HeatState = Literal["cool", "warm", "hot", "shutdown"]
_ORDER: Mapping[HeatState, int] = {"cool": 0, "warm": 1, "hot": 2, "shutdown": 3}


class ThermalLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Degrees Celsius, and seconds of `cooldown`. Raises ValueError where they are not in order."""

    warning: float = 70.0
    critical: float = 85.0
    shutdown: float = 95.0
    cooldown: float = 120.0

    def __post_init__(self) -> None:
        if not self.warning < self.critical <= self.shutdown:
            raise ValueError("warning must be below critical, and critical not above shutdown")


class Heat(msgspec.Struct, frozen=True):
    """How warm a device is: what it costs, and, where it is `hot` or at `shutdown`, why it is left alone and until when
    at least (monotonic)."""

    state: HeatState = "cool"
    penalty: float = 0.0
    reason: str = ""
    until: float = 0.0

    @property
    def excluded(self) -> bool:
        """Whether requests pass it over."""
        return self.state in ("hot", "shutdown")


COOL = Heat()


def penalty(device: Device, limits: ThermalLimits) -> float:
    """What the warmth of a device costs."""
    cost = _THROTTLING if device.throttling else 0.0
    if device.temperature is not None and device.temperature > limits.warning:
        cost += ((device.temperature - limits.warning) / (limits.critical - limits.warning)) ** 2 * 1000
    if device.fan is not None and device.fan > _LOUD_FAN:
        cost += (device.fan - _LOUD_FAN) * _PER_FAN_PERCENT
    if device.utilisation is not None and device.utilisation > _BUSY:
        cost += (device.utilisation - _BUSY) * _PER_BUSY_PERCENT
    return cost


class Thermal:
    """Follows every device from reading to reading. `by_hardware` are other limits for what one word of the
    configuration means (`igpu`, `npu`)."""

    def __init__(
        self, limits: ThermalLimits | None = None, by_hardware: Mapping[str, ThermalLimits] | None = None
    ) -> None:
        self._limits = limits or ThermalLimits()
        self._by_hardware = dict(by_hardware or {})
        self._heat: dict[str, Heat] = {}

    def limits_for(self, device: Device) -> ThermalLimits:
        """The limits that this device has to keep."""
        return self._by_hardware.get(word_for(device), self._limits)

    def update(self, devices: Iterable[Device], now: float) -> None:
        """A new reading of all devices."""
        heat: dict[str, Heat] = {}
        for device in devices:
            heat[device.id] = self._judge(device, now)
        for gone, before in self._heat.items():
            if gone not in heat and before.excluded and now < before.until:
                heat[gone] = before
        self._heat = heat

    def heat(self, devices: Iterable[str]) -> Heat:
        """The worst of these devices, by their ids."""
        return max((self._heat.get(id_, COOL) for id_ in devices), key=_badness, default=COOL)

    def _judge(self, device: Device, now: float) -> Heat:
        limits = self.limits_for(device)
        cost = penalty(device, limits)
        degrees = device.temperature
        name = device.name or device.id
        if degrees is not None and degrees >= limits.critical:
            state: HeatState = "shutdown" if degrees >= limits.shutdown else "hot"
            return Heat(state, cost, f"{name} is at {degrees:.0f} °C", now + limits.cooldown)
        if device.throttling:
            return Heat("hot", cost, f"{name} is slowed down by heat", now + limits.cooldown)
        before = self._heat.get(device.id, COOL)
        warm = degrees is not None and degrees > limits.critical - MARGIN
        if before.excluded and (warm or now < before.until):
            return Heat("hot", cost, f"{name} is cooling down", before.until)
        return Heat("warm", cost) if cost else COOL


def _badness(heat: Heat) -> tuple[int, float]:
    return _ORDER[heat.state], heat.penalty
