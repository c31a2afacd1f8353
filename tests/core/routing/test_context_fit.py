"""Whether a request fits into a model's context."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.accounting.estimate import estimate
from ollamux.chat import ChatRequest
from ollamux.conversation import Message, Sampling, Text
from ollamux.errors import InvalidRequest
from ollamux.formats.openai_chat.incoming import read_route
from ollamux.models import ModelInfo
from ollamux.routing.catalog import Offer
from ollamux.routing.context_fit import Policy, fit, fitting, may_overflow
from ollamux.routing.requirements import Requirements, requirements_of

NEEDS = frozenset({"completion"})


def offer(name: str, length: int | None, backend: str = "b", position: int = 0, *more: str) -> Offer:
    return Offer(
        name=name,
        upstream=name,
        backend=backend,
        priority=50,
        info=ModelInfo(name=name),
        capabilities=NEEDS | set(more),
        told=True,
        context_length=length,
        options={},
        digest="",
        rank=(-50.0, position),
    )


def asked(tokens: int, output: int | None = None, **more: object) -> Requirements:
    return Requirements(operation="chat", needs=NEEDS, context_tokens=tokens, output_tokens=output, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("tokens", "output", "length", "expected"),
    [
        (100, None, 100, "fits"),
        (101, None, 100, "tight"),
        (133, None, 100, "tight"),
        (134, None, 100, "over"),
        (60, 40, 100, "fits"),
        (60, 41, 100, "tight"),
        (50, 5000, 100, "fits"),
        (10**9, None, None, "fits"),
    ],
)
def test_a_request_fits_or_nearly_fits_or_does_not(tokens: int, output: int | None, length: int, expected: str) -> None:
    assert fit(asked(tokens, output), length) == expected


def test_what_is_too_long_is_refused_in_words_that_clients_know() -> None:
    with pytest.raises(InvalidRequest) as caught:
        fitting([offer("small", 4096), offer("smaller", 2048)], asked(9000), "reject")
    error = caught.value
    assert (error.status, error.code, error.param) == (400, "context_length_exceeded", "messages")
    assert "prompt is too long: 9000 tokens > 4096 maximum" in error.message
    assert "maximum context length" in error.message and "small" in error.message


def test_an_offer_that_is_long_enough_is_kept_and_the_others_are_not() -> None:
    offers = [offer("m", 4096, "a"), offer("m", None, "b"), offer("m", 10_000, "c")]
    assert [kept.backend for kept in fitting(offers, asked(9000), "reject").offers] == ["b", "c"]


def test_a_length_that_nobody_told_refuses_nothing() -> None:
    offers = (offer("m", None),)
    policies: tuple[Policy, ...] = ("reject", "larger_model", "warn")
    for policy in policies:
        assert fitting(offers, asked(10**9), policy) == (offers, "")


def test_what_the_format_cuts_by_itself_is_never_refused() -> None:
    offers = (offer("m", 10),)
    assert fitting(offers, asked(10**6, truncates=True), "reject") == (offers, "")


def test_a_warning_is_given_where_nothing_is_long_enough() -> None:
    offers = [offer("m", 1000, "a"), offer("m", 100_000, "b")]
    assert [kept.backend for kept in fitting(offers, asked(9000), "warn").offers] == ["b", "a"]
    assert fitting(offers, asked(9000), "warn").warning == ""
    told = fitting(offers[:1], asked(9000), "warn")
    assert told.warning == "the prompt has about 9000 tokens, 'm' reads at most 1000"
    assert told.offers == tuple(offers[:1])


def test_a_larger_model_is_the_smallest_that_is_large_enough() -> None:
    others = [
        offer("huge", 10**6, "b", 1),
        offer("unknown", None),
        offer("fair", 16_000, "b", 2),
        offer("near", 9500, "b", 3),
        offer("blind", 12_000, "b", 4, "tools"),
    ]
    found = fitting([offer("m", 4096)], asked(9000, 1000), "larger_model", others=others)
    assert [kept.name for kept in found.offers] == ["blind", "fair", "huge"]
    assert found.warning == (
        "'blind' was asked instead of 'm': the prompt has about 9000 tokens, 'm' reads at most 4096"
    )
    needy = asked(9000)
    needy = Requirements(operation="chat", needs=NEEDS | {"tools"}, context_tokens=needy.context_tokens)
    assert [kept.name for kept in fitting([offer("m", 4096)], needy, "larger_model", others=others).offers] == ["blind"]


def test_a_larger_model_is_looked_for_on_the_same_backend_and_then_at_home() -> None:
    others = [
        offer("cloud", 10_000, "cloud"),
        offer("home", 50_000, "home"),
        offer("here", 90_000, "here"),
    ]
    found = fitting([offer("m", 4096, "here")], asked(9000), "larger_model", others=others, local={"here", "home"})
    assert [kept.name for kept in found.offers] == ["here", "home", "cloud"]


def test_where_no_model_is_large_enough_the_client_is_told() -> None:
    with pytest.raises(InvalidRequest):
        fitting([offer("m", 4096)], asked(9000), "larger_model", others=[offer("n", 8000), offer("m", 10**6)])


def test_a_tight_fit_goes_to_a_larger_model_only_where_that_is_wanted() -> None:
    tight, roomy = offer("m", 1000, "a"), offer("m", 5000, "b")
    assert fitting([tight], asked(900, 400), "reject").offers == (tight,)
    assert fitting([tight, roomy], asked(900, 400), "larger_model").offers == (roomy, tight)
    assert fitting([tight], asked(900, 400), "larger_model", others=[offer("n", 5000)]).offers[-1] is tight
    assert fitting([tight], asked(900, 400), "larger_model").offers == (tight,)


def test_no_offers_stay_no_offers() -> None:
    assert fitting([], asked(9), "reject") == ((), "")


@given(st.lists(st.text(max_size=60), min_size=1, max_size=6), st.integers(1, 500), st.integers(1, 400))
def test_what_passes_the_quick_test_fits(texts: list[str], length: int, output: int) -> None:
    request = ChatRequest("m", [Message("user", [Text(text)]) for text in texts], sampling=Sampling(max_tokens=output))
    body = b'{"model":"m","messages":[%s]}' % b",".join(
        b'{"role":"user","content":"%s"}' % text.encode("utf-8", "replace") for text in texts
    )
    found = requirements_of(request, "chat", NEEDS, estimate)
    if not may_overflow(len(body), found.needs, length):
        assert fit(found, length) == "fits"


def test_the_quick_test_leaves_out_what_has_a_price_of_its_own() -> None:
    read = read_route(b'{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":"x"}]}]}')
    assert may_overflow(len(read.body), read.needs, 10**6)
    assert not may_overflow(len(read.body), NEEDS, 10**6)
    assert not may_overflow(10**9, NEEDS, None)
    assert may_overflow(10_000, NEEDS, 4096)
