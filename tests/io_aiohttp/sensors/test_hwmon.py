"""Chips that measure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ollamux_aiohttp.sensors.hwmon import chip_of, chips, fan_percent, power_watts, temperature

if TYPE_CHECKING:
    from tests.io_aiohttp.sensors.conftest import Lay, Write


def test_every_chip_is_found_with_its_driver(lay: Lay) -> None:
    assert [name for name, _ in chips(lay("workstation_amd"))] == ["k10temp", "nct6799", "amdgpu"]


def test_a_machine_without_chips_has_none(lay: Lay) -> None:
    assert list(chips(lay("container"))) == []


def test_a_device_knows_its_chip(lay: Lay) -> None:
    device = lay("workstation_amd") / "sys/class/drm/card0/device"
    chip = chip_of(device)
    assert chip is not None and chip.name == "hwmon4"
    assert chip_of(device.parent) is None


def test_a_temperature_is_that_of_the_first_label_that_is_there(write: Write) -> None:
    chip = write({"temp1_input": "40000", "temp1_label": "edge", "temp2_input": "55500", "temp2_label": "junction"})
    assert temperature(chip, "pkg", "junction", "edge") == 55.5
    assert temperature(chip, "edge") == 40.0
    assert temperature(chip, "mem") == 40.0
    assert temperature(chip) == 40.0


@pytest.mark.parametrize("millis", ["-62000", "255000", "", "ERR"])
def test_what_no_device_can_be_is_no_temperature(write: Write, millis: str) -> None:
    assert temperature(write({"temp1_input": millis})) is None


@pytest.mark.parametrize(
    ("files", "percent"),
    [
        ({"fan1_input": "1650", "fan1_max": "3300", "pwm1": "255"}, 50.0),
        ({"fan1_input": "2500"}, 50.0),
        ({"fan1_input": "0", "pwm1": "255"}, 0.0),
        ({"fan1_input": "9000"}, 100.0),
        ({"pwm1": "51"}, 20.0),
        ({"fan1_input": "500", "fan3_input": "1000"}, 20.0),
        ({"fan1_input": "500", "fan2_input": "4800", "fan2_label": "AIO pump"}, 10.0),
        ({"temp1_input": "1"}, None),
    ],
)
def test_a_fan_is_told_in_percent(write: Write, files: dict[str, str | None], percent: float | None) -> None:
    assert fan_percent(write(files)) == percent


@pytest.mark.parametrize(
    ("files", "watts"),
    [
        ({"power1_average": "303000000", "power1_input": "1"}, 303.0),
        ({"power1_input": "11153000"}, 11.153),
        ({"power1_cap": "5"}, None),
    ],
)
def test_power_is_told_in_watts(write: Write, files: dict[str, str | None], watts: float | None) -> None:
    assert power_watts(write(files)) == watts
