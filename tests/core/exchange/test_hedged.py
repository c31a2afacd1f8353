"""A second attempt beside a first one that takes long."""

from __future__ import annotations

import pytest
from tests.support.driving import Asked, Driven, delta, driven, ending

from ollamux.resilience.hedge import ENOUGH

ON = {"hedging": {"enabled": True}}


def hedging(settings: dict[str, object] | None = None, usual: float = 0.5) -> Driven:
    """A gateway that knows how long first tokens take."""
    run = driven({**ON, **(settings or {})}, a={"type": "vllm", "priority": 90}, b="vllm")
    hedged = run.gateway.guards.hedging
    assert hedged is not None
    for _ in range(ENOUGH):
        hedged.seen("a", "m", usual)
    return run


def at_rest(run: Driven) -> bool:
    return run.running == 0 and run.gateway.admission.waiting == 0


def late(run: Driven) -> Asked:
    """A request whose first attempt takes too long."""
    asked = run.chat()
    assert asked.asked == ["a"]
    run.pass_time(1)
    assert asked.asked == ["a", "b"] and run.running == 2
    return asked


def test_who_answers_in_time_is_alone() -> None:
    run = hedging()
    asked = run.chat()
    run.pass_time(0.3)
    asked.called.stream(delta("ok"), ending())
    run.pass_time(10)
    assert asked.asked == ["a"] and asked.text == "ok" and at_rest(run)


def test_the_second_is_heard_where_it_answers_first_and_the_first_is_cancelled() -> None:
    run = hedging()
    asked = late(run)
    asked.calls[1].head()
    assert not asked.heads
    asked.calls[1].data(delta("from b"))
    assert asked.calls[0].cancelled and asked.headers["x-backend-used"] == "b" and run.running == 1
    asked.calls[0].data(delta("from a"))
    asked.calls[1].data(ending())
    asked.calls[1].end()
    assert asked.text == "from b" and asked.lines[-1]["done"] is True and at_rest(run)


def test_the_first_is_heard_where_it_answers_after_all_and_the_second_is_cancelled() -> None:
    run = hedging()
    asked = late(run)
    asked.calls[0].head()
    asked.calls[0].data(delta("from a"))
    assert asked.calls[1].cancelled and run.running == 1
    asked.calls[0].data(ending())
    asked.calls[0].end()
    assert asked.text == "from a" and asked.headers["x-backend-used"] == "a" and at_rest(run)


def test_an_error_of_the_second_is_nobodys_matter() -> None:
    run = hedging()
    asked = late(run)
    asked.calls[1].answer(500, {})
    assert not asked.over and not asked.heads
    asked.calls[0].stream(delta("from a"), ending())
    assert asked.text == "from a" and at_rest(run)


def test_an_error_of_the_first_is_told_when_the_second_has_failed_too() -> None:
    for second_first in (True, False):
        run = hedging({"retry": {"attempts": 2}})
        asked = late(run)
        order = (1, 0) if second_first else (0, 1)
        asked.calls[order[0]].answer(503, {"error": {"message": "first"}})
        assert not asked.over
        asked.calls[order[1]].answer(503, {"error": {"message": "second"}})
        run.pass_time(100)
        assert asked.over and asked.status == 503 and at_rest(run)


def test_the_second_goes_on_where_the_first_has_failed() -> None:
    run = hedging({"retry": {"attempts": 2}})
    asked = late(run)
    asked.calls[0].answer(400, {"error": {"message": "no"}})
    run.pass_time(30)
    assert not asked.over
    asked.calls[1].stream(delta("from b"), ending())
    assert asked.text == "from b" and at_rest(run)


def test_a_sign_of_life_is_followed_by_whichever_answers() -> None:
    run = hedging()
    asked = late(run)
    run.pass_time(16)
    assert len(asked.heads) == 1
    asked.calls[1].stream(delta("from b"), ending())
    assert asked.text == "from b" and at_rest(run)


def test_a_client_that_leaves_ends_both() -> None:
    run = hedging()
    asked = late(run)
    asked.leave()
    assert all(called.cancelled for called in asked.calls) and at_rest(run)


def test_the_reader_that_is_slow_holds_both() -> None:
    run = hedging()
    asked = late(run)
    asked.pause()
    assert not any(called.reading for called in asked.calls)
    asked.resume()
    assert all(called.reading for called in asked.calls)


def test_no_second_attempt_waits_for_a_place() -> None:
    run = hedging()
    run.gateway.admission.limit("b", 1)
    assert run.gateway.admission.take("b")
    asked = run.chat()
    run.pass_time(5)
    assert asked.asked == ["a"] and run.gateway.admission.waiting == 0


def test_second_attempts_are_paid_from_the_retry_budget() -> None:
    run = hedging({"retry": {"budget": 0}})
    asked = run.chat()
    run.pass_time(5)
    assert asked.asked == ["a"]


@pytest.mark.parametrize("settings", [{"hedging": {"enabled": False}}, {"routing": {"fallback": "none"}}])
def test_it_is_off_unless_asked_for_and_never_without_fallback(settings: dict[str, object]) -> None:
    run = driven({**ON, **settings}, a="vllm", b="vllm")
    assert run.gateway.guards.hedging is None
    asked = run.chat()
    run.pass_time(30)
    assert asked.asked == ["a"]


