"""The client's side of the format."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.clock import Clock
from ollamux.conversation import Answer, Reasoning
from ollamux.errors import BackendError, BackendUnavailable, Busy, InvalidRequest, Misconfigured
from ollamux.formats.anthropic import SERVING
from ollamux.formats.anthropic.incoming import AnthropicIncoming
from ollamux.formats.base import Place, RenderContext

CHAT, COUNT = SERVING.routes


def read(**fields: Any) -> AnthropicIncoming:
    body = {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}], **fields}
    found = SERVING.read(CHAT, json.dumps(body).encode(), {})
    assert isinstance(found, AnthropicIncoming)
    return found


def test_its_routes_are_a_chat_and_a_count() -> None:
    assert [(route.method, route.path) for route in SERVING.routes] == [
        ("POST", "/v1/messages"),
        ("POST", "/v1/messages/count_tokens"),
    ]
    counted = SERVING.read(COUNT, b'{"model":"m","messages":[]}', {}, Place(query="beta=true"))
    assert counted.operation == "count"


def test_a_stream_is_of_events() -> None:
    assert SERVING.stream_type(read(stream=True)).startswith("text/event-stream")


def test_the_version_is_a_header() -> None:
    body = b'{"model":"m","max_tokens":5,"messages":[],"top_k":1}'
    SERVING.read(CHAT, body, {"anthropic-version": "2023-06-01"})
    with pytest.raises(InvalidRequest):
        SERVING.read(CHAT, body, {"anthropic-version": "2026-10-21"})


def test_a_renderer_shows_what_the_client_wants_of_thinking() -> None:
    context = RenderContext("m", Clock(), 0.0)
    answer = Answer([Reasoning("t")], "stop")
    shown = json.loads(SERVING.renderer(read(), context).whole(answer, 1.0))
    hidden = json.loads(SERVING.renderer(read(thinking={"type": "disabled"}), context).whole(answer, 1.0))
    assert (len(shown["content"]), len(hidden["content"])) == (1, 0)


def test_overload_has_a_status_of_its_own_and_says_when_to_come_back() -> None:
    status, headers, body = SERVING.failure(Busy("later", retry_after=2.1), streaming=True)
    assert status == 529 and ("Retry-After", "3") in headers
    assert json.loads(body)["error"] == {"type": "overloaded_error", "message": "later"}


def test_a_gateway_that_is_not_set_up_is_an_error_of_its_own_and_not_overload() -> None:
    status, _, body = SERVING.failure(Misconfigured("no key"), streaming=False)
    assert status == 503
    assert json.loads(body)["error"] == {"type": "api_error", "message": "no key"}


def test_a_count_passes_through() -> None:
    body = b'{"input_tokens":7}'
    assert SERVING.relay_whole(read(), "up", body, 0.0) is body


def test_an_answer_that_is_none_does_not_pass() -> None:
    for body in (b"", b"{}", b"<html>"):
        with pytest.raises(BackendUnavailable):
            SERVING.relay_whole(read(), "up", body, 0.0)
    with pytest.raises(BackendError) as caught:
        SERVING.relay_whole(read(), "up", b'{"type":"error","error":{"type":"api_error","message":"oh"}}', 0.0)
    assert caught.value.message == "oh"


@pytest.mark.parametrize(
    ("told", "opens"),
    [
        (b'event: message_start\ndata: {"type":"message_start"}\n\nevent: ping\ndata: {"type":"ping"}\n\n', True),
        (b'event: content_block_start\ndata: {"content_block":{"type":"thinking","thinking":""}}\n\n', True),
        (b'event: content_block_start\ndata: {"content_block":{"type":"text","text":"a"}}\n\n', False),
        (b'event: content_block_start\ndata: {"content_block":{"type":"tool_use","id":"t"}}\n\n', False),
        (b"event: content_block_start\ndata: nothing\n\n", False),
        (b'event: content_block_delta\ndata: {"delta":{"text":"a"}}\n\n', False),
    ],
)
def test_what_says_only_that_an_answer_begins_is_told_from_what_says_more(told: bytes, opens: bool) -> None:
    assert SERVING.opens(told) is opens
