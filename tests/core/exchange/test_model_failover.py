"""A request that calls a model: what happens when a backend fails."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.driving import IN_ORDER, Called, Driven, delta, driven, ending, line

from ollamux.contract import FailureKind

CALLS: list[dict[str, Any]] = [
    {"index": 0, "id": "c1", "type": "function", "function": {"name": "look", "arguments": '{"a":'}}
]


def good(called: Called) -> None:
    called.stream(delta("ok"), ending())


def at_rest(run: Driven) -> bool:
    return run.running == 0 and run.gateway.admission.waiting == 0


@pytest.mark.parametrize("kind", ["refused", "dns", "timeout", "reset", "tls", "protocol", "closed", "unreachable"])
def test_an_attempt_that_fails_is_followed_by_one_on_the_next_backend(kind: FailureKind) -> None:
    run = driven(a="vllm", b="llama_cpp")
    asked = run.chat()
    asked.called.fail(kind)
    assert asked.asked == ["a", "b"] and run.running == 1
    good(asked.called)
    assert asked.text == "ok" and at_rest(run)


def test_the_one_with_the_higher_priority_is_asked_first_unless_it_is_unhealthy() -> None:
    run = driven(a={"type": "vllm", "priority": 1}, b={"type": "vllm", "priority": 90})
    asked = run.chat()
    asked.called.fail("refused")
    assert asked.asked == ["b", "a"]
    good(asked.called)
    run.gateway.backend("b").health.bad("x")
    run.gateway.backend("b").health.bad("x")
    assert run.chat().asked == ["a"]


def test_the_last_error_is_what_the_client_gets_and_it_names_no_secret() -> None:
    run = driven(a={"type": "vllm", "api_key": "s3cret"}, b="vllm")
    asked = run.chat()
    asked.called.fail("reset")
    asked.called.fail("tls", "certificate has expired")
    assert asked.status == 502 and at_rest(run)
    assert asked.json["error"] == "backend 'b' could not be trusted: the TLS handshake failed (certificate has expired)"


def test_no_more_calls_are_made_than_configured() -> None:
    run = driven({"retry": {"attempts": 2}}, a="vllm", b="vllm", c="vllm")
    asked = run.chat()
    asked.called.fail("refused")
    asked.called.fail("refused")
    assert asked.asked == ["a", "b"] and asked.status == 502 and at_rest(run)


def test_nobody_else_is_asked_where_fallback_is_off() -> None:
    run = driven({"routing": {"fallback": "none"}}, a="vllm", b="vllm")
    asked = run.chat()
    asked.called.fail("refused")
    assert asked.asked == ["a"] and asked.over and at_rest(run)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 501, 502, 503, 504, 529])
def test_these_statuses_are_followed_by_another_attempt(status: int) -> None:
    run = driven(a="vllm", b="vllm")
    asked = run.chat()
    asked.called.answer(status, {"error": {"message": "no"}})
    assert asked.asked == ["a", "b"]
    good(asked.called)
    assert asked.text == "ok" and at_rest(run)


@pytest.mark.parametrize("status", [400, 413, 422])
def test_these_are_not_since_the_request_is_at_fault(status: int) -> None:
    run = driven(a="vllm", b="vllm")
    asked = run.chat()
    asked.called.answer(status, {"error": {"message": "too strange"}})
    assert asked.asked == ["a"] and asked.status == status and "too strange" in asked.json["error"] and at_rest(run)


def test_which_statuses_are_followed_by_another_attempt_is_configured() -> None:
    run = driven({"retry": {"on": [429]}, **IN_ORDER}, a="vllm", b="vllm")
    asked = run.chat()
    asked.called.answer(500, {"error": {"message": "broken"}})
    assert asked.asked == ["a"] and asked.status == 500
    asked = run.chat()
    asked.called.answer(429, {"error": {"message": "slow down"}})
    assert asked.asked == ["a", "b"]


@pytest.mark.parametrize("path", ["/api/chat", "/v1/chat/completions"])
def test_the_only_backends_429_reaches_the_client_with_its_retry_after_once(path: str) -> None:
    run = driven(a="vllm")
    asked = run.ask("POST", path, {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": False})
    asked.called.answer(429, {"error": {"message": "slow down"}}, retry_after="7")
    assert asked.status == 429 and "slow down" in str(asked.json)
    assert [value for name, value in asked.heads[0].headers if name.lower() == "retry-after"] == ["7"]


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("kind", ["ollama", "vllm"])
def test_a_backends_refusal_of_our_credentials_is_never_shown(status: int, kind: str) -> None:
    run = driven(a=kind)
    asked = run.chat(stream=False)
    asked.called.answer(status, {"error": "key sk-12345 is wrong"})
    assert asked.status == 502 and b"sk-12345" not in asked.body and at_rest(run)


def test_an_error_of_a_backend_of_the_same_format_is_passed_on_as_it_is() -> None:
    run = driven(o="ollama")
    asked = run.chat()
    asked.called.answer(400, b'{"error":"<odd>"}', "application/json; charset=utf-8", x_secret="1")
    assert (asked.status, asked.body) == (400, b'{"error":"<odd>"}')
    told = asked.headers
    assert told.pop("x-request-id")
    assert told == {"content-type": "application/json; charset=utf-8", "x-backend-used": "o"} and at_rest(run)


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"choices":[]', b"null"])
@pytest.mark.parametrize("kind", ["ollama", "vllm"])
def test_a_whole_answer_that_is_none_is_followed_by_another_attempt(body: bytes, kind: str) -> None:
    run = driven(IN_ORDER, a=kind, b="vllm")
    asked = run.chat(stream=False)
    asked.called.answer(200, body)
    assert asked.asked == ["a", "b"]
    choice = {"index": 0, "message": {"role": "assistant", "content": "ok"}, "finish_reason": "stop"}
    asked.called.answer(200, {"choices": [choice]})
    assert asked.json["message"]["content"] == "ok" and at_rest(run)


def test_an_answer_that_is_too_large_is_cut_off() -> None:
    run = driven(a="vllm", b="vllm")
    run.gateway.answer_limit = 10
    asked = run.chat(stream=False)
    asked.called.head(200, "application/json")
    asked.called.data(b"x" * 11)
    assert asked.calls[0].cancelled and asked.asked == ["a", "b"] and run.running == 1


@pytest.mark.parametrize("before", [b"", b": comment\n\n", delta(role="assistant"), delta("")])
@pytest.mark.parametrize("end", ["reset", "closed", "end"])
def test_a_stream_that_breaks_before_its_first_content_goes_on_elsewhere(before: bytes, end: str) -> None:
    run = driven(a="vllm", b="vllm")
    asked = run.chat()
    asked.called.head()
    if before:
        asked.called.data(before)
    asked.called.end() if end == "end" else asked.called.fail(end)  # type: ignore[arg-type]
    assert asked.asked == ["a", "b"] and asked.heads == []
    good(asked.called)
    assert asked.text == "ok" and at_rest(run)


def test_what_a_broken_attempt_had_begun_is_no_part_of_the_next_ones_answer() -> None:
    run = driven(a="vllm", b="vllm")
    asked = run.chat()
    asked.called.head()
    asked.called.data(delta(tool_calls=CALLS))  # Ollama's clients get whole calls, so nothing has gone out
    asked.called.fail("reset")
    good(asked.called)
    assert asked.text == "ok" and not any("tool_calls" in row["message"] for row in asked.lines) and at_rest(run)


@pytest.mark.parametrize("kind", ["ollama", "vllm"])
@pytest.mark.parametrize("end", ["reset", "end"])
def test_a_stream_that_breaks_after_content_is_told_as_broken_and_nobody_else_is_asked(kind: str, end: str) -> None:
    run = driven(IN_ORDER, a=kind, b="vllm")
    asked = run.chat()
    asked.called.head(200, "application/x-ndjson" if kind == "ollama" else "text/event-stream")
    asked.called.data(line("he") if kind == "ollama" else delta("he"))
    asked.called.end() if end == "end" else asked.called.fail("reset")
    assert asked.asked == ["a"] and asked.over and at_rest(run)
    assert "error" in asked.lines[-1] and not any(row.get("done") for row in asked.lines)


def test_an_error_inside_a_stream_before_content_goes_on_elsewhere_and_after_it_is_told() -> None:
    told = b'data: {"error":{"message":"out of memory","code":500}}\n\n'
    run = driven(a="vllm", b="vllm")
    asked = run.chat()
    asked.called.head()
    asked.called.data(told)
    assert asked.calls[0].cancelled and asked.asked == ["a", "b"]
    asked.called.head()
    asked.called.data(delta("x"))
    asked.called.data(told)
    assert asked.called.cancelled and "out of memory" in asked.lines[-1]["error"] and at_rest(run)


def test_an_error_together_with_the_first_content_is_told_after_it() -> None:
    run = driven(a="vllm", b="vllm")
    asked = run.chat()
    asked.called.head()
    asked.called.data(delta("x") + b'data: {"error":{"message":"out of memory"}}\n\n')
    assert asked.asked == ["a"] and [row.get("error") for row in asked.lines][1] is not None and at_rest(run)


@pytest.mark.parametrize("kind", ["closed", "reset"])
def test_a_connection_that_breaks_after_the_streams_own_end_changes_nothing(kind: FailureKind) -> None:
    run = driven(a="vllm")
    asked = run.chat()
    asked.called.head()
    asked.called.data(delta("hello") + ending())
    asked.called.fail(kind)
    assert asked.lines[-1]["done"] is True and at_rest(run)
    assert run.state("a")[0] == "ready"


def test_a_backend_that_ends_whole_streams_with_nothing_in_them_is_followed_by_another() -> None:
    run = driven(IN_ORDER, a="ollama", b="vllm")
    asked = run.chat()
    asked.called.stream(kind="application/x-ndjson")
    assert asked.asked == ["a", "b"]


def test_a_stream_that_is_none_is_not_taken_for_an_empty_answer() -> None:
    for end in (b"data: [DONE]\n\n", b"data: {\n\n", b"<html>"):
        run = driven(a="vllm", b="vllm")
        asked = run.chat()
        asked.called.head()
        asked.called.data(end)
        if asked.calls[0].open:
            asked.called.end()
        assert asked.asked == ["a", "b"] or asked.lines[-1]["done"] is True
        assert run.running == (0 if asked.over else 1)


def test_an_error_in_the_last_line_of_a_stream_that_has_no_newline_goes_on_elsewhere() -> None:
    run = driven(IN_ORDER, a="ollama", b="vllm")
    asked = run.chat()
    asked.called.head(200, "application/x-ndjson")
    asked.called.data(b'{"error":"out of memory"}')
    if asked.calls[0].open:
        asked.called.end()
    assert asked.asked == ["a", "b"]


@pytest.mark.parametrize("status", [100, 302, 999])
def test_a_status_that_is_neither_success_nor_error_is_a_bad_gateway(status: int) -> None:
    run = driven(a="vllm")
    asked = run.chat(stream=False)
    asked.called.answer(status, {"x": 1})
    assert asked.status == 502 and at_rest(run)


def test_data_without_a_head_is_not_an_answer() -> None:
    run = driven(a="vllm")
    asked = run.chat()
    asked.called.data(delta("x"))
    assert asked.heads == [] and not asked.over


def test_calls_count_for_the_health_of_a_backend() -> None:
    run = driven(a="vllm")
    for _ in range(3):
        run.chat().called.fail("refused")
    assert run.state("a") == ("unreachable", "refused")
    run.chat().called.answer(400, {"error": {"message": "x"}})
    assert run.state("a")[0] == "ready"
    for _ in range(3):
        run.chat().called.answer(503, {"error": {"message": "x"}})
    assert run.state("a") == ("unreachable", "it answered with status 503")


def test_a_configuration_that_cannot_be_sent_says_nothing_of_the_backends_health() -> None:
    run = driven(a="vllm")
    for _ in range(4):
        run.chat().called.fail("configuration", "a header cannot be sent")
    assert run.state("a")[0] == "ready"


def test_a_demo_may_be_what_takes_over() -> None:
    run = driven({"models": {"x": {"backend": "demo", "api_model": "demo"}}}, demo="demo")
    run = driven(a={"type": "vllm", "priority": 90}, demo="demo")
    run.gateway.catalog.stock("a", run.gateway.backend("demo").answers_itself.inventory())  # type: ignore[union-attr]
    asked = run.chat("demo")
    assert asked.asked == ["a"]
    asked.called.fail("refused")
    run.pass_time(60)
    assert asked.over and asked.lines[-1]["done"] is True and at_rest(run)


def test_what_the_translation_for_one_backend_loses_is_no_warning_where_the_next_takes_it_as_it_is() -> None:
    run = driven(a={"type": "vllm", "priority": 90}, b="ollama")
    asked = run.ask("POST", "/api/generate", {"model": "m", "prompt": "x", "template": "{{ .Prompt }}"})
    asked.called.fail("refused")
    assert asked.asked == ["a", "b"]
    whole = {"model": "m", "response": "x", "done": True}
    asked.called.stream(json.dumps(whole).encode() + b"\n", kind="application/x-ndjson")
    assert asked.status == 200 and "x-ollamux-warning" not in asked.headers


def test_a_call_is_given_back_where_it_was_made_though_another_model_follows() -> None:
    run = driven({"models": {"m": {"backend": "a", "fallbacks": ["other"]}}}, a="ollama", b="vllm", learn=False)
    run.learn(a=["m"], b=["other"])
    asked = run.chat()
    keeping = run.gateway.machine.vram.keeping
    assert keeping.use("a", "m").running == 1
    asked.called.fail()
    assert asked.asked == ["a", "b"] and keeping.use("a", "m").running == 0


TURNS = {"messages": [{"role": "user", "content": "hi"}]}
GEMINI = "/v1beta/models/m:streamGenerateContent?alt=sse"


@pytest.mark.parametrize(
    ("path", "type_", "body", "opening", "said"),
    [
        ("/v1/chat/completions", "vllm", TURNS, delta("", role="assistant"), delta("ok")),
        (
            "/v1/messages",
            "anthropic",
            TURNS | {"max_tokens": 9},
            b'event: message_start\ndata: {"type":"message_start","message":{"model":"m"}}\n\n'
            b"event: content_block_start\n"
            b'data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
            b'event: ping\ndata: {"type":"ping"}\n\n',
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"text":"ok"}}\n\n',
        ),
        (
            "/api/chat",
            "ollama",
            TURNS,
            b'{"model":"m","message":{"role":"assistant","content":""},"done":false}\n',
            b'{"model":"m","message":{"role":"assistant","content":"ok"},"done":false}\n',
        ),
        (
            "/v1/responses",
            "openai",
            {"input": "hi"},
            b'event: response.created\ndata: {"type":"response.created","response":{"id":"r","output":[]}}\n\n',
            b'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"ok"}\n\n',
        ),
        (
            GEMINI,
            "google",
            {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]},
            b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":""}]}}]}\n\n',
            b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":"ok"}]}}]}\n\n',
        ),
    ],
)
def test_a_stream_that_passes_through_and_breaks_behind_its_opening_is_followed_by_another(
    path: str, type_: str, body: dict[str, Any], opening: bytes, said: bytes
) -> None:
    keys = {"type": type_, "api_key": "k-of-a-test", "models": ["m"]}
    run = driven(IN_ORDER, a=keys, b=keys)
    asked = run.ask("POST", path, body if path == GEMINI else {"model": "m", "stream": True, **body})
    kind = "application/x-ndjson" if type_ == "ollama" else "text/event-stream"
    asked.called.head(200, kind)
    asked.called.data(opening)
    assert not asked.heads
    asked.called.fail()
    assert asked.asked == ["a", "b"] and not asked.heads
    asked.called.head(200, kind)
    asked.called.data(opening)
    assert not asked.heads
    asked.called.data(said)
    assert asked.body.count(b"ok") == 1 and asked.headers["x-backend-used"] == "b"
    assert asked.body == opening + said or type_ in ("google", "openai")  # which are framed or numbered anew
    asked.leave()


def test_a_stream_of_several_choices_that_breaks_is_not_gone_on_with() -> None:
    run = driven({"routing": {"resume": True, "load_balancing": False}}, a="vllm", b="vllm")
    turns = [{"role": "user", "content": "hi"}]
    asked = run.ask("POST", "/v1/chat/completions", {"model": "m", "stream": True, "n": 2, "messages": turns})
    asked.called.head()
    asked.called.data(delta("ok"))
    asked.called.fail()
    assert asked.over and asked.asked == ["a"] and b'"error"' in asked.body
