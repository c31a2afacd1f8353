"""A request that calls a model: queues, deadlines, signs of life and clients that read slowly."""

from __future__ import annotations

import math
from typing import Any

import pytest
from tests.support.driving import IN_ORDER, Asked, Driven, delta, driven, ending, line

TINY: dict[str, Any] = {"type": "vllm", "max_concurrent_requests": 1}
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def finish(asked: Asked) -> None:
    asked.called.stream(delta("ok"), ending())
    asked.driven.drain()


def at_rest(run: Driven) -> bool:
    return run.running == 0 and run.gateway.admission.waiting == 0


def timed(**timeouts: float) -> dict[str, Any]:
    return {"type": "vllm", "timeouts": {"first_byte": 0, "idle": 0, "total": 0, **timeouts}}


# The queue ------------------------------------------------------------------------------------------------------------


def test_who_finds_every_place_taken_waits_and_goes_on_in_order() -> None:
    run = driven(a=TINY)
    first, second, third = run.chat(), run.chat(), run.chat()
    assert (second.calls, third.calls, run.running, run.gateway.admission.waiting) == ([], [], 1, 2)
    finish(first)
    assert second.asked == ["a"] and third.calls == []
    finish(second)
    finish(third)
    assert third.text == "ok" and at_rest(run)


def test_a_full_backend_is_passed_over_for_the_next_one_before_anybody_waits() -> None:
    run = driven(a=TINY, b="vllm")
    assert [run.chat().asked for _ in range(2)] == [["a"], ["b"]]


def test_the_slots_that_a_backend_tells_of_are_its_places() -> None:
    run = driven(a="llama_cpp", learn=False)
    for chore in run.chores():
        run.tell(chore, {"data": [{"id": "m"}]} if chore.path == "/v1/models" else {"total_slots": 1})
    run.chat()
    assert run.chat().calls == []


def test_the_limit_over_all_backends_holds_whatever_they_take_themselves() -> None:
    run = driven({"queue": {"concurrency": 1}, **IN_ORDER}, a="vllm", b="vllm")
    first, second, third = run.chat(), run.chat(), run.chat()
    assert (first.asked, second.asked, third.asked) == (["a"], [], [])
    finish(first)
    assert (second.asked, third.asked) == (["a"], [])
    finish(second)
    finish(third)
    assert at_rest(run)


def test_a_full_queue_is_a_busy_server() -> None:
    run = driven({"queue": {"size": 1}}, a=TINY)
    run.chat()
    run.chat()
    asked = run.chat()
    assert asked.status == 503
    assert asked.json == {"error": "server busy, please try again.  maximum pending requests exceeded"}


def test_who_waits_too_long_is_told_to_come_back() -> None:
    run = driven({"queue": {"timeout": "10s"}}, a=TINY)
    run.chat()
    asked = run.chat()
    run.pass_time(9.9)
    assert not asked.over
    run.pass_time(0.2)
    assert asked.status == 503 and asked.headers["retry-after"] == "5"
    assert run.gateway.admission.waiting == 0 and run.running == 1


def test_a_client_that_leaves_the_queue_holds_nobody_up() -> None:
    run = driven(a=TINY)
    first, second, third = run.chat(), run.chat(), run.chat()
    second.leave()
    finish(first)
    assert third.asked == ["a"] and run.running == 1


def test_a_client_that_leaves_when_it_is_called_passes_its_place_on() -> None:
    run = driven(a=TINY)
    first, second, third = run.chat(), run.chat(), run.chat()
    first.called.stream(delta("ok"), ending())
    assert run.gateway.ready(run.now) == [second.exchange]
    second.leave()
    run.drain()
    assert third.asked == ["a"]


def test_who_is_called_and_finds_the_place_gone_is_the_next_again() -> None:
    run = driven({"queue": {"size": 2}}, a=TINY)
    first, second, third = run.chat(), run.chat(), run.chat()
    first.called.stream(delta("ok"), ending())
    assert run.gateway.ready(run.now) == [second.exchange]
    assert run.gateway.admission.take("a")
    second.do(second.exchange.proceed(run.now))
    assert not second.over and run.gateway.admission.waiting == 2
    run.gateway.admission.give_back("a")
    run.drain()
    assert second.asked == ["a"] and third.calls == []


