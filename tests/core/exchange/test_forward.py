"""Requests that go to an Ollama backend as they are: both ways, any size, once."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.driving import Asked, Driven, driven

from ollamux.contract import ClientRequest, WakeAt
from ollamux.exchange.forward import ForwardExchange, kept_behind
from ollamux.formats.openai_responses import SERVING
from ollamux.news import Decision, News

DIGEST = "sha256:" + "a" * 64


def managed(**timeouts: float) -> Driven:
    return driven(o={"type": "ollama", "timeouts": {"first_byte": 60, "idle": 5, **timeouts}, "api_key": "s3cret"})


def test_a_pull_goes_there_and_its_lines_come_back_as_they_are() -> None:
    run = managed()
    asked = run.ask("POST", "/api/pull", {"model": "new"})
    call = asked.called.call
    assert (call.method, call.url, asked.called.json) == ("POST", "http://o:1/api/pull", {"model": "new"})
    assert dict(call.headers)["Authorization"] == "Bearer s3cret"
    asked.called.head(200, "application/x-ndjson", x_secret="1")
    assert asked.heads[0].now and asked.headers == {"content-type": "application/x-ndjson"}
    asked.called.data(b'{"status":"pulling')
    assert asked.body == b'{"status":"pulling'
    asked.called.data(b' manifest"}\n')
    asked.called.end()
    assert asked.over and asked.body.endswith(b'manifest"}\n')


def test_what_repeats_the_backends_key_goes_on_without_it_wherever_it_is_cut() -> None:
    run = driven(o={"type": "ollama", "api_key": "sk-nobody-may-see"})
    asked = run.ask("POST", "/api/push", {"model": "m"})
    asked.called.head(200, "application/x-ndjson")
    asked.called.data(b'{"error":"no push for sk-nobody')
    assert asked.body == b'{"error":"no push for '
    asked.called.data(b'-may-see"}\n{"status":"sk-no')
    asked.called.end()
    assert asked.over and asked.body == b'{"error":"no push for *****************"}\n{"status":"sk-no'


def test_after_a_change_the_backend_is_asked_anew_what_it_has() -> None:
    run = managed()
    assert run.chores() == []
    run.ask("POST", "/api/pull", {"model": "new"}).called.answer(200, {"status": "success"})
    assert run.gateway.hurry and [chore.path for chore in run.chores()] == ["/api/tags", "/api/ps"]


def test_a_change_that_failed_changed_nothing() -> None:
    run = managed()
    asked = run.ask("DELETE", "/api/delete", {"model": "m"})
    asked.called.answer(404, {"error": "model 'm' not found"}, retry_after="3")
    assert asked.status == 404 and asked.headers["retry-after"] == "3" and asked.headers["content-type"]
    assert not run.gateway.hurry


def test_what_a_backend_tells_beside_its_answer_goes_on_and_what_is_its_own_affair_does_not() -> None:
    told = {
        "X-Request-ID": "r1",
        "x-ratelimit-remaining-requests": "4",
        "Retry-After": "3",
        "Server": "s",
        "X-Own": "x",
    }
    asked = managed().ask("POST", "/api/show", {"model": "m"})
    asked.called.head(429, "application/json", **{name.replace("-", "_"): value for name, value in told.items()})
    assert asked.headers == {
        "content-type": "application/json",
        "x-request-id": "r1",
        "x-ratelimit-remaining-requests": "4",
        "retry-after": "3",
    }


def test_an_upload_goes_through_piece_by_piece_with_its_length() -> None:
    run = managed()
    headers = {"content-length": "6", "content-type": "x/y"}
    asked = run.ask("POST", f"/api/blobs/{DIGEST}", None, headers)
    sent = dict(asked.called.call.headers)
    assert asked.called.call.body is None and sent["Content-Length"] == "6" and sent["Content-Type"] == "x/y"
    asked.upload(b"abc", b"def")
    assert asked.called.uploaded == b"abcdef" and asked.called.upload_over
    asked.called.head(201, "text/plain", content_length="0")
    asked.called.end()
    assert asked.status == 201 and asked.headers["content-length"] == "0" and run.gateway.hurry


def test_an_upload_whose_length_nobody_knows_has_none() -> None:
    asked = managed().ask("POST", f"/api/blobs/{DIGEST}", None)
    sent = [name for name, _ in asked.called.call.headers]
    assert "Content-Length" not in sent and sent.count("Content-Type") == 1


def test_an_upload_waits_where_the_backend_takes_no_more() -> None:
    run = managed()
    asked = run.ask("POST", f"/api/blobs/{DIGEST}", None)
    asked.do(asked.exchange.upload_blocked(1, run.now))
    assert asked.body_on is False
    asked.do(asked.exchange.upload_drained(1, run.now))
    assert asked.body_on is True


def test_an_upload_that_is_refused_early_ends_with_the_backends_answer() -> None:
    run = managed()
    asked = run.ask("POST", f"/api/blobs/{DIGEST}", None)
    asked.do(asked.exchange.body_data(b"abc", run.now))
    asked.called.answer(400, {"error": "invalid digest format"})
    assert asked.status == 400
    assert asked.exchange.body_data(b"more", run.now) is None and asked.exchange.body_end(run.now) is None


def test_nothing_is_tried_twice() -> None:
    run = driven(o="ollama", p="ollama")
    asked = run.ask("POST", "/api/pull", {"model": "new"})
    asked.called.fail("reset")
    assert asked.asked == ["o"] and asked.status == 502
    assert asked.json == {"error": "backend 'o' closed the connection before it answered"}
    assert not run.gateway.hurry


def test_lines_that_break_off_end_with_an_error_line_and_no_proper_end() -> None:
    asked = managed().ask("POST", "/api/pull", {"model": "new"})
    asked.called.head(200, "application/x-ndjson")
    asked.called.data(b'{"status":"x"}\n')
    asked.called.fail("reset")
    assert "error" in asked.lines[-1] and asked.end is not None and asked.end.broken


def test_nothing_is_added_to_a_body_that_breaks_off_in_another_form() -> None:
    asked = managed().ask("POST", "/api/show", {"model": "m"})
    asked.called.head(200, "application/json", content_length="100")
    asked.called.data(b'{"modelfile":')
    asked.called.fail("reset")
    assert asked.body == b'{"modelfile":' and asked.end is not None and asked.end.broken


def test_a_backend_that_never_begins_is_given_up_and_one_that_falls_silent_too() -> None:
    run = managed()
    asked = run.ask("POST", "/api/pull", {"model": "new"})
    run.pass_time(59)
    assert not asked.over
    run.pass_time(3)
    assert asked.status == 504 and asked.called.cancelled
    asked = run.ask("POST", "/api/pull", {"model": "new"})
    asked.called.head(200, "application/x-ndjson")
    run.pass_time(4)
    asked.called.data(b"{}\n")
    run.pass_time(4)
    assert not asked.over
    run.pass_time(3)
    assert asked.over and asked.called.cancelled and "error" in asked.lines[-1]


def test_a_limit_of_zero_is_none() -> None:
    run = managed(first_byte=0, idle=0)
    asked = run.ask("POST", "/api/pull", {"model": "new"})
    run.pass_time(10_000)
    asked.called.head()
    run.pass_time(10_000)
    assert not asked.over


def test_the_clock_stands_still_while_the_client_is_paused() -> None:
    run = managed()
    asked = run.ask("POST", "/api/pull", {"model": "new"})
    asked.called.head(200, "application/x-ndjson")
    asked.pause()
    assert asked.called.reading is False
    run.pass_time(600)
    assert not asked.over
    asked.resume()
    assert asked.called.reading is True
    run.pass_time(4)
    assert not asked.over
    run.pass_time(3)
    assert asked.over


def test_a_client_that_leaves_cancels_and_what_comes_then_is_ignored() -> None:
    run = managed()
    asked = run.ask("POST", "/api/pull", {"model": "new"})
    asked.leave()
    assert asked.called.cancelled
    exchange = asked.exchange
    late = (
        exchange.attempt_head(1, 200, [], run.now),
        exchange.attempt_data(1, b"x", run.now),
        exchange.attempt_end(1, run.now),
        exchange.attempt_failed(1, "reset", True, run.now),
        exchange.client_gone(run.now),
        exchange.woken(run.now),
        exchange.proceed(run.now),
    )
    assert set(late) == {None}
    assert run.state("o")[0] == "ready"


def test_a_model_that_is_not_known_is_looked_for_before_it_is_shown() -> None:
    run = managed()
    run.pass_time(5)
    asked = run.ask("POST", "/api/show", {"model": "new"})
    assert asked.calls == []
    run.learn(o=["new"])
    assert asked.called.json == {"model": "new"}


@pytest.mark.parametrize("path", ["/api/show", "/api/delete"])
def test_one_that_does_not_come_up_is_not_found_when_the_patience_is_over(path: str) -> None:
    run = managed()
    run.pass_time(5)
    asked = run.ask("DELETE" if path == "/api/delete" else "POST", path, {"model": "new"})
    assert asked.wake_at == run.now + 1.0
    run.pass_time(1)
    assert asked.status == 404 and asked.calls == []


def test_a_client_that_leaves_meanwhile_is_forgotten() -> None:
    run = managed()
    run.pass_time(5)
    asked = run.ask("POST", "/api/show", {"model": "new"})
    asked.leave()
    run.learn(o=["new"])
    assert asked.calls == []


def test_it_asks_to_be_woken_when_silence_would_be_too_long() -> None:
    run = managed()
    asked = run.ask("POST", "/api/pull", {"model": "new"})
    wants: Any = asked.exchange.attempt_head(1, 200, [], run.now)
    assert WakeAt(run.now + 5) in wants


# A response that only its backend keeps


def keeper(**keys: Any) -> Driven:
    told = {"type": "openai", "api_key": "s3cret", **keys}
    return driven({"models": {"mine": {"backend": "k", "api_model": "up"}}}, k=told)


def looked_for(run: Driven, method: str = "GET", rest: str = "", query: str = "", model: str = "mine") -> Asked:
    forward = kept_behind(run.gateway, model, "resp_a/b", rest, query)
    assert forward is not None
    request = ClientRequest(method, f"/v1/responses/resp_a%2Fb{rest}", {"host": "localhost", "authorization": "own"})
    asked = Asked(run, ForwardExchange(run.gateway, request, lambda now: forward, told=SERVING), None)
    asked.do(asked.exchange.start(run.now))
    return asked


def test_a_response_is_asked_for_where_it_is_kept_and_comes_back_as_it_is() -> None:
    asked = looked_for(keeper(endpoint="http://k:1/v1"), "GET", "/input_items", "limit=5&key=own&include[]=a&order=asc")
    call = asked.called.call
    assert (call.method, call.url) == (
        "GET",
        "http://k:1/v1/responses/resp_a%2Fb/input_items?limit=5&include%5B%5D=a&order=asc",
    )
    assert dict(call.headers)["Authorization"] == "Bearer s3cret" and "own" not in str(call)
    asked.called.answer(200, {"object": "list"}, x_request_id="r1")
    assert (asked.status, asked.json, asked.headers["x-request-id"]) == (200, {"object": "list"}, "r1")


def test_azure_has_it_at_an_address_of_its_own() -> None:
    run = keeper(type="azure", endpoint="https://x.example", api_version="2025-04-01-preview")
    assert looked_for(run, query="stream=true").called.url == (
        "https://x.example/openai/responses/resp_a%2Fb?api-version=2025-04-01-preview&stream=true"
    )


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_what_goes_wrong_there_is_told_in_the_clients_words_and_never_what_concerns_our_key(method: str) -> None:
    asked = looked_for(keeper(), method)
    asked.called.answer(401, {"error": {"message": "Incorrect API key: s3cret"}})
    assert asked.status == 502 and asked.json["error"]["type"] == "api_error" and b"s3cret" not in asked.body
    assert asked.called.cancelled
    asked = looked_for(keeper(), method)
    asked.called.fail("refused")
    assert asked.status == 502 and "refused the connection" in asked.json["error"]["message"]
    asked = looked_for(keeper(), method)
    asked.called.answer(404, {"error": {"message": "not found"}})
    assert (asked.status, asked.json) == (404, {"error": {"message": "not found"}})


def test_no_other_backend_is_asked_for_it() -> None:
    run = driven(l="llama_cpp", o="ollama")
    assert kept_behind(run.gateway, "m", "resp_1", "", "") is None
    assert kept_behind(run.gateway, "nobodys", "resp_1", "", "") is None


def rows(run: Driven) -> dict[str, Any]:
    return {row.operation: row for row in run.gateway.ledger.rows()}


def test_what_went_to_a_backend_is_counted_once_whatever_came_of_it() -> None:
    run = managed()
    heard: list[News] = []
    run.gateway.feed.listen(heard.append)
    done = run.ask("POST", "/api/pull", {"model": "new"}, {"x-request-id": "r7"})
    run.pass_time(2)
    done.called.answer(200, {"status": "success"})
    run.ask("DELETE", "/api/delete", {"model": "m"}).called.answer(404, {"error": "no"})
    run.ask("POST", "/api/pull", {"model": "new"}).called.fail("refused")
    run.ask("POST", "/api/pull", {"model": "new"}).leave()
    found = rows(run)
    pulls = found["pull"]
    assert (pulls.backend, pulls.model, pulls.requests) == ("o", "", 3)
    assert pulls.failures == {"upstream_bad": 1, "gone": 1} and pulls.seconds[""].total == 2.0
    assert found["delete"].failures == {"not_found": 1}
    assert sum(run.gateway.ledger.exchanges.values()) == 4
    first = next(news for news in heard if isinstance(news, Decision))
    assert (first.request_id, first.operation, first.backend, first.seconds) == ("r7", "pull", "o", 2.0)


def test_what_goes_nowhere_is_not_counted() -> None:
    run = driven(a="vllm")
    assert run.ask("POST", "/api/pull", {"model": "new"}).status == 501
    assert rows(run) == {}
