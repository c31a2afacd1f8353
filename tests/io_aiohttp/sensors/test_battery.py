"""The battery."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ollamux_aiohttp.sensors.battery import Battery, read_battery

if TYPE_CHECKING:
    from tests.io_aiohttp.sensors.conftest import Lay, Write

BAT = "sys/class/power_supply/BAT0"
MAINS = "sys/class/power_supply/AC"


def test_a_laptop_on_mains_tells_its_charge(lay: Lay) -> None:
    assert read_battery(lay("laptop_intel")) == Battery(77.0, False)


def test_two_batteries_count_together_and_that_of_a_mouse_does_not(lay: Lay) -> None:
    assert read_battery(lay("laptop_amd")) == Battery((10 * 60 + 90 * 20) / 80, True)


@pytest.mark.parametrize("machine", ["workstation_amd", "container"])
def test_a_machine_without_one_says_nothing(lay: Lay, machine: str) -> None:
    assert read_battery(lay(machine)) == Battery()


def test_mains_without_a_battery_say_nothing(write: Write) -> None:
    assert read_battery(write({f"{MAINS}/type": "Mains", f"{MAINS}/online": "1"})) == Battery()


def test_a_slot_without_a_battery_says_nothing(write: Write) -> None:
    root = write({f"{BAT}/type": "Battery", f"{BAT}/present": "0", f"{BAT}/capacity": "50"})
    assert read_battery(root) == Battery()


def test_a_battery_that_discharges_although_mains_are_there_is_not_what_the_machine_runs_on(write: Write) -> None:
    root = write(
        {
            f"{MAINS}/type": "Mains",
            f"{MAINS}/online": "1",
            f"{BAT}/type": "Battery",
            f"{BAT}/capacity": "50",
            f"{BAT}/status": "Discharging",
        }
    )
    assert read_battery(root) == Battery(50.0, False)


@pytest.mark.parametrize(
    ("files", "percent"),
    [
        ({"capacity": "104"}, 100.0),
        ({"energy_now": "30", "energy_full": "60"}, 50.0),
        ({"charge_now": "45", "charge_full": "60"}, 75.0),
        ({"charge_now": "70", "charge_full": "60"}, 100.0),
    ],
)
def test_the_charge_is_told_or_follows_from_what_it_holds(write: Write, files: dict[str, str], percent: float) -> None:
    root = write({f"{BAT}/type": "Battery", **{f"{BAT}/{name}": value for name, value in files.items()}})
    assert read_battery(root).percent == percent


def test_a_battery_that_tells_no_charge_says_nothing(write: Write) -> None:
    root = write({f"{BAT}/type": "Battery", f"{BAT}/energy_now": "5", f"{BAT}/energy_full": "0"})
    assert read_battery(root) == Battery()
