"""Which failure counts against whom."""

from __future__ import annotations

from typing import get_args

import pytest

from ollamux.contract import FailureKind
from ollamux.resilience.breaker import BreakerSettings, Change
from ollamux.resilience.circuits import Circuits, Outcome, Pass, outcome_of


def circuits(**changed: float) -> Circuits:
    return Circuits(BreakerSettings(**changed))  # type: ignore[arg-type]


def let_in(found: Circuits, backend: str = "a", model: str = "m", now: float = 0.0, *, force: bool = False) -> Pass:
    call = found.take(backend, model, now, force)
    assert call is not None
    return call


def fail(found: Circuits, outcome: Outcome, times: int = 5, model: str = "m", now: float = 0.0) -> list[Change]:
    return [change for _ in range(times) for change in let_in(found, model=model, now=now).failed(outcome, now)]


@pytest.mark.parametrize(
    ("outcome", "backend", "model", "silent"),
    [
        ("unreachable", "open", "closed", True),
        ("silent", "open", "open", True),
        ("error", "open", "open", False),
        ("broken", "open", "open", False),
        ("slow", "open", "open", False),
        ("refused", "open", "closed", False),
        ("missing", "closed", "open", False),
    ],
)
def test_a_failure_counts_against_whom_the_table_says(outcome: Outcome, backend: str, model: str, silent: bool) -> None:
    found = circuits()
    changes = fail(found, outcome)
    whole = found.of_backend("a")
    assert whole is not None and (whole.state, found.of_models("a")["m"].state) == (backend, model)
    assert found.silent("a", "m", 1.0) is silent and found.take("a", "m", 1.0) is None
    assert {change.model for change in changes} == {
        name for name, state in (("", backend), ("m", model)) if state == "open"
    }


def test_a_missing_model_never_condemns_a_backend() -> None:
    found = circuits()
    fail(found, "missing", 5)
    for other in range(50):
        fail(found, "missing", 4, model=f"m{other}")
    assert found.standing("a", "m", 0.0) == "open" and found.standing("a", "another", 0.0) == "closed"


def test_one_models_errors_are_its_own_while_another_model_is_answered() -> None:
    found = circuits()
    let_in(found, model="good").answered(0.0)
    fail(found, "error", 5, now=1.0)
    assert found.standing("a", "m", 1.0) == "open" and found.standing("a", "good", 1.0) == "closed"


def test_errors_of_the_only_model_that_is_asked_for_are_the_backends_too() -> None:
    found = circuits()
    let_in(found, model="good").answered(0.0)
    let_in(found, model="m").answered(0.0)
    fail(found, "error", 5, now=100.0)
    assert found.standing("a", "good", 100.0) == "open"


def test_a_first_token_that_is_late_is_a_failure_unless_a_model_was_loaded_for_it() -> None:
    found = circuits(slow=10.0)
    for _ in range(5):
        let_in(found).answered(0.0, waited=30.0, loading=True)
    assert found.standing("a", "m", 0.0) == "closed"
    for _ in range(5):
        let_in(found).answered(0.0, waited=30.0)
    assert found.standing("a", "m", 0.0) == "open"


def test_no_answer_is_too_slow_where_nothing_is_configured_as_slow() -> None:
    found = circuits(slow=0.0)
    for _ in range(9):
        let_in(found).answered(0.0, waited=1e6)
    assert found.standing("a", "m", 0.0) == "closed"


def test_what_says_nothing_counts_against_nobody() -> None:
    found = circuits()
    for _ in range(100):
        let_in(found).dropped()
    assert found.standing("a", "m", 0.0) == "closed"


def test_a_call_is_judged_once() -> None:
    found = circuits()
    for _ in range(4):
        call = let_in(found)
        call.failed("error", 0.0)
        assert call.failed("error", 0.0) == () == call.answered(0.0)
        call.dropped()
    assert found.standing("a", "m", 0.0) == "closed"


def test_streams_that_break_after_they_were_answered_open_the_circuit_too() -> None:
    found = circuits()
    for _ in range(5):
        call = let_in(found)
        call.answered(0.0)
        call.failed("broken", 0.0)
        call.failed("broken", 0.0)
    assert found.standing("a", "m", 0.0) == "open"


