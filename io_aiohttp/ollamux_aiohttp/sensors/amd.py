"""AMD's GPUs, from the files of the amdgpu driver, which ROCm's own tools read too.

The temperature is that of the chip's edge, which limits for GPUs mean; its hottest spot is commonly 10 to 20 degrees
above. An integrated GPU measures the voltage of the processor's north bridge (`vddnb`), as no card does. The few
hundred megabytes that firmware sets aside for it say little: where they are less than 4 GiB, it works in the memory
that the driver may borrow from the system (GTT).
"""

from __future__ import annotations

from pathlib import Path

from ollamux.hardware.readings import Device
from ollamux_aiohttp.sensors.cards import Card, asleep, cards
from ollamux_aiohttp.sensors.hwmon import chip_of, fan_percent, power_watts, temperature
from ollamux_aiohttp.sensors.sysfs import read_number, read_text

__all__ = ("read_amd",)

_VENDOR = 0x1002
_LITTLE = 4 * 1024**3


def read_amd(root: Path) -> list[Device]:
    """All of them."""
    return [_read(card) for card in cards(root, _VENDOR)]


def _read(card: Card) -> Device:
    id_ = f"amd:{card.address}"
    name = read_text(card.device / "product_name") or "AMD GPU"
    if asleep(card.device):
        return Device(id=id_, kind="amd", name=name, utilisation=0.0)
    chip = chip_of(card.device)
    integrated = chip is not None and read_text(chip / "in1_label") == "vddnb"
    total, used = _memory(card.device, "vram")
    if integrated and (total is None or total < _LITTLE):
        total, used = _memory(card.device, "gtt")
    busy = read_number(card.device / "gpu_busy_percent")
    return Device(
        id=id_,
        kind="amd",
        name=name,
        integrated=integrated,
        temperature=temperature(chip, "edge") if chip is not None else None,
        fan=fan_percent(chip) if chip is not None else None,
        power=power_watts(chip) if chip is not None else None,
        utilisation=float(busy) if busy is not None else None,
        vram_total=total,
        vram_used=used,
    )


def _memory(device: Path, kind: str) -> tuple[int | None, int | None]:
    return read_number(device / f"mem_info_{kind}_total"), read_number(device / f"mem_info_{kind}_used")
