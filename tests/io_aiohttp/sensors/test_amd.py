"""AMD's GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ollamux.hardware.readings import Device
from ollamux_aiohttp.sensors.amd import read_amd

if TYPE_CHECKING:
    from tests.io_aiohttp.sensors.conftest import Lay, Write


def test_a_card_tells_all_there_is_to_know(lay: Lay) -> None:
    assert read_amd(lay("workstation_amd"))[0] == Device(
        id="amd:0000:03:00.0",
        kind="amd",
        name="Radeon RX 7900 XTX",
        temperature=68.0,
        fan=50.0,
        power=303.0,
        utilisation=96.0,
        vram_total=25753026560,
        vram_used=18253611008,
    )


def test_a_card_that_is_powered_down_is_not_asked(lay: Lay) -> None:
    assert read_amd(lay("workstation_amd"))[1] == Device(
        id="amd:0000:0a:00.0", kind="amd", name="AMD GPU", utilisation=0.0
    )


def test_an_integrated_gpu_works_in_the_memory_that_it_borrows(lay: Lay) -> None:
    assert read_amd(lay("laptop_amd")) == [
        Device(
            id="amd:0000:65:00.0",
            kind="amd",
            name="AMD GPU",
            integrated=True,
            temperature=54.0,
            power=11.153,
            utilisation=37.0,
            vram_total=14680064000,
            vram_used=1073741824,
        )
    ]


def test_an_integrated_gpu_with_much_memory_of_its_own_works_there(lay: Lay, write: Write) -> None:
    root = lay("laptop_amd")
    write({"sys/class/drm/card1/device/mem_info_vram_total": str(96 * 1024**3)})
    assert read_amd(root)[0].vram_total == 96 * 1024**3


@pytest.mark.parametrize("machine", ["laptop_intel", "container", "board_rockchip"])
def test_a_machine_without_one_has_none(lay: Lay, machine: str) -> None:
    assert read_amd(lay(machine)) == []


def test_what_a_card_does_not_tell_is_left_out(write: Write) -> None:
    root = write({"sys/class/drm/card0/device/vendor": "0x1002"})
    assert read_amd(root) == [Device(id="amd:card0", kind="amd", name="AMD GPU")]
