"""Vectors from models on Bedrock."""

from __future__ import annotations

import json

import pytest

from ollamux.conversation import EmbedAnswer, EmbedRequest, Sampling
from ollamux.errors import BackendUnavailable, InvalidRequest
from ollamux.formats.base import Dialect
from ollamux.formats.bedrock.embedding import build_embed, read_vectors

TITAN, COHERE, FOUR = "amazon.titan-embed-text-v2:0", "cohere.embed-english-v3", "eu.cohere.embed-v4:0"
PLAIN = Dialect()


def test_titan_takes_one_text() -> None:
    outgoing = build_embed(EmbedRequest("m", ["a"], dimensions=256), TITAN, PLAIN)
    assert outgoing.path == "/model/amazon.titan-embed-text-v2%3A0/invoke"
    assert json.loads(outgoing.body) == {"inputText": "a"} and outgoing.warnings == ()
    for inputs in ([], ["a", "b"]):
        with pytest.raises(InvalidRequest, match="one text at a time"):
            build_embed(EmbedRequest("m", inputs), TITAN, PLAIN)


@pytest.mark.parametrize(
    ("model", "truncate", "told"),
    [
        (COHERE, None, None),
        (COHERE, True, "END"),
        (COHERE, False, "NONE"),
        (FOUR, True, "RIGHT"),
        (FOUR, False, "NONE"),
    ],
)
def test_cohere_takes_texts_and_is_told_what_they_are_for(model: str, truncate: bool | None, told: str | None) -> None:
    body = json.loads(build_embed(EmbedRequest("m", ["a", "b"], truncate=truncate), model, PLAIN).body)
    assert body.pop("truncate", None) == told
    assert body == {"texts": ["a", "b"], "input_type": "search_document", "embedding_types": ["float"]}


def test_what_a_text_is_for_may_be_configured() -> None:
    options = Sampling(other={"input_type": "search_query", "num_ctx": 1})
    outgoing = build_embed(EmbedRequest("m", ["a"], sampling=options), COHERE, Dialect(extra={"extra": 1}))
    body = json.loads(outgoing.body)
    assert body["input_type"] == "search_query" and body["extra"] == 1
    assert outgoing.warnings == ("the backend does not take these options: num_ctx",)


def test_cohere_takes_no_more_texts_than_it_says() -> None:
    build_embed(EmbedRequest("m", ["a"] * 96), COHERE, PLAIN)
    with pytest.raises(InvalidRequest, match="96 texts at a time"):
        build_embed(EmbedRequest("m", ["a"] * 97), COHERE, PLAIN)


@pytest.mark.parametrize("model", ["amazon.nova-lite-v1:0", "amazon.titan-embed-image-v1", "meta.llama3-v1:0"])
def test_a_model_whose_body_is_not_known_is_refused(model: str) -> None:
    with pytest.raises(InvalidRequest, match="not known how the model"):
        build_embed(EmbedRequest("m", ["a"]), model, PLAIN)


def test_vectors_are_read() -> None:
    titan = b'{"embedding":[0.5,1],"embeddingsByType":{"float":[0.5,1]},"inputTextTokenCount":3}'
    assert read_vectors(titan, 1) == EmbedAnswer([[0.5, 1.0]], 3)
    for embeddings in (b"[[1,2],[3,4]]", b'{"float":[[1,2],[3,4]]}'):
        body = b'{"embeddings":' + embeddings + b',"id":"x","response_type":"embeddings_by_type","texts":["a","b"]}'
        assert read_vectors(body, 2) == EmbedAnswer([[1.0, 2.0], [3.0, 4.0]])


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<html>",
        b"\xff",
        b'{"embeddings":null}',
        b'{"embeddings":{"int8":[[1]]}}',
        b'{"embedding":["x"]}',
        b'{"embeddings":[[1],[2]]}',
        b'{"embedding":' + b"[" * 100000,
    ],
)
def test_what_are_no_vectors_or_not_as_many_as_there_were_texts_is_an_error(body: bytes) -> None:
    with pytest.raises(BackendUnavailable):
        read_vectors(body, 1)
