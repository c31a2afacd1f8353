"""What backends draw."""

from __future__ import annotations

import pytest

from ollamux.hardware.power import TYPICAL_WATTS, Power
from ollamux.hardware.readings import Device


def gpu(power: float | None, utilisation: float | None = 100.0, id_: str = "nvidia:0") -> Device:
    return Device(id=id_, kind="nvidia", power=power, utilisation=utilisation)


def test_what_the_operator_wrote_wins() -> None:
    power = Power()
    power.update([gpu(200.0)])
    assert power.watts(42.0, "nvidia", ("nvidia:0",), local=True) == 42.0
    assert power.watts(0.0, "nvidia", ("nvidia:0",), local=True) == 0.0


def test_what_was_measured_under_load_comes_before_what_is_typical() -> None:
    power = Power()
    assert power.watts(None, "nvidia", ("nvidia:0",), local=True) == TYPICAL_WATTS["nvidia"]
    power.update([gpu(200.0)])
    assert power.watts(None, "nvidia", ("nvidia:0",), local=True) == 200.0


def test_what_is_drawn_idle_says_nothing() -> None:
    power = Power()
    power.update([gpu(9.0, utilisation=0.0), gpu(None, id_="nvidia:1")])
    assert power.watts(None, "nvidia", ("nvidia:0",), local=True) == TYPICAL_WATTS["nvidia"]


def test_the_measured_average_follows_the_load_slowly() -> None:
    power = Power()
    power.update([gpu(100.0)])
    power.update([gpu(200.0)])
    assert power.watts(None, "nvidia", ("nvidia:0",), local=True) == pytest.approx(120.0)


def test_without_utilisation_the_most_that_was_seen_counts() -> None:
    power = Power()
    for watts in (5.0, 12.0, 3.0):
        power.update([gpu(watts, utilisation=None)])
    assert power.watts(None, "nvidia", ("nvidia:0",), local=True) == 12.0


def test_several_devices_draw_together_once_all_are_known() -> None:
    power = Power()
    power.update([gpu(100.0)])
    assert power.watts(None, "nvidia", ("nvidia:0", "nvidia:1"), local=True) == TYPICAL_WATTS["nvidia"]
    power.update([gpu(100.0), gpu(50.0, id_="nvidia:1")])
    assert power.watts(None, "nvidia", ("nvidia:0", "nvidia:1"), local=True) == pytest.approx(150.0)


@pytest.mark.parametrize(
    ("hardware", "local", "watts"),
    [("cloud", False, 0.0), (None, False, 0.0), (None, True, None), ("custom", True, None), ("npu", False, 3.0)],
)
def test_what_is_not_known_is_none_and_what_runs_elsewhere_draws_nothing_here(
    hardware: str | None, local: bool, watts: float | None
) -> None:
    assert Power().watts(None, hardware, (), local=local) == watts
