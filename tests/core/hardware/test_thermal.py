"""Heat: the penalty, exclusion, and coming back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.hardware.readings import Device
from ollamux.hardware.thermal import COOL, MARGIN, Heat, Thermal, ThermalLimits, penalty

LIMITS = ThermalLimits()


def gpu(temperature: float | None = None, **more: float | bool) -> Device:
    return Device(id="nvidia:0", kind="nvidia", name="RTX", temperature=temperature, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("device", "cost"),
    [
        (gpu(), 0.0),
        (gpu(70.0), 0.0),
        (gpu(77.5), 250.0),
        (gpu(85.0), 1000.0),
        (gpu(100.0), 4000.0),
        (gpu(50.0, fan=85.0, utilisation=80.0), 0.0),
        (gpu(50.0, fan=95.0), 50.0),
        (gpu(50.0, utilisation=100.0), 200.0),
        (gpu(50.0, throttling=True), 2000.0),
        (gpu(77.5, fan=90.0, utilisation=90.0, throttling=True), 250.0 + 25.0 + 100.0 + 2000.0),
    ],
)
def test_the_penalty_is_the_sum_of_its_terms(device: Device, cost: float) -> None:
    assert penalty(device, LIMITS) == pytest.approx(cost)


def test_the_penalty_is_scaled_by_the_limits() -> None:
    limits = ThermalLimits(warning=50.0, critical=60.0, shutdown=70.0)
    assert penalty(gpu(55.0), limits) == pytest.approx(250.0)


def test_a_device_nobody_read_is_cool() -> None:
    assert Thermal().heat(("nvidia:0",)) == COOL
    assert Thermal().heat(()) == COOL


def test_a_warm_device_costs_and_is_not_excluded() -> None:
    thermal = Thermal()
    thermal.update([gpu(77.5)], now=0.0)
    assert thermal.heat(("nvidia:0",)) == Heat("warm", 250.0)


@pytest.mark.parametrize(
    ("device", "state", "reason"),
    [
        (gpu(84.9), "warm", ""),
        (gpu(85.0), "hot", "RTX is at 85 °C"),
        (gpu(60.0, throttling=True), "hot", "RTX is slowed down by heat"),
        (gpu(None, throttling=True), "hot", "RTX is slowed down by heat"),
        (gpu(95.0), "shutdown", "RTX is at 95 °C"),
    ],
)
def test_a_device_is_excluded_at_critical_or_while_it_throttles(device: Device, state: str, reason: str) -> None:
    thermal = Thermal()
    thermal.update([device], now=0.0)
    heat = thermal.heat((device.id,))
    assert (heat.state, heat.reason, heat.excluded) == (state, reason, state in ("hot", "shutdown"))


def test_a_hot_device_stays_excluded_until_its_cooldown_is_over() -> None:
    thermal = Thermal()
    thermal.update([gpu(86.0)], now=0.0)
    thermal.update([gpu(60.0)], now=119.9)
    heat = thermal.heat(("nvidia:0",))
    assert heat == Heat("hot", 0.0, "RTX is cooling down", until=120.0)
    thermal.update([gpu(60.0)], now=120.0)
    assert thermal.heat(("nvidia:0",)) == COOL


def test_the_cooldown_begins_anew_each_time_it_is_hot() -> None:
    thermal = Thermal()
    thermal.update([gpu(86.0)], now=0.0)
    thermal.update([gpu(86.0)], now=100.0)
    thermal.update([gpu(60.0)], now=200.0)
    assert thermal.heat(("nvidia:0",)).excluded


def test_after_the_cooldown_it_must_be_well_below_critical() -> None:
    thermal = Thermal()
    thermal.update([gpu(86.0)], now=0.0)
    thermal.update([gpu(84.0)], now=500.0)
    assert thermal.heat(("nvidia:0",)).excluded
    thermal.update([gpu(85.0 - MARGIN)], now=505.0)
    assert not thermal.heat(("nvidia:0",)).excluded


def test_one_at_shutdown_is_merely_hot_when_it_is_below_critical_again() -> None:
    thermal = Thermal()
    thermal.update([gpu(97.0)], now=0.0)
    assert thermal.heat(("nvidia:0",)).state == "shutdown"
    thermal.update([gpu(80.0)], now=5.0)
    assert thermal.heat(("nvidia:0",)).state == "hot"


def test_a_hot_device_that_vanishes_stays_excluded_until_its_cooldown_is_over() -> None:
    thermal = Thermal()
    thermal.update([gpu(90.0)], now=0.0)
    thermal.update([], now=60.0)
    assert thermal.heat(("nvidia:0",)).state == "hot"
    thermal.update([], now=120.0)
    assert thermal.heat(("nvidia:0",)) == COOL


def test_a_hot_device_that_no_longer_tells_its_temperature_is_believed_after_its_cooldown() -> None:
    thermal = Thermal()
    thermal.update([gpu(90.0)], now=0.0)
    thermal.update([gpu(None)], now=60.0)
    assert thermal.heat(("nvidia:0",)).excluded
    thermal.update([gpu(None)], now=121.0)
    assert thermal.heat(("nvidia:0",)) == COOL


def test_several_devices_count_as_the_worst_of_them() -> None:
    thermal = Thermal()
    cold = Device(id="nvidia:1", kind="nvidia", temperature=40.0)
    thermal.update([gpu(77.5), cold], now=0.0)
    assert thermal.heat(("nvidia:0", "nvidia:1")).penalty == pytest.approx(250.0)
    thermal.update([gpu(50.0, throttling=True), Device(id="nvidia:1", kind="nvidia", temperature=96.0)], now=5.0)
    assert thermal.heat(("nvidia:0", "nvidia:1")).state == "shutdown"


def test_limits_may_differ_for_a_kind_of_hardware() -> None:
    thermal = Thermal(by_hardware={"igpu": ThermalLimits(warning=50.0, critical=60.0, shutdown=70.0)})
    iris = Device(id="intel:0", kind="intel", integrated=True, temperature=60.0)
    thermal.update([gpu(60.0), iris], now=0.0)
    assert not thermal.heat(("nvidia:0",)).excluded
    assert thermal.heat(("intel:0",)).excluded


@pytest.mark.parametrize("wrong", [{"warning": 85.0}, {"critical": 96.0}, {"warning": 90.0, "critical": 80.0}])
def test_limits_that_are_not_in_order_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="critical"):
        ThermalLimits(**wrong)


@given(st.lists(st.floats(20.0, 110.0), min_size=1, max_size=60))
def test_a_device_never_comes_back_within_its_cooldown_nor_while_it_is_near_critical(degrees: list[float]) -> None:
    thermal = Thermal()
    last_hot = -1e9
    for step, temperature in enumerate(degrees):
        now = step * 7.0
        before = thermal.heat(("nvidia:0",)).excluded
        thermal.update([gpu(temperature)], now)
        heat = thermal.heat(("nvidia:0",))
        if temperature >= LIMITS.critical:
            last_hot = now
        assert heat.excluded == (
            now - last_hot < LIMITS.cooldown or (before and temperature > LIMITS.critical - MARGIN)
        )
        assert heat.penalty == penalty(gpu(temperature), LIMITS)
