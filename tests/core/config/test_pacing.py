"""Figures that several keys make together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.config.pacing import Backoff, Rate


def test_a_rate_is_so_many_events_each_second() -> None:
    assert Rate(600).each_second == 10.0
    assert Rate(3600, 3600.0).each_second == 1.0


def test_each_repeat_waits_twice_as_long_up_to_the_ceiling() -> None:
    backoff = Backoff(jitter=0.0)
    assert [backoff.delay(repeat, 0.5) for repeat in range(8)] == [1, 2, 4, 8, 16, 32, 60, 60]


def test_jitter_moves_a_delay_either_way_by_its_share() -> None:
    backoff = Backoff(base=10.0, jitter=0.2)
    assert backoff.delay(0, 0.0) == 8.0 and backoff.delay(0, 0.5) == 10.0
    assert backoff.delay(0, 0.999) == pytest.approx(12.0, abs=0.01)


@given(st.integers(0, 10_000), st.floats(0, 1, exclude_max=True), st.floats(0, 3600))
def test_what_the_backend_asked_for_is_never_cut_short(repeat: int, chance: float, asked: float) -> None:
    assert Backoff().delay(repeat, chance, asked) >= asked


def test_what_the_backend_asked_for_does_not_shorten_a_longer_wait() -> None:
    assert Backoff(jitter=0.0).delay(5, 0.5, 1.0) == 32.0
