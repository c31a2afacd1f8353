"""The ledger: what was asked of every model, what came of it, what it took and what it cost.

Strategy: an attempt that ends is written into one row, that of its model on its backend in its operation; a row is
plain numbers and histograms with fixed buckets. Sums over a backend, over a model or over all are made of the rows when
somebody asks, never when a request ends. What belongs to no backend, that a request waited, fell over or was refused,
stands beside the rows.

Rules: counters only ever grow; rows are as many as there are offers in the catalog, and after `_MOST` what is new is
counted in one row without a model, so that no client can make the ledger grow; what nobody told is not counted as zero
tokens, it is not counted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ollamux.accounting.histogram import Histogram
from ollamux.conversation import Operation
from ollamux.routing.catalog import Offer
from ollamux.usage import Usage

if TYPE_CHECKING:
    from ollamux.config import Price

__all__ = (
    "DURATION",
    "FIRST_TOKEN",
    "GONE",
    "OVERHEAD",
    "PER_TOKEN",
    "TOKENS",
    "WAIT",
    "Ledger",
    "Row",
    "Sums",
    "Tally",
)

FIRST_TOKEN = (0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
PER_TOKEN = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5)
DURATION = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
TOKENS = tuple(float(4**power) for power in range(14))
"""The bounds that OpenTelemetry's conventions for generative AI give: seconds, and tokens."""

OVERHEAD = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25)
"""Seconds that the gateway itself takes before a backend is called."""

