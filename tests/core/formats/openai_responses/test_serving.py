"""The client's side of the format."""

from __future__ import annotations

import json

import pytest
from tests.core.formats.openai_responses.conftest import Client

from ollamux.clock import Clock
from ollamux.errors import BackendError, BackendUnavailable, Busy
from ollamux.formats.base import RenderContext
from ollamux.formats.openai_responses.store import LONGEST

RESPONSE = (
    b'{"id":"resp_1", "object":"response","model":"up","status":"completed","output":[ {"id":"msg_1"} ],"error":null}'
)


def test_responses_and_counts_are_served_with_and_without_v1(client: Client) -> None:
    assert [(route.method, route.path) for route in client.serving.routes] == [
        ("POST", "/v1/responses"),
        ("POST", "/responses"),
        ("POST", "/v1/responses/input_tokens"),
        ("POST", "/responses/input_tokens"),
    ]
    read = [client.serving.read(route, b'{"model":"m","stream":true}', {}) for route in client.serving.routes]
    assert [(one.operation, one.stream) for one in read] == [("chat", True)] * 2 + [("count", False)] * 2


def test_a_whole_answer_passes_but_for_the_models_name_and_is_kept(client: Client) -> None:
    incoming = client.read(input="hi")
    long_after = 10.0 * LONGEST  # the clock of a machine that has been up for days
    told = client.serving.relay_whole(incoming, "up", RESPONSE, long_after)
    assert told == RESPONSE.replace(b'"up"', b'"m"')
    assert client.serving.responses.get("resp_1", long_after + LONGEST - 1) == (200, told)
    kept = client.serving.responses.find("resp_1")
    assert kept is not None and kept.upstream and kept.output == (b'{"id":"msg_1"}',)
    assert client.serving.responses.behind("resp_1") == "m"


@pytest.mark.parametrize(
    "body", [RESPONSE.replace(b"completed", b"queued"), RESPONSE.replace(b'"up"', b'"m"'), b'{"output":[]}']
)
def test_what_needs_no_change_is_not_touched(client: Client, body: bytes) -> None:
    incoming = client.read(input="hi", model="up", store=False)
    assert client.serving.relay_whole(incoming, "up", body, 0.0) == body.replace(b'"m"', b'"up"')
    assert len(client.serving.responses) == 0 and client.serving.responses.behind("resp_1") == ""


def test_where_a_response_is_that_goes_on_in_the_background_is_remembered(client: Client) -> None:
    client.serving.relay_whole(
        client.read(input="hi", background=True), "up", RESPONSE.replace(b"completed", b"queued"), 0
    )
    assert len(client.serving.responses) == 0 and client.serving.responses.behind("resp_1") == "m"


def test_a_count_passes(client: Client) -> None:
    body = b'{"object":"response.input_tokens","input_tokens":5}'
    assert client.serving.relay_whole(client.read(input="hi"), "up", body, 0.0) == body


def test_an_error_in_place_of_an_answer_is_the_backends(client: Client) -> None:
    with pytest.raises(BackendError) as caught:
        client.serving.relay_whole(client.read(input="hi"), "up", b'{"error":{"message":"boom"}}', 0.0)
    assert caught.value.message == "boom"
    failed = RESPONSE.replace(b'"error":null', b'"error":{"code":"server_error","message":"x"}')
    assert b"server_error" in client.serving.relay_whole(client.read(input="hi"), "up", failed, 0.0)


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b"<html>", b'{"output":5}'])
def test_what_is_no_answer_is_an_unusable_backend(client: Client, body: bytes) -> None:
    with pytest.raises(BackendUnavailable):
        client.serving.relay_whole(client.read(input="hi"), "up", body, 0.0)


def test_an_error_says_when_to_come_back(client: Client) -> None:
    status, headers, body = client.serving.failure(Busy("later", retry_after=1.2), streaming=True)
    assert status == 503 and ("Retry-After", "2") in headers
    assert json.loads(body)["error"]["message"] == "later"


def test_a_stream_is_server_sent_events(client: Client) -> None:
    incoming = client.read(input="hi", stream=True)
    assert client.serving.stream_type(incoming) == "text/event-stream"
    assert client.serving.relay(incoming, RenderContext("m", Clock(), 1.0), "up").complete is False


@pytest.mark.parametrize(
    ("told", "opens"),
    [
        (b'event: response.created\ndata: {"type":"response.created","response":{"id":"r","output":[]}}\n\n', True),
        (b'data: {"type":"response.in_progress","response":{}}\n\n: a comment\n\n', True),
        (b'data: {"type":"response.output_item.added","item":{"type":"message","content":[]}}\n\n', True),
        (b'data: {"type":"response.output_item.added","item":{"type":"reasoning","summary":[]}}\n\n', True),
        (b'data: {"type":"response.content_part.added","part":{"type":"output_text","text":""}}\n\n', True),
        (b'data: {"type":"response.output_item.added","item":{"type":"function_call","name":"f"}}\n\n', False),
        (b'data: {"type":"response.created","response":{"id":"r","background":true}}\n\n', False),
        (b'data: {"type":"response.output_text.delta","delta":"a"}\n\n', False),
        (b'data: {"type":"response.completed","response":{}}\n\n', False),
        (b"data: [DONE]\n\n", False),
    ],
)
def test_what_says_only_that_an_answer_begins_is_told_from_what_says_more(
    client: Client, told: bytes, opens: bool
) -> None:
    assert client.serving.opens(told) is opens