def test_a_place_given_up_by_a_failover_is_free_for_those_who_wait() -> None:
    run = driven(a=TINY, b={"type": "vllm", "models": ["m"]})
    first = run.chat()
    run.gateway.admission.limit("b", 1)
    second = run.chat()
    waiting = run.chat()
    assert (first.asked, second.asked, waiting.asked) == (["a"], ["b"], [])
    second.called.fail("reset")  # goes to a, where there is no place: it waits, behind the third
    run.drain()
    assert waiting.asked == ["b"] and second.asked == ["b"]
    finish(first)
    assert second.asked == ["b", "a"]
    finish(second)
    finish(waiting)
    assert at_rest(run)


def test_an_answer_to_a_refresh_that_comes_after_the_wait_starts_nothing_twice() -> None:
    run = driven(a=TINY)
    holder = run.chat()
    run.pass_time(5)
    asked = run.chat("later")
    for chore in run.chores():
        run.gateway.chore_done(chore, 200, [], b'{"data":[{"id":"m"},{"id":"later"}]}', run.now)
    asked.do(asked.exchange.woken(run.now + 1))  # the patience ends in the same turn
    assert asked.calls == [] and run.gateway.admission.waiting == 1
    holder.leave()
    run.drain()
    assert len(asked.calls) == 1 and run.gateway.admission.waiting == 0
    finish(asked)
    assert at_rest(run)


# Deadlines ------------------------------------------------------------------------------------------------------------


def test_a_backend_that_does_not_begin_in_time_is_given_up_for_the_next() -> None:
    run = driven(a=timed(first_byte=10), b="vllm")
    asked = run.chat()
    run.pass_time(9.9)
    assert asked.asked == ["a"]
    run.pass_time(0.2)
    assert asked.calls[0].cancelled and asked.asked == ["a", "b"] and run.running == 1


def test_the_last_backend_that_is_too_slow_is_a_timeout() -> None:
    run = driven(a=timed(first_byte=10))
    asked = run.chat(stream=False)
    run.pass_time(11)
    assert (asked.status, asked.json) == (504, {"error": "backend 'a' did not answer in time"})
    assert asked.called.cancelled and at_rest(run)


@pytest.mark.parametrize("stream", [True, False])
def test_silence_in_an_answer_that_has_begun_is_noticed_whatever_the_other_timeouts(stream: bool) -> None:
    run = driven(a=timed(idle=4), b="vllm")
    asked = run.chat(stream=stream)
    run.pass_time(60)
    asked.called.head()
    run.pass_time(3.9)
    asked.called.data(b": x\n\n")
    run.pass_time(3.9)
    assert asked.asked == ["a"]
    run.pass_time(4.2)
    assert asked.asked == ["a", "b"]


def test_silence_in_the_middle_of_a_stream_is_told_to_the_client() -> None:
    run = driven(a=timed(idle=4), b="vllm")
    asked = run.chat()
    asked.called.head()
    for _ in range(5):
        asked.called.data(delta("x"))
        run.pass_time(3.9)
    run.pass_time(1)
    assert asked.called.cancelled and asked.asked == ["a"] and "error" in asked.lines[-1] and at_rest(run)


def test_the_total_time_bounds_a_stream_that_moves() -> None:
    run = driven(a=timed(total=10))
    asked = run.chat()
    asked.called.head()
    for _ in range(30):
        if asked.called.open:
            asked.called.data(delta("x"))
        run.pass_time(0.5)
    assert asked.over and len(asked.lines) == 21 and at_rest(run)


def test_timeout_bounds_a_call_that_is_not_streamed_and_no_stream_that_moves() -> None:
    for stream in (True, False):
        run = driven(a={"type": "vllm", "timeout": 10})
        asked = run.chat(stream=stream)
        asked.called.head()
        for _ in range(30):
            if asked.called.open:
                asked.called.data(delta("x"))
            run.pass_time(0.5)
        assert asked.over is not stream


def test_where_nothing_is_limited_nobody_asks_to_be_woken() -> None:
    run = driven(a=timed())
    asked = run.chat(stream=False)
    assert asked.wake_at == math.inf
    asked.called.head()
    assert asked.wake_at == math.inf


# Signs of life --------------------------------------------------------------------------------------------------------


