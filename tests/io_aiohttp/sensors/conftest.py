"""Machines from tests/data/hardware, laid out as the trees of files that the probes read."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

Lay = Callable[[str], Path]
Write = Callable[[Mapping[str, str | None]], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes these files below a root, which it returns; None takes one away."""

    def put(files: Mapping[str, str | None]) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            if content is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(content + "\n", encoding="utf-8")
        return tmp_path

    return put


@pytest.fixture
def lay(root: Path, write: Write) -> Lay:
    """Lays out the machine of this name, and returns its root."""

    def out(name: str) -> Path:
        return write(json.loads((root / f"tests/data/hardware/{name}.json").read_text(encoding="utf-8"))["files"])

    return out


class FakeNvml:
    """Stands for the module `pynvml`: answers with what was recorded. `broken` are questions that fail, `absent` says
    that the driver is not there; `began` and `ended` count."""

    NVML_TEMPERATURE_GPU = 0

    class NVMLError(Exception):
        """What the library raises."""

    def __init__(self, devices: list[dict[str, Any]]) -> None:
        self.devices = devices
        self.broken: set[str] = set()
        self.absent = False
        self.began = self.ended = self.asked = 0

    def nvmlInit(self) -> None:  # noqa: N802
        self.began += 1
        if self.absent:
            raise self.NVMLError("Driver Not Loaded")

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.ended += 1

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        self.asked += 1
        if "count" in self.broken:
            raise self.NVMLError("GPU is lost")
        return len(self.devices)

    def nvmlDeviceGetHandleByIndex(self, index: int) -> dict[str, Any]:  # noqa: N802
        if "handle" in self.broken:
            raise self.NVMLError("GPU is lost")
        return self.devices[index]

    def nvmlDeviceGetPciInfo(self, handle: dict[str, Any]) -> Any:  # noqa: N802
        return SimpleNamespace(busId=self._of(handle, "busId"))

    def nvmlDeviceGetName(self, handle: dict[str, Any]) -> Any:  # noqa: N802
        return self._of(handle, "name")

    def nvmlDeviceGetTemperature(self, handle: dict[str, Any], sensor: int) -> Any:  # noqa: N802
        return self._of(handle, "temperature")

    def nvmlDeviceGetFanSpeed(self, handle: dict[str, Any]) -> Any:  # noqa: N802
        return self._of(handle, "fan")

    def nvmlDeviceGetPowerUsage(self, handle: dict[str, Any]) -> Any:  # noqa: N802
        return self._of(handle, "milliwatts")

    def nvmlDeviceGetUtilizationRates(self, handle: dict[str, Any]) -> Any:  # noqa: N802
        return SimpleNamespace(gpu=self._of(handle, "utilisation"), memory=0)

    def nvmlDeviceGetMemoryInfo(self, handle: dict[str, Any]) -> Any:  # noqa: N802
        return SimpleNamespace(total=self._of(handle, "total"), used=self._of(handle, "used"), free=0)

    def nvmlDeviceGetCurrentClocksEventReasons(self, handle: dict[str, Any]) -> Any:  # noqa: N802
        return self._of(handle, "reasons")

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle: dict[str, Any]) -> Any:  # noqa: N802
        if "older reasons" in handle:
            return handle["older reasons"]
        return self._of(handle, "reasons")

    def _of(self, handle: dict[str, Any], name: str) -> Any:
        if handle.get(name) is None:
            raise self.NVMLError("Not Supported")
        return handle[name]


@pytest.fixture
def fake_nvml(root: Path) -> FakeNvml:
    """The library of a machine with two GPUs."""
    return FakeNvml(json.loads((root / "tests/data/hardware/nvml.json").read_text(encoding="utf-8"))["devices"])
