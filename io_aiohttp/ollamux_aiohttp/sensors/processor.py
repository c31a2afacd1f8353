"""The processor: its temperature, the machine's fans, and how busy it is.

The temperature is that of its own sensor (coretemp, k10temp, ...), the hottest where there are several processors, else
of a thermal zone. A fan that belongs to no GPU cools the machine, so it is told here. How busy it is, is what was
counted since the last reading. A machine that measures nothing has no processor here: load alone says nothing of heat.
"""

from __future__ import annotations

from pathlib import Path

from ollamux.hardware.readings import Device
from ollamux_aiohttp.sensors.hwmon import chips, fan_percent, power_watts, temperature
from ollamux_aiohttp.sensors.sysfs import read_text
from ollamux_aiohttp.sensors.thermal_zones import processor_zone

__all__ = ("Processor",)

_SENSORS = ("coretemp", "k10temp", "zenpower", "cpu_thermal", "cpu0_thermal", "soc_thermal")
_LABELS = ("Package id 0", "Package id 1", "Tdie", "Tctl")
_GPUS = ("amdgpu", "i915", "nouveau", "radeon", "xe")


class Processor:
    """Reads it, and remembers what was counted."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._counted: tuple[int, int] | None = None
        self._name: str | None = None

    def read(self) -> Device | None:
        """How it is; None where nothing measures it."""
        degrees: list[float] = []
        fans: list[float] = []
        watts: list[float] = []
        for name, chip in chips(self._root):
            if name in _SENSORS:
                degrees += _told(temperature(chip, *_LABELS))
                watts += _told(power_watts(chip))
            if name not in _GPUS:
                fans += _told(fan_percent(chip))
        degrees = degrees or _told(processor_zone(self._root))
        busy = self._busy()
        if not degrees and not fans:
            return None
        if self._name is None:
            self._name = _model_name(self._root)
        return Device(
            id="cpu",
            kind="cpu",
            name=self._name,
            temperature=max(degrees, default=None),
            fan=max(fans, default=None),
            power=sum(watts) if watts else None,
            utilisation=busy,
        )

    def _busy(self) -> float | None:
        """Percent of the time since the last reading."""
        fields = (read_text(self._root / "proc/stat") or "").partition("\n")[0].split()
        try:
            counts = [int(field) for field in fields[1:9]]
        except ValueError:
            return None
        if len(counts) < 5:
            return None
        total, idle = sum(counts), counts[3] + counts[4]
        before, self._counted = self._counted, (total, idle)
        if before is None or total <= before[0]:
            return None
        return max(0.0, 100 * (1 - (idle - before[1]) / (total - before[0])))


def _told(value: float | None) -> list[float]:
    return [value] if value is not None else []


def _model_name(root: Path) -> str:
    for line in (read_text(root / "proc/cpuinfo") or "").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == "model name":
            return value.strip()
    return ""
