"""What is known of one model of one backend."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.fleets import backend, field_of, standing_of

from ollamux.config import Price
from ollamux.routing.fleet import Fleet
from ollamux.routing.standing import FAILING, LOAD_MS, Field, Standing
from ollamux.routing.station import DEGRADED, DEGRADED_COSTS, OUT


def one(**told: object) -> Standing:
    return field_of(Fleet(), [backend("gpu", **told)]).standings[0]


def answer(standing: Standing, now: float, first: float, prompt: float = 0.0) -> None:
    standing.began(now)
    standing.first_token(now + first, first, prompt)
    standing.ended(now + first + 1.0, 50, first + 1.0, first)


def test_what_runs_is_counted_for_the_model_and_for_the_backend() -> None:
    fleet = Fleet()
    configs = [backend("gpu", max_concurrent_requests=2)]
    small, large = (field_of(fleet, configs, model).standings[0] for model in ("small", "large"))
    small.began(0.0)
    large.began(0.0)
    assert (small.running, large.running, small.station.running) == (1, 1, 2)
    assert small.station.full
    small.failed(1.0)
    large.left()
    large.left()
    assert (small.running, large.running, small.station.running) == (0, 0, 0)


def test_until_the_first_sample_the_configuration_is_believed_and_then_what_was_measured() -> None:
    standing = one(first_ms=300.0, tokens_s=50.0)
    assert (standing.first_ms, standing.token_ms) == (300.0, 20.0)
    assert not standing.measured
    answer(standing, 0.0, 0.1)
    assert standing.measured
    assert standing.first_ms == pytest.approx(100.0)
    assert standing.token_ms == pytest.approx(1000.0 / 50)


def test_an_average_follows_slowly_in_a_stream_of_samples_and_at_once_after_a_long_silence() -> None:
    standing = one()
    answer(standing, 0.0, 0.1)
    answer(standing, 1.0, 0.6)
    assert standing.first_ms == pytest.approx(200.0, rel=0.02)
    answer(standing, 10_000.0, 0.6)
    assert standing.first_ms > 550.0


def test_who_was_never_measured_is_taken_to_be_a_little_quicker_than_the_quickest_but_once_at_a_time() -> None:
    field = field_of(Fleet(), [backend("a"), backend("b"), backend("new")])
    answer(standing_of(field, "a"), 0.0, 0.2)
    answer(standing_of(field, "b"), 0.0, 0.6)
    field.refresh(2.0)
    new = standing_of(field, "new")
    assert new.first_ms == pytest.approx(180.0)
    new.began(2.0)
    assert new.first_ms == pytest.approx(400.0)


def test_who_was_slow_once_and_not_asked_since_is_tried_again() -> None:
    standing = one(first_ms=100.0)
    answer(standing, 0.0, 5.0)
    standing.estimate(30.0)
    assert standing.first_ms == pytest.approx(5000.0)
    standing.estimate(365.0)
    assert standing.first_ms == pytest.approx(2550.0)
    standing.estimate(1e6)
    assert standing.first_ms < 110.0


def test_longer_prompts_are_known_to_take_longer() -> None:
    standing = one()
    for turn in range(200):
        prompt = 100.0 if turn % 2 else 900.0
        answer(standing, turn * 2.0, 0.05 + prompt / 1000.0, prompt)
    assert standing.read_ms == pytest.approx(1.0, rel=0.05)
    assert standing.first_ms == pytest.approx(550.0, rel=0.05)


def test_a_model_that_is_not_in_memory_is_waited_for_and_its_load_is_no_sign_of_slowness() -> None:
    standing = field_of(Fleet(), [backend("gpu", first_ms=100.0)], size=4_000_000_000).standings[0]
    assert standing.wait_ms == 100.0
    standing.reading(0.0, loaded=False)
    assert standing.wait_ms == 100.0 + LOAD_MS + 4000.0
    standing.began(0.0)
    standing.began(1.0)
    standing.first_token(9.0, 9.0)
    standing.first_token(9.1, 8.1)
    assert not standing.cold
    assert not standing.measured
    assert standing.load_ms == pytest.approx(9000.0)
    answer(standing, 20.0, 0.2)
    assert standing.wait_ms == pytest.approx(200.0)


def test_failures_count_and_are_forgotten() -> None:
    standing = one()
    standing.began(0.0)
    standing.failed(0.0)
    assert standing.distrust == pytest.approx(0.2 * FAILING)
    standing.estimate(60.0)
    assert standing.distrust == pytest.approx(0.1 * FAILING)
    standing.reading(60.0, condition=DEGRADED)
    assert standing.distrust == pytest.approx(0.1 * FAILING + DEGRADED_COSTS)
    standing.reading(60.0, condition=OUT)
    assert standing.out


def test_a_price_is_of_tokens_and_what_runs_here_costs_its_energy() -> None:
    priced = field_of(Fleet(), [backend("c", type="openai")], price=Price(input=2.0, output=8.0)).standings[0]
    assert (priced.priced, priced.cost_in, priced.cost_out) == (True, 2e-6, 8e-6)
    unknown = field_of(Fleet(), [backend("c", type="openai")]).standings[0]
    assert not unknown.priced
    free = one(watts=100.0)
    assert (free.priced, free.cost_each, free.cost_out) == (True, 0.0, 0.0)
    metered = field_of(Fleet(kwh_price=0.36), [backend("gpu", watts=100.0, first_ms=1000.0, tokens_s=10.0)]).standings[
        0
    ]
    assert metered.cost_each == pytest.approx(100.0 * 0.36 / 3.6e6)
    assert metered.cost_out == pytest.approx(10.0 * 0.36 / 3.6e6)


def test_a_field_is_brought_up_to_date_no_more_often_than_needed() -> None:
    field: Field = field_of(Fleet(), [backend("a")])
    field.refresh(10.0)
    assert field.due == 15.0


@given(st.lists(st.tuples(st.floats(0, 1e4), st.floats(0, 600), st.floats(0, 1e5)), max_size=30))
def test_whatever_is_measured_the_estimates_stay_within_what_was_seen(
    samples: list[tuple[float, float, float]],
) -> None:
    standing = one(first_ms=100.0)
    now = 0.0
    for gap, first, prompt in samples:
        now += gap
        answer(standing, now, first, prompt)
    assert standing.running == standing.station.running == 0
    assert standing.first_ms >= 0
    assert standing.read_ms >= 0
    assert standing.first_ms - standing.read_ms * 500.0 >= -1e-6 * max(1.0, standing.first_ms)


def test_answers_that_come_whole_tell_of_the_speed_too() -> None:
    quick, slow = (one(first_ms=500.0, tokens_s=40.0) for _ in range(2))
    for turn in range(40):
        for standing, factor in ((quick, 0.5), (slow, 3.0)):
            standing.began(turn)
            standing.ended(turn + 1.0, 100, factor * (0.5 + 100 * 0.025))
    assert quick.first_ms == pytest.approx(250.0, rel=0.05) and quick.token_ms == pytest.approx(12.5, rel=0.05)
    assert slow.first_ms == pytest.approx(1500.0, rel=0.05) and slow.token_ms == pytest.approx(75.0, rel=0.05)


def test_a_whole_answer_that_began_with_a_load_says_nothing_of_the_speed() -> None:
    standing = one(first_ms=500.0)
    standing.reading(0.0, loaded=False)
    standing.began(0.0)
    standing.ended(30.0, 100, 30.0)
    assert not standing.cold and standing.first_ms == 500.0 and not standing.measured
