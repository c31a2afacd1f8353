"""What a machine's readings mean for each of its backends."""

from __future__ import annotations

import pytest

from ollamux.config.schema import BackendConfig, Characteristics
from ollamux.errors import InvalidRequest
from ollamux.hardware.efficiency import MODES
from ollamux.hardware.machine import Condition, Machine
from ollamux.hardware.readings import Device, Readings
from ollamux.hardware.vram import GIB

LOCAL = "http://127.0.0.1:11436"


def backend(id_: str, hardware: str | None = None, watts: float | None = None) -> BackendConfig:
    return BackendConfig(id=id_, type="ollama", hardware=hardware, characteristics=Characteristics(power_watts=watts))


def gpu(temperature: float = 50.0, **more: float) -> Device:
    return Device(
        id="nvidia:0",
        kind="nvidia",
        name="RTX",
        temperature=temperature,
        vram_total=24 * GIB,
        **more,  # type: ignore[arg-type]
    )


def house() -> Machine:
    """A workstation with a card, and a cloud."""
    machine = Machine()
    machine.add(backend("card", "nvidia"), LOCAL, unloads=True)
    machine.add(backend("cloud", "cloud"), "https://api.example", unloads=False)
    return machine


def test_without_readings_every_backend_is_cool() -> None:
    machine = house()
    assert machine.condition("card") == Condition(backend="card", watts=55.0)
    assert machine.condition("cloud") == Condition(backend="cloud", watts=0.0)
    assert machine.report(Readings(), now=0.0) == ()


def test_a_reading_changes_only_the_backends_that_run_on_the_device() -> None:
    machine = house()
    (changed,) = machine.report(Readings(devices=(gpu(77.5, fan=40.0, utilisation=50.0, power=120.0),)), now=0.0)
    assert changed == machine.condition("card")
    assert changed == Condition(
        backend="card",
        devices=("nvidia:0",),
        watts=120.0,
        penalty=250.0 + MODES["Balanced"].points,
        over=("120 W of 60",),
        temperature=77.5,
        fan=40.0,
        utilisation=50.0,
        power=120.0,
    )


def test_the_same_reading_again_changes_nothing() -> None:
    machine = house()
    readings = Readings(devices=(gpu(),))
    assert len(machine.report(readings, now=0.0)) == 1
    assert machine.report(readings, now=5.0) == ()


def test_a_hot_device_excludes_its_backends_and_one_at_shutdown_refuses_all() -> None:
    machine = house()
    machine.report(Readings(devices=(gpu(86.0),)), now=0.0)
    condition = machine.condition("card")
    assert (condition.excluded, condition.until, condition.shutdown) == ("RTX is at 86 °C", 120.0, False)
    machine.report(Readings(devices=(gpu(96.0),)), now=5.0)
    assert machine.condition("card").shutdown
    assert not machine.condition("cloud").excluded


def test_a_hot_device_whose_readings_fail_keeps_its_backends_excluded_until_its_cooldown_is_over() -> None:
    machine = house()
    machine.report(Readings(devices=(gpu(90.0),)), now=0.0)
    machine.report(Readings(), now=5.0)
    machine.report(Readings(), now=10.0)
    assert machine.condition("card").excluded
    machine.report(Readings(), now=121.0)
    assert machine.condition("card") == Condition(backend="card", watts=55.0)


def test_a_backend_on_another_machine_does_not_feel_this_ones_heat() -> None:
    machine = Machine()
    machine.add(backend("elsewhere", "nvidia"), "http://10.0.0.7:11434", unloads=True)
    assert machine.report(Readings(devices=(gpu(99.0),)), now=0.0) == ()


def test_a_backend_that_comes_to_listen_here_is_local_from_then_on() -> None:
    machine = Machine()
    machine.add(backend("late", "nvidia"), None, unloads=False)
    readings = Readings(devices=(gpu(77.5),))
    assert machine.report(readings, now=0.0) == ()
    machine.moved("late", LOCAL)
    assert [condition.backend for condition in machine.report(readings, now=5.0)] == ["late"]
    machine.moved("late", None)
    assert machine.report(readings, now=10.0) == ()


def test_a_file_always_runs_on_this_machine() -> None:
    machine = Machine()
    machine.add(BackendConfig(id="file", type="gguf", file="m.gguf", hardware="nvidia"), None, unloads=False)
    assert machine.report(Readings(devices=(gpu(77.5),)), now=0.0)[0].penalty == 250.0


def test_another_mode_is_judged_at_once() -> None:
    machine = house()
    machine.report(Readings(devices=(gpu(72.0),)), now=0.0)
    assert machine.condition("card").over == ()
    (changed,) = machine.choose("quiet")
    assert changed.over == ("55 W of 15", "72 °C of 70")
    assert changed.penalty == pytest.approx(2 * MODES["Quiet"].points + (2 / 15) ** 2 * 1000)
    assert machine.efficiency.current == "Quiet"
    with pytest.raises(InvalidRequest):
        machine.choose("loud")


def test_auto_follows_the_readings() -> None:
    machine = Machine(mode="Auto")
    machine.add(backend("card", "nvidia", watts=30.0), LOCAL, unloads=True)
    machine.report(Readings(devices=(gpu(),), battery=15.0, on_battery=True, hour=12), now=0.0)
    assert machine.efficiency.effective == "UltraEfficiency"
    assert machine.condition("card").over == ("30 W of 5",)
    machine.report(Readings(devices=(gpu(),), on_battery=False, hour=23), now=5.0)
    assert machine.efficiency.effective == "Quiet"


def test_several_devices_are_told_as_the_worst_and_their_power_as_the_sum() -> None:
    machine = house()
    second = Device(id="nvidia:1", kind="nvidia", temperature=60.0, fan=70.0, power=30.0, utilisation=90.0)
    machine.report(Readings(devices=(gpu(50.0, fan=30.0, power=100.0, utilisation=20.0), second)), now=0.0)
    found = machine.condition("card")
    assert (found.temperature, found.fan, found.power, found.utilisation) == (60.0, 70.0, 130.0, 90.0)
    assert (found.devices, found.watts) == (("nvidia:0", "nvidia:1"), 130.0)


def test_where_nobody_tells_the_watts_none_are_claimed() -> None:
    machine = Machine()
    machine.add(backend("local"), LOCAL, unloads=True)
    assert machine.condition("local").watts is None


def test_memory_is_that_of_the_devices_of_a_backend() -> None:
    machine = house()
    assert machine.vram.room("card", "m").fits is None
    machine.report(Readings(devices=(gpu(),)), now=0.0)
    assert machine.vram.room("card", "m").free == 24 * GIB - GIB // 2


def test_the_machine_describes_its_devices_and_their_backends() -> None:
    machine = house()
    machine.report(Readings(devices=(gpu(86.0),), battery=80.0, on_battery=False), now=0.0)
    told = machine.describe()
    assert told["backends"] == {
        "card": {
            "devices": ("nvidia:0",),
            "state": "hot",
            "penalty": 1387.8,
            "excluded": "RTX is at 86 °C",
            "over": ("86 °C of 85",),
        }
    }
    (device,) = told["devices"]
    assert (device["id"], device["state"], device["temperature_celsius"]) == ("nvidia:0", "hot", 86.0)
    assert device["limits"] == {"warning": 70.0, "critical": 85.0, "shutdown": 95.0}
    assert told["battery"] == {"percent": 80.0, "discharging": False}


def test_a_machine_without_sensors_describes_nothing() -> None:
    assert house().describe() == {
        "devices": [],
        "backends": {},
        "memory": [],
        "battery": {"percent": None, "discharging": None},
    }
