"""Power: what a backend draws while it answers. What energy that makes of a request is the ledger's to count.

Watts are, the first that is known: what the operator wrote (`characteristics.power_watts`); what its devices were
measured to draw while they were busy, as a decaying average; what hardware of its kind commonly draws. A backend that
runs elsewhere and names no hardware draws nothing here.
"""

from __future__ import annotations

from collections.abc import Iterable

from ollamux.hardware.readings import Device

__all__ = ("TYPICAL_WATTS", "Power")

TYPICAL_WATTS = {"npu": 3.0, "igpu": 12.0, "nvidia": 55.0, "amd": 55.0, "cpu": 28.0, "cloud": 0.0}
"""What hardware of a kind draws while it answers, for laptops, where most machines with several kinds are."""

_BUSY = 10.0
_WEIGHT = 0.2


class Power:
    """Learns what devices draw."""

    def __init__(self) -> None:
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
