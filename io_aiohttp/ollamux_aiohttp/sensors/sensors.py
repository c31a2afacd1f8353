"""All sensors of the machine at one moment.

Rules: every probe stands alone, and a machine that has none of them yields no readings; what shares the processor's die
and measures no temperature of its own (an integrated GPU, a neural unit) is as warm as the processor. Reading takes
some milliseconds and may block: it is done in a thread, never on the loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from msgspec.structs import replace

from ollamux.hardware.readings import Device, Readings
from ollamux_aiohttp.sensors.amd import read_amd
from ollamux_aiohttp.sensors.battery import read_battery
from ollamux_aiohttp.sensors.intel import IntelGpus
from ollamux_aiohttp.sensors.npu import Npus
from ollamux_aiohttp.sensors.nvml import Nvml
from ollamux_aiohttp.sensors.processor import Processor

__all__ = ("Sensors",)


def _local_hour() -> int:
    return time.localtime().tm_hour


class Sensors:
    """Reads everything below `root`, and NVIDIA's GPUs through `nvml`."""

    def __init__(
        self,
        root: str | Path = "/",
        *,
        nvml: Nvml | None = None,
        clock: Callable[[], float] = time.monotonic,
        hour: Callable[[], int] = _local_hour,
    ) -> None:
        self._root = Path(root)
        self._nvml = nvml if nvml is not None else Nvml(self._root)
        self._clock = clock
        self._hour = hour
        self._processor = Processor(self._root)
        self._intel = IntelGpus(self._root)
        self._npus = Npus(self._root)

    def read(self) -> Readings:
        """What they say now."""
        now = self._clock()
        processor = self._processor.read()
        devices = [*self._nvml.read(), *read_amd(self._root), *self._intel.read(now), *self._npus.read(now)]
        if processor is not None:
            devices = [_on_die(device, processor) for device in devices]
            devices.append(processor)
        battery = read_battery(self._root)
        return Readings(devices=tuple(devices), battery=battery.percent, on_battery=battery.in_use, hour=self._hour())

    def close(self) -> None:
        """Lets go of what is held open."""
        self._nvml.close()


def _on_die(device: Device, processor: Device) -> Device:
    shares = device.integrated or device.kind == "npu"
    if shares and device.temperature is None:
        return replace(device, temperature=processor.temperature)
    return device
