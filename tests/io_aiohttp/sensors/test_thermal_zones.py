"""Thermal zones."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ollamux_aiohttp.sensors.thermal_zones import npu_zone, processor_zone

if TYPE_CHECKING:
    from tests.io_aiohttp.sensors.conftest import Lay, Write


def test_the_processors_own_zone_comes_before_that_of_the_machine(lay: Lay) -> None:
    assert processor_zone(lay("laptop_intel")) == 65.0


def test_the_machines_zone_stands_for_its_processor_where_there_is_no_other(write: Write) -> None:
    zone = "sys/class/thermal/thermal_zone0"
    assert processor_zone(write({f"{zone}/type": "acpitz", f"{zone}/temp": "44000"})) == 44.0


def test_the_hottest_of_several_zones_counts(write: Write) -> None:
    root = write(
        {
            "sys/class/thermal/thermal_zone0/type": "cpu0-thermal",
            "sys/class/thermal/thermal_zone0/temp": "50000",
            "sys/class/thermal/thermal_zone1/type": "cpu1-thermal",
            "sys/class/thermal/thermal_zone1/temp": "61000",
        }
    )
    assert processor_zone(root) == 61.0


def test_a_board_tells_its_processor_and_its_neural_unit(lay: Lay) -> None:
    root = lay("board_rockchip")
    assert (processor_zone(root), npu_zone(root)) == (49.923, 51.769)


def test_a_zone_that_cannot_be_read_is_left_out(write: Write) -> None:
    root = write({"sys/class/thermal/thermal_zone0/type": "cpu-thermal", "sys/class/thermal/thermal_zone1/temp": "1"})
    assert processor_zone(root) is None
    assert npu_zone(root) is None
