"""NVIDIA's GPUs, through a library that answers with recorded values."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest
from msgspec import _core

from ollamux.hardware.readings import Device
from ollamux_aiohttp.sensors.nvml import Nvml, load_pynvml

if TYPE_CHECKING:
    from pathlib import Path

    from tests.io_aiohttp.sensors.conftest import FakeNvml, Lay, Write

DESKTOP = Device(
    id="nvidia:0000:01:00.0",
    kind="nvidia",
    name="NVIDIA GeForce RTX 4090",
    temperature=67.0,
    fan=42.0,
    power=312.45,
    utilisation=97.0,
    vram_total=25757220864,
    vram_used=19126026240,
)
LAPTOP = Device(
    id="nvidia:0000:02:00.0",
    kind="nvidia",
    name="NVIDIA GeForce RTX 4050 Laptop GPU",
    temperature=86.0,
    power=48.7,
    utilisation=100.0,
    throttling=True,
    vram_total=6439305216,
    vram_used=5895094272,
)


def test_each_gpu_tells_what_it_can(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    assert Nvml(tmp_path, lambda: fake_nvml).read() == [DESKTOP, LAPTOP]


def test_the_library_is_begun_once(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    nvml = Nvml(tmp_path, lambda: fake_nvml)
    nvml.read()
    nvml.read()
    assert fake_nvml.began == 1
    nvml.close()
    nvml.close()
    assert fake_nvml.ended == 1


def test_being_held_back_by_a_power_limit_or_idling_is_not_throttling(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    for reasons, hot in ((0, False), (1, False), (4, False), (0x20, True), (0x40, True), (0x44, True)):
        fake_nvml.devices[0]["reasons"] = reasons
        assert Nvml(tmp_path, lambda: fake_nvml).read()[0].throttling is hot


def test_an_older_driver_knows_the_older_name_of_the_reasons(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    fake_nvml.devices[0] |= {"reasons": None, "older reasons": 0x40}
    assert Nvml(tmp_path, lambda: fake_nvml).read()[0].throttling


def test_older_libraries_give_bytes(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    fake_nvml.devices[0] |= {"name": b"Tesla T4", "busId": b"00000000:3B:00.0"}
    device = Nvml(tmp_path, lambda: fake_nvml).read()[0]
    assert (device.id, device.name) == ("nvidia:0000:3b:00.0", "Tesla T4")


def test_what_a_gpu_does_not_support_is_left_out(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    fake_nvml.devices = [{}]
    assert Nvml(tmp_path, lambda: fake_nvml).read() == [Device(id="nvidia:0", kind="nvidia", name="NVIDIA GPU")]


def test_without_the_module_there_are_no_gpus_and_it_is_looked_for_again_later(tmp_path: Path) -> None:
    looked = 0

    def load() -> Any:
        nonlocal looked
        looked += 1
        raise ImportError("no such module")

    nvml = Nvml(tmp_path, load)
    assert [nvml.read() for _ in range(13)] == [[]] * 13
    assert looked == 2
    nvml.close()


def test_without_the_driver_there_are_no_gpus_until_it_is_loaded(fake_nvml: FakeNvml, tmp_path: Path) -> None:
    fake_nvml.absent = True
    nvml = Nvml(tmp_path, lambda: fake_nvml)
    assert nvml.read() == []
    fake_nvml.absent = False
    assert [len(nvml.read()) for _ in range(12)] == [0] * 11 + [2]


@pytest.mark.parametrize("broken", ["count", "handle"])
def test_when_a_gpu_is_lost_the_library_is_begun_anew(fake_nvml: FakeNvml, tmp_path: Path, broken: str) -> None:
    nvml = Nvml(tmp_path, lambda: fake_nvml)
    nvml.read()
    fake_nvml.broken.add(broken)
    assert nvml.read() == []
    fake_nvml.broken.clear()
    assert nvml.read() == [DESKTOP, LAPTOP]
    assert (fake_nvml.began, fake_nvml.ended) == (2, 1)


def test_gpus_that_are_powered_down_are_not_woken_up(fake_nvml: FakeNvml, lay: Lay, write: Write) -> None:
    nvml = Nvml(lay("laptop_intel"), lambda: fake_nvml)
    fake_nvml.devices[:] = fake_nvml.devices[1:]
    assert nvml.read() == []
    assert fake_nvml.began == 0
    write({"sys/bus/pci/devices/0000:01:00.0/power/runtime_status": "active"})
    assert nvml.read() == [LAPTOP]
    write({"sys/bus/pci/devices/0000:01:00.0/power/runtime_status": "suspended"})
    asked = fake_nvml.asked
    assert nvml.read() == [
        Device(
            id=LAPTOP.id, kind="nvidia", name=LAPTOP.name, utilisation=0.0, vram_total=LAPTOP.vram_total, vram_used=None
        )
    ]
    assert fake_nvml.asked == asked


def test_the_real_module_is_loaded_where_it_is_installed_and_the_library_is_there() -> None:
    module = pytest.importorskip("pynvml")
    assert load_pynvml(_core.__file__) is module


@pytest.mark.skipif(os.name != "posix", reason="elsewhere the library is not looked for by its name")
def test_the_real_module_is_left_out_where_the_library_is_not_there() -> None:
    with pytest.raises(ImportError, match="no-such-library"):
        load_pynvml("no-such-library.so.1")


def test_on_a_machine_without_gpus_the_real_library_is_no_error(tmp_path: Path) -> None:
    nvml = Nvml(tmp_path)
    assert all(device.kind == "nvidia" for device in nvml.read())
    nvml.close()
