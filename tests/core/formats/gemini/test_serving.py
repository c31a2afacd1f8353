"""The client's side of Gemini's API."""

from __future__ import annotations

import json

import pytest

from ollamux.clock import Clock
from ollamux.conversation import EmbedAnswer
from ollamux.errors import BackendError, BackendUnavailable
from ollamux.formats.base import Dialect, Place, RenderContext
from ollamux.formats.gemini import METHODS, SERVING
from ollamux.formats.gemini.incoming import GeminiIncoming, read_route
from ollamux.formats.gemini.passthrough import pass_on
from ollamux.routes import Match, Router

BODY = b'{"contents":[{"parts":[{"text":"hi"}]}],"content":{"parts":[]},"requests":[{"content":{"parts":[]}}]}'


def read(path: str, query: str = "") -> GeminiIncoming:
    """What the router and the format make of a path."""
    match = Router().find("POST", path)
    assert isinstance(match, Match) and match.target is not None and match.target.route is not None
    serving = match.target.serving
    assert serving is not None and serving.name == SERVING.name
    found = serving.read(match.target.route, BODY, {}, Place(match.target.place.argument, query))
    assert isinstance(found, GeminiIncoming)
    return found


@pytest.mark.parametrize("version", ["v1", "v1beta"])
@pytest.mark.parametrize("method", METHODS)
def test_every_method_is_served_under_both_versions(version: str, method: str) -> None:
    for colon in (":", "%3A"):
        found = read(f"/{version}/models/gemini{colon}{method}")
        assert (found.model, found.method) == ("gemini", method)


def test_a_name_may_hold_slashes_and_colons() -> None:
    assert read("/v1beta/models/hf.co%2Fa%2Fb%3AQ4%3AgenerateContent").model == "hf.co/a/b:Q4"
    assert read("/v1/models/llama3.2:1b:streamGenerateContent").model == "llama3.2:1b"


def test_a_stream_is_of_the_type_that_the_query_asks_for() -> None:
    path = "/v1beta/models/m:streamGenerateContent"
    assert SERVING.stream_type(read(path, "alt=sse")) == "text/event-stream"
    assert SERVING.stream_type(read(path)) == "application/json"


def test_one_vector_is_told_alone() -> None:
    context = RenderContext("m", Clock(), 0.0)
    for method, name in (("embedContent", "embedding"), ("batchEmbedContents", "embeddings")):
        renderer = SERVING.renderer(read(f"/v1/models/m:{method}"), context)
        assert list(json.loads(renderer.embedded(EmbedAnswer([[1.0]]), 0.0))) == [name]


@pytest.mark.parametrize(
    "body",
    [
        b'{"candidates":[],"modelVersion":"up","x":1.50}',
        b'{"promptFeedback":{"blockReason":"SAFETY"},"modelVersion" : "up"}',
        b'{"totalTokens":3}',
        b'{"embedding":{}}',
        b'{"embeddings":[ ]}',
    ],
)
def test_a_whole_answer_passes_with_the_clients_name(body: bytes) -> None:
    incoming = read("/v1/models/m:generateContent")
    assert SERVING.relay_whole(incoming, "up", body, 0.0) == body.replace(b'"up"', b'"m"')
    assert SERVING.relay_whole(incoming, "m", body, 0.0) == body


def test_an_error_or_garbage_in_the_place_of_an_answer_is_one() -> None:
    incoming = read("/v1/models/m:generateContent")
    with pytest.raises(BackendError, match="no"):
        SERVING.relay_whole(incoming, "up", b'{"error":{"message":"no"}}', 0.0)
    for body in (b"", b"<html>", b"[]", b'{"odd":1}', b"\xff"):
        with pytest.raises(BackendUnavailable):
            SERVING.relay_whole(incoming, "up", body, 0.0)


def test_an_array_that_a_backend_began_is_ended_by_the_error_that_broke_it() -> None:
    incoming = read("/v1/models/m:streamGenerateContent")
    context = RenderContext("m", Clock(), 0.0)
    relay = SERVING.relay(incoming, context, "up")
    out = relay.feed(b'[{"candidates":[{"index":0}],"modelVersion":"up"},\n', 0.0) + relay.close(0.0)
    assert not relay.complete
    out += SERVING.renderer(incoming, context).fault(BackendUnavailable("gone"))
    assert [next(iter(piece)) for piece in json.loads(out)] == ["candidates", "error"]


def test_a_client_that_embeds_gets_what_vertex_predicts_in_its_own_form() -> None:
    asked = b'{"requests":[{"model":"models/m","content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY"}]}'
    incoming = read_route("batchEmbedContents", asked, Place("m"))
    sent = pass_on(incoming, "text-embedding-005", {}, Dialect(predicts=True))
    assert sent.path.endswith(":predict") and json.loads(sent.body) == {"instances": [{"content": "a"}]}
    assert "taskType" in sent.warnings[0]
    told = b'{"predictions":[{"embeddings":{"values":[0.5],"statistics":{"token_count":1}}}]}'
    answer = json.loads(SERVING.relay_whole(incoming, "text-embedding-005", told, 0.0))
    assert answer == {"embeddings": [{"values": [0.5]}], "usageMetadata": {"promptTokenCount": 1}}


@pytest.mark.parametrize(
    ("told", "opens"),
    [
        (b'data: {"candidates":[{"content":{"role":"model","parts":[{"text":""}]}}],"modelVersion":"m"}\r\n\r\n', True),
        (b'data: {"usageMetadata":{"promptTokenCount":1}}\n\n', True),
        (b'[{"candidates":[{"index":0}]}', True),
        (b',{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}', False),
        (b'data: {"candidates":[{"content":{"parts":[{"text":""},{"functionCall":{"name":"f"}}]}}]}\n\n', False),
        (b'data: {"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"x"}]}}]}\n\n', False),
        (b'data: {"candidates":[{"content":{"parts":[{"text":""}]},"finishReason":"STOP"}]}\n\n', False),
        (b'data: {"promptFeedback":{"blockReason":"SAFETY"}}\n\n', False),
        (b"data: nothing\n\n", False),
    ],
)
def test_what_says_only_that_an_answer_begins_is_told_from_what_says_more(told: bytes, opens: bool) -> None:
    assert SERVING.opens(told) is opens
