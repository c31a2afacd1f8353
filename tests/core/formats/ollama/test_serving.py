"""The serving side of the Ollama format, from a body to an answer of an OpenAI-style server."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.clock import Clock
from ollamux.errors import BackendError, BackendUnavailable, Busy, InvalidRequest, OllamuxError
from ollamux.formats.base import Incoming, RenderContext, Served
from ollamux.formats.ollama import SERVING
from ollamux.formats.ollama.incoming import FormatError
from ollamux.formats.ollama.serving import OllamaServing

ROUTES = {route.name: route for route in SERVING.routes}
WHOLE = (("Content-Type", "application/json; charset=utf-8"),)
BARE = (("Content-Type", "application/json"),)


def read(route: str = "chat", body: bytes = b'{"model":"m"}') -> Incoming:
    return SERVING.read(ROUTES[route], body, {})


def context() -> RenderContext:
    clock = Clock()
    clock.set(1_700_000_000.0, 0, 0.0)
    return RenderContext("m", clock, 1.0, 1.5)


def test_the_routes_are_ollamas() -> None:
    assert {route.path for route in SERVING.routes} == {"/api/chat", "/api/generate", "/api/embed", "/api/embeddings"}
    assert {route.method for route in SERVING.routes} == {"POST"}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "missing request body"),
        (b"{model:1}", "invalid character 'm' looking for beginning of object key string"),
        (b"null", "model is required"),
        (b'{"model":1}', "json: cannot unmarshal number into Go struct field ChatRequest.model of type string"),
    ],
)
def test_a_body_is_refused_in_gos_words(body: bytes, text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read("chat", body)
    assert (caught.value.status, caught.value.message) == (400, text)


@pytest.mark.parametrize(
    ("error", "streaming", "headers"),
    [
        (InvalidRequest("x"), True, WHOLE),
        (OllamuxError("x"), True, WHOLE),
        (Busy("x"), True, WHOLE),
        (FormatError("x"), True, BARE),
        (FormatError("x"), False, WHOLE),
        (BackendError("x", status=500), True, BARE),
        (BackendError("x", status=500), False, WHOLE),
        (BackendUnavailable("x"), True, BARE),
    ],
)
def test_what_goes_wrong_while_streaming_has_a_bare_content_type(
    error: OllamuxError, streaming: bool, headers: Any
) -> None:
    assert SERVING.failure(error, streaming=streaming) == (error.status, headers, b'{"error":"x"}')


def test_a_failure_says_when_to_come_back() -> None:
    assert SERVING.failure(Busy("x", retry_after=0.2), streaming=False)[1] == (*WHOLE, ("Retry-After", "1"))


def test_a_failure_is_escaped_for_html() -> None:
    assert SERVING.failure(InvalidRequest("<b>&"), streaming=False)[2] == b'{"error":"\\u003cb\\u003e\\u0026"}'


@pytest.mark.parametrize(
    ("route", "body", "start"),
    [
        (
            "chat",
            b'{"model":"m","messages":[{"content":"x"}]}',
            b'{"model":"m","created_at":"2023-11-14T22:13:22Z","message":',
        ),
        ("generate", b'{"model":"m","prompt":"x"}', b'{"model":"m","created_at":"2023-11-14T22:13:22Z","response":'),
    ],
)
def test_the_renderer_is_the_routes(route: str, body: bytes, start: bytes) -> None:
    assert SERVING.renderer(read(route, body), context()).end(2.0).startswith(start)


def test_only_a_generate_that_is_not_raw_has_a_context() -> None:
    for body, has in ((b'{"model":"m","prompt":"x"}', True), (b'{"model":"m","prompt":"x","raw":true}', False)):
        assert (b'"context":[' in SERVING.renderer(read("generate", body), context()).end(2.0)) is has


@pytest.mark.parametrize(
    ("route", "out"), [("embed", b'{"model":"m","embeddings":[]}'), ("embeddings", b'{"embedding":[]}')]
)
def test_nothing_to_embed_is_a_load(route: str, out: bytes) -> None:
    incoming = read(route)
    incoming.check(Served("m", "m", frozenset(("embedding",))))
    assert incoming.operation == "load"
    assert SERVING.renderer(incoming, context()).loaded("load", 2.0) == out


def test_a_whole_answer_passes_under_the_clients_name() -> None:
    body = b'{"model":"up","x":[1.50],"done":true}'
    assert SERVING.relay_whole(read(), "up", body, 0.0) == b'{"model":"m","x":[1.50],"done":true}'
    assert SERVING.relay_whole(read(), "m", body, 0.0) is body
    vectors = b'{"embedding":[1]}'
    assert SERVING.relay_whole(read("embeddings"), "up", vectors, 0.0) is vectors


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b"{}", b'{"detail":"Not Found"}'])
def test_what_is_no_answer_does_not_pass(body: bytes) -> None:
    with pytest.raises(BackendUnavailable):
        SERVING.relay_whole(read(), "up", body, 0.0)


def test_an_error_with_status_200_does_not_pass() -> None:
    with pytest.raises(BackendError):
        SERVING.relay_whole(read(), "up", b'{"error":"boom"}', 0.0)


def test_a_stream_passes_under_the_clients_name() -> None:
    relay = SERVING.relay(read(), context(), "up")
    out = relay.feed(b'{"model":"up","message":{"role":"assistant","content":"a"},"done":false}\n', 1.0)
    assert json.loads(out)["model"] == "m"
    relay.feed(b'{"model":"up","message":{"role":"assistant","content":""},"done":true}\n', 1.0)
    relay.close(1.0)
    assert relay.complete


@pytest.mark.parametrize("route", ["chat", "generate"])
@pytest.mark.parametrize(
    ("told", "stream"),
    [
        (b"", False),
        (b',"stream":null', False),
        (b',"Stream":null', False),
        (b',"stream":true', True),
        (b',"Stream":true', True),
        (b',"stream":false', False),
    ],
)
def test_a_request_that_does_not_say_gets_no_stream_where_that_is_configured(
    route: str, told: bytes, stream: bool
) -> None:
    body = b'{"model":"m","options":{"stream":true},"prompt":"x","messages":[{"role":"user","content":"x"}]%b}' % told
    incoming = OllamaServing(streams=False).read(ROUTES[route], body, {})
    assert incoming.stream is stream
    sent = {name.lower(): value for name, value in json.loads(incoming.body).items()}
    assert sent["stream"] is stream
    assert sent["options"] == {"stream": True}


def test_what_is_no_json_is_refused_as_ever_where_nothing_streams_by_itself() -> None:
    with pytest.raises(InvalidRequest, match="invalid character"):
        OllamaServing(streams=False).read(ROUTES["chat"], b"{model:1}", {})
    embedded = OllamaServing(streams=False).read(ROUTES["embed"], b'{"model":"m","input":"x"}', {})
    assert embedded.body == b'{"model":"m","input":"x"}'


@pytest.mark.parametrize(
    ("told", "opens"),
    [
        (b'{"model":"m","message":{"role":"assistant","content":""},"done":false}\n', True),
        (b'{"model":"m","response":"","done":false}\n{"model":"m","response":"","done":false}\n', True),
        (b'{"model":"m","message":{"role":"assistant","content":"a"},"done":false}\n', False),
        (b'{"model":"m","message":{"role":"assistant","content":"","thinking":"a"},"done":false}\n', False),
        (
            b'{"model":"m","message":{"role":"assistant","content":"","tool_calls":[{"function":{"name":"f"}}]},"done":false}\n',
            False,
        ),
        (b'{"model":"m","response":"","thinking":"a","done":false}\n', False),
        (b'{"model":"m","response":"a","done":false}\n', False),
        (b'{"model":"m","message":{"role":"assistant","content":""},"done":true}\n', False),
        (b'{"status":"","completed":1,"done":false}\n', False),
        (b'{"message":""', False),
    ],
)
def test_what_says_only_that_an_answer_begins_is_told_from_what_says_more(told: bytes, opens: bool) -> None:
    assert SERVING.opens(told) is opens
