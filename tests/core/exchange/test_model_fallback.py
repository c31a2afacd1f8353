"""A request that calls a model: the ways of going on after a failure, and when it is of no use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.driving import IN_ORDER, Asked, Called, Driven, delta, driven, ending, listing

MESSAGE = {"role": "assistant", "content": "ok"}
WHOLE = {"choices": [{"index": 0, "message": MESSAGE, "finish_reason": "stop"}]}


def answering(**told: int | str) -> Any:
    """Backends that answer each call with this status, or fail in this way; others answer well."""

    def play(called: Called) -> None:
        what = told.get(called.backend, 200)
        if isinstance(what, str):
            called.fail(what)  # type: ignore[arg-type]
        elif what == 200 and called.json.get("stream"):
            called.stream(delta("ok"), ending())
        else:
            called.answer(what, WHOLE if what == 200 else {"error": {"message": f"no from {called.backend}"}})

    return play


def three(fallback: str, settings: Mapping[str, Any] | None = None, **told: int | str) -> Driven:
    more = dict(settings or {})
    retry = {"base": "1s", "jitter": 0, **more.pop("retry", {})}
    run = driven(
        {"routing": {"fallback": fallback}, "retry": retry, **more},
        a={"type": "vllm", "priority": 90},
        b={"type": "vllm", "priority": 70},
        c={"type": "vllm", "priority": 60},
    )
    run.play = answering(**told)
    return run


def whole(run: Driven, seconds: float = 0.0) -> Asked:
    asked = run.chat(stream=False)
    run.pass_time(seconds)
    return asked


def at_rest(run: Driven) -> bool:
    return run.running == 0 and run.gateway.admission.waiting == 0


# The modes ------------------------------------------------------------------------------------------------------------


def test_without_fallback_one_candidate_is_called_once() -> None:
    run = three("none", a=503)
    asked = whole(run)
    assert (asked.asked, asked.status) == (["a"], 503) and at_rest(run)


def test_the_next_available_is_called_once_each_in_the_plans_order() -> None:
    run = three("next_available", a=503, b=500)
    assert whole(run).asked == ["a", "b", "c"]
    run = three("next_available", a=503, b=500, c=502)
    asked = whole(run)
    assert (asked.asked, asked.status, asked.headers["x-backend-used"]) == (["a", "b", "c"], 502, "c")
    assert "no from c" in asked.json["error"] and at_rest(run)


def test_the_next_available_never_repeats_a_call_though_attempts_are_left() -> None:
    run = driven({"retry": {"attempts": 5}}, a="vllm")
    run.play = answering(a=503)
    assert whole(run, 100).asked == ["a"]


def test_retry_same_repeats_the_call_with_backoff_before_it_tries_another() -> None:
    run = three("retry_same", a=503)
    asked = whole(run)
    assert asked.asked == ["a"] and run.running == 0
    run.pass_time(0.9)
    assert asked.asked == ["a"] and not asked.over
    run.pass_time(0.2)
    assert (asked.asked, asked.status) == (["a", "a", "b"], 200) and at_rest(run)


def test_retry_same_waits_longer_each_time() -> None:
    run = three("retry_same", {"retry": {"attempts": 6}}, a=503)
    asked = whole(run)
    seen = []
    for _ in range(60):
        run.pass_time(0.25)
        seen.append(len(asked.calls))
    assert [sum(calls < count for calls in seen) / 4 + 0.25 for count in (2, 3, 4)] == [1.0, 3.0, 7.0]
    assert asked.asked == ["a", "a", "a", "a", "b"]


def test_a_repeat_that_goes_well_is_all_that_the_client_sees() -> None:
    run = three("retry_same")
    run.play = None
    asked = run.chat()
    asked.called.fail("reset")
    run.pass_time(1.5)
    asked.called.stream(delta("hello"), ending())
    assert (asked.asked, asked.text) == (["a", "a"], "hello") and at_rest(run)


def test_the_best_alternative_is_one_that_is_well_and_not_simply_the_next() -> None:
    run = three("best_alternative", a=503)
    for _ in range(3):
        run.gateway.backend("b").health.bad("it is gone")
    assert whole(run).asked == ["a", "c"]
    run = three("best_alternative", a=503)
    assert whole(run).asked == ["a", "b"]


@pytest.mark.parametrize("mode", ["next_available", "retry_same", "best_alternative"])
def test_attempts_bound_all_calls_of_a_request(mode: str) -> None:
    run = three(mode, {"retry": {"attempts": 2}}, a=503, b=503, c=503)
    assert len(whole(run, 100).calls) == 2


def test_a_backends_own_retry_says_how_its_failures_are_taken() -> None:
    run = driven(a={"type": "vllm", "retry": {"attempts": 2, "on": [418]}}, b="vllm", c="vllm")
    run.play = answering(a=418, b=503)
    assert whole(run).asked == ["a", "b", "c"]
    run.play = answering(a=500)
    assert whole(run).asked == ["a"]


# What failures say ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["next_available", "retry_same", "best_alternative"])
@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_clients_mistake_is_told_at_once(mode: str, status: int) -> None:
    run = three(mode, a=status)
    asked = whole(run)
    assert (asked.asked, asked.status) == (["a"], status)


@pytest.mark.parametrize("status", [401, 403, 404, 501])
def test_what_speaks_of_one_backend_alone_is_not_repeated_there(status: int) -> None:
    run = three("retry_same", a=status)
    assert whole(run, 100).asked == ["a", "b"]


def test_a_request_that_was_answered_in_part_is_never_sent_again() -> None:
    run = three("retry_same")
    run.play = None
    asked = run.chat()
    asked.called.head()
    asked.called.data(delta("Hel"))
    asked.called.fail("reset")
    run.pass_time(100)
    assert asked.asked == ["a"] and "error" in asked.lines[-1] and at_rest(run)


def test_what_a_backend_asks_for_with_retry_after_is_waited_for() -> None:
    run = three("retry_same")
    run.play = None
    asked = run.chat(stream=False)
    asked.called.answer(503, {}, retry_after="20")
    run.pass_time(19.9)
    assert asked.asked == ["a"]
    run.pass_time(0.2)
    assert asked.asked == ["a", "a"]


def test_who_asks_for_more_time_than_backoff_may_take_is_not_asked_again() -> None:
    run = three("retry_same")
    run.play = None
    asked = run.chat(stream=False)
    asked.called.answer(429, {}, retry_after="61")
    assert asked.asked == ["a", "b"]


@pytest.mark.parametrize("mode", ["none", "next_available", "retry_same", "best_alternative"])
def test_the_only_backends_limit_reaches_the_client_as_it_is(mode: str) -> None:
    run = driven({"routing": {"fallback": mode}}, a="vllm")
    asked = run.chat(stream=False)
    asked.called.answer(429, {"error": {"message": "slow down"}}, retry_after="90")
    assert (asked.status, asked.headers["retry-after"]) == (429, "90") and at_rest(run)
    assert "slow down" in asked.json["error"]


def test_a_spent_quota_is_not_asked_again() -> None:
    run = three("retry_same")
    run.play = None
    asked = run.chat(stream=False)
    asked.called.answer(429, {"error": {"message": "no money", "code": "insufficient_quota"}})
    assert asked.asked == ["a", "b"]


# Resting --------------------------------------------------------------------------------------------------------------


def test_signs_of_life_go_on_while_a_repeat_is_waited_for() -> None:
    run = three("retry_same", {"retry": {"base": "20s"}})
    run.play = None
    asked = run.chat()
    asked.called.fail("reset")
    run.pass_time(16)
    assert asked.heads and asked.asked == ["a"]
    run.pass_time(5)
    asked.called.stream(delta("hello"), ending())
    assert asked.text == "hello" and asked.asked == ["a", "a"]


def test_a_client_that_leaves_while_a_repeat_is_waited_for_leaves_nothing_behind() -> None:
    run = three("retry_same", a=503)
    asked = whole(run)
    asked.leave()
    run.pass_time(100)
    assert asked.asked == ["a"] and at_rest(run)


def test_a_client_that_reads_slowly_does_not_keep_a_repeat_from_being_made() -> None:
    run = three("retry_same", a=503)
    asked = whole(run)
    asked.pause()
    asked.resume()
    run.pass_time(1.1)
    assert asked.asked == ["a", "a", "b"]


def test_no_repeat_begins_behind_the_clients_deadline() -> None:
    run = three("retry_same", {"retry": {"base": "3s"}}, a=503)
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": False}
    asked = run.ask("POST", "/api/chat", body, {"x-deadline-ms": "2000"})
    assert asked.asked == ["a", "b"]


# Outages --------------------------------------------------------------------------------------------------------------


def test_an_outage_is_not_amplified() -> None:
    run = driven({"routing": {"fallback": "retry_same"}, "retry": {"jitter": 0}, "breaker": {"failures": 0}}, a="vllm")
    run.play = answering(a=503)
    for _ in range(200):
        whole(run, 1.1)
    assert len(run.calls) <= 200 * 1.35 + 12


def test_a_backend_whose_circuit_is_open_is_passed_over_without_a_call() -> None:
    run = three("next_available", {"health": {"unhealthy_after": 100}}, a=503)
    for _ in range(5):
        assert whole(run).asked == ["a", "b"]
    assert whole(run).asked == ["b"]
    run.pass_time(61)
    run.play = answering()
    assert "a" in {name for _ in range(4) for name in whole(run).asked}


def test_a_good_probe_has_an_open_circuit_tried_at_once() -> None:
    run = three("next_available", a="refused")
    for _ in range(5):
        whole(run)
    assert whole(run).asked == ["b"]
    run.play = answering()
    run.pass_time(31)
    run.learn()
    assert "a" in {name for _ in range(4) for name in whole(run).asked}


@pytest.mark.parametrize("how", ["refused", 500])
def test_a_probe_that_was_asked_before_it_broke_does_not_open_the_way(how: int | str) -> None:
    run = three("next_available", a=how)
    run.pass_time(31)
    late = [chore for chore in run.chores() if chore.backend == "a"]
    run.now += 1
    for _ in range(5):
        whole(run)
    run.play = answering()
    for chore in late:
        run.tell(chore, listing(chore.path, ["m"]))
    assert [whole(run).asked for _ in range(4)] == [["b"]] * 4
    run.pass_time(31)
    run.learn()
    assert "a" in {name for _ in range(4) for name in whole(run).asked}


def test_the_last_one_that_still_answers_is_called_be_it_with_errors() -> None:
    run = driven(a="vllm")
    run.play = answering(a=500)
    for _ in range(9):
        asked = whole(run)
        assert (asked.asked, asked.status) == (["a"], 500)


def test_who_does_not_answer_at_all_is_not_called_in_vain() -> None:
    run = driven(a="vllm")
    run.play = answering(a="refused")
    for _ in range(5):
        assert whole(run).status == 502
    asked = whole(run)
    assert (asked.calls, asked.status, asked.json) == ([], 503, {"error": "backend 'a' is not available: refused"})
    assert 0 < int(asked.headers["retry-after"]) <= 60 and at_rest(run)


def test_one_that_errs_is_called_where_the_other_is_silent() -> None:
    run = three("next_available", a="refused", b=500, c="refused")
    for _ in range(8):
        whole(run)
    asked = whole(run)
    assert (asked.asked, asked.status) == (["b"], 500)


def test_a_missing_model_is_the_models_fault_there_and_not_the_backends() -> None:
    run = driven({"models": {"n": {"backend": "a"}}}, a="vllm", b="vllm")
    run.play = answering(a=404)
    for _ in range(6):
        whole(run)
    assert whole(run).asked == ["b"]
    run.play = answering()
    assert run.chat("n", stream=False).asked == ["a"]


@pytest.mark.parametrize("end", ["client", "limit", "gone"])
def test_what_is_no_backends_fault_opens_no_circuit(end: str) -> None:
    run = driven(a="vllm", b="vllm")
    for _ in range(8):
        asked = run.chat(stream=False)
        if end == "gone":
            asked.leave()
        else:
            asked.called.answer(400 if end == "client" else 429, {})
            if asked.calls[1:]:
                asked.called.answer(200, WHOLE)
        assert asked.asked[0] == "a"


def test_a_stream_that_breaks_counts_against_its_backend_though_it_had_begun() -> None:
    run = driven(a="vllm", b="vllm")
    for _ in range(5):
        asked = run.chat()
        asked.called.head()
        asked.called.data(delta("Hel"))
        asked.called.fail("reset")
    assert run.chat().asked == ["b"]


def test_a_first_token_that_comes_too_late_counts_but_for_a_model_that_had_to_be_loaded() -> None:
    def late(run: Driven, line: bytes, kind: str) -> None:
        asked = run.chat()
        asked.called.head(200, kind)
        run.pass_time(3)
        asked.called.data(line)
        asked.leave()

    run = driven({"breaker": {"slow": "2s", "failures": 2}, **IN_ORDER}, a="vllm", b="vllm")
    for _ in range(2):
        late(run, delta("x"), "text/event-stream")
    assert run.chat().asked == ["b"]
    run = driven({"breaker": {"slow": "2s", "failures": 2}, **IN_ORDER}, a="ollama", b="vllm")
    line = b'{"model":"m","created_at":"x","message":{"role":"assistant","content":"x"},"done":false}\n'
    for _ in range(2):
        late(run, line, "application/x-ndjson")
    assert run.chat().asked == ["a"]


# Models that follow ---------------------------------------------------------------------------------------------------


def following(fallback: str = "next_available", **told: int | str) -> Driven:
    models = {"big": {"backend": "a", "fallbacks": ["middle", "small"]}, "middle": {"backend": "b", "api_model": "mid"}}
    run = driven({"routing": {"fallback": fallback}, "models": models}, learn=False, a="vllm", b="vllm", c="vllm")
    run.learn(a=["big"], b=["mid"], c=["small"])
    run.play = answering(**told)
    return run


def test_a_models_own_fallbacks_follow_when_its_candidates_are_exhausted() -> None:
    run = following(a=503, b="refused")
    asked = run.chat("big", stream=False)
    assert [(called.backend, called.json["model"]) for called in asked.calls] == [
        ("a", "big"),
        ("b", "mid"),
        ("c", "small"),
    ]
    assert asked.status == 200 and asked.json["model"] == "big"


def test_they_follow_where_nobody_of_the_models_own_can_be_called() -> None:
    run = following(a="refused")
    for _ in range(5):
        run.chat("big")
    assert run.chat("big").asked == ["b"]
    backend = {"type": "vllm", "enabled": False}
    run = driven({"models": {"big": {"backend": "b", "fallbacks": ["m"]}}}, a="vllm", b=backend)
    assert run.chat("big").asked == ["a"]


def test_they_do_not_follow_without_fallback_nor_for_a_clients_mistake() -> None:
    assert following("none", a=503).chat("big", stream=False).asked == ["a"]
    assert following(a=400).chat("big", stream=False).asked == ["a"]


def test_an_alias_of_a_model_has_its_fallbacks() -> None:
    settings = {"models": {"big": {"backend": "a", "fallbacks": ["m"]}}, "aliases": {"large": "big"}}
    run = driven(settings, learn=False, a="vllm", b="vllm")
    run.learn(a=["big"], b=["m"])
    run.play = answering(a=503)
    assert run.chat("large", stream=False).asked == ["a", "b"]


def test_a_fallback_that_nobody_serves_or_that_cannot_do_it_is_passed_over() -> None:
    models = {
        "big": {"backend": "a", "fallbacks": ["nobody", "deaf", "m"]},
        "deaf": {"backend": "b", "capabilities": ["embedding"]},
    }
    run = driven({"models": models}, learn=False, a="vllm", b="vllm", c="vllm")
    run.learn(a=["big"], b=["deaf"], c=["m"])
    run.play = answering(a=503)
    assert run.chat("big", stream=False).asked == ["a", "c"]
