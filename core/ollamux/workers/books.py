"""The figures of several gateways as those of one: taken from a gateway, sent as plain values, added to another's.

Strategy: `books_of` copies what a gateway has counted; `Together` is that gateway with the figures of others added, for
whatever tells of them. The machines behind it are the gateway's own, since all workers know the same of the backends.

Rules: sums alone are made: what was counted nowhere is nowhere; the times of last events are the latest, on the clock
that all processes of one machine share.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

import msgspec

from ollamux.accounting.histogram import Histogram
from ollamux.accounting.ledger import DURATION, Ledger, Row
from ollamux.backends import Backend
from ollamux.conversation import Operation
from ollamux.exchange.base import House

if TYPE_CHECKING:
    from ollamux.config import Config

__all__ = ("Books", "CountingHouse", "Together", "add", "books_of")

_SUMS = ("requests", "input", "cached", "output", "reasoning", "cost", "energy")
_LATEST = ("last", "last_failure")
_HISTOGRAMS = ("first_token", "per_token", "input_tokens", "output_tokens")

Counts = tuple[list[int], float]
"""A histogram's buckets and total."""


class _Row(msgspec.Struct, frozen=True):
    """A row of the ledger: sums, latest times and histograms in the order of the tables above."""

    backend: str
    model: str
    operation: Operation
    sums: list[float]
    latest: list[float]
    histograms: list[Counts]
    seconds: dict[str, Counts]
    failures: dict[str, int]


class Books(msgspec.Struct, frozen=True, tag="books_told"):
    """What one gateway has counted, and who runs and waits there now."""

    worker: int
    rows: list[_Row]
    exchanges: list[tuple[str, str, int]]
    finishes: list[tuple[str, str, int]]
    fallbacks: int
    waits: Counts
    overhead: Counts
    running: dict[str, int]
    waiting: int

    @property
    def requests(self) -> int:
        """The requests of clients that were answered there."""
        return sum(count for _, _, count in self.exchanges)


class CountingHouse(House, Protocol):
    """Whose figures these are."""

    @property
    def config(self) -> Config:
        """Its configuration."""
        ...

    def backends(self) -> Sequence[Backend]:
        """All backends."""
        ...


def books_of(house: CountingHouse, worker: int) -> Books:
    """What it has counted."""
    ledger, admission = house.ledger, house.admission
    return Books(
        worker=worker,
        rows=[_row(row) for row in ledger.rows()],
        exchanges=[(client, failure, count) for (client, failure), count in ledger.exchanges.items()],
        finishes=[(spoken, word, count) for (spoken, word), count in ledger.finishes.items()],
        fallbacks=ledger.fallbacks,
        waits=_counts(ledger.waits),
        overhead=_counts(ledger.overhead),
        running={backend.id: admission.running(backend.id) for backend in house.backends()},
        waiting=admission.waiting,
    )


def add(ledger: Ledger, books: Books) -> None:
    """Counts in this ledger, too, what was counted there."""
    for told in books.rows:
        row = ledger.row(told.backend, told.model, told.operation)
        for name, value in zip(_SUMS, told.sums, strict=True):
            before = getattr(row, name)
            setattr(row, name, before + (value if isinstance(before, float) else int(value)))
        for name, value in zip(_LATEST, told.latest, strict=True):
            setattr(row, name, max(getattr(row, name), value))
        for name, counts in zip(_HISTOGRAMS, told.histograms, strict=True):
            getattr(row, name).join(*counts)
        for kind, counts in told.seconds.items():
            row.seconds.setdefault(kind, Histogram(DURATION)).join(*counts)
        for kind, count in told.failures.items():
            row.failures[kind] = row.failures.get(kind, 0) + count
    for client, failure, count in books.exchanges:
        ledger.tally(client, failure).count += count
    for spoken, word, count in books.finishes:
        ledger.finishes[spoken, word] = ledger.finishes.get((spoken, word), 0) + count
    ledger.fallbacks += books.fallbacks
    ledger.waits.join(*books.waits)
    ledger.overhead.join(*books.overhead)


class Together:
    """A house with the figures of others added to its own, under the configuration of all. `workers` are the requests
    of each worker, by its number."""

    def __init__(self, house: CountingHouse, config: Config, worker: int, others: Iterable[Books]) -> None:
        self._house = house
        self.config = config
        self.ledger = Ledger()
        books = [books_of(house, worker), *others]
        for each in books:
            add(self.ledger, each)
        self.admission = _Counted(books)
        self.workers = {each.worker: each.requests for each in sorted(books, key=lambda one: one.worker)}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._house, name)


class _Counted:
    """Who runs and who waits, over several gateways."""

    def __init__(self, books: Sequence[Books]) -> None:
        self._books = books

    @property
    def waiting(self) -> int:
        return sum(each.waiting for each in self._books)

    def running(self, backend: str) -> int:
        return sum(each.running.get(backend, 0) for each in self._books)


def _row(row: Row) -> _Row:
    return _Row(
        row.backend,
        row.model,
        cast(Operation, row.operation),
        [getattr(row, name) for name in _SUMS],
        [getattr(row, name) for name in _LATEST],
        [_counts(getattr(row, name)) for name in _HISTOGRAMS],
        {kind: _counts(found) for kind, found in row.seconds.items()},
        dict(row.failures),
    )


def _counts(histogram: Histogram) -> Counts:
    return histogram.counts, histogram.total
