"""POST /v1/embeddings."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse

from ollamux.clock import Clock
from ollamux.conversation import Answer, EmbedAnswer, TextDelta
from ollamux.errors import BackendError, BackendUnavailable, InvalidRequest, NotSupported
from ollamux.formats import calling
from ollamux.formats.base import Dialect, RenderContext, Served
from ollamux.formats.openai_chat import CALLING, SERVING
from ollamux.formats.openai_chat.embeddings import (
    EmbeddingsIncoming,
    EmbeddingsRenderer,
    passed_vectors,
    read_embedding,
)

SERVED = Served("m", "m", frozenset())
PACKED = base64.b64encode(struct.pack("<4f", 3, 0, 4, 0)).decode()


def read(**fields: Any) -> EmbeddingsIncoming:
    return read_embedding(json.dumps({"model": "m", "input": "hi", **fields}).encode())


def answered(*vectors: Any, model: str = "up") -> bytes:
    rows = [{"object": "embedding", "index": n, "embedding": vector} for n, vector in enumerate(vectors)]
    return json.dumps({"object": "list", "data": rows, "model": model, "x": 1.50}).encode()


def rendered(*vectors: list[float], **fields: Any) -> list[Any]:
    one = EmbeddingsRenderer(read(**fields), RenderContext("m", Clock(), 1.0))
    found = json.loads(one.embedded(EmbedAnswer(list(vectors), 5), 1.0))
    assert (found["object"], found["model"], found["usage"]) == ("list", "m", {"prompt_tokens": 5, "total_tokens": 5})
    return [row["embedding"] for row in found["data"]]


@pytest.mark.parametrize(("given", "inputs"), [("hi", ["hi"]), (["a", "b"], ["a", "b"]), ("", [""])])
def test_inputs_are_texts(given: Any, inputs: list[str]) -> None:
    request = read(input=given, dimensions=2, keep_alive=5).neutral(SERVED, {"num_ctx": 8})
    assert (request.inputs, request.dimensions, request.keep_alive) == (inputs, 2, 5.0)
    assert request.sampling.other == {"num_ctx": 8}


@pytest.mark.parametrize("given", [None, 5, [], [1, 2], [[1], [2]], [[]], ["a", 5], {}])
def test_tokens_and_what_is_no_text_are_refused_where_they_would_be_translated(given: Any) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(input=given).neutral(SERVED, {})
    assert caught.value.param == "input"


@pytest.mark.parametrize("fields", [{"encoding_format": "hex"}, {"dimensions": 0}, {"dimensions": "x"}])
def test_a_wish_that_nobody_can_fulfil_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        read(**fields)


def test_whether_a_model_makes_vectors_is_for_its_backend_to_say() -> None:
    read().check(Served("m", "m", frozenset({"completion"})))
    assert (read().operation, read(stream=True).stream) == ("embed", False) and read().needs == {"embedding"}


def test_tokens_pass_to_a_server_of_the_same_format_and_dimensions_to_one_that_knows_them() -> None:
    incoming = read(input=[1, 2], dimensions=2)
    out = CALLING.passthrough(incoming, "up", {"temperature": 1, "num_predict": 3}, Dialect())
    assert out.path == "/embeddings" and json.loads(out.body) == {"model": "up", "input": [1, 2]}
    known = CALLING.passthrough(incoming, "up", {}, Dialect(dimensions=True))
    assert json.loads(known.body) == {"model": "up", "input": [1, 2], "dimensions": 2}
    request = read(dimensions=2).neutral(SERVED, {})
    assert json.loads(CALLING.build(request, "up", Dialect(dimensions=True)).body)["dimensions"] == 2


def test_a_request_becomes_ollamas() -> None:
    outgoing = calling("ollama").build(read(input=["a", "b"], dimensions=2).neutral(SERVED, {}), "up", Dialect())
    assert outgoing.path == "/api/embed"
    assert json.loads(outgoing.body) == {"model": "up", "input": ["a", "b"], "dimensions": 2}


def test_vectors_are_written_as_numbers_or_as_little_endian_float32() -> None:
    assert rendered([3, 0, 4, 0], [1, 2, 3, 4]) == [[3, 0, 4, 0], [1, 2, 3, 4]]
    assert rendered([3, 0, 4, 0], encoding_format="base64") == [PACKED]


def test_a_vector_is_cut_and_made_one_long_again() -> None:
    (vector,) = rendered([3, 4, 5, 6], dimensions=2)
    assert vector == pytest.approx([0.6, 0.8])
    assert rendered([3, 4], dimensions=2) == [[3, 4]] == rendered([3, 4], dimensions=5)
    assert rendered([0, 0, 5], dimensions=2) == [[0, 0]]


def test_a_number_that_is_no_float32_is_the_backends_fault() -> None:
    with pytest.raises(BackendError):
        rendered([1e300], encoding_format="base64")


def test_the_official_client_takes_the_answer() -> None:
    one = EmbeddingsRenderer(read(), RenderContext("m", Clock(), 1.0))
    CreateEmbeddingResponse.model_validate_json(one.embedded(EmbedAnswer([[1.0]], None), 1.0), strict=True)
    assert json.loads(one.loaded("load", 1.0))["data"] == []


def test_an_answer_in_which_nothing_has_to_change_passes_under_the_clients_name() -> None:
    body = answered([3, 0])
    assert passed_vectors(read(), body) == body.replace(b'"up"', b'"m"')
    own = answered([3, 0], model="m")
    assert passed_vectors(read(), own) is own and passed_vectors(read(dimensions=9), own) is own
    odd = b'{"data":[{"embedding":[[1,2],[3,4]]}]}'
    assert passed_vectors(read(dimensions=1), odd) is odd
    packed = answered("?", model="m")
    assert passed_vectors(read(), packed) is packed


def test_an_answer_in_another_form_than_was_asked_for_is_put_into_it() -> None:
    def vectors(body: bytes, **fields: Any) -> list[Any]:
        found = json.loads(passed_vectors(read(**fields), body))
        assert found["x"] == 1.5 and [row["index"] for row in found["data"]] == list(range(len(found["data"])))
        return [row["embedding"] for row in found["data"]]

    assert vectors(answered([3, 0, 4, 0]), encoding_format="base64") == [PACKED]
    assert vectors(answered(PACKED)) == [[3, 0, 4, 0]]
    assert vectors(answered(PACKED, PACKED), encoding_format="base64") == [PACKED, PACKED]
    assert vectors(answered([3, 4, 0]), dimensions=2) == [pytest.approx([0.6, 0.8])]


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b"[]", b"\xff"])
def test_what_is_no_answer_does_not_pass(body: bytes) -> None:
    with pytest.raises(BackendUnavailable):
        SERVING.relay_whole(read(), "up", body, 0.0)


def test_an_error_with_status_200_does_not_pass() -> None:
    with pytest.raises(BackendError, match="boom"):
        SERVING.relay_whole(read(), "up", b'{"error":{"message":"boom"}}', 0.0)


def test_what_vectors_are_not() -> None:
    one = EmbeddingsRenderer(read(), RenderContext("m", Clock(), 1.0))
    with pytest.raises(NotSupported):
        one.whole(Answer([]), 1.0)
    with pytest.raises(NotSupported):
        one.counted(1, 1.0)
    with pytest.raises(NotSupported):
        one.events([], 1.0)
    assert (one.end(1.0), one.keepalive(1.0), one.frame(TextDelta("a"))) == (b"", b"", None)
    assert b"no" in one.fault(BackendError("no", status=500))
