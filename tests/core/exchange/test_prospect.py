"""Requests that wait for a place: each time one comes free, each goes where a plan of that moment sends it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.driving import Asked, Driven, delta, driven, ending

TINY: dict[str, Any] = {"type": "vllm", "max_concurrent_requests": 1}
CALM = {"breaker": {"failures": 2}}


def finish(asked: Asked) -> None:
    asked.called.stream(delta("ok"), ending())
    asked.driven.drain()


def pair(**settings: Any) -> Driven:
    """Two backends with one place each, both of them taken: the first by `run.calls[0]`."""
    run = driven(settings, a=TINY, b=TINY)
    assert [run.chat().asked for _ in range(2)] == [["a"], ["b"]]
    return run


def measure(run: Driven, backend: str, *, first: float, model: str = "m") -> None:
    """What is known of a backend's speed: seconds to its first token, and until it has answered."""
    offers = run.gateway.catalog.find(model)
    standing = run.gateway.fleet.standing(next(offer for offer in offers if offer.backend == backend))
    standing.began(run.now)
    standing.first_token(run.now, first)
    standing.ended(run.now, 100, 4 * first, first)
    run.gateway.fleet.field(offers).due = 0.0


def open_circuit(run: Driven, backend: str, model: str = "m") -> None:
    for _ in range(2):
        found = run.gateway.guards.circuits.take(backend, model, run.now)
        assert found is not None
        run.gateway.guards.tell(found.failed("error", run.now))


def at_rest(run: Driven) -> bool:
    return run.running == 0 and run.gateway.admission.waiting == 0


def test_who_waits_goes_to_the_first_of_those_that_are_free_by_then() -> None:
    run = pair()
    first, second = run.open
    waiting = run.chat()
    assert waiting.calls == []
    measure(run, "a", first=2.0)
    measure(run, "b", first=1.1)
    first.called.stream(delta("ok"), ending())
    second.called.stream(delta("ok"), ending())
    run.drain()
    assert waiting.asked == ["b"]


def test_a_quick_one_that_will_be_free_soon_is_waited_for_and_a_slow_one_taken_when_patience_ends() -> None:
    run = driven(a=TINY, b=TINY)
    measure(run, "a", first=0.5)
    measure(run, "b", first=20.0)
    quick = run.chat()
    assert quick.asked == ["a"]
    patient, late = run.chat(), run.chat()
    assert (patient.calls, late.calls, run.gateway.admission.waiting) == ([], [], 2)
    finish(quick)
    assert patient.asked == ["a"] and late.calls == []
    run.pass_time(30)
    assert late.asked == ["b"]
    finish(patient)
    finish(late)
    assert at_rest(run)


def test_when_patience_ends_it_is_the_one_who_waited_longest_who_goes() -> None:
    run = driven(a=TINY, b=TINY)
    measure(run, "a", first=0.5)
    measure(run, "b", first=20.0)
    run.chat()
    waiting = []
    for _ in range(3):
        waiting.append(run.chat())
        run.pass_time(1)
    run.pass_time(30)
    assert [asked.asked for asked in waiting] == [["b"], [], []]


def test_a_backend_that_is_well_again_takes_who_waits_for_another() -> None:
    run = driven(a=TINY, b=TINY)
    for _ in range(3):
        run.gateway.backend("b").health.bad("gone", run.now)
    run.chat()
    waiting = run.chat()
    assert waiting.calls == []  # rather than to one that is out
    run.pass_time(60)
    for _ in range(2):
        run.learn()
        run.pass_time(60)
    assert waiting.asked == ["b"]


def test_where_all_are_out_nobody_waits_for_them_to_be_well() -> None:
    run = driven(a=TINY, b=TINY)
    for backend in "ab":
        for _ in range(3):
            run.gateway.backend(backend).health.bad("gone", run.now)
    assert run.chat().asked == ["a"]


def test_a_circuit_that_opens_while_somebody_waits_is_passed_over() -> None:
    run = pair(**CALM)
    first, second = run.open
    waiting = run.chat()
    open_circuit(run, "a")
    finish(first)
    assert waiting.calls == []
    finish(second)
    assert waiting.asked == ["b"]


