"""A request that asks others first."""

from __future__ import annotations

from ollamux.contract import Call, Data, End, Head, WakeAt, Wants
from ollamux.exchange.base import Exchange, Settled
from ollamux.workers.consulting import PATIENCE, Consulting
from ollamux.workers.messages import BOOKS, Answer, Question, Stored, Wanted


class Others:
    """Who is asked; answers when a test says so."""

    def __init__(self, *answers: Answer, there: bool = True) -> None:
        self.asked: list[Question] = []
        self._there = there
        self._answers = list(answers)

    def ask(self, question: Question, exchange: Exchange) -> bool:
        self.asked.append(question)
        return self._there

    def answers(self, exchange: Exchange) -> list[Answer]:
        found, self._answers = self._answers, []
        return found


class Listening(Exchange):
    """An exchange that writes down what it is told, and calls a backend when it starts."""

    def __init__(self) -> None:
        super().__init__()
        self.told: list[str] = []

    def start(self, now: float) -> Wants:
        self.told.append(f"start {self.caller} {self.front}")
        return (Call(1, "b", "GET", "http://b", (), b""),)

    def attempt_data(self, attempt: int, data: bytes, now: float) -> Wants:
        self.told.append(data.decode())
        return data

    def attempt_end(self, attempt: int, now: float) -> Wants:
        return (Head(200, ()), Data(b"x"), End())

    def client_gone(self, now: float) -> Wants:
        self.told.append("gone")
        return None


def test_it_answers_when_the_others_have_and_knows_what_they_said() -> None:
    others = Others(Stored(None, "m"))
    found: list[list[Answer]] = []

    def then(answers: list[Answer], now: float) -> Exchange:
        found.append(answers)
        return Settled(200, (), b"done")

    asked = Consulting(others, (BOOKS,), then)
    assert asked.start(5.0) == (WakeAt(5.0 + PATIENCE),)
    assert asked.proceed(5.1) == Settled(200, (), b"done").start(5.1)
    assert found == [[Stored(None, "m")]]


def test_with_nobody_to_ask_it_goes_on_at_once() -> None:
    asked = Consulting(Others(there=False), (BOOKS,), lambda answers, now: Settled(200, (), b"done"))
    assert asked.start(5.0) == Settled(200, (), b"done").start(5.0)


def test_one_question_follows_the_other_within_one_patience() -> None:
    others = Others()
    asked = Consulting(
        others, (Wanted("o", id="a"), Wanted("o", id="b")), lambda answers, now: Settled(200, (), b"done")
    )
    asked.start(5.0)
    assert asked.proceed(5.1) == (WakeAt(5.0 + PATIENCE),)
    assert [question.id for question in others.asked if isinstance(question, Wanted)] == ["a", "b"]
    assert asked.woken(5.0 + PATIENCE) == Settled(200, (), b"done").start(5.1)
    late = Consulting(others, (BOOKS, BOOKS), lambda answers, now: Settled(200, (), b"done"))
    late.start(5.0)
    assert late.woken(5.0 + PATIENCE) == Settled(200, (), b"done").start(5.1)


def test_what_it_became_is_told_everything_from_then_on() -> None:
    inner = Listening()
    asked = Consulting(Others(), (BOOKS,), lambda answers, now: inner)
    asked.front, asked.caller = "driver", "key"
    asked.start(5.0)
    assert asked.attempt_data(1, b"too early", 5.0) is None
    asked.proceed(5.1)
    assert asked.attempt_data(1, b"piece", 5.2) == b"piece"
    assert inner.told == ["start key driver", "piece"]
    assert inner.front == "driver"
    asked.attempt_end(1, 5.3)
    assert inner.front is None


def test_a_client_that_leaves_is_told_to_what_it_became_or_to_nobody() -> None:
    inner = Listening()
    before, after = (Consulting(Others(), (BOOKS,), lambda answers, now: inner) for _ in range(2))
    before.start(5.0)
    assert before.client_gone(5.1) is None
    assert inner.told == []
    after.start(5.0)
    after.proceed(5.1)
    after.client_gone(5.2)
    assert inner.told[-1] == "gone"
    assert inner.front is None