WAIT = (0.001, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
"""Seconds that a request waits for a place."""

GONE = "gone"
"""The failure of an attempt whose client left: nobody's fault."""

_MOST = 4096
_MOST_WORDS = 100
_LONGEST_WORD = 40
_MILLION = 1e6
_MOST_TOKENS = 10**12
"""Tokens of one answer that may be true."""


def _amount(told: int | None) -> int:
    return 0 if told is None else told


class Tally:
    """How often something was."""

    __slots__ = ("count",)

    def __init__(self) -> None:
        self.count = 0


class Row:
    """One model on one backend in one operation; no model where the request was about models. `requests` counts
    attempts, `failures` those that came to nothing by the kind of error; costs in US dollars, energy in watt hours;
    `last` and `last_failure` are the `now` of the last attempt and of the last that failed, -1 where there was none."""

    __slots__ = (
        "_well",
        "backend",
        "cached",
        "cost",
        "energy",
        "failures",
        "first_token",
        "input",
        "input_tokens",
        "last",
        "last_failure",
        "model",
        "operation",
        "output",
        "output_tokens",
        "per_token",
        "reasoning",
        "requests",
        "seconds",
    )

    def __init__(self, backend: str, model: str, operation: str) -> None:
        self.backend = backend
        self.model = model
        self.operation = operation
        self.requests = 0
        self.failures: dict[str, int] = {}
        self.input = 0
        self.cached = 0
        self.output = 0
        self.reasoning = 0
        self.cost = 0.0
        self.energy = 0.0
        self.last = -1.0
        self.last_failure = -1.0
        self.first_token = Histogram(FIRST_TOKEN)
        self.per_token = Histogram(PER_TOKEN)
        self._well = Histogram(DURATION)
        self.seconds: dict[str, Histogram] = {"": self._well}
        self.input_tokens = Histogram(TOKENS)
        self.output_tokens = Histogram(TOKENS)

    def went_well(self, seconds: float) -> None:
        """An attempt did what it was for, in so many seconds."""
        self._well.add(seconds)

    def failed(self, kind: str, seconds: float, now: float) -> None:
        """An attempt came to nothing after so many seconds."""
        self.failures[kind] = self.failures.get(kind, 0) + 1
        found = self.seconds.get(kind)
        if found is None:
            found = self.seconds[kind] = Histogram(DURATION)
        found.add(seconds)
        if kind != GONE:
            self.last_failure = now

    def used(self, usage: Usage, price: Price | None) -> int:
        """Counts the tokens of an answer and what they cost. Returns how many were written, 0 where nobody knows.
        Figures that cannot be true are not counted."""
        uncached, cached, kept = usage.input_uncached, usage.cache_read, usage.cache_write
        text, thought = usage.output_text, usage.reasoning
        try:
            again = _amount(cached)
            once = _amount(uncached) + _amount(kept)
            hidden = _amount(thought)
            written = _amount(text) + hidden
        except OverflowError:  # compiled, they are numbers of 64 bits
            return 0
        if not (0 <= again <= _MOST_TOKENS and 0 <= once <= _MOST_TOKENS and 0 <= hidden <= written <= _MOST_TOKENS):
            return 0
        if uncached is not None or cached is not None or kept is not None:
            self.input += once + again
            self.cached += again
            self.input_tokens.add(once + again)
        if text is not None or thought is not None:
            self.output += written
            self.reasoning += hidden
            self.output_tokens.add(written)
        if price is not None:
            each = price.input or 0.0
            less = price.cached_input if price.cached_input is not None else each
            self.cost += (once * each + again * less + written * (price.output or 0.0)) / _MILLION
        return written


class Sums:
    """Several rows as one. `first_token`, `seconds` in seconds; `errors` leaves out those whose client left."""

    __slots__ = (
        "cached",
        "cost",
        "energy",
        "errors",
        "failures",
        "first_token",
        "input",
        "last",
        "last_failure",
        "output",
        "reasoning",
        "requests",
        "seconds",
    )

    def __init__(self, rows: Iterable[Row]) -> None:
        told = list(rows)
        self.requests = sum(row.requests for row in told)
        self.input = sum(row.input for row in told)
        self.cached = sum(row.cached for row in told)
        self.output = sum(row.output for row in told)
        self.reasoning = sum(row.reasoning for row in told)
        self.cost = sum(row.cost for row in told)
        self.energy = sum(row.energy for row in told)
        self.last = max((row.last for row in told), default=-1.0)
        self.last_failure = max((row.last_failure for row in told), default=-1.0)
        self.failures: dict[str, int] = {}
        for row in told:
            for kind, count in row.failures.items():
                self.failures[kind] = self.failures.get(kind, 0) + count
        self.errors = sum(count for kind, count in self.failures.items() if kind != GONE)
        self.first_token = Histogram.merged((row.first_token for row in told), FIRST_TOKEN)
        self.seconds = Histogram.merged((row.seconds[""] for row in told), DURATION)


class Ledger:
    """All rows. `fallbacks` counts the attempts that followed a failed one in the same exchange, `finishes` the answers
    that ended for a reason that nobody knows, by the backend's format and its word for it (empty: it had none,
    `other`: one of too many); `waits` are those that waited for a place, `overhead` what the gateway itself took, both
    in seconds."""

    __slots__ = (
        "_latest",
        "_rows",
        "_tallies",
        "_watts",
        "_well",
        "_worked",
        "fallbacks",
        "finishes",
        "overhead",
        "waits",
    )

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str, str], Row] = {}
        self._latest: dict[Offer, Row] = {}  # where the last attempt of an offer was written
        self._watts: dict[str, float] = {}
        self._worked: dict[str, tuple[float, float]] = {}
        self._tallies: dict[tuple[str, str], Tally] = {}
        self._well: dict[str, Tally] = {}
        self.fallbacks = 0
        self.finishes: dict[tuple[str, str], int] = {}
        self.waits = Histogram(WAIT)
        self.overhead = Histogram(OVERHEAD)

    def attempt(
        self,
        offer: Offer,
        operation: Operation,
        seconds: float,
        first_token: float,
        usage: Usage | None,
        failure: str,
        now: float,
    ) -> int:
        """An attempt ended after so many seconds, its first token came after `first_token` (negative: none came, or the
        answer was whole); `failure` is the kind of error, empty where it did what it was for, `gone` where its client
        left. Returns how many tokens were written, 0 where nobody told."""
        row = self._latest.get(offer)
        if row is None or row.operation != operation:
            row = self._row_of(offer, operation)
        row.requests += 1
        row.last = now
        written = 0
        if usage is not None:
            written = row.used(usage, offer.price)
        if failure:
            row.failed(failure, seconds, now)
        else:
            row.went_well(seconds)
        if first_token >= 0.0:
            row.first_token.add(first_token)
            if written > 1:
                row.per_token.add((seconds - first_token) / (written - 1))
        if self._watts:
            watts = self._watts.get(offer.backend)
            if watts is not None:
                row.energy += watts * self._alone(offer.backend, seconds, now) / 3600.0
        return written

    def forwarded(self, backend: str, operation: str, seconds: float, failure: str, now: float) -> None:
        """A request about models themselves went to a backend as it was, and ended after so many seconds. `operation`
        is one of few words: pull, show, ..."""
        row = self._open(backend, "", operation)
        row.requests += 1
        row.last = now
        if failure:
            row.failed(failure, seconds, now)
        else:
            row.went_well(seconds)

    def exchange(self, client: str, failure: str, waited: float, calls: int) -> None:
        """An exchange ended: in this format, told this kind of error (empty: none), after it had waited so many seconds
        for a place and made so many calls."""
        tally = None if failure else self._well.get(client)
        if tally is None:
            tally = self.tally(client, failure)
        tally.count += 1
        if calls > 1:
            self.fallbacks += calls - 1
        if waited > 0.0:
            self.waits.add(waited)

    def tally(self, client: str, failure: str) -> Tally:
        """Of the exchanges of a format that were told this kind of error, to be added to."""
        found = self._tallies.get((client, failure))
        if found is None:
            found = self._tallies[client, failure] = Tally()
            if not failure:
                self._well[client] = found
        return found

    @property
    def exchanges(self) -> dict[tuple[str, str], int]:
        """The exchanges that ended, by the client's format and the kind of error that it was told, empty where all went
        well."""
        return {key: tally.count for key, tally in self._tallies.items()}

    def finished(self, format_: str, word: str) -> None:
        """A backend of this format ended an answer for a reason that nobody knows."""
        key = (format_, "".join([sign if sign.isprintable() else "?" for sign in word[:_LONGEST_WORD]]))
        if key not in self.finishes and len(self.finishes) >= _MOST_WORDS:
            key = (format_, "other")
        self.finishes[key] = self.finishes.get(key, 0) + 1

    def power(self, backend: str, watts: float) -> None:
        """A backend draws this much while it works, from now on; 0: nobody knows."""
        if watts:
            self._watts[backend] = watts
        else:
            self._watts.pop(backend, None)

    def row(self, backend: str, model: str, operation: Operation) -> Row:
        """The row of this model on this backend in this operation, to be added to; a new one where there is none."""
        return self._rows.get((backend, model, operation)) or self._open(backend, model, operation)

    def _alone(self, backend: str, seconds: float, now: float) -> float:
        """How long the backend worked for an attempt that ends now beside what is counted already: a device draws no
        more because two share it. What is counted is remembered as one span, which is as good as it needs to be."""
        start = now - seconds
        since, until = self._worked.get(backend, (start, start))
        if start > until:
            since = start
            found = seconds
        else:
            found = max(0.0, since - start) + max(0.0, now - until)
            since = min(since, start)
        self._worked[backend] = (since, max(now, until))
        return found

    def rows(self) -> tuple[Row, ...]:
        """All rows, in the order in which they were opened."""
        return tuple(self._rows.values())

    def sums(self, which: Callable[[Row], bool] | None = None) -> Sums:
        """The rows of which this is true as one; all of them where nothing is asked."""
        rows = self._rows.values()
        return Sums(rows if which is None else filter(which, rows))

    def _row_of(self, offer: Offer, operation: str) -> Row:
        """Where an attempt of this offer is written."""
        if len(self._latest) >= _MOST:  # offers come and go with what backends have
            self._latest.clear()
        row = self._latest[offer] = self._open(offer.backend, offer.name, operation)
        return row

    def _open(self, backend: str, model: str, operation: str) -> Row:
        if len(self._rows) >= _MOST:
            backend = model = ""
        key = (backend, model, operation)
        found = self._rows.get(key)
        if found is None:
            found = self._rows[key] = Row(backend, model, operation)
        return found
