"""NVIDIA's GPUs, through the library that comes with their driver (NVML).

`pynvml` is imported with the first reading that finds the driver's library, for it takes 2 MB. A machine without it,
without the driver or without a GPU has no NVIDIA devices, which is no error: it is tried again after `_AGAIN` readings,
for a driver may be loaded later. What one GPU does not tell is None; one that falls off the bus is left out, and the
library is begun anew.

Throttling means slowed down by heat; a GPU that is held back by its power limit or that idles is well. While every GPU
is powered down nothing is asked, for the question would wake it up.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from ollamux.hardware.readings import Device
from ollamux_aiohttp.sensors.cards import asleep

__all__ = ("Nvml", "load_pynvml")

_AGAIN = 12
_LIBRARY = "libnvidia-ml.so.1"
_HOT_REASONS = 0x20 | 0x40
"""Slowed down by heat, by the driver or by the hardware (nvmlClocksEventReasonSwThermalSlowdown, ...Hw...)."""


def load_pynvml(library: str = _LIBRARY) -> Any:
    """The module, where the driver's library is there. Raises ImportError where one of them is not."""
    if os.name == "posix":  # elsewhere the library is in no place that its name would lead to
        from ctypes import CDLL

        try:
            CDLL(library)
        except OSError as error:
            raise ImportError(f"{library} is not there") from error
    return import_module("pynvml")


class Nvml:
    """Reads the GPUs. `load` gives the module."""

    def __init__(self, root: Path, load: Callable[[], Any] = load_pynvml) -> None:
        self._root = root
        self._load = load
        self._module: Any = None
        self._begun = False
        self._wait = 0
        self._last: list[Device] = []

    def read(self) -> list[Device]:
        """All of them."""
        if self._sleeping():
            return [
                replace(
                    device, temperature=None, fan=None, power=None, utilisation=0.0, throttling=False, vram_used=None
                )
                for device in self._last
            ]
        if self._wait:
            self._wait -= 1
            return []
        if not self._begin():
            self._wait = _AGAIN - 1
            return []
        self._last = self._read_all()
        return self._last

    def close(self) -> None:
        """Lets go of the library."""
        if self._begun:
            self._begun = False
            self._ask("nvmlShutdown")

    def _begin(self) -> bool:
        if self._module is None:
            try:
                self._module = self._load()
            except ImportError:
                return False
        if not self._begun:
            try:
                self._module.nvmlInit()
            except self._module.NVMLError:
                return False
            self._begun = True
        return True

    def _read_all(self) -> list[Device]:
        count = self._ask("nvmlDeviceGetCount")
        found: list[Device] = []
        lost = count is None
        for index in range(count or 0):
            handle = self._ask("nvmlDeviceGetHandleByIndex", index)
            if handle is None:
                lost = True
            else:
                found.append(self._read_one(index, handle))
        if lost:
            self.close()
        return found

    def _read_one(self, index: int, handle: Any) -> Device:
        module = self._module
        place = self._ask("nvmlDeviceGetPciInfo", handle)
        milliwatts = self._ask("nvmlDeviceGetPowerUsage", handle)
        rates = self._ask("nvmlDeviceGetUtilizationRates", handle)
        memory = self._ask("nvmlDeviceGetMemoryInfo", handle)
        degrees = self._ask("nvmlDeviceGetTemperature", handle, module.NVML_TEMPERATURE_GPU)
        fan = self._ask("nvmlDeviceGetFanSpeed", handle)
        reasons = self._ask("nvmlDeviceGetCurrentClocksEventReasons", handle)
        if reasons is None:  # drivers before 535 know the older name alone
            reasons = self._ask("nvmlDeviceGetCurrentClocksThrottleReasons", handle)
        return Device(
            id=f"nvidia:{_address(place.busId) if place is not None else index}",
            kind="nvidia",
            name=_text(self._ask("nvmlDeviceGetName", handle) or "NVIDIA GPU"),
            temperature=float(degrees) if degrees is not None else None,
            fan=min(100.0, float(fan)) if fan is not None else None,
            power=milliwatts / 1000 if milliwatts is not None else None,
            utilisation=float(rates.gpu) if rates is not None else None,
            throttling=bool((reasons or 0) & _HOT_REASONS),
            vram_total=memory.total if memory is not None else None,
            vram_used=memory.used if memory is not None else None,
        )

    def _ask(self, name: str, *arguments: Any) -> Any:
        """What the library says; None where it cannot."""
        function = getattr(self._module, name, None)
        if function is None:
            return None
        try:
            return function(*arguments)
        except self._module.NVMLError:
            return None

    def _sleeping(self) -> bool:
        """Whether the driver lists GPUs, and all of them are powered down."""
        try:
            addresses = [path.name for path in (self._root / "proc/driver/nvidia/gpus").iterdir()]
        except OSError:
            return False
        devices = self._root / "sys/bus/pci/devices"
        return bool(addresses) and all(asleep(devices / address) for address in addresses)


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value


def _address(bus_id: str | bytes) -> str:
    """The address as the kernel writes it: NVML puts more zeros before it."""
    domain, _, rest = _text(bus_id).lower().partition(":")
    return f"{domain[-4:]}:{rest}"
