"""One circuit breaker, in virtual time."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ollamux.resilience.breaker import Breaker, BreakerSettings


def called(breaker: Breaker, now: float, *, well: bool, silent: bool = False) -> None:
    ticket = breaker.begin(now)
    if well:
        breaker.good(ticket, now)
    else:
        breaker.bad(ticket, now, silent=silent)


def opened(**changed: float) -> Breaker:
    breaker = Breaker(BreakerSettings(**changed))  # type: ignore[arg-type]
    for _ in range(5):
        called(breaker, 0.0, well=False)
    assert breaker.state == "open"
    return breaker


def test_it_opens_after_so_many_failures_in_a_row_and_says_so() -> None:
    breaker = Breaker(BreakerSettings(), "a", "m")
    told = [breaker.bad(breaker.begin(1.0), 1.0) for _ in range(5)]
    assert told[:4] == [None] * 4
    change = told[4]
    assert change is not None and (change.before, change.after, change.why) == ("closed", "open", "row")
    assert change.reason == "too many failures in a row"
    assert not breaker.asks(1.0)


def test_it_opens_when_half_of_a_window_failed_though_never_in_a_row() -> None:
    breaker = Breaker(BreakerSettings())
    for second in range(3):
        assert breaker.state == "closed"
        called(breaker, float(second), well=True)
        called(breaker, float(second), well=False)
    assert breaker.state == "open" and breaker.changed == 2.0


def test_what_left_the_window_counts_no_more() -> None:
    breaker = Breaker(BreakerSettings(window=60.0))
    for _ in range(2):
        called(breaker, 0.0, well=True)
        called(breaker, 0.0, well=False)
    called(breaker, 100.0, well=True)
    called(breaker, 100.0, well=False)
    assert breaker.state == "closed" and (breaker.calls_in_window, breaker.failed_in_window) == (2, 1)


def test_the_window_slides_bucket_by_bucket() -> None:
    breaker = Breaker(BreakerSettings(window=10.0))
    for second in range(20):
        called(breaker, float(second), well=True)
    assert breaker.calls_in_window == 10


def test_it_lets_a_trial_in_when_the_longest_wait_is_over() -> None:
    breaker = opened()
    assert not breaker.asks(59.9) and breaker.standing(59.9) == "open"
    assert breaker.asks(60.0) and breaker.standing(60.0) == "half_open" and breaker.recovers_at() == 60.0


def test_a_proof_of_life_half_opens_it_at_once() -> None:
    breaker = opened()
    change = breaker.half_open(1.0, "proof")
    assert change is not None and change.after == "half_open" and breaker.asks(1.0)
    assert breaker.half_open(1.0, "proof") is None


def test_half_open_it_lets_one_call_in_and_then_more_as_they_go_well() -> None:
    breaker = opened()
    breaker.half_open(1.0, "proof")
    assert breaker.asks(1.0)
    first = breaker.begin(1.0)
    assert not any(breaker.asks(1.0) for _ in range(20))
    breaker.good(first, 1.0)
    passed = []
    for _ in range(8):
        if breaker.asks(1.0):
            passed.append(breaker.begin(1.0))
    assert len(passed) == 2


def test_the_share_that_goes_through_grows_with_each_good_call() -> None:
    breaker = opened(successes=8)
    breaker.half_open(1.0, "proof")
    questions: list[int] = []
    for _ in range(8):
        asked, tickets = 0, [breaker.begin(1.0)]
        while len(tickets) < 4 and asked < 100:
            asked += 1
            if breaker.asks(1.0):
                tickets.append(breaker.begin(1.0))
        questions.append(asked)
        for ticket in tickets[1:]:
            breaker.dropped(ticket)
        breaker.good(tickets[0], 1.0)
    assert questions[:2] == [100, 100], "one at once, then two"
    assert questions[2:] == sorted(questions[2:], reverse=True) and questions[2] >= 2 * questions[7]
    assert breaker.state == "closed"


def test_it_closes_after_as_many_good_calls_as_are_asked_for() -> None:
    breaker = opened(successes=3)
    breaker.half_open(1.0, "proof")
    for _ in range(2):
        called(breaker, 2.0, well=True)
        assert breaker.state == "half_open"
    change = breaker.good(breaker.begin(2.0), 2.0)
    assert change is not None and (change.after, change.why) == ("closed", "recovered")
    assert breaker.failures == 0 and breaker.calls_in_window == 0


def test_one_failed_trial_opens_it_again() -> None:
    breaker = opened()
    breaker.half_open(1.0, "proof")
    change = breaker.bad(breaker.begin(1.0), 1.0, silent=True)
    assert change is not None and (change.after, change.why) == ("open", "trial") and breaker.silent


def test_calls_of_an_earlier_state_cannot_break_it_again() -> None:
    breaker = Breaker(BreakerSettings())
    old = [breaker.begin(0.0) for _ in range(50)]
    for ticket in old[:5]:
        breaker.bad(ticket, 1.0)
    breaker.half_open(2.0, "proof")
    assert all(breaker.bad(ticket, 3.0) is None for ticket in old[5:]) and breaker.state == "half_open"


def test_a_call_that_says_nothing_gives_its_trial_back() -> None:
    breaker = opened()
    breaker.half_open(1.0, "proof")
    ticket = breaker.begin(1.0)
    assert not breaker.asks(1.0)
    breaker.dropped(ticket)
    assert breaker.asks(1.0)


def test_a_trial_whose_end_nobody_told_does_not_shut_it_for_good() -> None:
    breaker = opened()
    breaker.half_open(1.0, "proof")
    breaker.begin(1.0)
    assert not breaker.asks(60.9) and breaker.asks(61.0)


def test_a_call_made_for_want_of_any_other_opens_the_way_when_it_goes_well() -> None:
    breaker = opened()
    assert breaker.bad(breaker.begin(1.0), 1.0, silent=True) is None and breaker.silent
    change = breaker.good(breaker.begin(2.0), 2.0)
    assert change is not None and (change.after, change.why) == ("half_open", "proof")


def test_a_stream_that_breaks_after_it_was_good_is_one_call_that_failed() -> None:
    breaker = Breaker(BreakerSettings())
    for _ in range(5):
        ticket = breaker.begin(0.0)
        breaker.good(ticket, 0.0)
        breaker.bad(ticket, 0.0, again=True)
    assert breaker.state == "open"


def test_no_failures_asked_for_is_a_breaker_that_never_opens() -> None:
    breaker = Breaker(BreakerSettings(failures=0))
    for _ in range(100):
        called(breaker, 0.0, well=False)
    assert breaker.state == "closed"


class AnyTraffic(RuleBasedStateMachine):
    """Calls that begin, end well, end badly or say nothing, in any order, while time goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.settings = BreakerSettings(failures=3, window=10.0, recovery=5.0, successes=2)
        self.breaker = Breaker(self.settings)
        self.now = 0.0
        self.under_way: list[tuple[int, float]] = []

    @rule(seconds=st.floats(0.0, 20.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def a_call_asks(self) -> None:
        before = self.breaker.standing(self.now)
        if self.breaker.asks(self.now):
            assert before != "open"
            self.breaker.half_open(self.now, "waited")
            self.under_way.append((self.breaker.begin(self.now), self.now))
        else:
            assert before != "closed"

    @precondition(lambda self: self.under_way)
    @rule(end=st.sampled_from(["good", "bad", "dropped"]), which=st.integers(0, 1000))
    def a_call_ends(self, end: str, which: int) -> None:
        ticket, _ = self.under_way.pop(which % len(self.under_way))
        before = self.breaker.state
        if end == "dropped":
            self.breaker.dropped(ticket)
            change = None
        else:
            change = (self.breaker.good if end == "good" else self.breaker.bad)(ticket, self.now)
        assert (change is None) == (self.breaker.state == before)
        if change is not None:
            legal = {("closed", "open"), ("half_open", "open"), ("half_open", "closed")}
            assert (change.before, change.after) in legal and change.now == self.breaker.changed == self.now

    @rule()
    def a_probe_is_good(self) -> None:
        self.breaker.half_open(self.now, "proof")
        assert self.breaker.state != "open"

    @invariant()
    def its_counts_are_sane(self) -> None:
        breaker = self.breaker
        assert breaker.calls_in_window >= breaker.failed_in_window >= 0
        if breaker.state == "closed":
            assert breaker.failures < self.settings.failures

    @invariant()
    def it_never_shuts_for_good(self) -> None:
        if self.breaker.state == "open":
            assert self.breaker.standing(self.now + self.settings.recovery) == "half_open"


TestAnyTraffic = AnyTraffic.TestCase
TestAnyTraffic.settings = settings(max_examples=30, stateful_step_count=30)
