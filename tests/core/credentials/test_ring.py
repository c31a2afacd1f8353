"""Several keys of one backend."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.credentials.ring import LIMITED, LONGEST, REFUSED, KeyRing, rest_after


def test_keys_take_turns() -> None:
    ring = KeyRing(3)
    assert [ring.choose(0.0) for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [
        (200, [], 0.0),
        (400, [("Retry-After", "9")], 0.0),
        (503, [("Retry-After", "9")], 0.0),
        (401, [], REFUSED),
        (403, [], REFUSED),
        (429, [], LIMITED),
        (429, [("Retry-After", "9")], 9.0),
        (429, [("retry-after-ms", "1500")], 1.5),
        (429, [("Retry-After", "0")], 0.0),
        (429, [("Retry-After", "999999")], LONGEST),
        (429, [("Retry-After", "soon")], LIMITED),
    ],
)
def test_a_key_rests_for_as_long_as_the_answer_says(
    status: int, headers: list[tuple[str, str]], seconds: float
) -> None:
    assert rest_after(status, headers) == seconds


def test_a_key_that_rests_is_passed_over_and_comes_back() -> None:
    ring = KeyRing(2)
    ring.answered(0, 429, [("Retry-After", "10")], 100.0)
    assert [ring.choose(105.0) for _ in range(3)] == [1, 1, 1]
    assert ring.another(1, 105.0) is False and ring.another(0, 105.0) is True
    assert [ring.choose(110.0) for _ in range(2)] == [0, 1]


def test_where_all_rest_the_one_that_is_back_first_is_tried_all_the_same() -> None:
    ring = KeyRing(3)
    for key, seconds in enumerate(("30", "10", "20")):
        ring.answered(key, 429, [("Retry-After", seconds)], 0.0)
    assert ring.choose(1.0) == 1


def test_a_good_answer_ends_a_rest() -> None:
    ring = KeyRing(2)
    ring.answered(0, 401, [], 0.0)
    ring.answered(0, 200, [], 1.0)
    assert [ring.choose(2.0) for _ in range(2)] == [0, 1]


@given(st.lists(st.tuples(st.integers(0, 3), st.sampled_from([200, 401, 429, 500]), st.floats(0, 50)), max_size=30))
def test_whatever_is_answered_a_key_is_chosen_that_does_not_rest_where_there_is_one(
    told: list[tuple[int, int, float]],
) -> None:
    ring, now = KeyRing(4), 0.0
    resting = [0.0] * 4
    for key, status, seconds in told:
        now += seconds
        ring.answered(key, status, [], now)
        rest = rest_after(status, [])
        resting[key] = now + rest if rest else 0.0 if status < 400 else resting[key]
        chosen = ring.choose(now)
        assert 0 <= chosen < 4
        assert resting[chosen] <= now or min(resting) > now
