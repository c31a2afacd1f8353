"""A request that calls a model: what is called, what the client gets, and what is given back at every end."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.driving import Asked, Driven, delta, driven, ending, line

from ollamux.contract import Call, ClientRequest, Head, WakeAt, spread


def whole(text: str = "hello") -> dict[str, Any]:
    message = {"role": "assistant", "content": text}
    return {"id": "x", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}


def at_rest(driven: Driven) -> bool:
    """Whether every place is given back and nobody waits."""
    return driven.running == 0 and driven.gateway.admission.waiting == 0


def test_a_stream_is_called_converted_and_ended() -> None:
    run = driven(v="vllm")
    asked = run.chat()
    assert run.running == 1
    assert asked.called.url == "http://v:1/v1/chat/completions"
    assert asked.called.json["stream"] is True
    asked.called.head()
    assert asked.heads == []  # nothing is promised before there is something to say
    asked.called.data(delta("he"))
    assert asked.headers["content-type"] == "application/x-ndjson" and asked.text == "he"
    asked.called.data(delta("llo"))
    asked.called.data(ending())
    asked.called.end()
    assert asked.text == "hello" and asked.lines[-1]["done"] is True
    assert asked.end is not None and not asked.end.broken and at_rest(run)


@pytest.mark.parametrize("body", [b'{"model":"m","messages":[],"stream":false}', b'{"model":', b'{"model":"nobody"}'])
def test_a_request_may_be_read_before_the_exchange_starts(body: bytes) -> None:
    told: list[list[Any]] = []
    for reads in (False, True):
        gateway = driven(v="vllm").gateway
        request = ClientRequest(method="POST", path="/api/chat", headers={"host": "localhost"}, body=body, peer="")
        exchange = gateway.open(request, 1.0)
        if reads:
            exchange.take_in(1.0)
        wants = exchange.start(1.0)
        assert wants is not None and not isinstance(wants, bytes)
        told.append([(want.status, want.headers) if isinstance(want, Head) else type(want) for want in wants])
    assert told[0] == told[1]


@pytest.mark.parametrize("kind", ["vllm", "ollama"])
@pytest.mark.parametrize(("status", "broken"), [(200, False), (200, True), (500, False)])
def test_what_goes_out_of_a_whole_answer_may_be_made_before_its_end(kind: str, status: int, broken: bool) -> None:
    told: list[tuple[int, bytes]] = []
    for makes in (False, True):
        run = driven(v=kind)
        asked = run.chat(stream=False)
        asked.called.head(status, "application/json")
        body = whole() if kind == "vllm" else {"model": "m", "message": {"role": "assistant", "content": "hello"}}
        asked.called.data(json.dumps(body).encode()[: -9 if broken else None])
        if makes:
            asked.exchange.take_answer(asked.called.call.attempt + 1, run.now)  # none of its own
            asked.exchange.take_answer(asked.called.call.attempt, run.now)
            assert asked.heads == []
        asked.called.end()
        told.append((asked.status, asked.body))
        assert at_rest(run)
    assert told[0] == told[1]


def test_the_hot_case_is_bytes() -> None:
    asked = driven(v="vllm").chat()
    asked.called.head()
    asked.called.data(delta("a"))
    out = asked.exchange.attempt_data(asked.called.call.attempt, delta("b"), asked.driven.now)
    assert isinstance(out, bytes) and json.loads(out)["message"]["content"] == "b"


def test_a_whole_answer_is_collected_and_translated() -> None:
    run = driven(v="vllm")
    asked = run.chat(stream=False)
    asked.called.head(200, "application/json")
    body = json.dumps(whole()).encode()
    asked.called.data(body[:9])
    asked.called.data(body[9:])
    assert asked.heads == []
    asked.called.end()
    assert asked.status == 200 and asked.json["message"]["content"] == "hello" and at_rest(run)


def test_a_backend_of_the_clients_format_gets_the_clients_own_body() -> None:
    run = driven(o="ollama")
    asked = run.chat(unheard_of={"a": [1]})
    assert asked.called.url == "http://o:1/api/chat"
    assert asked.called.json["unheard_of"] == {"a": [1]}
    asked.called.stream(line("hi"), line(done=True), kind="application/x-ndjson")
    assert asked.text == "hi" and at_rest(run)


def test_a_whole_answer_that_passes_through_keeps_its_media_type_and_gets_the_asked_name() -> None:
    run = driven(o={"type": "ollama", "model_prefix": "lab/"})
    asked = run.chat("lab/m", stream=False)
    assert asked.called.json["model"] == "m"
    asked.called.answer(200, {"model": "m", "message": {"role": "assistant", "content": "x"}, "done": True}, "a/b")
    assert asked.json["model"] == "lab/m" and asked.headers["content-type"] == "a/b"


def test_a_load_that_passes_through_answers_whole_though_a_stream_was_asked_for() -> None:
    run = driven(o="ollama")
    asked = run.ask("POST", "/api/generate", {"model": "m"})
    asked.called.answer(200, {"model": "m", "response": "", "done": True, "done_reason": "load"})
    assert asked.json["done_reason"] == "load" and at_rest(run)


@pytest.mark.parametrize(("fields", "reason"), [({}, "load"), ({"keep_alive": 0}, "unload")])
def test_a_load_and_an_unload_are_answered_without_a_call_where_the_backend_has_no_such_thing(
    fields: dict[str, Any], reason: str
) -> None:
    run = driven(v="vllm")
    asked = run.ask("POST", "/api/generate", {"model": "m", **fields})
    assert asked.calls == [] and asked.json["done_reason"] == reason and at_rest(run)


def test_configured_options_go_with_a_request_that_passes_through_unless_it_has_its_own() -> None:
    asked = driven({"model_options": {"top_k": 7, "seed": 1}}, o="ollama").chat(options={"seed": 2})
    assert asked.called.json["options"] == {"top_k": 7, "seed": 2}


@pytest.mark.parametrize(
    ("told", "sent"), [("10m", 600), ("300", 300), (90, 90), ("-1", -1), (-1, -1), ("-1s", -1), ("9999999h", -1)]
)
def test_the_configured_keep_alive_reaches_an_ollama_whichever_format_the_client_speaks(
    told: object, sent: int
) -> None:
    run = driven({"response_optimization": {"keep_alive": told}}, o="ollama")
    for path in ("/api/chat", "/v1/chat/completions"):
        body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
        asked = run.ask("POST", path, body)
        assert asked.called.json["keep_alive"] == sent and "options" not in asked.called.json
    run = driven({"response_optimization": {"keep_alive": told}}, o="ollama")
    assert run.chat(keep_alive="1m").called.json["keep_alive"] == "1m"


def test_a_body_that_cannot_be_read_is_refused_in_the_clients_words_and_nobody_is_called() -> None:
    run = driven(v="vllm")
    asked = run.ask("POST", "/api/chat", b"{")
    assert (asked.status, asked.json, asked.calls) == (400, {"error": "unexpected EOF"}, [])
    asked = run.ask("POST", "/v1/chat/completions", b"{")
    assert asked.status == 400 and "message" in asked.json["error"]


def test_what_the_model_cannot_do_is_refused_before_anybody_is_called() -> None:
    run = driven({"models": {"plain": {"backend": "v", "capabilities": ["completion"]}}}, v="vllm")
    asked = run.chat("plain", think=True)
    assert asked.calls == [] and asked.json == {"error": '"plain" does not support thinking'} and at_rest(run)


def test_what_cannot_be_carried_is_told_in_a_warning_header() -> None:
    run = driven(v="openai_compatible")
    asked = run.chat(options={"num_ctx": 4096})
    asked.called.stream(delta("x"), ending())
    assert "num_ctx" in asked.headers["x-ollamux-warning"]


def test_a_model_that_is_not_known_is_looked_for_once_and_then_not_found() -> None:
    run = driven(a="vllm", b="ollama")
    run.pass_time(5)
    asked = run.chat("new")
    assert asked.calls == [] and not asked.over and run.gateway.hurry
    run.learn(a=["m", "new"], b=["m"])
    assert asked.asked == ["a"]
    again = run.chat("newer")
    assert again.status == 404 and again.json == {"error": "model 'newer' not found"}  # they were asked just now


def test_the_look_for_a_model_does_not_wait_for_ever() -> None:
    run = driven(a="vllm")
    run.pass_time(5)
    asked = run.chat("new")
    assert not asked.over
    run.pass_time(1.0)
    assert asked.status == 404


def test_an_unknown_model_with_a_name_that_ollama_refuses_is_an_invalid_name() -> None:
    run = driven(a="vllm")
    assert run.chat("a b c").json == {"error": "invalid model name"}


def test_a_client_that_leaves_while_its_model_is_looked_for_is_forgotten() -> None:
    run = driven(a="vllm")
    run.pass_time(5)
    asked = run.chat("m2")
    asked.leave()
    run.learn(a=["m2"])
    assert asked.calls == [] and at_rest(run)


def test_a_model_whose_backends_cannot_be_called_says_why() -> None:
    run = driven({"models": {"local": {"backend": "g"}}}, g={"type": "gguf", "file": "x.gguf"})
    asked = run.chat("local")
    assert asked.status == 503 and "backend 'g' is not available: it is not running" in asked.json["error"]
    assert int(asked.headers["retry-after"]) >= 1


def test_when_the_client_leaves_the_attempt_is_cancelled_and_its_place_given_back() -> None:
    for said in (0, 1):
        run = driven(v="vllm")
        asked = run.chat()
        if said:
            asked.called.head()
            asked.called.data(delta("x"))
        asked.leave()
        assert asked.called.cancelled and at_rest(run)
        assert asked.exchange.client_gone(run.now) is None


def test_reports_that_come_too_late_are_ignored() -> None:
    run = driven(v="vllm", w="vllm")
    asked = run.chat()
    first = asked.called
    first.fail("refused")
    for _ in range(2):
        first.head()
        first.data(delta("late"))
        first.end()
        first.fail()
        if asked.calls[-1].open and not asked.over:
            assert asked.heads == [] and run.running == 1
            asked.leave()
    assert asked.asked == ["v", "w"] and at_rest(run)
    assert asked.exchange.woken(run.now) is None and asked.exchange.proceed(run.now) is None
    second = asked.called.call.attempt
    assert asked.exchange.attempt_head(second, 200, [], run.now) is None
    assert asked.exchange.attempt_data(second, delta("x"), run.now) is None
    assert asked.exchange.attempt_end(second, run.now) is None


def test_the_demo_plays_its_answer_out_word_by_word() -> None:
    run = driven(demo="demo")
    asked = run.chat("demo")
    assert asked.calls == [] and asked.status == 200 and not asked.over
    before = len(asked.pieces)
    run.pass_time(0.02)
    assert len(asked.pieces) == before + 1
    asked.pause()
    run.pass_time(60)
    assert len(asked.pieces) == before + 1
    asked.resume()
    run.pass_time(60)
    assert asked.over and asked.lines[-1]["done"] is True and at_rest(run)


def test_the_demo_answers_at_once_where_nothing_is_streamed_and_embeds() -> None:
    run = driven(demo="demo")
    assert run.chat("demo", stream=False).json["message"]["content"]
    embedded = run.ask("POST", "/api/embed", {"model": "demo", "input": ["a", "b"]})
    assert len(embedded.json["embeddings"]) == 2
    assert run.ask("POST", "/api/generate", {"model": "demo"}).json["done_reason"] == "load"
    assert at_rest(run)


def test_a_client_that_leaves_the_demo_gives_its_place_back() -> None:
    run = driven(demo="demo")
    asked = run.chat("demo")
    assert run.running == 1
    asked.leave()
    assert at_rest(run)


def test_a_front_without_paths_names_the_format_itself() -> None:
    from ollamux.contract import ClientRequest, Whole
    from ollamux.formats import servings

    run = driven(demo="demo")
    serving = next(serving for serving in servings() if serving.name == "ollama")
    body = json.dumps({"model": "demo", "messages": [{"role": "user", "content": "hi"}], "stream": False}).encode()
    exchange = run.gateway.open(ClientRequest("", "", {}, body), run.now, serving)
    wants = exchange.start(run.now)
    assert isinstance(wants, tuple) and [type(want) for want in wants] == [Whole]


@pytest.mark.parametrize("fields", [{"messages": []}, {"messages": None}, {}])
@pytest.mark.parametrize("type_", ["ollama", "demo"])
def test_a_chat_of_openais_format_without_messages_is_refused_where_it_has_to_be_translated(
    type_: str, fields: dict[str, Any]
) -> None:
    run = driven(o=type_)
    asked = run.ask("POST", "/v1/chat/completions", {"model": "demo" if type_ == "demo" else "m", **fields})
    assert asked.status == 400 and asked.calls == [] and at_rest(run)
    assert asked.json["error"]["message"] == "[] is too short - 'messages'"
    assert asked.json["error"]["type"] == "invalid_request_error"


def name_of_backend(asked: Asked) -> str | None:
    return asked.headers.get("x-backend-used")


@pytest.mark.parametrize("type_", ["ollama", "vllm"])
@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/v1/chat/completions"])
def test_an_answer_names_the_backend_that_gave_it_unless_that_is_switched_off(
    path: str, stream: bool, type_: str
) -> None:
    for settings, named in (({}, "near"), ({"server": {"decision_headers": False}}, None)):
        run = driven(settings, near=type_)
        body = {"model": "m", "messages": [{"role": "user", "content": "x"}], "prompt": "x", "stream": stream}
        asked = run.ask("POST", path, body)
        native = type_ == "ollama"
        part = {"response": "x"} if native and path == "/api/generate" else {"message": {"content": "x"}}
        told = {"model": "m", **part, "done": True} if native else whole()
        if not stream:
            asked.called.answer(200, told)
        elif native:
            asked.called.stream(json.dumps(told).encode() + b"\n", kind="application/x-ndjson")
        else:
            asked.called.stream(delta("x"), ending())
        assert asked.status == 200 and name_of_backend(asked) == named


@pytest.mark.parametrize("path", ["/api/embed", "/api/embeddings"])
@pytest.mark.parametrize("type_", ["ollama", "vllm"])
def test_vectors_name_the_backend_too(type_: str, path: str) -> None:
    asked = driven(near={"type": type_}).ask("POST", path, {"model": "m", "input": "x", "prompt": "x"})
    vectors = {"embeddings": [[1.0]], "embedding": [1.0], "data": [{"index": 0, "embedding": [1.0]}]}
    asked.called.answer(200, vectors)
    assert (asked.status, name_of_backend(asked)) == (200, "near")


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
@pytest.mark.parametrize("stream", [True, False])
def test_the_demo_is_named_too(path: str, stream: bool) -> None:
    run = driven(near="demo")
    body = {"model": "demo", "messages": [{"role": "user", "content": "x"}], "stream": stream}
    assert name_of_backend(run.ask("POST", path, body)) == "near"


def test_a_backends_own_error_names_it_and_one_of_the_way_to_it_does_not() -> None:
    for type_ in ("ollama", "vllm"):
        run = driven(near=type_)
        asked = run.chat()
        asked.called.answer(400, {"error": "too long"})
        assert (asked.status, name_of_backend(asked)) == (400, "near")
        asked = run.chat()
        asked.called.fail("refused")
        assert (asked.status, name_of_backend(asked)) == (502, None)


def test_a_keepalive_names_no_backend_for_another_one_may_answer() -> None:
    run = driven(a={"type": "vllm", "priority": 90}, b="vllm")
    asked = run.chat()
    run.pass_time(16)
    asked.called.fail("reset")
    asked.called.stream(delta("x"), ending())
    assert asked.asked == ["a", "b"] and asked.text == "x" and name_of_backend(asked) is None


_TOLD = {"x_request_id": "r1", "x_ratelimit_remaining_tokens": "9", "openai_processing_ms": "5", "set_cookie": "no"}


def told(asked: Asked) -> dict[str, str]:
    """What the client got of the headers that a backend may send beside its answer."""
    names = ("x-request-id", "x-ratelimit-remaining-tokens", "openai-processing-ms", "set-cookie", "retry-after")
    return {name: value for name, value in asked.headers.items() if name in names}


def test_limits_and_the_number_of_the_request_reach_a_client_of_another_format() -> None:
    run = driven(v="vllm")
    asked = run.chat(stream=False)
    asked.called.answer(200, whole(), **_TOLD)
    streamed = run.chat()
    streamed.called.head(200, **_TOLD)
    streamed.called.data(delta("a"))
    expected = {"x-request-id": "r1", "x-ratelimit-remaining-tokens": "9"}
    assert told(asked) == told(streamed) == expected


def test_a_client_of_the_backends_format_gets_the_formats_own_headers_too() -> None:
    run = driven(v="vllm")
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    asked = run.ask("POST", "/v1/chat/completions", body)
    asked.called.answer(200, whole(), **_TOLD)
    streamed = run.ask("POST", "/v1/chat/completions", {**body, "stream": True})
    streamed.called.head(200, **_TOLD)
    streamed.called.data(delta("a"))
    expected = {"x-request-id": "r1", "x-ratelimit-remaining-tokens": "9", "openai-processing-ms": "5"}
    assert told(asked) == told(streamed) == expected


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions", "/v1/messages"])
@pytest.mark.parametrize(
    "wait",
    [
        {"retry_after": "7"},
        {"retry_after_ms": "6400"},
        {"retry_after": "Fri, 02 Jan 2026 03:00:07 GMT", "date": "Fri, 02 Jan 2026 03:00:00 GMT"},
    ],
)
def test_when_to_come_again_reaches_every_client_in_seconds(path: str, wait: dict[str, str]) -> None:
    run = driven({"retry": {"attempts": 1}}, v="vllm")
    body = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 9}
    asked = run.ask("POST", path, body)
    asked.called.answer(429, {"error": {"message": "slow down"}}, **wait, x_request_id="r1")
    assert asked.status == 429 and asked.headers["retry-after"] == "7" and asked.headers["x-request-id"] == "r1"
    assert [name.lower() for name, _ in asked.heads[0].headers].count("retry-after") == 1


def test_a_wait_that_stands_in_the_body_alone_reaches_the_client_whichever_format_it_speaks() -> None:
    run = driven({"models": {"m": {"backend": "g"}}}, g={"type": "google", "api_key": "k"})
    info = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "11.2s"}
    error = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "slow", "details": [info]}}
    contents = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    own = run.ask("POST", "/v1beta/models/m:generateContent", contents)
    own.called.answer(429, error)
    assert own.headers["retry-after"] == "12" and own.json == error
    foreign = run.chat(stream=False)
    foreign.called.answer(429, error)
    assert foreign.status == 429 and foreign.headers["retry-after"] == "12"


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
def test_a_client_of_openai_is_told_not_to_try_again_where_the_quota_is_spent(path: str) -> None:
    run = driven(o={"type": "openai", "api_key": "k"})
    message = {"messages": [{"role": "user", "content": "hi"}]} if "chat" in path else {"input": "hi"}
    asked = run.ask("POST", path, {"model": "m", **message})
    error = {"error": {"message": "no more", "type": "insufficient_quota", "code": "insufficient_quota"}}
    asked.called.answer(429, error)
    assert (asked.status, asked.json, asked.headers["x-should-retry"]) == (429, error, "false")


def test_what_a_lost_attempt_told_is_no_part_of_the_next_ones_answer() -> None:
    run = driven({"retry": {"attempts": 2}}, v="vllm", w="vllm")
    asked = run.chat(stream=False)
    asked.called.answer(503, {"error": "busy"}, x_request_id="lost")
    assert len(asked.calls) == 2
    asked.called.answer(200, whole())
    assert asked.status == 200 and "x-request-id" not in asked.headers


@pytest.mark.parametrize("places", [1, 2])
def test_a_place_may_be_taken_before_the_exchange_starts(places: int) -> None:
    run = driven(v={"type": "vllm", "max_concurrent_requests": places})
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": False}).encode()
    request = ClientRequest(method="POST", path="/api/chat", headers={"host": "localhost"}, body=body, peer="")
    first, second = run.gateway.open(request, run.now), run.gateway.open(request, run.now)
    for exchange in (first, second):  # as in a burst: each step for both
        exchange.take_in(run.now)
    for exchange in (first, second):
        exchange.take_place(run.now)
    found = [[type(want) for want in spread(exchange.start(run.now))] for exchange in (first, second)]
    assert found == [[Call, WakeAt], [Call, WakeAt] if places == 2 else [WakeAt]]
    for exchange in (second, first):
        exchange.client_gone(run.now)
    assert at_rest(run)


def test_whoever_leaves_with_a_place_that_was_not_used_gives_it_back() -> None:
    run = driven(v={"type": "vllm", "max_concurrent_requests": 1})
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}]}).encode()
    request = ClientRequest(method="POST", path="/api/chat", headers={"host": "localhost"}, body=body, peer="")
    exchange = run.gateway.open(request, run.now)
    exchange.take_in(run.now)
    exchange.take_place(run.now)
    assert run.running == 1
    exchange.client_gone(run.now)
    assert not exchange.start(run.now)
    assert at_rest(run)