def test_an_open_circuit_is_the_last_choice_and_told_as_that() -> None:
    run = driven(CALM, a={"type": "vllm", "priority": 90}, b="vllm", c="vllm")
    open_circuit(run, "a")
    asked = run.chat()
    assert asked.asked == ["b"]
    finish(asked)
    assert asked.headers["x-alternatives"] == "c, a" and "b, priority 50" in asked.headers["x-routing-reason"]
    assert run.ask("POST", "/api/route", {"model": "m", "messages": []}).json["candidates"][-1]["state"] == "out"
    run.pass_time(100)
    assert run.chat().asked == ["a"]  # its time for a trial has come


def test_a_circuit_of_one_model_says_nothing_of_another() -> None:
    run = driven(CALM, learn=False, a={"type": "vllm", "priority": 90}, b="vllm")
    run.learn(a=["m", "n"], b=["m", "n"])
    run.chat("n").called.stream(delta("ok"), ending())
    open_circuit(run, "a")
    assert (run.chat("m").asked, run.chat("n").asked) == (["b"], ["a"])


def test_the_line_of_one_model_holds_up_no_other() -> None:
    run = driven(learn=False, a=TINY, b=TINY, c=TINY)
    run.learn(a=["m", "n"], b=["m", "n"], c=["n", "m"])
    for backend, seconds in (("a", 0.5), ("b", 20.0), ("c", 20.0)):
        measure(run, backend, first=seconds)
    assert run.chat("m").asked == ["a"]
    patient = run.chat("m")
    assert patient.calls == []
    assert run.chat("n").asked == ["b"]  # to which nobody of the other line wants to go


def test_a_model_that_is_loading_elsewhere_is_not_loaded_twice_while_its_place_comes_free_soon() -> None:
    run = driven(a={"type": "ollama", "max_concurrent_requests": 1}, b={"type": "ollama", "max_concurrent_requests": 1})
    run.gateway.fleet.loaded("a", ["m"], run.now)
    run.gateway.fleet.loaded("b", [], run.now)
    measure(run, "a", first=0.2)
    busy, waiting = run.chat(), run.chat()
    assert (busy.asked, waiting.calls) == (["a"], [])
    busy.leave()
    run.drain()
    assert waiting.asked == ["a"]


@pytest.mark.parametrize("fallback", ["next_available", "none", "best_alternative", "retry_same"])
def test_whatever_the_fallback_who_waits_is_planned_anew(fallback: str) -> None:
    run = pair(routing={"fallback": fallback})
    first, second = run.open
    waiting = run.chat()
    finish(second)
    assert waiting.asked == ["b"]
    finish(first)
    finish(waiting)
    assert waiting.text == "ok" and at_rest(run)


def test_a_limit_that_the_plan_does_not_know_is_waited_out_on_the_others() -> None:
    run = driven({"queue": {"timeout": "300s"}}, a={**TINY, "rate_limit": {"requests": "1/min"}}, b=TINY)
    first, second = run.chat(), run.chat()
    assert (first.asked, second.asked) == (["a"], ["b"])
    waiting = run.chat()
    finish(first)
    assert waiting.calls == []
    finish(second)
    assert waiting.asked == ["b"]


def test_who_waits_past_the_deadline_that_it_set_is_told_so() -> None:
    run = pair()
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    asked = run.ask("POST", "/api/chat", body, {"x-deadline-ms": "900000"})
    run.pass_time(100)
    finish(run.open[0])
    assert asked.asked == ["a"]


def test_the_best_alternative_is_that_of_the_moment_of_the_failure() -> None:
    run = driven(
        {"routing": {"fallback": "best_alternative"}}, a="vllm", b="vllm", c="vllm", d="vllm", e="vllm", f="vllm"
    )
    asked = run.chat()
    for backend, seconds in zip("bcdef", (9.0, 8.0, 7.0, 0.05, 6.0), strict=True):
        measure(run, backend, first=seconds)
    asked.called.fail("refused")
    assert asked.asked == ["a", "e"]


def test_all_candidates_of_a_plan_are_tried_not_only_the_first_few() -> None:
    run = driven({"retry": {"attempts": 6}}, a="vllm", b="vllm", c="vllm", d="vllm", e="vllm", f="vllm")
    asked = run.chat()
    for _ in range(6):
        asked.called.fail("refused")
    assert asked.asked == list("abcdef")
