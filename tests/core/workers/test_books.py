"""Figures of several gateways as those of one."""

from __future__ import annotations

import msgspec
from tests.support.driving import Driven, driven

from ollamux.accounting.ledger import Ledger, Row
from ollamux.workers import books as module
from ollamux.workers.books import Books, Together, add, books_of


def used(chats: int) -> Driven:
    """A gateway that has answered so many chats, and refused one request."""
    house = driven(demo="demo")
    for _ in range(chats):
        house.chat("demo", stream=False)
    house.chat("nobody-has-this", stream=False)
    return house


def test_books_count_again_what_was_counted_there() -> None:
    house = used(3)
    ledger = Ledger()
    add(ledger, msgspec.msgpack.decode(msgspec.msgpack.encode(books_of(house.gateway, 1)), type=Books))
    for name in ("requests", "input", "output", "cost", "energy", "last", "failures"):
        assert getattr(ledger.sums(), name) == getattr(house.gateway.ledger.sums(), name), name
    assert ledger.exchanges == house.gateway.ledger.exchanges
    assert ledger.waits.counts == house.gateway.ledger.waits.counts
    assert [row.seconds[""].counts for row in ledger.rows()] == [
        row.seconds[""].counts for row in house.gateway.ledger.rows()
    ]


def test_nothing_that_a_ledger_or_a_row_holds_is_left_out() -> None:
    counted = {name for name in dir(Ledger()) if not name.startswith("_") and not callable(getattr(Ledger(), name))}
    assert counted <= set(Books.__struct_fields__)
    slots = {name for name in dir(Row) if not name.startswith("_")} - {"failed", "used", "went_well"}
    told = {"backend", "model", "operation", "seconds", "failures"}
    assert slots == told | {*module._SUMS, *module._LATEST, *module._HISTOGRAMS}  # pyright: ignore[reportPrivateUsage]


def test_a_house_and_the_books_of_others_are_one_house() -> None:
    mine, other = used(2), used(5)
    both = Together(mine.gateway, mine.gateway.config, 0, [books_of(other.gateway, 1)])
    assert both.ledger.sums().requests == 7
    assert both.ledger.exchanges["ollama", ""] == 7
    assert both.workers == {0: 3, 1: 6}
    assert both.admission.waiting == 0
    assert both.admission.running("demo") == 0
    assert both.catalog is mine.gateway.catalog
    assert mine.gateway.ledger.sums().requests == 2


def test_failures_of_several_are_added_kind_by_kind() -> None:
    def failing() -> Driven:
        house = driven(up="vllm")
        house.learn()
        for _ in range(2):
            house.chat(stream=False).called.answer(400, {"error": "no"})
        return house

    one, other = failing(), failing()
    both = Together(one.gateway, one.gateway.config, 0, [books_of(other.gateway, 1)]).ledger.sums()
    assert sum(both.failures.values()) == 4
    assert both.last_failure == other.gateway.ledger.sums().last_failure
