"""A request that asks the other workers first, and then goes on as any other.

Strategy: the exchange that answers is made when the answers are there; until then there is nothing to report to. From
then on everything is passed on to it.

Rules: it waits for `patience` seconds at most, whoever has not answered by then; where nobody else is there it does not
wait at all, and for one that ends no longer than until that is known.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from ollamux.contract import End, FailureKind, WakeAt, Wants, Whole
from ollamux.exchange.base import Exchange
from ollamux.workers.messages import Answer, Question

__all__ = ("FOR_FIGURES", "PATIENCE", "Asking", "Consulting")

PATIENCE = 2.0
"""Seconds to wait for other workers where the answer would be wrong without them."""

FOR_FIGURES = 1.0
"""Seconds to wait for figures, of which the last that were told stand in."""


class Asking(Protocol):
    """Whom to ask."""

    def ask(self, question: Question, exchange: Exchange) -> bool:
        """Asks; False where there is nobody."""
        ...

    def answers(self, exchange: Exchange) -> list[Answer]:
        """What was answered; the exchange waits no longer."""
        ...


class Consulting(Exchange):
    """Asks one question after the other, then becomes what `then` makes of the answers at that moment."""

    __slots__ = ("_answers", "_circle", "_inner", "_patience", "_questions", "_then", "_until")

    def __init__(
        self,
        circle: Asking,
        questions: Sequence[Question],
        then: Callable[[list[Answer], float], Exchange],
        *,
        patience: float = PATIENCE,
    ) -> None:
        super().__init__()
        self._circle = circle
        self._questions = list(questions)
        self._then = then
        self._answers: list[Answer] = []
        self._inner: Exchange | None = None
        self._patience = patience
        self._until = 0.0

    def start(self, now: float) -> Wants:
        self._until = now + self._patience
        return self._ask(now)

    def _ask(self, now: float) -> Wants:
        while self._questions and now < self._until:
            if self._circle.ask(self._questions.pop(0), self):
                return (WakeAt(self._until),)
        inner = self._inner = self._then(self._answers, now)
        inner.front, inner.extra_headers, inner.caller = self.front, self.extra_headers, self.caller
        inner.request_id = self.request_id
        return self._passed(inner.start(now))

    def _go_on(self, now: float) -> Wants:
        self._answers += self._circle.answers(self)
        return self._ask(now)

    def _passed(self, wants: Wants) -> Wants:
        if (
            isinstance(wants, tuple)
            and self._inner is not None
            and any(isinstance(want, End | Whole) for want in wants)
        ):
            self._inner.front = None
        return wants

    def proceed(self, now: float) -> Wants:
        return self._go_on(now) if self._inner is None else self._passed(self._inner.proceed(now))

    def woken(self, now: float) -> Wants:
        return self._go_on(now) if self._inner is None else self._passed(self._inner.woken(now))

    def client_gone(self, now: float) -> Wants:
        if self._inner is None:
            self._circle.answers(self)
            return None
        self._inner.front = None
        return self._inner.client_gone(now)

    def attempt_head(self, attempt: int, status: int, headers: Sequence[tuple[str, str]], now: float) -> Wants:
        return None if self._inner is None else self._passed(self._inner.attempt_head(attempt, status, headers, now))

    def attempt_data(self, attempt: int, data: bytes, now: float) -> Wants:
        return None if self._inner is None else self._passed(self._inner.attempt_data(attempt, data, now))

    def attempt_end(self, attempt: int, now: float) -> Wants:
        return None if self._inner is None else self._passed(self._inner.attempt_end(attempt, now))

    def attempt_failed(self, attempt: int, kind: FailureKind, sent: bool, now: float, detail: str = "") -> Wants:
        if self._inner is None:
            return None
        return self._passed(self._inner.attempt_failed(attempt, kind, sent, now, detail))

    def client_paused(self, now: float) -> Wants:
        return None if self._inner is None else self._inner.client_paused(now)

    def client_resumed(self, now: float) -> Wants:
        return None if self._inner is None else self._inner.client_resumed(now)