def test_an_answer_that_comes_whole_is_waited_for() -> None:
    run = hedging()
    asked = run.chat(stream=False)
    run.pass_time(60)
    assert asked.asked == ["a"]


def test_with_nobody_else_there_is_no_second_attempt() -> None:
    run = driven(ON, a="vllm")
    hedged = run.gateway.guards.hedging
    assert hedged is not None
    for _ in range(ENOUGH):
        hedged.seen("a", "m", 0.5)
    asked = run.chat()
    run.pass_time(5)
    asked.called.stream(delta("ok"), ending())
    assert asked.asked == ["a"] and asked.text == "ok" and at_rest(run)


def test_both_attempts_together_are_bounded_by_the_attempts_of_a_request() -> None:
    run = hedging({"retry": {"attempts": 1}})
    asked = run.chat()
    run.pass_time(5)
    assert asked.asked == ["a"]
    asked.leave()
    run = driven(ON, a={"type": "vllm", "priority": 90}, b="vllm", c="vllm", d="vllm")
    known = run.gateway.guards.hedging
    assert known is not None
    for _ in range(ENOUGH):
        known.seen("a", "m", 0.5)
    asked = run.chat()
    run.pass_time(1)
    asked.calls[1].fail()
    asked.calls[0].fail()
    assert len(asked.calls) == 3
    asked.calls[2].fail()
    assert len(asked.calls) == 3 and asked.status == 502 and at_rest(run)


def test_a_sign_of_life_of_the_second_is_not_its_answer() -> None:
    run = hedging()
    asked = late(run)
    run.pass_time(20)
    assert asked.pieces and not any(call.cancelled for call in asked.calls)
    asked.calls[0].stream(delta("from a"), ending())
    assert asked.text == "from a" and at_rest(run)


def test_what_fails_beside_a_second_attempt_does_not_follow_it_to_its_backend() -> None:
    run = hedging()
    asked = late(run)
    asked.calls[0].fail()
    assert asked.asked == ["a", "b"]
    asked.calls[1].stream(delta("from b"), ending())
    assert asked.text == "from b" and at_rest(run)


def test_a_call_that_is_repeated_has_a_time_of_its_own() -> None:
    run = hedging({"routing": {"fallback": "retry_same"}, "retry": {"base": "2s", "jitter": 0}})
    asked = run.chat()
    run.pass_time(0.2)
    asked.called.fail()
    run.pass_time(2.1)
    assert asked.asked == ["a", "a"]
    run.pass_time(1)
    assert asked.asked == ["a", "a", "b"]
    asked.leave()
    assert at_rest(run)


def test_the_time_in_which_the_client_does_not_read_is_nobodys_delay() -> None:
    run = hedging()
    asked = run.chat()
    run.pass_time(0.3)
    asked.pause()
    run.pass_time(60)
    asked.resume()
    run.pass_time(0.1)
    assert asked.asked == ["a"]
    run.pass_time(0.5)
    assert asked.asked == ["a", "b"]
    asked.leave()


def test_a_second_attempt_that_finds_nobody_costs_nothing() -> None:
    run = hedging({"retry": {"budget": 0.01}, "queue": {"concurrency": 12}})
    asked = [run.chat() for _ in range(12)]
    run.pass_time(1)
    assert run.gateway.guards.budget.allows(run.now) and run.running == 12
    for each in asked:
        each.leave()
    assert at_rest(run)


def test_no_second_attempt_begins_after_the_clients_deadline() -> None:
    run = hedging(usual=2.0)
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    asked = run.ask("POST", "/api/chat", body, {"x-deadline-ms": "1000"})
    run.pass_time(10)
    assert asked.asked == ["a"]
    asked.leave()


def test_a_first_attempt_whose_time_is_over_when_the_second_begins_leaves_that_one_its_chance() -> None:
    run = driven(ON, a={"type": "vllm", "priority": 90, "timeouts": {"first_byte": 5}}, b="vllm")
    known = run.gateway.guards.hedging
    assert known is not None
    for _ in range(ENOUGH):
        known.seen("a", "m", 0.5)
    asked = run.chat()
    run.now += 60  # a machine that slept
    run.pass_time(0)
    assert asked.asked == ["a", "b"] and asked.calls[0].cancelled and not asked.over
    asked.calls[1].stream(delta("from b"), ending())
    assert asked.text == "from b" and at_rest(run)


def test_a_second_attempt_that_falls_silent_after_the_first_has_failed_is_not_waited_for_for_ever() -> None:
    run = driven(ON, a={"type": "vllm", "priority": 90}, b={"type": "vllm", "timeouts": {"idle": 5}})
    known = run.gateway.guards.hedging
    assert known is not None
    for _ in range(ENOUGH):
        known.seen("a", "m", 0.5)
    asked = late(run)
    asked.calls[0].fail()
    asked.calls[1].head()
    asked.calls[1].data(delta("from b"))
    run.pass_time(60)
    assert asked.over and "error" in asked.lines[-1] and at_rest(run)
