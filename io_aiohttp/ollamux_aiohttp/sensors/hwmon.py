"""Chips that measure, as the kernel shows them in /sys/class/hwmon and below a device: temperatures in thousandths of a
degree, fans in turns a minute, power in millionths of a watt.

Fan speed in percent is that of its highest (`fan*_max`); where that is not told, of 5000 turns; a fan that tells no
turns at all, what it is driven with (`pwm*`, of 255).
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from ollamux_aiohttp.sensors.sysfs import children, first_number, read_number, read_text

__all__ = ("chip_of", "chips", "fan_percent", "power_watts", "temperature")

_FULL_TURNS = 5000
_CHANNEL = re.compile(r"(temp|fan)(\d+)_input|(pwm)(\d+)")
_COLDEST, _HOTTEST = -40.0, 150.0


def chips(root: Path) -> Iterator[tuple[str, Path]]:
    """The name of every chip's driver, and its folder."""
    for folder in children(root / "sys/class/hwmon", "hwmon"):
        yield read_text(folder / "name") or "", folder


def chip_of(device: Path) -> Path | None:
    """The chip of one device (a GPU)."""
    return next(iter(children(device / "hwmon", "hwmon")), None)


def temperature(chip: Path, *labels: str) -> float | None:
    """Degrees Celsius of the first sensor that has one of these labels, in their order; else of the chip's first."""
    found: dict[str, float] = {}
    for channel in _channels(chip, "temp"):
        millis = read_number(chip / f"temp{channel}_input")
        if millis is not None and _COLDEST < millis / 1000 < _HOTTEST:
            found.setdefault(read_text(chip / f"temp{channel}_label") or "", millis / 1000)
    return next((found[label] for label in labels if label in found), next(iter(found.values()), None))


def fan_percent(chip: Path) -> float | None:
    """The speed of the chip's fastest fan, pumps excepted."""
    speeds: list[float] = []
    for channel in _channels(chip, "fan", "pwm"):
        if "pump" in (read_text(chip / f"fan{channel}_label") or "").lower():
            continue
        turns = read_number(chip / f"fan{channel}_input")
        driven = read_number(chip / f"pwm{channel}")
        if turns is not None:
            speeds.append(100 * turns / (read_number(chip / f"fan{channel}_max") or _FULL_TURNS))
        elif driven is not None:
            speeds.append(100 * driven / 255)
    return min(100.0, max(speeds)) if speeds else None


def power_watts(chip: Path) -> float | None:
    """What is drawn now, on average where the chip tells that."""
    micros = first_number(chip, "power1_average", "power1_input")
    return micros / 1e6 if micros is not None else None


def _channels(chip: Path, *kinds: str) -> list[int]:
    """The numbers of a chip's channels of these kinds, in order."""
    try:
        names = os.listdir(chip)
    except OSError:
        return []
    found = [match for name in names if (match := _CHANNEL.fullmatch(name))]
    return sorted({int(match[2] or match[4]) for match in found if (match[1] or match[3]) in kinds})
