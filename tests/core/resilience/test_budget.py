"""The retry budget."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ollamux.resilience.budget import MOST, TRICKLE, RetryBudget


def test_a_quiet_gateway_may_repeat_from_the_start() -> None:
    budget = RetryBudget()
    assert all(budget.take(0.0) for _ in range(int(MOST))) and not budget.take(0.0)


def test_a_storm_of_failures_is_repeated_only_by_the_share() -> None:
    budget = RetryBudget(0.2)
    repeats = 0
    for _ in range(10_000):
        budget.paid()
        repeats += budget.take(0.0)
    assert 2000 <= repeats <= 2000 + MOST


def test_what_was_used_up_trickles_in_again() -> None:
    budget = RetryBudget()
    while budget.take(0.0):
        pass
    assert not budget.allows(0.9 / TRICKLE)
    assert budget.allows(1.1 / TRICKLE) and budget.take(1.1 / TRICKLE) and not budget.allows(1.1 / TRICKLE)


def test_a_share_of_nothing_allows_no_repeat_ever() -> None:
    budget = RetryBudget(0.0)
    budget.paid()
    assert not budget.allows(0.0) and not budget.take(1e6)


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 5)), max_size=200), st.floats(0, 1))
def test_more_is_never_repeated_than_was_paid_saved_and_trickled(steps: list[tuple[bool, float]], share: float) -> None:
    budget, now, paid, taken = RetryBudget(share), 0.0, 0, 0
    for pays, passed in steps:
        now += passed
        if pays:
            budget.paid()
            paid += 1
        elif budget.take(now):
            taken += 1
    assert taken <= MOST + paid * share + now * TRICKLE + 1e-6
