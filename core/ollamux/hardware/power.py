"""Power: what a backend draws while it answers, and the energy and the money that a request takes.

Watts are, the first that is known: what the operator wrote (`characteristics.power_watts`); what its devices were
measured to draw while they were busy, as a decaying average; what hardware of its kind commonly draws. A backend that
runs elsewhere and names no hardware draws nothing here.

Energy in watt-hours is W * s / 3600, shared by the requests that ran there at the same time. Its price is a function of
the local hour, so that a tariff can change over the day.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from ollamux.hardware.readings import Device

__all__ = ("TYPICAL_WATTS", "EnergyPrice", "Power", "energy_wh", "flat_price")

EnergyPrice: TypeAlias = Callable[[int | None], float]
"""US dollars for a kilowatt-hour at an hour of the day, None where that is not known."""

TYPICAL_WATTS = {"npu": 3.0, "igpu": 12.0, "nvidia": 55.0, "amd": 55.0, "cpu": 28.0, "cloud": 0.0}
"""What hardware of a kind draws while it answers, for laptops, where most machines with several kinds are."""

_BUSY = 10.0
_WEIGHT = 0.2


def flat_price(per_kwh: float) -> EnergyPrice:
    """The same price all day."""
    return lambda hour: per_kwh


def energy_wh(watts: float, seconds: float, sharing: int = 1) -> float:
    """The watt-hours of one request that ran so long beside `sharing - 1` others."""
    return watts * seconds / 3600 / max(1, sharing)


class Power:
    """Learns what devices draw, and prices it."""

    def __init__(self, price: EnergyPrice | None = None) -> None:
        self._price = price
        self._drawn: dict[str, float] = {}

    def update(self, devices: Iterable[Device]) -> None:
        """A new reading. What a device draws while nothing runs there says nothing about requests; where its
        utilisation is not told, only more than was seen so far is taken for work."""
        for device in devices:
            if device.power is None:
                continue
            known = self._drawn.get(device.id)
            if device.utilisation is None:
                if known is None or device.power > known:
                    self._drawn[device.id] = device.power
            elif device.utilisation >= _BUSY:
                self._drawn[device.id] = device.power if known is None else known + _WEIGHT * (device.power - known)

    def watts(self, told: float | None, hardware: str | None, devices: Iterable[str], *, local: bool) -> float | None:
        """What a backend draws while it answers: `told` by the operator, else measured on the devices with these ids,
        else typical of its `hardware`. None where nothing is known."""
        if told is not None:
            return told
        ids = tuple(devices)
        drawn = [self._drawn[id_] for id_ in ids if id_ in self._drawn]
        if drawn and len(drawn) == len(ids):
            return sum(drawn)
        if hardware in TYPICAL_WATTS:
            return TYPICAL_WATTS[hardware]
        return None if local or hardware is not None else 0.0

    def cost(self, wh: float, hour: int | None = None) -> float:
        """US dollars for this energy at this hour; nothing where no price is known."""
        return wh / 1000 * self._price(hour) if self._price is not None else 0.0
