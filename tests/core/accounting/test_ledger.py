"""What is counted of every attempt and exchange."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.driving import driven
from tests.support.fleets import another

from ollamux.accounting import ledger as module
from ollamux.accounting.ledger import GONE, Ledger
from ollamux.config import Price
from ollamux.conversation import Operation, Usage
from ollamux.routing.catalog import Offer


def offer(name: str = "m", backend: str = "a", price: Price | None = None) -> Offer:
    (found,) = driven(a="vllm").gateway.catalog.find("m")
    return another(found, name=name, backend=backend, price=price)


def tell(ledger: Ledger, told: Offer | None = None, **how: Any) -> None:
    operation: Operation = how.get("operation", "chat")
    ledger.attempt(
        told or offer(),
        operation,
        how.get("seconds", 2.0),
        how.get("first_token", 0.5),
        how.get("usage"),
        how.get("failure", ""),
        how.get("now", 7.0),
    )


def test_each_model_on_each_backend_in_each_operation_has_its_row() -> None:
    ledger = Ledger()
    for told in (offer(), offer(), offer("n"), offer(backend="b")):
        tell(ledger, told)
    tell(ledger, operation="embed")
    rows = {(row.backend, row.model, row.operation): row.requests for row in ledger.rows()}
    assert rows == {
        ("a", "m", "chat"): 2,
        ("a", "n", "chat"): 1,
        ("b", "m", "chat"): 1,
        ("a", "m", "embed"): 1,
    }
    assert ledger.sums().requests == 5
    assert ledger.sums(lambda row: row.backend == "b").requests == 1
    assert ledger.sums(lambda row: row.backend == "c").requests == 0


def test_tokens_are_counted_where_they_are_told_and_nowhere_else() -> None:
    ledger = Ledger()
    tell(ledger, usage=Usage(input_uncached=10, cache_read=30, output_text=5, reasoning=2))
    tell(ledger, usage=Usage(input_uncached=1))
    tell(ledger)
    sums = ledger.sums()
    assert (sums.input, sums.cached, sums.output, sums.reasoning) == (41, 30, 7, 2)
    (row,) = ledger.rows()
    assert (row.input_tokens.count, row.output_tokens.count) == (2, 1)


@pytest.mark.parametrize(
    "usage",
    [
        Usage(output_text=-1),
        Usage(input_uncached=-1, output_text=3),
        Usage(cache_read=-5, output_text=3),
        Usage(output_text=2**70),
        Usage(input_uncached=2**63 - 1, cache_write=1, output_text=3),
        Usage(output_text=-(2**70), reasoning=2**70),
        Usage(output_text=-2, reasoning=5),
        Usage(output_text=10**15),
    ],
)
def test_figures_that_cannot_be_true_are_not_counted_and_break_nothing(usage: Usage) -> None:
    ledger = Ledger()
    tell(ledger, usage=usage)
    (row,) = ledger.rows()
    assert (row.requests, row.input, row.cached, row.output, row.reasoning) == (1, 0, 0, 0, 0)


def test_a_cached_token_costs_what_the_price_says_of_it_else_what_any_other_does() -> None:
    usage = Usage(input_uncached=1_000_000, cache_read=1_000_000, cache_write=1_000_000, output_text=1_000_000)
    ledger = Ledger()
    tell(ledger, offer(price=Price(input=1.0, output=10.0, cached_input=0.25)), usage=usage)
    assert ledger.sums().cost == pytest.approx(2.25 + 10.0)
    ledger = Ledger()
    tell(ledger, offer(price=Price(input=1.0)), usage=usage)
    assert ledger.sums().cost == pytest.approx(3.0)
    ledger = Ledger()
    tell(ledger, usage=usage)
    assert ledger.sums().cost == 0.0


def test_energy_is_what_a_backend_draws_for_as_long_as_it_works() -> None:
    ledger = Ledger()
    ledger.power("a", 180.0)
    tell(ledger, seconds=10.0)
    tell(ledger, offer(backend="b"), seconds=10.0)
    assert ledger.sums().energy == pytest.approx(0.5)
    ledger.power("b", 360.0)
    tell(ledger, offer(backend="b"), seconds=10.0, failure="timeout")
    assert ledger.sums(lambda row: row.backend == "b").energy == pytest.approx(1.0)
    ledger.power("b", 0.0)
    tell(ledger, offer(backend="b"), seconds=10.0)
    assert ledger.sums(lambda row: row.backend == "b").energy == pytest.approx(1.0)


def test_what_failed_is_counted_by_its_kind_and_a_client_that_left_is_nobodys_fault() -> None:
    ledger = Ledger()
    tell(ledger, failure="timeout", now=3.0)
    tell(ledger, failure="timeout", now=4.0)
    tell(ledger, failure="rate_limit", now=5.0)
    tell(ledger, failure=GONE, now=6.0)
    tell(ledger, now=9.0)
    sums = ledger.sums()
    assert sums.failures == {"timeout": 2, "rate_limit": 1, GONE: 1}
    assert (sums.requests, sums.errors, sums.last_failure, sums.last) == (5, 3, 5.0, 9.0)
    assert sums.seconds.count == 1, "how long a failure took says nothing of how long an answer takes"


def test_the_time_for_each_token_leaves_out_the_first() -> None:
    ledger = Ledger()
    tell(ledger, seconds=2.5, first_token=0.5, usage=Usage(output_text=11))
    tell(ledger, seconds=2.5, first_token=-1.0, usage=Usage(output_text=11))
    tell(ledger, seconds=2.5, first_token=0.5, usage=Usage(output_text=1))
    (row,) = ledger.rows()
    assert row.per_token.count == 1 and row.per_token.total == pytest.approx(0.2)
    assert (row.first_token.count, row.first_token.total) == (2, 1.0)


def test_exchanges_are_counted_by_format_and_error_with_their_waits_and_further_calls() -> None:
    ledger = Ledger()
    ledger.exchange("ollama", "", 0.0, 1)
    ledger.exchange("ollama", "", 1.5, 3)
    ledger.exchange("anthropic", "not_found", 0.0, 0)
    assert ledger.exchanges == {("ollama", ""): 2, ("anthropic", "not_found"): 1}
    assert ledger.fallbacks == 2
    assert (ledger.waits.count, ledger.waits.total) == (1, 1.5)


def test_words_for_the_end_that_nobody_knows_are_counted_and_never_more_than_so_many() -> None:
    ledger = Ledger()
    for word in ("eos_found", "eos_found", "", "two\nlines" + 60 * "x"):
        ledger.finished("openai_chat", word)
    assert ledger.finishes == {
        ("openai_chat", "eos_found"): 2,
        ("openai_chat", ""): 1,
        ("openai_chat", "two?lines" + 31 * "x"): 1,
    }
    for number in range(200):
        ledger.finished("openai_chat", str(number))
    assert len(ledger.finishes) == 101 and ledger.finishes["openai_chat", "other"] == 103


def test_there_are_never_more_rows_than_a_catalog_could_want(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
    ledger = Ledger()
    told = offer()
    for number in range(10):
        tell(ledger, another(told, name=str(number)))
    assert [(row.model, row.requests) for row in ledger.rows()] == [("0", 1), ("1", 1), ("2", 1), ("", 7)]


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([(0, 10), (20, 30)], 20),
        ([(0, 10), (0, 10), (0, 10)], 10),
        ([(2, 8), (0, 10)], 10),
        ([(0, 6), (4, 10)], 10),
        ([(0, 10), (2, 10)], 10),
    ],
)
def test_requests_that_run_side_by_side_draw_no_more_than_one(spans: list[tuple[int, int]], seconds: int) -> None:
    ledger = Ledger()
    ledger.power("a", 3600.0)
    for start, end in spans:
        tell(ledger, seconds=float(end - start), now=100.0 + end)
    assert ledger.sums().energy == pytest.approx(seconds)
