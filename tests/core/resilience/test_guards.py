"""What a gateway does about backends that fail, in one place."""

from __future__ import annotations

from ollamux.resilience.breaker import BreakerSettings, Change
from ollamux.resilience.fallback import Policy
from ollamux.resilience.guards import Guards
from ollamux.resilience.quota import Quota


def test_a_backend_with_a_policy_of_its_own_has_that_and_the_others_the_common_one() -> None:
    common, own = Policy(attempts=3), Policy(attempts=5)
    guards = Guards(common, BreakerSettings(), policies={"a": own})
    assert guards.policy_of("a") is own and guards.policy_of("b") is common


def test_it_says_whether_any_backend_has_a_quota() -> None:
    assert not Guards(Policy(), BreakerSettings()).limited
    assert Guards(Policy(), BreakerSettings(), quotas={"a": Quota()}).limited


def test_chance_lies_in_its_bounds_and_is_the_same_for_the_same_seed() -> None:
    first, second, third = (Guards(Policy(), BreakerSettings(), seed=seed) for seed in (7, 7, 8))
    drawn = [first.chance() for _ in range(50)]
    assert all(0.0 <= each < 1.0 for each in drawn) and len(set(drawn)) == 50
    assert drawn == [second.chance() for _ in range(50)] and drawn != [third.chance() for _ in range(50)]


def test_who_wants_to_hear_of_circuits_hears_of_each_change() -> None:
    guards = Guards(Policy(), BreakerSettings(failures=1))
    taken = guards.circuits.take("a", "m", 1.0)
    assert taken is not None
    changes = taken.failed("error", 2.0)
    guards.tell(changes)  # nobody listens
    heard: list[Change] = []
    guards.told = heard.append
    guards.tell(changes)
    assert [(change.backend, change.model, change.after) for change in heard] == [("a", "", "open"), ("a", "m", "open")]
