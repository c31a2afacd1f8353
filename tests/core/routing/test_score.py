"""The formula of the score."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.fleets import backend, field_of

from ollamux.config import Price
from ollamux.routing.ask import Ask
from ollamux.routing.fleet import Fleet
from ollamux.routing.score import TERMS, Terms, dollars, score
from ollamux.routing.standing import Standing
from ollamux.routing.station import DEGRADED


def one(price: Price | None = None, **told: object) -> Standing:
    return field_of(Fleet(), [backend("b", **told)], price=price).standings[0]


def taken(standing: Standing, ask: Ask) -> dict[str, float]:
    found = Terms()
    found.fill(standing, ask)
    return found.terms


def test_every_term_is_what_the_documentation_says() -> None:
    standing = one(
        Price(input=1.0, output=10.0), priority=60.0, preferred=["m"], first_ms=150.0, tokens_s=50.0, watts=40.0
    )
    standing.station.reading(heat=30.0, condition=DEGRADED)
    assert taken(standing, Ask()) == pytest.approx(
        {
            "priority": 600.0,
            "preference": 200.0,
            "waiting": -150.0,
            "pace": -20.0 * 20.0,
            "power": -0.25 * 40.0 * (0.15 + 200 * 0.02),
            "price": -50_000 * (500e-6 + 200e-5),
            "heat": -30.0,
            "trust": -500.0,
        }
    )


def test_a_price_that_nobody_knows_is_taken_to_be_an_ordinary_one() -> None:
    cloud = one(type="openai")
    assert dollars(cloud, Ask(tokens_in=1000, tokens_out=100)) == pytest.approx(1000 * 2e-6 + 100 * 8e-6)


def test_a_load_and_a_long_prompt_are_waited_for() -> None:
    standing = one(first_ms=100.0)
    warm = taken(standing, Ask())["waiting"]
    standing.reading(0.0, loaded=False)
    assert taken(standing, Ask())["waiting"] == warm - standing.load_ms
    assert taken(standing, Ask(tokens_in=1500))["waiting"] == pytest.approx(
        warm - standing.load_ms - 1000 * standing.read_ms
    )


def test_what_it_draws_is_in_the_score_as_soon_as_it_is_read() -> None:
    standing = one(first_ms=100.0, tokens_s=50.0, watts=10.0)
    for watts in (40.0, 0.0):
        standing.station.reading(watts=watts)
        terms = Terms()
        terms.fill(standing, Ask())
        assert score(standing, Ask()) == pytest.approx(terms.score)


numbers = st.floats(0, 1e4)


@given(numbers, numbers, st.floats(0.1, 1e3), st.floats(1, 1e5), st.sampled_from([None, Price(input=3.0, output=9.0)]))
def test_the_score_of_an_ordinary_request_is_the_same_sum(
    first: float, watts: float, rate: float, prompt: float, price: Price | None
) -> None:
    for type_ in ("ollama", "openai"):
        standing = one(price, first_ms=first, watts=watts, tokens_s=rate, type=type_)
        standing.began(0.0)
        standing.first_token(1.0, 1.0, 300.0)
        standing.failed(2.0)
        for ask in (Ask(tokens_in=prompt), Ask().sized(prompt), Ask(tokens_in=prompt, tokens_out=20.0)):
            terms = Terms()
            terms.fill(standing, ask)
            assert score(standing, ask) == pytest.approx(terms.score)
            told = ask.tokens_in * standing.cost_in + ask.tokens_out * standing.cost_out + standing.cost_each
            assert not standing.priced or dollars(standing, ask) == pytest.approx(told)


@given(numbers, numbers, st.floats(0.1, 1e3), numbers, st.booleans(), st.tuples(numbers, numbers, numbers))
def test_the_score_is_the_sum_of_its_terms(
    first: float, watts: float, rate: float, heat: float, degraded: bool, weights: tuple[float, float, float]
) -> None:
    standing = one(first_ms=first, watts=watts, tokens_s=rate)
    standing.station.reading(heat=heat, condition=int(degraded))
    standing.began(0.0)
    standing.failed(1.0)
    ask = Ask(tokens_in=700)
    ask.lean(*weights)
    terms = Terms()
    terms.fill(standing, ask)
    assert tuple(terms.terms) == TERMS
    assert terms.score == pytest.approx(sum(terms.terms.values()))
    assert score(standing, ask) == pytest.approx(terms.score)