def test_a_client_that_streams_hears_something_every_fifteen_seconds_and_the_answer_after_it() -> None:
    run = driven(a="vllm")
    asked = run.chat()
    run.pass_time(14.9)
    assert asked.heads == []
    run.pass_time(0.2)
    assert asked.status == 200 and len(asked.lines) == 1 and asked.text == ""
    run.pass_time(15)
    assert len(asked.lines) == 2
    asked.called.stream(delta("ok"), ending())
    assert asked.text == "ok" and asked.lines[-1]["done"] is True and at_rest(run)


def test_a_sign_of_life_goes_to_who_waits_in_the_queue_too() -> None:
    run = driven(a=TINY)
    first = run.chat()
    first.called.head()
    first.called.data(delta("x"))
    asked = run.chat()
    run.pass_time(16)
    assert asked.status == 200 and len(asked.lines) == 1
    first.leave()
    run.drain()
    finish(asked)
    assert asked.text == "ok" and at_rest(run)


def test_who_waits_in_the_queue_is_told_his_place_and_about_how_long_with_every_sign_of_life() -> None:
    run = driven(a=TINY)
    for asked in [run.chat() for _ in range(3)]:  # so that the pace is known
        run.pass_time(10)
        finish(asked)
    run.chat().called.head()
    waiting = [run.chat(), run.ask("POST", "/v1/chat/completions", {**CHAT, "stream": True})]
    run.pass_time(16)
    assert [asked.headers["x-queue-position"] for asked in waiting] == ["1", "2"]
    assert all(int(asked.headers["x-queue-wait-ms"]) > 0 for asked in waiting)
    assert waiting[1].body.startswith(b": place 2 in the queue, about ")
    assert waiting[1].body.endswith(b" s\n\n: keepalive\n\n")


def test_who_waits_before_any_pace_is_known_is_told_his_place_alone() -> None:
    run = driven(a=TINY)
    run.chat().called.head()
    asked = run.ask("POST", "/v1/chat/completions", {**CHAT, "stream": True})
    run.pass_time(16)
    assert asked.body == b": place 1 in the queue\n\n: keepalive\n\n"
    assert asked.headers["x-queue-position"] == "1" and "x-queue-wait-ms" not in asked.headers


def test_after_a_sign_of_life_another_backend_may_still_take_over() -> None:
    run = driven(a="vllm", b="vllm")
    asked = run.chat()
    run.pass_time(16)
    asked.called.fail("reset")
    asked.called.stream(delta("ok"), ending())
    assert asked.asked == ["a", "b"] and asked.text == "ok"


def test_after_a_sign_of_life_an_error_is_a_line_of_the_stream() -> None:
    run = driven(a="vllm")
    asked = run.chat()
    run.pass_time(16)
    asked.called.answer(500, {"error": {"message": "out of memory"}})
    assert asked.status == 200 and "out of memory" in asked.lines[-1]["error"] and at_rest(run)
    run = driven(a="ollama")
    asked = run.chat()
    run.pass_time(16)
    asked.called.answer(400, {"error": "no such thing"})
    assert asked.status == 200 and "no such thing" in asked.lines[-1]["error"]


def test_after_a_sign_of_life_a_whole_answer_is_all_that_is_left_to_say() -> None:
    run = driven(a="ollama")
    asked = run.chat()
    run.pass_time(16)
    asked.called.answer(200, line("x", done=True))
    assert len(asked.heads) == 1 and asked.lines[-1]["done"] is True and at_rest(run)


def test_clients_of_chat_completions_hear_a_comment() -> None:
    run = driven(a="vllm")
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True}
    asked = run.ask("POST", "/v1/chat/completions", body)
    run.pass_time(16)
    assert asked.body == b": keepalive\n\n"
    assert asked.headers == {"content-type": "text/event-stream", "cache-control": "no-cache"}


def test_nothing_is_said_to_a_client_that_waits_for_a_whole_answer_nor_once_content_flows() -> None:
    run = driven(a="vllm")
    asked = run.chat(stream=False)
    run.pass_time(100)
    assert asked.heads == []
    asked = run.chat()
    asked.called.head()
    asked.called.data(delta("x"))
    run.pass_time(100)
    assert len(asked.lines) == 1


# Clients that read slowly ---------------------------------------------------------------------------------------------


def test_the_clocks_stand_still_while_the_client_is_paused() -> None:
    run = driven(a=timed(idle=4, total=20))
    asked = run.chat()
    asked.called.head()
    asked.called.data(delta("x"))
    run.pass_time(3)
    asked.pause()
    assert asked.called.reading is False
    run.pass_time(1000)
    assert not asked.over
    asked.resume()
    assert asked.called.reading is True
    run.pass_time(3.9)
    assert not asked.over
    run.pass_time(0.2)
    assert asked.called.cancelled and at_rest(run)


