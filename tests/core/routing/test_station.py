"""What is known of one backend as a whole."""

from __future__ import annotations

import pytest

from ollamux.routing.station import DEGRADED, DEGRADED_COSTS, OUT, READY, Station


def crowded(running: int, slots: int = 0) -> Station:
    station = Station("gpu", "ollama", slots=slots)
    station.running = running
    station.crowd()
    return station


def test_a_free_place_costs_a_share_of_what_is_taken() -> None:
    assert crowded(0, slots=4).queue_ms == 0
    assert crowded(2, slots=4).queue_ms == 25
    assert not crowded(3, slots=4).full


def test_with_no_place_free_waiting_is_the_work_of_those_in_front() -> None:
    station = crowded(4, slots=4)
    station.busy_ms = 2000
    station.reading(queued=1)
    assert station.full
    assert station.queue_ms == 2 * 2000 / 4


def test_a_backend_of_no_known_places_is_never_full_and_costs_by_what_runs() -> None:
    station = crowded(7)
    assert not station.full
    assert station.queue_ms == 350
    cloud = Station("cloud", "openai", local=False)
    cloud.running = 7
    cloud.crowd()
    assert cloud.queue_ms == 35


def test_who_is_ready_is_before_who_is_full_and_both_are_before_who_is_out() -> None:
    station = crowded(0, slots=1)
    assert station.tier == 2
    station.running = 1
    station.crowd()
    assert station.tier == 1
    station.reading(condition=OUT)
    assert station.tier == 0
    station.reading(condition=READY, slots=2)
    assert station.tier == 2


def test_heat_and_a_degraded_state_are_held_against_it() -> None:
    station = crowded(0)
    station.reading(heat=120.0, watts=80.0)
    assert (station.burden, station.watts) == (120.0, 80.0)
    station.reading(condition=DEGRADED)
    assert station.burden == 120.0 + DEGRADED_COSTS


@pytest.mark.parametrize("excluded", [True, False])
@pytest.mark.parametrize("callable_", [True, False])
def test_it_is_blocked_while_it_is_excluded_or_must_not_be_called(excluded: bool, callable_: bool) -> None:
    station = crowded(0)
    station.exclude("thermal" if excluded else "", 9.0)
    station.allow(callable_, "no key")
    assert station.blocked == (excluded or not callable_)
    assert station.trouble == ("" if callable_ else "no key")
    station.allow(True)
    station.exclude("")
    assert not station.blocked
    assert station.excluded_until == 0
