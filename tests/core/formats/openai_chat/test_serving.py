"""The serving side of OpenAI's chat completions."""

from __future__ import annotations

import json

import pytest

from ollamux.clock import Clock
from ollamux.errors import BackendError, BackendUnavailable, Busy, InvalidRequest
from ollamux.formats.base import Incoming, RenderContext
from ollamux.formats.openai_chat import SERVING
from ollamux.formats.openai_chat.rendering import OpenAIChatRenderer

ROUTE = SERVING.routes[0]


def read(body: bytes = b'{"model":"m","stream":true,"stream_options":{"include_usage":true}}') -> Incoming:
    return SERVING.read(ROUTE, body, {})


def context() -> RenderContext:
    return RenderContext("m", Clock(), 0.0)


def test_every_path_is_served_with_and_without_its_version() -> None:
    assert (ROUTE.method, ROUTE.path) == ("POST", "/v1/chat/completions")
    paths = {route.path for route in SERVING.routes}
    assert paths == {
        before + path for before in ("", "/v1") for path in ("/chat/completions", "/completions", "/embeddings")
    }
    body = b'{"model":"m"}'
    for route in SERVING.routes:
        assert route.path.endswith(getattr(SERVING.read(route, body, {}), "path", "?"))


def test_a_broken_body_is_refused() -> None:
    with pytest.raises(InvalidRequest):
        read(b"nope")


def test_the_renderer_knows_whether_usage_was_asked_for() -> None:
    one = SERVING.renderer(read(), context())
    assert isinstance(one, OpenAIChatRenderer)
    assert b'"usage"' in one.end(1.0)
    assert b'"usage"' not in SERVING.renderer(read(b'{"model":"m"}'), context()).end(1.0)


def test_failures_are_json_whether_streaming_or_not() -> None:
    for streaming in (True, False):
        status, headers, body = SERVING.failure(Busy("later", retry_after=1.2), streaming=streaming)
        assert status == 503
        assert headers == (("Content-Type", "application/json"), ("Retry-After", "2"))
        assert json.loads(body)["error"]["message"] == "later"


def test_a_whole_answer_passes_under_the_clients_name() -> None:
    body = b'{"id":"x", "model":"up", "choices":[1.50]}'
    assert SERVING.relay_whole(read(), "up", body, 0.0) == b'{"id":"x", "model":"m", "choices":[1.50]}'
    same = b'{"model":"m","choices":[]}'
    assert SERVING.relay_whole(read(), "m", same, 0.0) is same


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]"])
def test_what_is_no_answer_does_not_pass(body: bytes) -> None:
    with pytest.raises(BackendUnavailable):
        SERVING.relay_whole(read(), "up", body, 0.0)


def test_an_error_with_status_200_does_not_pass() -> None:
    with pytest.raises(BackendError, match="boom"):
        SERVING.relay_whole(read(), "up", b'{"error":{"message":"boom"}}', 0.0)


def test_a_stream_passes_under_the_clients_name() -> None:
    relay = SERVING.relay(read(), context(), "up")
    choice = b'{"index":0,"delta":{"role":"assistant","content":"a"},"finish_reason":null}'
    out = relay.feed(b'data: {"model":"up","choices":[' + choice + b"]}\n\n", 1.0)
    assert json.loads(out[6:])["model"] == "m"
    relay.feed(b"data: [DONE]\n\n", 1.0)
    relay.close(1.0)
    assert relay.complete


def test_usage_goes_to_those_who_asked_for_it() -> None:
    usage = b'data: {"id":"x","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":2}}\n\n'
    assert SERVING.relay(read(), context(), "m").feed(usage, 1.0) == usage
    assert SERVING.relay(read(b'{"model":"m","stream":true}'), context(), "m").feed(usage, 1.0) == b""


def test_a_stream_without_an_id_gets_one_of_its_kind() -> None:
    completion = next(route for route in SERVING.routes if route.name == "completion")
    for route, start in ((ROUTE, "chatcmpl-"), (completion, "cmpl-")):
        relay = SERVING.relay(SERVING.read(route, b'{"model":"m","stream":true}', {}), context(), "m")
        assert json.loads(relay.feed(b'data: {"id":"","choices":[{"text":"a"}]}\n\n', 1.0)[6:])["id"].startswith(start)


@pytest.mark.parametrize(
    ("told", "opens"),
    [
        (b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n', True),
        (b': a comment\n\ndata: {"choices":[],"usage":{"prompt_tokens":1}}\n\n', True),
        (b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":"a"}}]}\n\n', False),
        (b'data: {"choices":[{"index":0,"delta":{"reasoning_content":"a"}}]}\n\n', False),
        (b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0}]}}]}\n\n', False),
        (b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n', False),
        (b'data: {"choices":[{"index":0,"text":"a"}]}\n\n', False),
        (b'data: {"choices":[{"delta":{"content":null}}],"prompt_progress":{"total":9}}\n\n', False),
        (b"data: [DONE]\n\n", False),
    ],
)
def test_what_says_only_that_an_answer_begins_is_told_from_what_says_more(told: bytes, opens: bool) -> None:
    assert SERVING.opens(told) is opens
