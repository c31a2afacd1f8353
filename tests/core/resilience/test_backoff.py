"""What looks like chance."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.resilience.backoff import draw


@given(st.integers(0, 2**64), st.integers(0, 2**40))
def test_what_looks_like_chance_is_a_share_and_the_same_for_the_same_arguments(seed: int, count: int) -> None:
    assert 0.0 <= draw(seed, count) < 1.0
    assert draw(seed, count) == draw(seed, count)


def test_what_looks_like_chance_is_spread_evenly() -> None:
    found = [draw(7, count) for count in range(10_000)]
    assert sum(found) / len(found) == pytest.approx(0.5, abs=0.02)
    assert min(sum(tenth / 10 <= one < (tenth + 1) / 10 for one in found) for tenth in range(10)) > 900
