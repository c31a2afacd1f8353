"""What to do after a call failed: every mode, every failure, every sort of candidate."""

from __future__ import annotations

from itertools import product
from math import inf
from typing import get_args

import pytest

from ollamux.contract import FailureKind
from ollamux.resilience.backoff import Backoff
from ollamux.resilience.fallback import Candidate, Failure, GiveUp, Mode, Next, Policy, next_step, reach_of

ON = frozenset({429, 500, 502, 503, 504})
FRESH = Candidate()
CALLED = Candidate(calls=1)
MODES: tuple[Mode, ...] = get_args(Mode)


@pytest.mark.parametrize(
    ("failure", "reach"),
    [
        *[(Failure(status=status), "again") for status in (429, 500, 502, 503, 504, 505, 520, 529, 599)],
        *[(Failure(status=status), "another") for status in (401, 402, 403, 404, 501)],
        *[(Failure(status=status), "nobody") for status in (400, 405, 408, 409, 413, 415, 418, 422, 424, 451)],
        *[(Failure(kind=kind), "again") for kind in ("refused", "reset", "closed", "timeout", "unreachable")],
        *[(Failure(kind=kind), "another") for kind in ("dns", "tls", "protocol", "configuration")],
        (Failure(kind="unreadable"), "again"),
        (Failure(status=429, final=True), "another"),
        (Failure(status=400, final=True), "nobody"),
    ],
)
def test_a_failure_says_who_may_be_called_next(failure: Failure, reach: str) -> None:
    assert reach_of(failure, ON) == reach


def test_every_way_in_which_an_attempt_fails_is_known() -> None:
    for kind in get_args(FailureKind):
        assert reach_of(Failure(kind=kind), ON) in ("again", "another")


def test_what_is_configured_decides_over_the_statuses_that_speak_of_no_backend_alone() -> None:
    assert reach_of(Failure(status=408), ON | {408}) == "again"
    assert reach_of(Failure(status=500), frozenset()) == "nobody"
    assert reach_of(Failure(status=404), ON | {404}) == "another"


@pytest.mark.parametrize("mode", MODES)
def test_a_wrong_request_is_sent_to_nobody_else(mode: Mode) -> None:
    step = next_step(Policy(mode=mode), (CALLED, FRESH), used=1, failure=Failure(status=400, another_key=True))
    assert step == GiveUp(why="client")


@pytest.mark.parametrize("mode", MODES)
def test_the_first_call_goes_to_the_first_candidate_or_the_best(mode: Mode) -> None:
    candidates = (Candidate(score=1.0), Candidate(score=9.0))
    assert next_step(Policy(mode=mode), candidates) == Next(index=1 if mode == "best_alternative" else 0)


@pytest.mark.parametrize("mode", MODES)
def test_attempts_bound_all_calls_and_a_deadline_all_time(mode: Mode) -> None:
    policy, failure = Policy(mode=mode, attempts=2), Failure(status=500, another_key=True)
    assert next_step(policy, (CALLED, FRESH), used=2, failure=failure) == GiveUp(why="attempts")
    late = next_step(policy, (CALLED, FRESH), used=1, failure=failure, now=5.0, deadline=5.0)
    assert late == GiveUp(why="deadline")


def test_without_fallback_one_candidate_is_called_once() -> None:
    policy = Policy(mode="none")
    assert next_step(policy, (FRESH, FRESH)) == Next(index=0)
    assert next_step(policy, (CALLED, FRESH), used=1, failure=Failure(status=500)) == GiveUp(why="none_left")


def test_next_available_calls_each_candidate_once_in_order() -> None:
    policy, failure = Policy(attempts=9), Failure(status=500)
    assert next_step(policy, (CALLED, FRESH, FRESH), used=1, failure=failure) == Next(index=1)
    assert next_step(policy, (CALLED, CALLED, FRESH), used=2, failed=1, failure=failure) == Next(index=2)
    assert next_step(policy, (CALLED, CALLED, CALLED), used=3, failed=2, failure=failure) == GiveUp(why="none_left")


def test_the_best_alternative_is_the_one_with_the_best_score_now() -> None:
    policy, failure = Policy(mode="best_alternative"), Failure(status=500)
    candidates = (Candidate(calls=1, score=99.0), Candidate(score=1.0), Candidate(score=5.0))
    assert next_step(policy, candidates, used=1, failure=failure) == Next(index=2)


def walk(policy: Policy, count: int, failure: Failure) -> list[tuple[int, float]]:
    """Candidate and delay of every call where each one fails in the same way."""
    calls, made = [0] * count, list[tuple[int, float]]()
    step = next_step(policy, [Candidate()] * count)
    while isinstance(step, Next):
        made.append((step.index, step.after))
        assert step.repeat == (calls[step.index] > 0)
        calls[step.index] += 1
        candidates = [Candidate(calls=count) for count in calls]
        step = next_step(policy, candidates, used=len(made), failed=step.index, failure=failure)
    return made


@pytest.mark.parametrize(
    ("attempts", "count", "order"),
    [
        (1, 3, "0"),
        (2, 2, "00"),
        (3, 1, "000"),
        (3, 2, "001"),
        (3, 3, "001"),
        (5, 3, "00012"),
        (5, 2, "00001"),
        (9, 2, "000000001"),
    ],
)
def test_retry_same_repeats_with_backoff_and_then_tries_the_others(attempts: int, count: int, order: str) -> None:
    policy = Policy(mode="retry_same", attempts=attempts, backoff=Backoff(jitter=0.0))
    made = walk(policy, count, Failure(status=503))
    assert "".join(str(index) for index, _ in made) == order
    repeats = order.count("0")
    assert [after for index, after in made if index == 0] == [0.0, *[min(2.0**n, 60.0) for n in range(repeats - 1)]]
    assert all(after == 0.0 for index, after in made if index)


