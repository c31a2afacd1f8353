"""Graphics cards as the kernel lists them (/sys/class/drm): whose they are, where they are, and whether they sleep."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec

from ollamux_aiohttp.sensors.sysfs import children, read_number, read_text, read_uevent

__all__ = ("Card", "asleep", "cards")


class Card(msgspec.Struct, frozen=True):
    """A card's folder, its device's folder, its address on the bus and its driver."""

    folder: Path
    device: Path
    address: str
    driver: str


def cards(root: Path, vendor: int) -> Iterator[Card]:
    """The cards of a vendor, by its PCI number."""
    for folder in children(root / "sys/class/drm", "card"):
        device = folder / "device"
        if read_number(device / "vendor") == vendor:
            told = read_uevent(device)
            yield Card(folder, device, told.get("PCI_SLOT_NAME", folder.name), told.get("DRIVER", ""))


def asleep(device: Path) -> bool:
    """Whether a device is powered down. To read its sensors would wake it up, and it is cold."""
    return read_text(device / "power/runtime_status") == "suspended"
