"""Who can answer a request: what is looked at before anybody is called."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.support.driving import Asked, Driven, driven

from ollamux.contract import ClientRequest

CLOUD: dict[str, Any] = {"type": "openai_compatible", "hardware": "cloud"}
WHOLE = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}]}


def limited(**limits: str) -> Driven:
    return driven({"queue": {"timeout": "100s"}}, a={"type": "vllm", "rate_limit": limits})


def test_those_that_are_well_go_first() -> None:
    run = driven(a="vllm", b="vllm")
    assert run.chat("m").asked == ["a"]
    for _ in range(3):
        run.gateway.backend("a").health.bad("gone")
    assert run.chat("m").asked == ["b"]


def test_a_configured_limit_of_requests_is_waited_for() -> None:
    run = limited(requests="2/min")
    for _ in range(2):
        run.chat(stream=False).called.answer(200, WHOLE)
    third = run.chat(stream=False)
    run.pass_time(29)
    assert third.calls == []
    run.pass_time(2)
    third.called.answer(200, WHOLE)
    assert third.status == 200 and run.running == 0


def test_those_who_wait_for_a_limit_go_by_priority_then_in_turn_then_as_they_came() -> None:
    run = driven({"queue": {"timeout": "1h"}}, a={"type": "vllm", "rate_limit": {"requests": "1/min"}})
    run.chat(stream=False).called.answer(200, WHOLE)
    waiting: dict[str, Asked] = {}
    for name, peer, rank in (("1", "x", "normal"), ("2", "x", "normal"), ("3", "y", "normal"), ("4", "y", "high")):
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": False}
        waiting[name] = run.ask("POST", "/api/chat", body, {"x-priority": rank}, peer=peer)
    order: list[str] = []
    for _ in range(4):
        run.pass_time(61)
        (gone,) = [name for name, asked in waiting.items() if asked.calls and name not in order]
        order.append(gone)
        waiting[gone].called.answer(200, WHOLE)
    assert order == ["4", "1", "3", "2"] and run.running == 0


def test_who_leaves_while_he_waits_for_a_limit_holds_nobody_up() -> None:
    run = driven({"queue": {"timeout": "1h"}}, a={"type": "vllm", "rate_limit": {"requests": "1/min"}})
    run.chat(stream=False).called.answer(200, WHOLE)
    first, second = run.chat(stream=False), run.chat(stream=False)
    first.leave()
    run.pass_time(130)
    assert first.calls == [] and len(second.calls) == 1
    assert not run.gateway.guards.quotas["a"].line


def test_who_comes_when_a_place_in_a_rate_is_free_does_not_go_before_those_who_wait() -> None:
    run = driven({"queue": {"timeout": "1h"}}, a={"type": "vllm", "rate_limit": {"requests": "1/min"}})
    run.chat(stream=False).called.answer(200, WHOLE)
    waits = run.chat(stream=False)
    run.now += 60.5  # nobody was woken yet
    late = run.chat(stream=False)
    assert (len(waits.calls), late.calls) == (0, [])
    run.pass_time(1)
    assert (len(waits.calls), late.calls) == (1, [])


def test_a_limit_that_lasts_longer_than_the_queue_is_told_with_when_to_come_back() -> None:
    run = limited(requests="1/h")
    run.chat(stream=False).called.answer(200, WHOLE)
    asked = run.chat(stream=False)
    assert (asked.calls, asked.status) == ([], 429)
    assert 3500 < int(asked.headers["retry-after"]) <= 3600


def test_another_backend_is_called_before_a_limit_is_waited_for() -> None:
    run = driven(a={"type": "vllm", "rate_limit": {"requests": "1/min"}}, b="vllm")
    assert [run.chat(stream=False).asked for _ in range(3)] == [["a"], ["b"], ["b"]]


def test_tokens_are_estimated_first_and_corrected_by_what_a_stream_tells() -> None:
    run = limited(tokens="1000/min")
    first = run.chat(messages=[{"role": "user", "content": "x" * 3000}])
    usage = {"prompt_tokens": 60, "completion_tokens": 40, "total_tokens": 100}
    chunk = {"choices": [{"index": 0, "delta": {"content": "ok"}, "finish_reason": "stop"}], "usage": usage}
    first.called.stream(b"data: " + json.dumps(chunk).encode() + b"\n\n", b"data: [DONE]\n\n")
    second = run.chat(messages=[{"role": "user", "content": "x" * 3000}])
    assert len(second.calls) == 1
    third = run.chat(messages=[{"role": "user", "content": "x" * 3000}])
    assert third.calls == []


def test_a_picture_is_not_counted_by_its_bytes() -> None:
    run = limited(tokens="10000/min")
    picture = base64.b64encode(b"\x89PNG" + b"0" * 90_000).decode()
    message = {"role": "user", "content": "what is it?", "images": [picture]}
    for _ in range(2):
        run.chat(messages=[message], stream=False).called.answer(200, WHOLE)
    assert len(run.calls) == 2


def test_a_clouds_own_limit_keeps_the_next_request_waiting_until_it_said() -> None:
    run = driven(a=CLOUD)
    first = run.chat(stream=False)
    first.called.answer(429, {}, retry_after="20")
    assert first.status == 429
    second = run.chat(stream=False)
    run.pass_time(19)
    assert second.calls == []
    run.pass_time(2)
    assert len(second.calls) == 1


def test_one_of_several_keys_that_is_limited_says_nothing_of_the_others() -> None:
    run = driven(a={**CLOUD, "api_keys": ["k1", "k2"]})
    asked = run.chat(stream=False)
    asked.called.answer(429, {}, retry_after="60")
    assert len(asked.calls) == 2
    asked.called.answer(200, WHOLE)
    assert len(run.chat(stream=False).calls) == 1


def test_the_last_of_several_keys_that_is_limited_speaks_for_all() -> None:
    run = driven(a={**CLOUD, "api_keys": ["k1", "k2"]})
    asked = run.chat(stream=False)
    for called in (0, 1):
        asked.calls[called].answer(429, {}, retry_after="60")
    assert asked.status == 429
    assert run.chat(stream=False).calls == []


def test_the_wait_for_a_place_ends_with_the_clients_deadline() -> None:
    run = driven(a={"type": "vllm", "max_concurrent_requests": 1})
    run.chat()
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    asked = run.ask("POST", "/api/chat", body, {"x-deadline-ms": "9000"})
    run.pass_time(8.9)
    assert not asked.over
    run.pass_time(0.2)
    assert asked.status == 503


def test_who_matters_more_goes_first_where_places_are_short() -> None:
    def ask(priority: str) -> Any:
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": False}
        return run.ask("POST", "/api/chat", body, {"x-priority": priority})

    for prioritise, first in ((True, "high"), (False, "low")):
        run = driven({"queue": {"prioritise": prioritise}}, a={"type": "vllm", "max_concurrent_requests": 1})
        running = run.chat(stream=False)
        waiting = {name: ask(name) for name in ("low", "high")}
        running.called.answer(200, WHOLE)
        run.drain()
        assert [name for name, asked in waiting.items() if asked.calls] == [first]


def test_auto_chooses_among_the_models_that_there_are() -> None:
    run = driven(learn=False, a="vllm", b="vllm")
    run.learn(a=["one"], b=["two"])
    asked = run.chat("auto")
    assert len(asked.calls) == 1 and asked.called.json["model"] in ("one", "two")
    assert run.chat("automatic").status == 404


def test_a_headers_mistake_is_told_where_a_choice_depends_on_it() -> None:
    run = driven(a="vllm")
    body = {"model": "auto", "messages": [{"role": "user", "content": "hi"}]}
    assert run.ask("POST", "/api/chat", body, {"x-media-type": "smell"}).status == 400


def test_requests_to_an_ollama_share_a_model_and_the_end_of_each_is_told() -> None:
    run = driven(a="ollama")
    keeping = run.gateway.machine.vram.keeping
    first, second = run.chat(options={"num_ctx": 8192}), run.chat(options={"num_ctx": 2048})
    assert [asked.called.json["options"]["num_ctx"] for asked in (first, second)] == [8192, 8192]
    assert keeping.use("a", "m").running == 2
    first.called.fail("reset")
    second.leave()
    assert keeping.use("a", "m").running == 0


# Some backends alone --------------------------------------------------------------------------------------------------


def among(run: Driven, *ids: str, model: str = "m") -> Asked:
    """A chat that these backends may answer."""
    gateway = run.gateway
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": "hi"}]}).encode()
    request = ClientRequest("POST", "/api/chat", {}, body)
    asked = Asked(run, gateway.open_among(request, gateway.serving("ollama"), frozenset(ids)), None)
    run.open.append(asked)
    asked.do(asked.exchange.start(run.now))
    run.drain()
    return asked


def test_only_the_backends_that_may_answer_are_called() -> None:
    run = driven(a={"type": "vllm", "priority": 90}, b="vllm", c="vllm")
    assert run.chat().asked == ["a"]
    asked = among(run, "c", "b")
    asked.called.fail("refused")
    asked.called.fail("refused")
    assert asked.asked == ["b", "c"] and asked.status == 502


def test_where_none_of_them_has_the_model_it_is_not_found() -> None:
    asked = among(driven(a="vllm"), "x")
    asked.driven.pass_time(2)
    assert (asked.status, asked.calls) == (404, [])


def test_where_none_of_them_is_free_now_it_is_a_503_that_says_when_to_come_back() -> None:
    run = driven(a="vllm", b="vllm")
    run.gateway.fleet.stations["b"].exclude("thermal")
    asked = among(run, "b")
    assert (asked.status, asked.calls) == (503, []) and int(asked.headers["retry-after"]) >= 1


def test_places_are_those_that_all_requests_share() -> None:
    run = driven(a={"type": "vllm", "max_concurrent_requests": 1})
    first, second = among(run, "a"), among(run, "a")
    assert (len(first.calls), len(second.calls), run.gateway.admission.waiting) == (1, 0, 1)
    first.leave()
    run.drain()
    assert len(second.calls) == 1


def test_a_model_that_is_chosen_is_chosen_of_what_they_have() -> None:
    run = driven(a={"type": "vllm", "priority": 90}, b="vllm")
    assert among(run, "b", model="auto").asked == ["b"]


def test_looking_among_some_leaves_what_is_known_of_all_as_it_is() -> None:
    run = driven(a="vllm", b="vllm")
    run.chat()
    field = run.gateway.fleet.field(run.gateway.catalog.find("m"))
    among(run, "b")
    assert run.gateway.fleet.field(run.gateway.catalog.find("m")) is field
