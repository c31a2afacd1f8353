"""What a request is told that has nobody to go to."""

from __future__ import annotations

import pytest
from tests.support.fleets import backend, planner_of

from ollamux.errors import Busy, InvalidRequest
from ollamux.routing.constraints import Constraints
from ollamux.routing.refusing import refuse


def test_a_filter_that_says_no_for_good_is_the_requests_fault_and_says_what_would_do() -> None:
    planner, field = planner_of(backend("a", watts=90.0), backend("b", watts=60.0))
    ask = planner.ask(Constraints(max_watts=10))
    with pytest.raises(InvalidRequest, match="X-Max-Power-Watts leaves no backend for 'm': b draws the least, 60 W"):
        refuse(field, ask, 0, 0.0)


def test_the_filter_that_removed_the_last_one_is_named_where_several_did() -> None:
    planner, field = planner_of(backend("a", watts=90.0), backend("b", watts=5.0))
    ask = planner.ask(Constraints(max_watts=10, max_latency_ms=1))
    with pytest.raises(InvalidRequest, match="X-Max-Latency-Ms leaves no backend") as found:
        refuse(field, ask, 0, 0.0)
    assert found.value.param == "X-Max-Latency-Ms"


def test_who_is_not_to_be_had_now_is_named_with_the_reason_and_the_time() -> None:
    planner, field = planner_of(backend("a"), backend("b"))
    a, b = (standing.station for standing in field.standings)
    a.allow(False, "its key is missing")
    b.allow(False)
    with pytest.raises(Busy, match=r"a cannot be called \(its key is missing\); b cannot be called$") as found:
        refuse(field, planner.ask(), 0, 10.0)
    assert found.value.retry_after == 5.0
    a.allow(True)
    a.exclude("thermal", 40.0)
    b.allow(True)
    b.exclude("thermal", 70.0)
    with pytest.raises(Busy, match="a is ruled out by thermal; b is ruled out by thermal") as found:
        refuse(field, planner.ask(), 0, 10.0)
    assert found.value.retry_after == 30.0
