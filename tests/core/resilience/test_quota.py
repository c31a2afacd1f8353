"""How much one backend may be asked."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ollamux.resilience.limits import Rate
from ollamux.resilience.quota import LONGEST, Bucket, Quota, seconds_of

UNIX = 1_795_000_000.0  # 2026-11-18T11:06:40Z


def openai(what: str, limit: int, left: int, reset: str) -> list[tuple[str, str]]:
    names = ("Limit", str(limit)), ("Remaining", str(left)), ("Reset", reset)
    return [(f"X-RateLimit-{name}-{what.title()}", value) for name, value in names]


def anthropic(what: str, limit: int, left: int, reset: str) -> list[tuple[str, str]]:
    names = ("limit", str(limit)), ("remaining", str(left)), ("reset", reset)
    return [(f"anthropic-ratelimit-{what}-{name}", value) for name, value in names]


def test_without_any_limit_nothing_waits() -> None:
    quota = Quota()
    assert all(quota.take(1e9, 0.0) == 0.0 for _ in range(1000))


def test_requests_and_tokens_are_limited_as_configured() -> None:
    quota = Quota(requests=Rate(2, 60), tokens=Rate(1000, 60))
    assert quota.take(100, 5.0) == 0.0 == quota.take(100, 5.0)
    assert quota.take(100, 5.0) == pytest.approx(30.0)
    tokens = Quota(tokens=Rate(1000, 60))
    assert tokens.take(900, 0.0) == 0.0 and tokens.take(400, 0.0) == pytest.approx(18.0)


def test_tokens_are_corrected_when_a_call_is_over() -> None:
    quota = Quota(tokens=Rate(1000, 60))
    quota.take(900, 0.0)
    quota.settle(900, 100, 0.0)
    assert quota.take(900, 0.0) == 0.0
    quota.settle(900, 1900, 0.0)
    assert quota.wait(1, 0.0) > 60.0


def test_what_is_larger_than_a_whole_bucket_passes_when_it_is_full() -> None:
    quota = Quota(tokens=Rate(1000, 60))
    assert quota.take(50_000, 0.0) == 0.0
    assert quota.wait(10, 0.0) > 2900.0


def test_openais_headers_tell_what_is_left_and_when_there_will_be_more() -> None:
    quota = Quota()
    quota.take(10, 0.0)
    quota.answered(200, openai("requests", 60, 0, "1m0s"), 0.0, UNIX)
    assert quota.wait(10, 0.0) == pytest.approx(1.0)
    assert quota.take(10, 1.0) == 0.0
    quota.answered(200, openai("tokens", 6000, 100, "59s"), 1.0, UNIX, 10)
    assert quota.wait(2100, 1.0) == pytest.approx(20.0, rel=0.02)


def test_groqs_requests_of_a_day_flow_in_as_slowly_as_they_do() -> None:
    quota = Quota()
    quota.answered(200, openai("requests", 14400, 0, "24h0m0s"), 0.0, UNIX)
    assert quota.wait(1, 0.0) == pytest.approx(6.0)


def test_anthropics_headers_tell_moments() -> None:
    quota = Quota()
    quota.answered(200, anthropic("requests", 50, 0, "2026-11-18T11:07:40Z"), 0.0, UNIX)
    assert quota.wait(1, 0.0) == pytest.approx(1.2)
    quota.answered(200, anthropic("tokens", 8000, 0, "2026-11-18T11:07:40Z"), 0.0, UNIX)
    assert quota.wait(4000, 0.0) == pytest.approx(30.0)


def test_what_is_under_way_may_not_be_counted_yet_by_the_vendor() -> None:
    quota = Quota()
    for _ in range(10):
        quota.take(0, 0.0)
    quota.answered(200, openai("requests", 100, 9, "91s"), 0.0, UNIX)
    assert quota.wait(0, 0.0) == pytest.approx(1.0)


@pytest.mark.parametrize(
    "headers",
    [
        openai("requests", 100, 0, "soon"),
        openai("requests", 0, 0, "1s"),
        openai("requests", 10, 20, "1s"),
        [("x-ratelimit-limit-requests", "many"), ("x-ratelimit-remaining-requests", "0")],
        [("x-ratelimit-remaining-requests", "0")],
        [("x-ratelimit-limit-requests", "nan"), ("x-ratelimit-remaining-requests", "nan")],
        [("x-ratelimit-limit-requests", "inf"), ("x-ratelimit-remaining-requests", "0")],
    ],
)
def test_what_a_vendor_tells_badly_stops_nobody_for_long(headers: list[tuple[str, str]]) -> None:
    quota = Quota()
    quota.answered(200, headers, 0.0, UNIX)
    assert quota.wait(0, 0.0) <= 1.0


def test_a_moment_that_is_far_off_does_not_dry_the_flow_up() -> None:
    quota = Quota()
    quota.answered(200, openai("requests", 90_000, 0, "9" * 400), 0.0, UNIX)
    assert quota.wait(0, 0.0) == pytest.approx(1.0)


def test_retry_after_stands_above_all() -> None:
    quota = Quota(requests=Rate(1000, 1))
    quota.answered(429, [("Retry-After", "20")], 0.0, UNIX)
    assert quota.wait(0, 0.0) == 20.0 and quota.wait(0, 19.0) == 1.0
    quota.answered(503, [("retry-after-ms", "90000")], 0.0, UNIX)
    assert quota.wait(0, 0.0) == 90.0
    quota.answered(529, [("retry-after", "999999")], 0.0, UNIX)
    assert quota.wait(0, 0.0) == LONGEST


def test_a_backend_that_is_merely_broken_is_not_limited() -> None:
    quota = Quota()
    quota.answered(503, [], 0.0, UNIX)
    quota.answered(500, [("retry-after", "20")], 0.0, UNIX)
    assert quota.wait(0, 0.0) == 0.0


def test_refusals_in_a_row_are_waited_for_longer_and_longer() -> None:
    quota, now, waits = Quota(), 0.0, list[float]()
    for _ in range(8):
        quota.answered(429, [], now, UNIX)
        waits.append(round(quota.wait(0, now), 3))
        now += waits[-1]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]


def test_many_refusals_at_once_teach_no_more_than_one() -> None:
    quota = Quota()
    for _ in range(100):
        quota.answered(429, [], 0.0, UNIX)
    assert quota.wait(0, 0.0) == pytest.approx(1.0)


def steady(quota: Quota, start: float, seconds: float, per_second: int, allowed: float) -> tuple[int, int]:
    """A client that calls as often as it may, against a vendor that allows so many calls a second and tells nothing.
    How many went well, and how many were refused."""
    well = refused = 0
    vendor = Bucket(allowed, allowed, start)
    for step in range(int(seconds * per_second)):
        now = start + step / per_second
        if quota.take(0, now) > 0.0:
            continue
        if vendor.wait(1.0, now) > 0.0:
            quota.answered(429, [], now, UNIX)
            refused += 1
        else:
            vendor.take(1.0, now)
            quota.answered(200, [], now, UNIX)
            well += 1
        quota.settle(0, 0, now)
    return well, refused


def test_a_vendor_that_only_refuses_is_asked_at_about_the_pace_that_it_bears() -> None:
    quota = Quota()
    well, refused = steady(quota, 0.0, 600.0, 50, 5.0)
    assert well > 0.6 * 600 * 5 and refused < 0.05 * well


def test_a_pace_that_was_cut_is_forgotten_when_all_goes_well() -> None:
    quota = Quota()
    steady(quota, 0.0, 60.0, 50, 5.0)
    steady(quota, 60.0, 600.0, 50, 1000.0)
    assert all(quota.take(0, 660.0) == 0.0 for _ in range(1000))


def test_where_a_vendor_tells_its_limits_the_pace_is_not_cut_on_top() -> None:
    quota = Quota()
    quota.answered(429, [*openai("requests", 60, 0, "1m0s"), ("retry-after", "1")], 0.0, UNIX)
    assert quota.wait(0, 0.0) == pytest.approx(1.0)
    quota.answered(200, openai("requests", 60, 60, "0s"), 1.0, UNIX)
    assert all(quota.take(0, 1.0) == 0.0 for _ in range(60))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1.0),
        ("6m0s", 360.0),
        ("1h2m3.5s", 3723.5),
        ("20ms", 0.02),
        ("7.66s", 7.66),
        ("2m59.56s", 179.56),
        ("0s", 0.0),
        ("12", 12.0),
        ("0.5", 0.5),
        ("2026-11-18T11:06:50Z", 10.0),
        ("2026-11-18T12:06:50+01:00", 10.0),
        ("2020-01-01T00:00:00Z", 0.0),
        ("2026-11-18T11:06:50", None),
        ("", None),
        ("soon", None),
        ("-1s", None),
        ("1 s", None),
        ("nan", None),
        ("9" * 400, float("inf")),
    ],
)
def test_seconds_are_read_in_every_form_that_vendors_use(text: str, seconds: float | None) -> None:
    found = seconds_of(text, UNIX)
    assert found == (None if seconds is None else pytest.approx(seconds))


@given(st.text(max_size=30))
def test_no_header_breaks_it(text: str) -> None:
    found = seconds_of(text, UNIX)
    assert found is None or found >= 0.0
    Quota().answered(429, [("x-ratelimit-limit-requests", text), ("retry-after", text)], 0.0, UNIX)


class AnyTraffic(RuleBasedStateMachine):
    """Calls that are taken, settled and answered in any order: never more than the limits, never stuck for good."""

    def __init__(self) -> None:
        super().__init__()
        self.quota = Quota(requests=Rate(5, 10), tokens=Rate(1000, 10))
        self.now = 0.0
        self.under_way: list[float] = []
        self.taken: list[tuple[float, float]] = []

    @rule(seconds=st.floats(0.0, 30.0))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(tokens=st.floats(0.0, 3000.0))
    def a_call_asks(self, tokens: float) -> None:
        if self.quota.take(tokens, self.now) == 0.0:
            self.under_way.append(tokens)
            self.taken.append((self.now, tokens))

    @precondition(lambda self: self.under_way)
    @rule(share=st.floats(0.0, 2.0))
    def a_call_ends(self, share: float) -> None:
        taken = self.under_way.pop()
        self.quota.settle(taken, taken * share, self.now)

    @rule(status=st.sampled_from([200, 429, 503]), left=st.integers(0, 100), reset=st.floats(0.0, 100.0))
    def an_answer_tells(self, status: int, left: int, reset: float) -> None:
        headers = openai("requests", 100, left, f"{reset:.3f}s")
        self.quota.answered(status, headers, self.now, UNIX)

    @invariant()
    def no_more_requests_went_than_configured(self) -> None:
        recent = [at for at, _ in self.taken if at > self.now - 10.0]
        assert len(recent) <= 10

    @invariant()
    def it_is_never_shut_for_good(self) -> None:
        assert self.quota.wait(0.0, self.now) < 1e6 and self.quota.wait(0.0, self.now) >= 0.0


TestAnyTraffic = AnyTraffic.TestCase
TestAnyTraffic.settings = settings(max_examples=30, stateful_step_count=30)


def test_those_before_one_in_the_line_are_waited_for_too() -> None:
    quota = Quota(requests=Rate(1, 10.0), tokens=Rate(100, 10.0))
    assert quota.take(100.0, 0.0) == 0.0
    for place, who in enumerate("abc"):
        assert quota.turn(who, 1, "", 50.0, 0.0) == pytest.approx(10.0 * (place + 1))
        quota.line.join(who, 1, "", 1.0, 50.0)
    assert quota.turn("c", 1, "", 50.0, 10.0) == pytest.approx(20.0) and quota.turn("a", 1, "", 50.0, 10.0) == 0.0
    assert quota.turn("late", 3, "", 50.0, 10.0) == 0.0


def test_calls_that_belong_together_are_counted_together_and_taken_back_where_they_were_not_made() -> None:
    quota = Quota(requests=Rate(4, 60.0))
    assert quota.take(0.0, 0.0) == 0.0
    assert quota.wait(0.0, 0.0, 4.0) == pytest.approx(15.0) and quota.take(0.0, 0.0, 3.0) == 0.0
    assert quota.wait(0.0, 0.0) == pytest.approx(15.0)
    quota.owe(-2.0, 0.0)
    assert quota.wait(0.0, 0.0, 2.0) == 0.0


def test_a_call_that_cannot_wait_is_paid_for_by_the_next_ones() -> None:
    quota = Quota(requests=Rate(2, 60.0))
    assert quota.take(0.0, 0.0) == 0.0
    quota.owe(1.0, 0.0)
    quota.owe(1.0, 0.0)
    assert quota.wait(0.0, 0.0) == pytest.approx(60.0)
    quota.settle(0.0, 0.0, 0.0)
    assert quota.take(0.0, 60.0) == 0.0
