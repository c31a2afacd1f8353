"""When a second attempt may begin."""

from __future__ import annotations

from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.resilience.hedge import ENOUGH, FirstTokens, Hedging


def times(*seconds: float) -> FirstTokens:
    found = FirstTokens()
    for one in seconds:
        found.seen(one)
    return found


def test_nothing_is_said_before_there_are_enough_times() -> None:
    hedging = Hedging()
    assert hedging.after("a", "m") is None
    for _ in range(ENOUGH - 1):
        hedging.seen("a", "m", 0.5)
    assert hedging.after("a", "m") is None
    hedging.seen("a", "m", 0.5)
    assert hedging.after("a", "m") == pytest.approx(0.5, rel=0.2)


def test_a_second_attempt_begins_when_nearly_all_others_had_answered() -> None:
    found = times(*[0.2] * 94, *[5.0] * 6)
    slow, median = found.quantile(95.0), found.quantile(50.0)
    assert slow is not None and slow == pytest.approx(5.0, rel=0.2)
    assert median is not None and median == pytest.approx(0.2, rel=0.2)


def test_each_model_on_each_backend_has_its_own_times() -> None:
    hedging = Hedging(50.0)
    for _ in range(ENOUGH):
        hedging.seen("a", "m", 0.1)
        hedging.seen("b", "m", 10.0)
    a, b = hedging.after("a", "m"), hedging.after("b", "m")
    assert a is not None and b is not None and a < 0.2 < 5.0 < b
    assert hedging.after("a", "other") is None


def test_it_follows_what_changes() -> None:
    found = times(*[0.1] * 2000)
    for _ in range(2000):
        found.seen(8.0)
    slow = found.quantile(50.0)
    assert slow is not None and slow > 6.0


def test_no_more_is_kept_than_agreed() -> None:
    hedging = Hedging(most=4)
    for number in range(50):
        hedging.seen("a", f"m{number}", 1.0)
    assert hedging.after("a", "m0") is None and len(hedging._times) == 4


@given(st.lists(st.floats(0.001, 800.0), min_size=ENOUGH, max_size=300), st.floats(1.0, 100.0))
def test_what_is_said_is_at_most_a_bucket_above_the_truth(seconds: list[float], percentile: float) -> None:
    found = times(*seconds).quantile(percentile)
    truth = sorted(seconds)[max(0, ceil(len(seconds) * percentile / 100.0 - 1e-9) - 1)]
    assert found is not None and truth * 0.999 <= found <= truth * 2**0.25 * 1.001


@pytest.mark.parametrize("seconds", [0.0, 1e-9, 1e9])
def test_times_beyond_all_measure_are_counted_in_the_outermost_buckets(seconds: float) -> None:
    found = times(*[seconds] * ENOUGH).quantile(95.0)
    assert found is not None and 0.001 <= found <= 1000.0
