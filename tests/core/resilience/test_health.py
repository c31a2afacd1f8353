"""Health, from what probes and calls report."""

from __future__ import annotations

from ollamux.resilience.health import Health


def health(**settings: int) -> Health:
    return Health(**({"unhealthy_after": 3, "healthy_after": 1} | settings))


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
