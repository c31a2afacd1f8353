"""Neural units: those that the kernel lists as accelerators (/sys/class/accel), or whose temperature a zone tells.

An Intel or AMD unit is a part of the processor's die and has no sensor of its own; its temperature is the processor's,
which is filled in where all readings meet.
"""

from __future__ import annotations

from pathlib import Path

from ollamux.hardware.readings import Device
from ollamux_aiohttp.sensors.rates import Rates
from ollamux_aiohttp.sensors.sysfs import children, read_number, read_uevent
from ollamux_aiohttp.sensors.thermal_zones import npu_zone

__all__ = ("Npus",)

_DRIVERS = {"intel_vpu": "Intel NPU", "amdxdna": "AMD NPU"}


class Npus:
    """Reads them, and remembers what was counted."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._rates = Rates()

    def read(self, now: float) -> list[Device]:
        """All of them; `now` in seconds."""
        degrees = npu_zone(self._root)
        found: list[Device] = []
        for folder in children(self._root / "sys/class/accel", "accel"):
            device = folder / "device"
            name = _DRIVERS.get(read_uevent(device).get("DRIVER", ""))
            if name is not None:
                micros = read_number(device / "npu_busy_time_us")
                busy = self._rates.per_second(folder.name, micros, now)
                share = min(100.0, busy / 1e4) if busy is not None else None
                found.append(
                    Device(id=f"npu:{folder.name}", kind="npu", name=name, temperature=degrees, utilisation=share)
                )
        if not found and degrees is not None:
            found.append(Device(id="npu", kind="npu", name="NPU", temperature=degrees))
        return found
