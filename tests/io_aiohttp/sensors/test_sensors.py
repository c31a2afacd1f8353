"""All sensors of a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ollamux.hardware.readings import Device, Readings
from ollamux_aiohttp.sensors.nvml import Nvml
from ollamux_aiohttp.sensors.sensors import Sensors

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io_aiohttp.sensors.conftest import FakeNvml, Lay


def without_gpu() -> Any:
    raise ImportError("no such module")


def sensors(root: Path, nvml: Any = None) -> Sensors:
    load = without_gpu if nvml is None else lambda: nvml
    return Sensors(root, nvml=Nvml(root, load), clock=lambda: 0.0, hour=lambda: 14)


def of(readings: Readings, kind: str) -> Device:
    (device,) = [device for device in readings.devices if device.kind == kind]
    return device


@pytest.mark.parametrize(
    ("machine", "kinds"),
    [
        ("laptop_intel", ["intel", "npu", "cpu"]),
        ("laptop_amd", ["amd", "npu", "cpu"]),
        ("workstation_amd", ["amd", "amd", "cpu"]),
        ("workstation_arc", ["intel", "intel", "cpu"]),
        ("board_rockchip", ["npu", "cpu"]),
        ("container", []),
    ],
)
def test_every_device_of_a_machine_is_read(lay: Lay, machine: str, kinds: list[str]) -> None:
    readings = sensors(lay(machine)).read()
    assert [device.kind for device in readings.devices] == kinds
    assert len({device.id for device in readings.devices}) == len(kinds)
    assert readings.hour == 14


def test_what_is_on_the_processors_die_is_as_warm_as_it(lay: Lay) -> None:
    readings = sensors(lay("laptop_intel")).read()
    assert of(readings, "intel").temperature == of(readings, "npu").temperature == of(readings, "cpu").temperature
    board = sensors(lay("board_rockchip")).read()
    assert of(board, "npu").temperature == 51.769


def test_a_card_is_not_as_warm_as_the_processor(lay: Lay) -> None:
    assert sensors(lay("workstation_arc")).read().devices[1].temperature is None


def test_the_battery_is_among_the_readings(lay: Lay) -> None:
    readings = sensors(lay("laptop_amd")).read()
    assert (readings.battery, readings.on_battery) == (30.0, True)


def test_nvidia_gpus_come_first(lay: Lay, fake_nvml: FakeNvml) -> None:
    readings = sensors(lay("workstation_amd"), fake_nvml).read()
    assert [device.kind for device in readings.devices] == ["nvidia", "nvidia", "amd", "amd", "cpu"]


def test_a_machine_without_sensors_yields_no_readings(tmp_path: Path) -> None:
    assert sensors(tmp_path / "nothing").read() == Readings(hour=14)


def test_this_very_machine_can_be_read() -> None:
    found = Sensors()
    readings = found.read()
    found.close()
    assert readings.hour is not None and 0 <= readings.hour <= 23
