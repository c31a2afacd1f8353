"""Counters turned into rates."""

from __future__ import annotations

from ollamux_aiohttp.sensors.rates import Rates


def test_a_rate_is_what_came_since_the_last_reading_for_each_second() -> None:
    rates = Rates()
    assert rates.per_second("a", 100, 1.0) is None
    assert rates.per_second("a", 150, 3.0) == 25.0
    assert rates.per_second("a", 150, 4.0) == 0.0


def test_counters_are_kept_apart() -> None:
    rates = Rates()
    rates.per_second("a", 100, 1.0)
    assert rates.per_second("b", 200, 2.0) is None


def test_a_counter_that_ran_backwards_begins_anew() -> None:
    rates = Rates()
    rates.per_second("a", 100, 1.0)
    assert rates.per_second("a", 50, 2.0) is None
    assert rates.per_second("a", 60, 3.0) == 10.0


def test_no_time_or_no_value_gives_no_rate() -> None:
    rates = Rates()
    rates.per_second("a", 100, 1.0)
    assert rates.per_second("a", 200, 1.0) is None
    assert rates.per_second("a", None, 2.0) is None
    assert rates.per_second("a", 300, 3.0) is None
