"""The battery: its charge, and whether the machine runs on it (/sys/class/power_supply).

Batteries of mice, keyboards and headsets say `Device` as their scope, and are none of the machine's. Several batteries
count together, by the energy that each holds.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from ollamux_aiohttp.sensors.sysfs import first_number, read_number, read_text

__all__ = ("Battery", "read_battery")

_MAINS = ("Mains", "USB", "Wireless")


class Battery(msgspec.Struct, frozen=True):
    """Charge in percent, and whether the machine runs on it; None where it has none."""

    percent: float | None = None
    in_use: bool | None = None


def read_battery(root: Path) -> Battery:
    """How it is now."""
    try:
        supplies = sorted((root / "sys/class/power_supply").iterdir())
    except OSError:
        return Battery()
    charge = weights = 0.0
    discharging = False
    plugged: list[bool] = []
    for supply in supplies:
        kind = read_text(supply / "type")
        if read_text(supply / "scope") == "Device":
            continue
        if kind in _MAINS:
            online = read_number(supply / "online")
            if online is not None:
                plugged.append(online > 0)
        elif kind == "Battery" and read_number(supply / "present") != 0:
            percent = _percent(supply)
            if percent is not None:
                weight = first_number(supply, "energy_full", "charge_full") or 1
                charge += percent * weight
                weights += weight
            discharging = discharging or read_text(supply / "status") == "Discharging"
    if not weights:
        return Battery()
    return Battery(charge / weights, discharging and not any(plugged))


def _percent(supply: Path) -> float | None:
    capacity = read_number(supply / "capacity")
    if capacity is not None:
        return float(min(100, max(0, capacity)))
    now, full = first_number(supply, "energy_now", "charge_now"), first_number(supply, "energy_full", "charge_full")
    return min(100.0, 100 * now / full) if now is not None and full else None
