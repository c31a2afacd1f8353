"""Intel's GPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ollamux.hardware.readings import Device
from ollamux_aiohttp.sensors.intel import IntelGpus

if TYPE_CHECKING:
    from tests.io_aiohttp.sensors.conftest import Lay, Write

CARD = "sys/class/drm/card0"


def test_the_integrated_one_has_no_sensors_of_its_own(lay: Lay) -> None:
    assert IntelGpus(lay("laptop_intel")).read(0.0) == [
        Device(id="intel:0000:00:02.0", kind="intel", name="Intel GPU", integrated=True)
    ]


def test_cards_tell_temperature_fan_and_memory(lay: Lay) -> None:
    first, second = IntelGpus(lay("workstation_arc")).read(0.0)
    assert first == Device(
        id="intel:0000:03:00.0",
        kind="intel",
        name="Intel GPU",
        temperature=61.0,
        fan=30.0,
        throttling=True,
        vram_total=0x2F8000000,
    )
    assert second == Device(
        id="intel:0000:08:00.0",
        kind="intel",
        name="Intel GPU",
        vram_total=17095983104,
        vram_used=1000000000,
    )


def test_power_and_load_follow_from_what_was_counted(lay: Lay, write: Write) -> None:
    gpus = IntelGpus(lay("workstation_arc"))
    gpus.read(100.0)
    write(
        {
            f"{CARD}/device/hwmon/hwmon2/energy1_input": "9600000000",  # 600 J in 5 s
            f"{CARD}/device/tile0/gt0/gtidle/idle_residency_ms": "501000",  # 1 s of rest in 5
        }
    )
    first, second = gpus.read(105.0)
    assert first.power == pytest.approx(120.0)
    assert first.utilisation == pytest.approx(80.0)
    assert (second.power, second.utilisation) == (0.0, 100.0)


def test_the_load_of_the_integrated_one_is_what_it_did_not_rest(lay: Lay, write: Write) -> None:
    gpus = IntelGpus(lay("laptop_intel"))
    gpus.read(0.0)
    write({"sys/class/drm/card1/gt/gt0/rc6_residency_ms": "104990"})
    assert gpus.read(5.0)[0].utilisation == pytest.approx(0.2)


def test_being_held_back_by_a_power_limit_is_not_throttling(lay: Lay, write: Write) -> None:
    root = lay("laptop_intel")
    assert not IntelGpus(root).read(0.0)[0].throttling
    write({"sys/class/drm/card1/gt/gt0/throttle_reason_thermal": "1"})
    assert IntelGpus(root).read(0.0)[0].throttling


def test_one_that_is_powered_down_is_not_asked(lay: Lay, write: Write) -> None:
    root = lay("workstation_arc")
    write({f"{CARD}/device/power/runtime_status": "suspended"})
    first, _ = IntelGpus(root).read(0.0)
    assert first == Device(id="intel:0000:03:00.0", kind="intel", name="Intel GPU", utilisation=0.0)


def test_memory_without_what_is_free_has_its_size_alone(lay: Lay, write: Write) -> None:
    root = lay("workstation_arc")
    write({"sys/class/drm/card1/lmem_avail_bytes": None})
    assert IntelGpus(root).read(0.0)[1].vram_used is None
