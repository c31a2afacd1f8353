"""What every exchange is, and the one whose answer is known when it opens."""

from __future__ import annotations

from ollamux.contract import Data, End, Head, Whole, spread
from ollamux.exchange.base import Exchange, Settled, answer


def test_an_exchange_does_nothing_with_any_report_unless_it_says_otherwise() -> None:
    exchange = Exchange()
    assert exchange.front is None and exchange.extra_headers == ()
    exchange.take_in(0.0)
    exchange.take_place(0.0)
    exchange.take_answer(1, 0.0)
    reports = [
        exchange.start(0.0),
        exchange.proceed(0.0),
        exchange.body_data(b"x", 0.0),
        exchange.body_end(0.0),
        exchange.attempt_head(1, 200, [], 0.0),
        exchange.attempt_data(1, b"x", 0.0),
        exchange.attempt_end(1, 0.0),
        exchange.attempt_failed(1, "reset", True, 0.0),
        exchange.upload_drained(1, 0.0),
        exchange.upload_blocked(1, 0.0),
        exchange.client_paused(0.0),
        exchange.client_resumed(0.0),
        exchange.client_gone(0.0),
        exchange.woken(0.0),
    ]
    assert reports == [None] * 14


def test_a_settled_exchange_answers_when_it_starts_and_never_again() -> None:
    exchange = Settled(404, (("A", "b"),), b"no", close=True)
    assert exchange.start(0.0) == (Whole(404, (("A", "b"),), b"no", close=True),)
    assert exchange.client_gone(0.0) is None and exchange.woken(0.0) is None


def test_a_whole_answer_is_a_head_the_body_and_the_end() -> None:
    assert answer(200, (), b"x") == (Whole(200, (), b"x"),)
    assert [*spread(answer(200, (), b"x"))] == [Head(200, ()), Data(b"x"), End()]
