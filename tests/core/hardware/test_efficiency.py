"""Efficiency modes: their limits, how one is chosen, and what Auto makes of readings."""

from __future__ import annotations

import pytest

from ollamux.errors import InvalidRequest
from ollamux.hardware.efficiency import AUTO, MODES, Efficiency, effective, mode_called
from ollamux.hardware.readings import Device, Readings

NOON = 12


def machine(temperature: float | None = None, fan: float | None = None, **more: float | bool) -> Readings:
    device = Device(id="cpu", kind="cpu", temperature=temperature, fan=fan)
    return Readings(devices=(device,), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "watts", "fan", "degrees"),
    [
        ("Performance", 999, 100, 90),
        ("Balanced", 60, 80, 85),
        ("Efficiency", 15, 60, 75),
        ("Quiet", 15, 40, 70),
        ("UltraEfficiency", 5, 30, 65),
    ],
)
def test_each_mode_has_its_limits(name: str, watts: float, fan: float, degrees: float) -> None:
    mode = MODES[name]
    assert (mode.max_watts, mode.max_fan, mode.max_temperature) == (watts, fan, degrees)
    assert mode.exceeded(watts, fan, degrees) == ()
    assert len(mode.exceeded(watts + 1, fan + 1, degrees + 1)) == 3


def test_a_limit_that_is_exceeded_is_named() -> None:
    assert MODES["Quiet"].exceeded(55.0, 20.0, 80.0) == ("55 W of 15", "80 °C of 70")


def test_what_is_not_told_exceeds_nothing() -> None:
    assert MODES["UltraEfficiency"].exceeded(None, None, None) == ()


def test_the_thriftier_a_mode_the_more_power_weighs_against_latency_and_the_more_a_limit_costs() -> None:
    modes = [MODES[name] for name in ("Performance", "Balanced", "Efficiency", "UltraEfficiency")]
    assert [mode.power for mode in modes] == sorted(mode.power for mode in modes)
    assert [mode.latency for mode in modes] == sorted((mode.latency for mode in modes), reverse=True)
    assert [mode.points for mode in modes] == sorted(mode.points for mode in modes)


def test_the_balanced_mode_alone_leaves_the_score_as_it_is() -> None:
    assert [mode.name for mode in MODES.values() if not mode.leaning] == ["Balanced"]


@pytest.mark.parametrize(
    ("asked", "name"),
    [("balanced", "Balanced"), (" AUTO ", "Auto"), ("ultra-efficiency", "UltraEfficiency"), ("Quiet", "Quiet")],
)
def test_a_mode_is_found_whatever_its_capitals(asked: str, name: str) -> None:
    assert mode_called(asked) == name


def test_an_unknown_mode_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(InvalidRequest, match="Performance, Balanced, Efficiency, Quiet, UltraEfficiency, Auto"):
        Efficiency().set("turbo")


@pytest.mark.parametrize(
    ("readings", "hour", "name", "why"),
    [
        (Readings(), NOON, "Performance", "nothing speaks against it"),
        (Readings(), None, "Performance", "nothing speaks against it"),
        (machine(battery=19.0, on_battery=True), NOON, "UltraEfficiency", "battery below 20 %"),
        (machine(battery=19.0), NOON, "UltraEfficiency", "battery below 20 %"),
        (machine(battery=20.0, on_battery=True), NOON, "Efficiency", "battery below 50 %"),
        (machine(battery=50.0, on_battery=True), NOON, "Balanced", "on battery"),
        (machine(battery=10.0, on_battery=False), NOON, "Performance", "nothing speaks against it"),
        (machine(), 22, "Quiet", "quiet hours from 22 to 6"),
        (machine(), 5, "Quiet", "quiet hours from 22 to 6"),
        (machine(), 6, "Performance", "nothing speaks against it"),
        (machine(battery=10.0, on_battery=True), 23, "UltraEfficiency", "battery below 20 %"),
        (machine(temperature=75.0), NOON, "Performance", "nothing speaks against it"),
        (machine(temperature=76.0), NOON, "Efficiency", "devices above 75 °C on average"),
        (machine(temperature=76.0), 23, "Quiet", "quiet hours from 22 to 6"),
        (machine(fan=71.0), NOON, "Quiet", "a fan above 70 %"),
        (machine(fan=71.0, temperature=80.0), NOON, "Efficiency", "devices above 75 °C on average"),
        (machine(fan=71.0, battery=90.0, on_battery=True), NOON, "Quiet", "a fan above 70 %"),
        (machine(battery=90.0, on_battery=True), NOON, "Balanced", "on battery"),
    ],
)
def test_auto_follows_the_first_rule_that_holds(readings: Readings, hour: int | None, name: str, why: str) -> None:
    mode, because = effective(AUTO, readings, hour)
    assert (mode.name, because) == (name, why)


