"""Rate limits for clients."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ollamux.resilience.limits import ClientLimits, Exceeded, KeyedLimit, Rate, network_of


def test_all_of_a_rate_may_come_at_once_and_then_one_after_the_other() -> None:
    limit = KeyedLimit(Rate(3, 60))
    assert [limit.take("a", 0.0) for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(20.0)]
    assert limit.take("a", 19.0) == pytest.approx(1.0) and limit.take("a", 20.0) == 0.0
    assert limit.take("b", 0.0) == 0.0


def test_fewer_than_one_in_a_period_is_a_rate_too() -> None:
    limit = KeyedLimit(Rate(0.5, 1))
    assert limit.take("a", 0.0) == 0.0 and limit.take("a", 0.0) == pytest.approx(2.0)


def test_who_waits_as_long_as_he_was_told_is_let_in() -> None:
    limit = KeyedLimit(Rate(7, 60))
    now = 0.1
    for _ in range(100):
        now += limit.wait("a", now)
        assert limit.take("a", now) == 0.0


def test_a_limit_over_all_a_key_and_an_address_are_three_limits() -> None:
    limits = ClientLimits(per_key=Rate(1), per_address=Rate(2), overall=Rate(3))
    assert limits.take("k", "1.2.3.4", 0.0) is None
    over = limits.take("k", "1.2.3.4", 0.0)
    assert over is not None and over.scope == "key" and over.seconds == pytest.approx(60.0)
    assert limits.take("l", "1.2.3.4", 0.0) is None
    over = limits.take("m", "1.2.3.4", 0.0)
    assert over is not None and over.scope == "address"
    assert limits.take("m", "5.6.7.8", 0.0) is None
    over = limits.take("n", "9.9.9.9", 0.0)
    assert over is not None and over.scope == "global"


def test_who_is_refused_by_one_limit_uses_up_nothing_of_another() -> None:
    limits = ClientLimits(per_key=Rate(1), overall=Rate(2))
    assert limits.take("k", "", 0.0) is None
    for _ in range(50):
        assert limits.take("k", "", 0.0) is not None
    assert limits.take("l", "", 0.0) is None


def test_who_has_no_key_or_no_address_is_not_counted_there() -> None:
    limits = ClientLimits(per_key=Rate(1), per_address=Rate(1))
    assert all(limits.take("", "", 0.0) is None for _ in range(10))


def test_without_limits_nobody_is_refused() -> None:
    limits = ClientLimits()
    assert not limits.any and limits.take("k", "1.2.3.4", 0.0) is None


def test_the_text_names_whose_limit_it_is_and_when_to_come_back() -> None:
    assert Exceeded("address", 12.4).text == "rate limit of this address exceeded, please try again in 12s"
    assert "in 1s" in Exceeded("key", 0.01).text


@pytest.mark.parametrize(
    ("address", "name"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::ffff", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("fe80::1%eth0", "fe80::/64"),
        ("not:an:address", "not:an:address"),
    ],
)
def test_addresses_of_one_network_count_as_one(address: str, name: str) -> None:
    assert network_of(address) == name


def test_a_table_holds_no_more_than_it_may_and_still_limits_whom_it_knows() -> None:
    limit = KeyedLimit(Rate(1), most=100)
    for number in range(10_000):
        limit.take(f"{number}", 0.0)
        assert len(limit) <= 100
    assert limit.take("9999", 0.0) > 0.0 and limit.take("9960", 0.0) > 0.0


def test_who_keeps_coming_is_not_forgotten_when_others_fill_the_table() -> None:
    limit = KeyedLimit(Rate(2, 1000), most=10)
    assert limit.take("a", 0.0) == 0.0 == limit.take("a", 0.0)
    for number in range(200):
        limit.count(f"{number}", 1.0)
        limit.count("a", 1.0)
    assert limit.wait("a", 1.0) > 0.0


def test_those_who_did_not_come_for_long_are_forgotten() -> None:
    limit = KeyedLimit(Rate(10, 1), most=1000)
    for second in range(100):
        for number in range(10):
            limit.take(f"{second}-{number}", float(second))
    assert len(limit) <= 30


@settings(max_examples=60)
@given(
    st.integers(1, 20),
    st.sampled_from([1.0, 60.0, 3600.0]),
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=300),
)
def test_no_more_goes_through_than_a_burst_and_the_rate(count: int, seconds: float, gaps: list[float]) -> None:
    limit, now = KeyedLimit(Rate(count, seconds)), 0.0
    let = [0.0]
    for gap in gaps:
        now += gap * seconds / count * 2
        if limit.take("a", now) == 0.0:
            let.append(now)
    for first in range(1, len(let)):
        span = let[-1] - let[first]
        assert len(let) - first <= count + span * count / seconds + 1e-3


class ManyClients(RuleBasedStateMachine):
    """A small table against a plain account of what each client may have, without any forgetting."""

    def __init__(self) -> None:
        super().__init__()
        self.limit = KeyedLimit(Rate(3, 6), most=1000)
        self.now = 0.0
        self.levels: dict[str, tuple[float, float]] = {}

    @rule(seconds=st.integers(0, 40))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds / 4

    @rule(key=st.sampled_from("abcdefgh"))
    def one_comes(self, key: str) -> None:
        level, at = self.levels.get(key, (3.0, self.now))
        level = min(3.0, level + (self.now - at) * 0.5)
        wait = self.limit.take(key, self.now)
        assert (wait == 0.0) == (level >= 1.0)
        if wait:
            assert wait == pytest.approx((1.0 - level) / 0.5)
        self.levels[key] = (level - 1.0 if wait == 0.0 else level, self.now)

    @invariant()
    def it_is_bounded(self) -> None:
        assert len(self.limit) <= 16


TestManyClients = ManyClients.TestCase
TestManyClients.settings = settings(max_examples=30, stateful_step_count=30)
