"""Intel's GPUs, from the files of the i915 and xe drivers.

The integrated one is always at 0000:00:02.0, and has no sensors of its own: it is as warm as the processor whose die it
shares, which is filled in where all readings meet. A card tells temperature and turns of its fan, and counts energy,
which gives its power. How busy a GPU is follows from how long it rested (its residency in RC6). Memory is told by
kernels whose i915 shows `lmem_*`; xe shows the size alone.
"""

from __future__ import annotations

from pathlib import Path

from ollamux.hardware.readings import Device
from ollamux_aiohttp.sensors.cards import Card, asleep, cards
from ollamux_aiohttp.sensors.hwmon import chip_of, fan_percent, temperature
from ollamux_aiohttp.sensors.rates import Rates
from ollamux_aiohttp.sensors.sysfs import children, first_number, read_number

__all__ = ("IntelGpus",)

_VENDOR = 0x8086
_INTEGRATED = "0000:00:02.0"
_RESTED = (
    "gt/gt0/rc6_residency_ms",
    "device/tile0/gt0/gtidle/idle_residency_ms",
    "power/rc6_residency_ms",
)
_SLOWED = (
    "gt/gt0/throttle_reason_thermal",
    "gt/gt0/throttle_reason_prochot",
    "device/tile0/gt0/freq0/throttle/reason_thermal",
    "device/tile0/gt0/freq0/throttle/reason_prochot",
)


class IntelGpus:
    """Reads them, and remembers what was counted."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._rates = Rates()

    def read(self, now: float) -> list[Device]:
        """All of them; `now` in seconds."""
        return [self._read(card, now) for card in cards(self._root, _VENDOR)]

    def _read(self, card: Card, now: float) -> Device:
        id_ = f"intel:{card.address}"
        integrated = card.address == _INTEGRATED
        if asleep(card.device):
            return Device(id=id_, kind="intel", name="Intel GPU", integrated=integrated, utilisation=0.0)
        chip = chip_of(card.device)
        rested = self._rates.per_second(f"{id_} rested", first_number(card.folder, *_RESTED), now)
        joules = read_number(chip / "energy1_input") if chip is not None else None
        watts = self._rates.per_second(f"{id_} energy", joules, now)
        total, used = _memory(card)
        return Device(
            id=id_,
            kind="intel",
            name="Intel GPU",
            integrated=integrated,
            temperature=temperature(chip, "pkg") if chip is not None else None,
            fan=fan_percent(chip) if chip is not None else None,
            power=watts / 1e6 if watts is not None else None,
            utilisation=min(100.0, max(0.0, 100 - rested / 10)) if rested is not None else None,
            throttling=any(read_number(card.folder / path) for path in _SLOWED),
            vram_total=total,
            vram_used=used,
        )


def _memory(card: Card) -> tuple[int | None, int | None]:
    total = read_number(card.folder / "lmem_total_bytes")
    free = read_number(card.folder / "lmem_avail_bytes")
    if total is not None:
        return total, total - free if free is not None else None
    tiles = [read_number(tile / "physical_vram_size_bytes") for tile in _tiles(card.device)]
    return sum(size or 0 for size in tiles) or None, None


def _tiles(device: Path) -> list[Path]:
    return children(device, "tile")