def test_a_call_that_goes_out_while_the_client_is_paused_gains_only_the_rest_of_the_pause() -> None:
    run = driven({"retry": {"base": "2s", "jitter": 0}, "routing": {"fallback": "retry_same"}}, a=timed(first_byte=10))
    asked = run.chat()
    asked.called.answer(503, {"error": {"message": "not now"}})
    asked.pause()
    run.pass_time(3)
    assert len(asked.calls) == 2  # after 2 s
    run.pass_time(4)
    asked.resume()
    run.pass_time(9)
    assert asked.called.open
    run.pass_time(2)
    assert not asked.calls[1].open


def test_a_paused_client_is_not_woken_for_nothing_and_hears_no_sign_of_life() -> None:
    run = driven(a=timed(first_byte=30))
    asked = run.chat()
    run.pass_time(16)
    said = asked.body
    asked.pause()
    run.pass_time(1000)
    assert asked.body == said
    asked.resume()
    run.pass_time(13)
    assert not asked.over
    run.pass_time(2)
    assert asked.over


def test_an_attempt_that_begins_while_the_client_is_paused_is_not_read() -> None:
    run = driven(a="vllm", b="vllm")
    asked = run.chat()
    run.pass_time(16)
    asked.pause()
    asked.called.fail("reset")
    assert asked.called.backend == "b" and asked.called.reading is False
    asked.resume()
    assert asked.called.reading is True


def test_a_paused_client_in_the_queue_waits_no_longer_than_any_other() -> None:
    run = driven({"queue": {"timeout": "20s"}}, a=TINY)
    run.chat().called.head()
    asked = run.chat()
    run.pass_time(16)
    asked.pause()
    run.pass_time(5)
    assert asked.over
    asked = run.chat()
    run.pass_time(16)
    asked.pause()
    asked.resume()
    run.pass_time(5)
    assert asked.over


def test_a_client_that_resumes_without_a_pause_changes_nothing() -> None:
    run = driven(a="vllm")
    asked = run.chat()
    assert asked.exchange.client_resumed(run.now) is None


def test_the_silence_of_a_client_that_does_not_read_is_not_broken_when_it_reads_on() -> None:
    run = driven(a={"type": "vllm", "timeouts": {"first_byte": 600}})
    asked = run.chat()
    asked.pause()
    run.pass_time(60)
    asked.resume()
    assert asked.wake_at == run.now + 15 and not asked.pieces
    run.pass_time(15)
    assert len(asked.pieces) == 1


@pytest.mark.parametrize("type_", ["ollama", "vllm"])
def test_a_backend_that_has_said_its_last_word_and_does_not_hang_up_has_answered(type_: str) -> None:
    run = driven(a={"type": type_, "timeouts": {"idle": 5}})
    asked = run.chat()
    native = type_ == "ollama"
    asked.called.head(200, "application/x-ndjson" if native else "text/event-stream")
    asked.called.data(line("ok") + line(done=True) if native else delta("ok") + ending())
    run.pass_time(10)
    assert asked.over and asked.called.cancelled and asked.text == "ok" and "error" not in asked.lines[-1]
    assert at_rest(run) and run.gateway.backend("a").health.usable


def test_nobody_is_called_for_a_wait_that_was_slept_through() -> None:
    run = driven({"queue": {"timeout": "20s"}}, a=TINY)
    first = run.chat()
    second = run.chat()
    run.now += 3600
    finish(first)
    assert not second.calls and second.status == 503 and at_rest(run)
    rests = {"routing": {"fallback": "retry_same"}, "retry": {"base": "5s"}, "queue": {"timeout": "20s"}}
    run = driven(rests, a="vllm")
    asked = run.chat()
    asked.called.fail()
    run.now += 3600
    run.pass_time(0)
    assert len(asked.calls) == 1 and asked.status == 502 and at_rest(run)


def test_a_client_that_reads_no_comments_is_told_his_place_in_the_head_alone() -> None:
    run = driven(a=TINY)
    run.chat().called.head()
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    asked = run.ask("POST", "/v1beta/models/m:streamGenerateContent?alt=sse", body)
    run.pass_time(16)
    assert asked.headers["x-queue-position"] == "1" and b":" not in asked.body
