"""Neural units."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ollamux.hardware.readings import Device
from ollamux_aiohttp.sensors.npu import Npus

if TYPE_CHECKING:
    from tests.io_aiohttp.sensors.conftest import Lay, Write


@pytest.mark.parametrize(("machine", "name"), [("laptop_intel", "Intel NPU"), ("laptop_amd", "AMD NPU")])
def test_one_that_the_kernel_lists_is_known_by_its_driver(lay: Lay, machine: str, name: str) -> None:
    assert Npus(lay(machine)).read(0.0) == [Device(id="npu:accel0", kind="npu", name=name)]


def test_how_busy_it_is_follows_from_its_busy_time(lay: Lay, write: Write) -> None:
    npus = Npus(lay("laptop_intel"))
    npus.read(10.0)
    write({"sys/class/accel/accel0/device/npu_busy_time_us": "6250000"})
    assert npus.read(15.0)[0].utilisation == pytest.approx(25.0)


def test_one_that_only_a_zone_tells_of_has_its_temperature(lay: Lay) -> None:
    assert Npus(lay("board_rockchip")).read(0.0) == [Device(id="npu", kind="npu", name="NPU", temperature=51.769)]


def test_an_accelerator_of_another_sort_is_none(write: Write) -> None:
    assert Npus(write({"sys/class/accel/accel0/device/uevent": "DRIVER=habanalabs"})).read(0.0) == []


def test_a_machine_without_one_has_none(lay: Lay) -> None:
    assert Npus(lay("container")).read(0.0) == []
