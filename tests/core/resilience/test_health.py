"""Health, from what probes and calls report."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ollamux.resilience.health import KEPT, Health, Kind, Record


def health(*, unhealthy_after: int = 3, healthy_after: int = 1, slow_after: float = 2.5) -> Health:
    return Health(unhealthy_after=unhealthy_after, healthy_after=healthy_after, slow_after=slow_after)


def test_a_backend_is_tried_before_anything_is_known_of_it() -> None:
    assert health().state == "checking" and health().usable


def test_one_that_never_answered_is_unreachable_at_the_first_failure() -> None:
    found = health()
    found.bad("nothing listens there")
    assert (found.state, found.usable, found.reason) == ("unreachable", False, "nothing listens there")


def test_one_that_answered_before_is_given_several_failures() -> None:
    found = health()
    found.good()
    found.bad("x")
    found.bad("x")
    before = found.state
    found.bad("x")
    assert (before, found.state) == ("ready", "unreachable")


def test_a_success_between_failures_starts_the_count_anew() -> None:
    found = health(unhealthy_after=2)
    found.good()
    for _ in range(5):
        found.bad("x")
        found.good()
    assert found.state == "ready"


def test_a_probe_that_was_asked_before_it_went_out_does_not_bring_it_back() -> None:
    health = Health(unhealthy_after=1, healthy_after=1)
    health.proved(0.0, 1.0, 1.0)
    health.bad("refused", 5.0)
    health.proved(4.9, 6.0, 1.1)
    assert (health.state, health.response_time) == ("unreachable", 1.0)
    health.proved(5.5, 6.0, 0.5)
    assert health.state == "ready"


def test_it_comes_back_after_as_many_successes_as_are_asked_for() -> None:
    found = health(healthy_after=2)
    found.bad("x")
    found.good()
    assert found.state == "unreachable"
    found.good()
    assert (found.state, found.reason) == ("ready", "")


def test_one_that_is_refused_stays_refused() -> None:
    found = health()
    found.refuse("itself")
    found.good()
    found.bad("x")
    assert (found.state, found.reason) == ("refused", "itself")


def test_before_anything_is_heard_of_it_its_condition_is_unknown() -> None:
    assert health().condition == "unknown"


def test_its_condition_says_in_what_way_it_is_out() -> None:
    kinds: tuple[tuple[Kind, str], ...] = (
        ("error", "unhealthy"),
        ("timeout", "timeout"),
        ("unreachable", "unreachable"),
    )
    for kind, condition in kinds:
        found = health()
        found.bad("x", 1.0, kind)
        assert (found.condition, found.state) == (condition, "unreachable")


def test_one_that_must_not_be_called_is_unreachable_for_people() -> None:
    found = health()
    found.refuse("itself", 1.0)
    assert found.condition == "unreachable" and found.history[-1] == Record(1.0, "unreachable", "itself")


def test_one_that_fails_now_and_then_is_degraded_until_a_few_calls_went_well() -> None:
    found = health()
    found.good(1.0)
    found.bad("it answered with status 500", 2.0, "error")
    assert (found.condition, found.state, found.failures) == ("degraded", "ready", 1)
    for second in range(4):
        assert found.condition == "degraded"
        found.good(3.0 + second)
    calm = found.condition, found.failures, found.reason
    assert calm == ("healthy", 0, "")


def test_one_whose_probes_take_long_is_degraded() -> None:
    found = health()
    for second in range(3):
        found.good(float(second), took=6.0)
    slow = found.condition
    assert slow == "degraded" and found.response_time == pytest.approx(6.0)
    for second in range(10):
        found.good(10.0 + second, took=0.1)
    assert found.condition == "healthy" and found.response_time < 0.5


def test_one_that_is_back_is_healthy_at_once() -> None:
    found = health()
    found.good()
    for _ in range(20):
        found.bad("x")
    found.good()
    assert found.condition == "healthy"


def test_its_changes_are_kept_with_their_time_and_reason_and_no_more_than_the_last_ones() -> None:
    found = health()
    found.good(1.0)
    for _ in range(3):
        found.bad("refused the connection", 2.0)
    found.good(3.0)
    assert list(found.history) == [
        Record(1.0, "healthy", ""),
        Record(2.0, "degraded", "refused the connection"),
        Record(2.0, "unreachable", "refused the connection"),
        Record(3.0, "healthy", ""),
    ]
    for second in range(100):
        found.bad("x", float(second))
        found.good(float(second))
        for _ in range(20):
            found.good(float(second))
    assert len(found.history) == KEPT


def test_calls_without_a_change_leave_no_trace() -> None:
    found = health()
    for second in range(100):
        found.good(float(second))
    assert len(found.history) == 1


def test_it_is_to_be_read_again_whenever_something_may_have_changed_and_not_after_calls_that_say_nothing_new() -> None:
    stale: set[str] = set()
    found = Health(unhealthy_after=3, healthy_after=1, backend="a", stale=stale)
    changes: list[Callable[[], None]] = [
        found.good,
        lambda: found.good(1.0, 0.5),
        lambda: found.bad("x"),
        lambda: found.refuse("x"),
        found.touch,
    ]
    for change in changes:
        change()
        assert stale == {"a"}
        stale.clear()
    found = Health(unhealthy_after=3, healthy_after=1, backend="a", stale=stale)
    found.good()
    stale.clear()
    found.good(1.0)
    assert not stale
