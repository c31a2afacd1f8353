"""The processor."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ollamux_aiohttp.sensors.processor import Processor

if TYPE_CHECKING:
    from tests.io_aiohttp.sensors.conftest import Lay, Write


@pytest.mark.parametrize(
    ("machine", "name", "degrees", "fan"),
    [
        ("laptop_intel", "Intel(R) Core(TM) Ultra 7 155H", 64.0, 49.0),
        ("laptop_amd", "AMD Ryzen 7 8845HS w/ Radeon 780M Graphics", 58.125, 82.0),
        ("workstation_amd", "AMD Ryzen 9 7950X 16-Core Processor", 71.5, 25.0),
        ("workstation_arc", "13th Gen Intel(R) Core(TM) i7-13700K", 49.0, None),
        ("board_rockchip", "", 49.923, 40.0),
    ],
)
def test_the_processor_tells_its_temperature_and_the_machines_fan(
    lay: Lay, machine: str, name: str, degrees: float, fan: float | None
) -> None:
    device = Processor(lay(machine)).read()
    assert device is not None
    assert (device.id, device.kind, device.name) == ("cpu", "cpu", name)
    assert device.temperature == degrees
    assert device.fan == (pytest.approx(fan) if fan is not None else None)
    assert device.utilisation is None


def test_a_machine_that_measures_nothing_has_no_processor_here(lay: Lay) -> None:
    processor = Processor(lay("container"))
    assert processor.read() is None
    assert processor.read() is None


def test_how_busy_it_is_is_counted_since_the_last_reading(lay: Lay, write: Write) -> None:
    processor = Processor(lay("workstation_amd"))
    processor.read()
    write({"proc/stat": "cpu  1500 0 800 8100 600 0 0 0 0 0"})  # 1000 ticks, 200 of them idle or waiting
    device = processor.read()
    assert device is not None and device.utilisation == pytest.approx(80.0)
    device = processor.read()
    assert device is not None and device.utilisation is None


@pytest.mark.parametrize("stat", ["", "cpu", "cpu  a b c d e f g h", "intr 5"])
def test_a_count_that_makes_no_sense_is_left_out(lay: Lay, write: Write, stat: str) -> None:
    processor = Processor(lay("workstation_amd"))
    processor.read()
    write({"proc/stat": stat})
    device = processor.read()
    assert device is not None and device.utilisation is None


def test_the_hottest_of_two_processors_counts_and_they_draw_together(write: Write) -> None:
    root = write(
        {
            "sys/class/hwmon/hwmon0/name": "zenpower",
            "sys/class/hwmon/hwmon0/temp1_input": "50000",
            "sys/class/hwmon/hwmon0/power1_input": "40000000",
            "sys/class/hwmon/hwmon1/name": "zenpower",
            "sys/class/hwmon/hwmon1/temp1_input": "70000",
            "sys/class/hwmon/hwmon1/power1_input": "60000000",
        }
    )
    device = Processor(root).read()
    assert device is not None
    assert (device.temperature, device.power, device.fan) == (70.0, 100.0, None)