@pytest.mark.parametrize(
    "failure", [Failure(status=404), Failure(kind="tls"), Failure(status=429, final=True), Failure(kind="dns")]
)
def test_what_would_fail_again_is_not_repeated_on_the_same_backend(failure: Failure) -> None:
    assert walk(Policy(mode="retry_same"), 2, failure) == [(0, 0.0), (1, 0.0)]


def test_retry_same_goes_on_to_the_others_where_the_budget_is_spent() -> None:
    policy, failure = Policy(mode="retry_same"), Failure(status=500)
    spent = next_step(policy, (CALLED, FRESH), used=1, failure=failure, may_repeat=False)
    assert spent == Next(index=1)
    assert next_step(policy, (CALLED,), used=1, failure=failure, may_repeat=False) == GiveUp(why="none_left")


def test_retry_same_waits_as_long_as_it_is_asked_to_but_not_for_ever() -> None:
    policy = Policy(mode="retry_same", backoff=Backoff(jitter=0.0))
    asked = next_step(policy, (CALLED, FRESH), used=1, failure=Failure(status=429, retry_after=20.0))
    assert asked == Next(index=0, after=20.0, repeat=True)
    longer = next_step(policy, (CALLED, FRESH), used=1, failure=Failure(status=429, retry_after=61.0))
    assert longer == Next(index=1)


def test_retry_same_waits_for_its_own_rate_limit_too() -> None:
    policy = Policy(mode="retry_same", backoff=Backoff(jitter=0.0))
    limited = (Candidate(calls=1, wait=7.0), FRESH)
    assert next_step(policy, limited, used=1, failure=Failure(status=500)) == Next(index=0, after=7.0, repeat=True)


def test_a_repeat_that_would_come_too_late_is_left_out() -> None:
    policy, failure = Policy(mode="retry_same", backoff=Backoff(jitter=0.0)), Failure(status=429, retry_after=20.0)
    assert next_step(policy, (CALLED, FRESH), used=1, failure=failure, now=1.0, deadline=20.0) == Next(index=1)


def test_another_key_of_the_same_backend_is_tried_at_once_and_costs_no_budget() -> None:
    for mode in MODES:
        failure = Failure(status=429, another_key=True)
        step = next_step(Policy(mode=mode), (CALLED, FRESH), used=1, failure=failure, may_repeat=False)
        assert step == Next(index=0)


def test_the_last_one_that_still_answers_is_called_though_its_circuit_is_open() -> None:
    erring, silent = Candidate(open=True), Candidate(open=True, silent=True)
    for mode in MODES:
        assert next_step(Policy(mode=mode), (erring,)) == Next(index=0, force=True)
        assert next_step(Policy(mode=mode), (silent,)) == GiveUp(why="silent")
    assert next_step(Policy(), (silent, erring, FRESH)) == Next(index=2)
    assert next_step(Policy(), (silent, erring)) == Next(index=1, force=True)
    assert next_step(Policy(), (CALLED, silent), used=1, failure=Failure(status=500)) == GiveUp(why="silent")


def test_a_rate_limit_is_waited_for_where_nobody_else_is_free() -> None:
    soon, later, erring = Candidate(wait=3.0), Candidate(wait=9.0), Candidate(open=True)
    assert next_step(Policy(), (later, soon, FRESH)) == Next(index=2)
    assert next_step(Policy(), (later, erring, soon)) == Next(index=2, after=3.0)
    assert next_step(Policy(), (later, soon), deadline=2.0) == GiveUp(why="limited", retry_after=3.0)
    assert next_step(Policy(), (later, erring), deadline=2.0) == Next(index=1, force=True)


STATES = tuple(
    Candidate(calls=calls, open=is_open, silent=silent, wait=wait, score=score)
    for calls, (is_open, silent), wait, score in product(
        (0, 1), ((False, False), (True, False), (True, True)), (0.0, 5.0), (0.0, 1.0)
    )
)
FAILURES = (
    Failure(status=500),
    Failure(status=404),
    Failure(status=400),
    Failure(status=429, retry_after=9.0),
    Failure(kind="refused"),
)


@pytest.mark.parametrize("mode", MODES)
def test_over_every_combination_the_rules_hold(mode: Mode) -> None:
    """Nobody silent is called, nobody a second time but in retry_same, nothing after its deadline; and it is given up
    only where really nobody could be called."""
    policy = Policy(mode=mode, backoff=Backoff(jitter=0.0))
    for pair, failure, deadline, budget in product(product(STATES, STATES), FAILURES, (1.0, inf), (True, False)):
        failed = next((place for place, candidate in enumerate(pair) if candidate.calls), None)
        used = sum(candidate.calls for candidate in pair)
        told = failure if failed is not None else None
        step = next_step(
            policy, pair, used=used, failed=failed or 0, failure=told, deadline=deadline, may_repeat=budget
        )
        fresh = [candidate for candidate in (pair[:1] if mode == "none" else pair) if candidate.calls == 0]
        if isinstance(step, Next):
            chosen = pair[step.index]
            assert step.after < deadline and step.after >= chosen.wait and step.force == chosen.open
            assert step.repeat == bool(chosen.calls) and not chosen.silent
            assert not step.repeat or (mode == "retry_same" and budget and told is not None and told.status != 404)
            assert told is None or told.status != 400
        elif step.why != "client":
            assert all(candidate.silent or candidate.wait >= deadline for candidate in fresh)
            assert (step.retry_after is not None) == (step.why == "limited")
