"""What an exchange leaves in the ledger, and what those who listen hear of it.

Strategy: each attempt is counted when what it held is given back, the exchange when it is over; what is told to
listeners is put together only where somebody listens.

Rules: counting never changes an answer; a second attempt that runs beside the first is counted as an attempt, and the
exchange once.
"""

from __future__ import annotations

from ollamux.accounting.kinds import kind_of
from ollamux.accounting.ledger import GONE
from ollamux.errors import OllamuxError
from ollamux.exchange.state import ModelState
from ollamux.exchange.telling import why
from ollamux.news import Decision
from ollamux.usage import Usage, total

__all__ = ("CountingState",)


class CountingState(ModelState):
    """See the module. `_failure` is the kind of error that the attempt at hand came to, empty as long as all is well,
    `_answer_status` the status that the client is told."""

    __slots__ = ()

    def _erred(self, error: OllamuxError) -> None:
        """What the attempt at hand, or the whole exchange, came to."""
        self._failure = kind_of(error)
        self._answer_status = error.status

    def _left(self) -> None:
        """The client went away."""
        self._failure = GONE

    def _used(self) -> Usage | None:
        """What the attempt at hand has cost so far, with all the parts in which it goes out."""
        usage = self._usage if self._converter is None else self._converter.usage
        return usage if self._spent is None else total((self._spent, usage))

    def _count_attempt(self, now: float) -> int:
        """An attempt is over: counts it, and lets its backend's health be seen where it failed. Returns how many tokens
        its answer has, 0 where nobody told."""
        backend, offer, incoming = self._backend, self._offer, self._incoming
        assert backend is not None and offer is not None and incoming is not None
        usage = self._used()
        ledger = self._house.ledger
        seconds = now - self._dispatched
        written = ledger.attempt(offer, incoming.operation, seconds, self._first_token, usage, self._failure, now)
        if self._failure and self._failure != GONE:
            self._house.notice(backend, now)
        return written

    def _count(self, now: float) -> None:
        """The exchange is over."""
        if self._before:
            return
        house = self._house
        calls = self._tries.calls if self._tries is not None else 0
        ledger = house.ledger
        ledger.exchange(self._format, self._failure, self._waited, calls)
        feed = house.feed
        if feed.heard and (feed.detailed or self._failure or calls > 1):
            self._tell(calls, now)

    def _tell(self, calls: int, now: float) -> None:
        """Tells those who listen how it ended."""
        offer, incoming, plan = self._offer, self._incoming, self._plan
        usage = self._used()
        self._house.feed.tell(
            Decision(
                at=now,
                request_id=self.request_id or self._house.feed.next_id(),
                format=self._format,
                operation=incoming.operation if incoming is not None else "chat",
                model=incoming.model if incoming is not None else "",
                backend=offer.backend if offer is not None else "",
                upstream=offer.upstream if offer is not None else "",
                reason=why(plan, offer) if plan is not None and offer is not None else "",
                strategy=plan.strategy.name if plan is not None else "",
                calls=calls,
                failure=self._failure,
                status=self._answer_status,
                waited=self._waited,
                first_token=self._first_token if self._first_token >= 0.0 else None,
                seconds=now - self._arrived,
                input_tokens=usage.input if usage is not None else None,
                output_tokens=usage.output if usage is not None else None,
            )
        )
