"""The calls of one request: what they take, what they give back, and whom the next one goes to."""

from __future__ import annotations

import math

import pytest
from tests.support.driving import driven

from ollamux.exchange.trying import Tries
from ollamux.gateway import Gateway
from ollamux.resilience.breaker import BreakerSettings
from ollamux.resilience.fallback import Failure, GiveUp, Mode, Policy
from ollamux.resilience.guards import Guards
from ollamux.resilience.hedge import ENOUGH, Hedging
from ollamux.resilience.limits import Rate
from ollamux.resilience.quota import Quota

NOBODY = Failure(kind="refused")


class Who:
    def __init__(self, *wanted: str) -> None:
        self.wanted = wanted


def house(*, places: int | None = None) -> Gateway:
    keys = {"type": "vllm", "max_concurrent_requests": places}
    return driven(a=keys, b=keys, c=keys).gateway


def tries(gateway: Gateway, guards: Guards | None = None, *, mode: Mode = "next_available") -> Tries:
    found = [(offer, gateway.backend(offer.backend)) for offer in gateway.catalog.find("m")]
    guards = guards or Guards(Policy(mode=mode), BreakerSettings(failures=2))
    return Tries(guards, gateway.admission, found)


def test_a_call_takes_a_place_and_its_end_gives_it_back_once() -> None:
    gateway = house()
    one = tries(gateway)
    assert one.take(1, Who(), 0.0) and gateway.admission.running("b") == 1
    one.end(1.0, -1.0)
    one.end(1.0, -1.0)
    assert gateway.admission.running("b") == 0 and one.calls == 1


def test_for_want_of_a_place_it_says_where_one_would_do() -> None:
    gateway = house(places=1)
    first, second = tries(gateway), tries(gateway)
    assert first.take(0, Who(), 0.0)
    assert not second.take(0, Who(), 0.0)
    assert second.crowded() and second.wanted == ["a"]
    assert not second.crowded() and second.wanted == ["a"]


def test_an_open_circuit_lets_nobody_in_and_leaves_no_place_taken() -> None:
    gateway = house()
    one = tries(gateway)
    for _ in range(2):
        assert one.take(0, Who(), 0.0)
        one.failed("error", 0.0)
        one.end(0.0, -1.0)
    assert not one.take(0, Who(), 1.0)
    assert gateway.admission.running("a") == 0 and not one.crowded()
    assert one.recovers_in(1.0) == 0.0  # the others are not open


def test_a_call_whose_end_nobody_judged_says_nothing_against_its_backend() -> None:
    one = tries(house())
    for _ in range(9):
        assert one.take(0, Who(), 0.0)
        one.end(0.0, -1.0)


def test_the_next_one_is_the_first_that_was_not_called_and_others_that_are_free_may_stand_in() -> None:
    one = tries(house())
    assert list(one.choices) == [0, 1, 2]
    assert one.take(0, Who(), 0.0)
    assert one.next(0.0, math.inf, NOBODY) is None
    assert list(one.choices) == [1, 2] and one.after == 0.0


def test_a_repeat_goes_to_the_same_one_alone_after_a_rest() -> None:
    one = tries(house(), mode="retry_same")
    assert one.take(0, Who(), 0.0)
    assert one.next(0.0, math.inf, NOBODY) is None
    assert one.choices == (0,) and 0.8 <= one.after <= 1.2


def test_without_a_budget_nothing_is_repeated() -> None:
    guards = Guards(Policy(mode="retry_same"), BreakerSettings(), budget=0.0)
    one = tries(house(), guards)
    assert one.take(0, Who(), 0.0)
    assert one.next(0.0, math.inf, NOBODY) is None and one.choices == (1, 2)


def test_candidates_that_follow_come_behind_all_others_and_none_comes_twice() -> None:
    gateway = house()
    one = tries(gateway)
    pairs = one.candidates
    assert not one.add(list(pairs)) and len(one.candidates) == 3
    alone = Tries(Guards(Policy(), BreakerSettings()), gateway.admission, pairs[:1])
    assert alone.take(0, Who(), 0.0)
    assert isinstance(alone.next(0.0, math.inf, NOBODY), GiveUp)
    assert alone.add(pairs) and alone.next(0.0, math.inf, NOBODY) is None
    assert alone.choices == (1, 2)


def test_a_quota_counts_what_is_called_and_is_corrected_by_what_was_used() -> None:
    quota = Quota(tokens=Rate(1000, 60))
    guards = Guards(Policy(), BreakerSettings(), quotas={"a": quota})
    one = tries(house(), guards)
    one.tokens = 900.0
    assert one.take(0, Who(), 0.0) and one.metered
    assert quota.wait(900.0, 0.0) > 0.0
    one.end(0.0, 50.0)
    assert quota.wait(900.0, 0.0) == 0.0
    assert one.take(1, Who(), 0.0) and not one.metered


def test_who_is_over_its_quota_is_passed_over_and_waited_for_where_there_is_no_other() -> None:
    guards = Guards(Policy(), BreakerSettings(), quotas={"a": Quota(requests=Rate(1, 60))})
    gateway = house()
    first, second = tries(gateway, guards), tries(gateway, guards)
    assert first.take(0, Who(), 0.0) and not second.take(0, Who(), 0.0)
    assert second.next(0.0, math.inf) is None and second.choices == (1, 2)
    alone = Tries(guards, gateway.admission, second.candidates[:1])
    assert alone.next(0.0, 300.0) is None and alone.after == pytest.approx(60.0)
    assert alone.next(0.0, 30.0) == GiveUp(why="limited", retry_after=alone.after)


def test_what_a_vendor_tells_of_its_limits_goes_to_the_quota_of_the_call() -> None:
    quota = Quota()
    one = tries(house(), Guards(Policy(), BreakerSettings(), quotas={"a": quota}))
    assert one.take(0, Who(), 0.0)
    one.told(429, [("Retry-After", "7")], 0.0, 1e9)
    assert quota.wait(0.0, 0.0) == pytest.approx(7.0)


def test_first_tokens_of_streams_are_told_to_who_hedges() -> None:
    hedging = Hedging(95.0)
    guards = Guards(Policy(), BreakerSettings(), hedging=hedging)
    gateway = house()
    for _ in range(ENOUGH):
        one = tries(gateway, guards)
        assert one.take(0, Who(), 0.0)
        one.answered(1.0, 0.5)
        one.end(1.0, -1.0)
    assert hedging.after("a", "m") == pytest.approx(0.5, rel=0.2)
    assert hedging.after("b", "m") is None


def test_the_less_busy_of_two_equals_is_the_better_alternative() -> None:
    gateway = house()
    assert gateway.admission.take("b")
    one = tries(gateway, mode="best_alternative")
    assert one.take(0, Who(), 0.0)
    assert one.next(0.0, math.inf, NOBODY) is None and one.choices[0] == 2
