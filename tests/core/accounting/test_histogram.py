"""Buckets, and what falls into them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.accounting.histogram import Histogram

BOUNDS = (1.0, 2.0, 5.0)


def test_a_value_on_a_bound_is_in_the_bucket_that_ends_there() -> None:
    found = Histogram(BOUNDS)
    for value in (0.0, 1.0, 1.5, 5.0, 5.1, 100.0):
        found.add(value)
    assert found.counts == [2, 1, 1, 2]
    assert (found.count, found.total) == (6, 112.6)


def test_without_values_there_is_no_mean() -> None:
    found = Histogram(BOUNDS)
    assert found.mean is None and found.count == 0
    found.add(4)
    found.add(2)
    assert found.mean == 3


@given(st.lists(st.lists(st.integers(0, 10)), max_size=5))
def test_merged_histograms_count_what_each_of_them_counted(told: list[list[int]]) -> None:
    parts, one = [Histogram(BOUNDS) for _ in told], Histogram(BOUNDS)
    for part, values in zip(parts, told, strict=True):
        for value in values:
            part.add(value)
            one.add(value)
    merged = Histogram.merged(parts, BOUNDS)
    assert (merged.counts, merged.total) == (one.counts, one.total)


def test_what_another_one_counted_is_joined_and_what_has_other_bounds_is_not() -> None:
    found, other = Histogram(BOUNDS), Histogram(BOUNDS)
    for value in (0.5, 3.0, 9.0):
        found.add(value)
        other.add(value)
    found.join(other.counts, other.total)
    assert (found.counts, found.total) == ([2, 0, 2, 2], 25.0)
    with pytest.raises(ValueError, match="zip"):
        found.join([1, 2], 3.0)
    assert len(Histogram(tuple(float(n) for n in range(17))).counts) == 18
    with pytest.raises(ValueError, match="too many"):
        Histogram(tuple(float(n) for n in range(18)))
