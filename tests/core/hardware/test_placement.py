"""Which devices a backend runs on."""

from __future__ import annotations

import pytest

from ollamux.hardware.placement import devices_for, is_here, word_for
from ollamux.hardware.readings import Device

NVIDIA = Device(id="nvidia:0", kind="nvidia")
SECOND = Device(id="nvidia:1", kind="nvidia")
RADEON = Device(id="amd:0", kind="amd")
APU = Device(id="amd:1", kind="amd", integrated=True)
IRIS = Device(id="intel:0", kind="intel", integrated=True)
ARC = Device(id="intel:1", kind="intel")
CPU = Device(id="cpu", kind="cpu")
NPU = Device(id="npu", kind="npu")


@pytest.mark.parametrize(
    ("word", "devices", "meant"),
    [
        ("nvidia", (NVIDIA, SECOND, CPU), (NVIDIA, SECOND)),
        ("amd", (RADEON, APU, CPU), (RADEON,)),
        ("amd", (APU, CPU), (APU,)),
        ("igpu", (RADEON, APU), (APU,)),
        ("igpu", (IRIS, ARC), (IRIS,)),
        ("igpu", (ARC,), (ARC,)),
        ("cpu", (CPU, NPU), (CPU,)),
        ("npu", (CPU, NPU), (NPU,)),
        ("nvidia", (CPU,), ()),
        ("cloud", (CPU, NVIDIA), ()),
        ("custom", (CPU, NVIDIA), ()),
        (None, (CPU, NVIDIA), ()),
    ],
)
def test_a_word_of_the_configuration_means_these_devices(
    word: str | None, devices: tuple[Device, ...], meant: tuple[Device, ...]
) -> None:
    assert devices_for(word, devices) == meant


@pytest.mark.parametrize(
    "endpoint", ["http://127.0.0.1:11434", "localhost:8080", "http://[::1]:1/v1", "127.0.0.1", "http://127.8.0.1"]
)
def test_an_endpoint_on_a_loopback_address_is_on_this_machine(endpoint: str) -> None:
    assert is_here(endpoint)


@pytest.mark.parametrize(
    "endpoint", [None, "", "https://api.openai.com/v1", "http://192.168.1.7:11434", "http://[::1", "http://"]
)
def test_any_other_endpoint_is_not(endpoint: str | None) -> None:
    assert not is_here(endpoint)


def test_every_device_has_a_word_that_means_it() -> None:
    for device in (NVIDIA, RADEON, APU, IRIS, ARC, CPU, NPU):
        assert devices_for(word_for(device), (device,)) == (device,)