def test_a_good_probe_half_opens_the_backend_and_its_models_at_once() -> None:
    found = circuits()
    fail(found, "error")
    assert found.recovers_in("a", "m", 10.0) == 50.0
    assert {(change.model, change.after) for change in found.probed("a", 9.0, 10.0)} == {
        ("", "half_open"),
        ("m", "half_open"),
    }
    assert found.recovers_in("a", "m", 10.0) == 0.0 and found.probed("a", 9.0, 10.0) == ()
    for _ in range(3):
        while (call := found.take("a", "m", 11.0)) is None:
            pass
        call.answered(11.0)
    assert found.standing("a", "m", 11.0) == "closed"


def test_a_probe_that_was_asked_before_a_circuit_opened_tells_nothing_of_it() -> None:
    found = circuits()
    fail(found, "missing", model="old", now=5.0)
    fail(found, "missing", model="m", now=10.0)
    assert {change.model for change in found.probed("a", 9.0, 11.0)} == {"old"}
    assert found.of_models("a")["m"].state == "open"
    assert {change.model for change in found.probed("a", 12.0, 12.5)} == {"m"}


def test_two_half_open_circuits_do_not_keep_each_other_shut() -> None:
    found = circuits(successes=3)
    fail(found, "error")
    found.probed("a", 1.0, 1.0)
    while (call := found.take("a", "other", 1.0)) is None:
        pass
    call.answered(1.0)
    assert sum(found.take("a", "m", 2.0) is not None for _ in range(50)) >= 1


def test_when_the_wait_is_over_the_call_that_is_let_in_tells_of_it() -> None:
    found = circuits()
    fail(found, "unreachable")
    assert found.standing("a", "m", 60.0) == "half_open" and found.recovers_in("a", "m", 60.0) == 0.0
    call = let_in(found, now=60.0)
    assert [(change.after, change.why) for change in call.changes] == [("half_open", "waited")]


def test_the_last_one_is_called_though_its_circuit_is_open_and_proves_itself() -> None:
    found = circuits()
    fail(found, "error")
    assert found.take("a", "m", 1.0) is None
    changes = let_in(found, now=1.0, force=True).answered(1.0)
    assert {change.after for change in changes} == {"half_open"}
    assert let_in(found, now=1.0, force=True).changes == ()


def test_a_call_without_a_model_is_the_backends_alone() -> None:
    found = circuits()
    for _ in range(5):
        let_in(found, model="").failed("error", 0.0)
    assert found.standing("a", "m", 0.0) == "open" and found.of_models("a") == {}


def test_a_backend_that_was_never_called_is_closed_and_asking_makes_nothing() -> None:
    found = circuits()
    assert found.standing("x", "m", 0.0) == "closed" and not found.silent("x", "m", 0.0)
    assert found.of_backend("x") is None and found.of_models("x") == {} and found.probed("x", 0.0, 0.0) == ()
    assert found.recovers_in("x", "m", 0.0) == 0.0


def test_no_more_models_are_kept_than_agreed() -> None:
    found = Circuits(BreakerSettings(), most=8)
    for number in range(100):
        let_in(found, model=f"m{number}").answered(0.0)
    assert len(found.of_models("a")) == 8


@pytest.mark.parametrize(
    ("status", "kind", "retry_after", "outcome"),
    [
        (500, "", None, "error"),
        (502, "", None, "error"),
        (503, "", None, "error"),
        (503, "", 5.0, None),
        (529, "", None, None),
        (501, "", None, None),
        (429, "", None, None),
        (400, "", None, None),
        (401, "", None, "refused"),
        (403, "", None, "refused"),
        (404, "", None, "missing"),
        (0, "refused", None, "unreachable"),
        (0, "timeout", None, "unreachable"),
        (0, "reset", None, "broken"),
        (0, "protocol", None, "error"),
        (0, "configuration", None, None),
    ],
)
def test_a_status_or_a_way_to_fail_has_its_outcome(
    status: int, kind: str, retry_after: float | None, outcome: Outcome | None
) -> None:
    assert outcome_of(status, kind, retry_after) == outcome


def test_every_way_to_fail_but_our_own_fault_has_an_outcome() -> None:
    assert {kind for kind in get_args(FailureKind) if outcome_of(0, kind) is None} == {"configuration"}