def test_heat_is_the_average_of_the_devices_that_tell_it() -> None:
    devices = (
        Device(id="cpu", kind="cpu", temperature=60.0),
        Device(id="nvidia:0", kind="nvidia", temperature=88.0),
        Device(id="npu", kind="npu"),
    )
    assert effective(AUTO, Readings(devices=devices), NOON)[0].name == "Performance"


@pytest.mark.parametrize("name", list(MODES))
def test_a_mode_that_was_set_holds_whatever_is_read(name: str) -> None:
    readings = machine(temperature=99.0, fan=99.0, battery=1.0, on_battery=True)
    assert effective(name, readings, 23) == (MODES[name], "as set")


@pytest.mark.parametrize(
    ("first", "then", "later"),
    [
        (machine(battery=19.0, on_battery=True), machine(battery=24.0, on_battery=True), 26.0),
        (machine(battery=49.0, on_battery=True), machine(battery=54.0, on_battery=True), 56.0),
    ],
)
def test_auto_leaves_a_mode_of_a_low_battery_only_when_it_is_well_above(
    first: Readings, then: Readings, later: float
) -> None:
    efficiency = Efficiency("Auto")
    efficiency.update(first, NOON)
    before = efficiency.effective
    efficiency.update(then, NOON)
    assert efficiency.effective == before
    efficiency.update(machine(battery=later, on_battery=True), NOON)
    assert efficiency.effective != before


def test_auto_does_not_flap_around_a_temperature_or_a_fan_speed() -> None:
    efficiency = Efficiency("Auto")
    seen: list[str] = []
    for degrees in (74.0, 76.0, 74.0, 71.0, 69.0, 74.0):
        efficiency.update(machine(temperature=degrees), NOON)
        seen.append(efficiency.effective)
    assert seen == ["Performance", "Efficiency", "Efficiency", "Efficiency", "Performance", "Performance"]
    seen.clear()
    for fan in (71.0, 61.0, 59.0):
        efficiency.update(machine(fan=fan), NOON)
        seen.append(efficiency.effective)
    assert seen == ["Quiet", "Quiet", "Performance"]


def test_plugging_in_ends_the_modes_of_a_battery_at_once() -> None:
    efficiency = Efficiency("Auto")
    efficiency.update(machine(battery=10.0, on_battery=True), NOON)
    efficiency.update(machine(battery=10.0, on_battery=False), NOON)
    assert efficiency.effective == "Performance"


def test_a_mode_can_be_switched_while_it_runs() -> None:
    efficiency = Efficiency()
    assert (efficiency.current, efficiency.effective) == ("Balanced", "Balanced")
    assert efficiency.description == MODES["Balanced"].description
    efficiency.update(machine(fan=90.0), NOON)
    assert efficiency.effective == "Balanced"
    efficiency.set("auto")
    assert (efficiency.current, efficiency.effective) == ("Auto", "Quiet")
    assert "because: a fan above 70 %" in efficiency.description
    efficiency.set("performance")
    assert (efficiency.current, efficiency.effective, efficiency.why) == ("Performance", "Performance", "as set")
