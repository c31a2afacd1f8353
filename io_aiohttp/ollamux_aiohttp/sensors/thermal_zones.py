"""Thermal zones of the kernel (/sys/class/thermal): what is hot where no chip of its own measures it.

A zone has a `type`, which is a name that firmware or a device tree gives. Those of processors and of neural units are
known by the words below; where only a machine as a whole is measured (`acpitz`), that stands for its processor.
"""

from __future__ import annotations

from pathlib import Path

from ollamux_aiohttp.sensors.sysfs import children, read_number, read_text

__all__ = ("npu_zone", "processor_zone")

_PROCESSOR = ("x86_pkg_temp", "cpu", "soc", "package", "bigcore", "tcpu", "acpitz")
_NPU = ("npu", "nsp", "vpu")
_COLDEST, _HOTTEST = -40.0, 150.0


def processor_zone(root: Path) -> float | None:
    """Degrees Celsius of the processor."""
    return _hottest(root, _PROCESSOR)


def npu_zone(root: Path) -> float | None:
    """Degrees Celsius of the neural unit."""
    return _hottest(root, _NPU)


def _hottest(root: Path, words: tuple[str, ...]) -> float | None:
    """The hottest zone of the first word that any zone begins with."""
    found: dict[str, float] = {}
    for zone in children(root / "sys/class/thermal", "thermal_zone"):
        name = (read_text(zone / "type") or "").lower()
        word = next((word for word in words if name.startswith(word)), None)
        millis = read_number(zone / "temp")
        if word is not None and millis is not None and _COLDEST < millis / 1000 < _HOTTEST:
            found[word] = max(found.get(word, _COLDEST), millis / 1000)
    return next((found[word] for word in words if word in found), None)
