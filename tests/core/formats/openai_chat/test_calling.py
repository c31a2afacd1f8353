"""The calling side of OpenAI's chat completions."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.chat import ChatRequest
from ollamux.conversation import CompletionRequest, EmbedRequest, Message, Text
from ollamux.errors import BackendError
from ollamux.formats.base import Dialect, Neutral
from ollamux.formats.openai_chat import CALLING
from ollamux.formats.openai_chat.incoming import read_route
from ollamux.formats.openai_chat.reading import ChatReader

DIALECT = Dialect(sampling={"top_k": "top_k"})


@pytest.mark.parametrize(
    ("request_", "path"),
    [
        (ChatRequest("m", [Message("user", [Text("x")])]), "/chat/completions"),
        (CompletionRequest("m", "x"), "/completions"),
        (EmbedRequest("m", ["x"]), "/embeddings"),
    ],
)
def test_each_operation_has_its_path(request_: Neutral, path: str) -> None:
    out = CALLING.build(request_, "up", DIALECT)
    assert out.path == path
    assert json.loads(out.body)["model"] == "up"


def passed(body: bytes, model: str = "m", defaults: dict[str, Any] | None = None, dialect: Dialect = DIALECT) -> bytes:
    return CALLING.passthrough(read_route(body), model, defaults or {}, dialect).body


def test_a_request_passes_through_untouched() -> None:
    body = b'{ "model":"m", "messages":[], "unknown":[1.50] }'
    assert passed(body) is body


def test_only_the_models_name_is_changed() -> None:
    body = b'{ "x":{"model":"m"}, "model" : "m" , "unknown":[1.50] }'
    assert passed(body, 'u"p') == rb'{ "x":{"model":"m"}, "model" : "u\"p" , "unknown":[1.50] }'


def test_configured_options_are_added_where_the_client_set_none() -> None:
    defaults = {"temperature": 0.5, "top_k": 3, "num_predict": 7, "num_ctx": 4096}
    body = b'{"model":"m","messages":[],"temperature":0}'
    assert json.loads(passed(body, "m", defaults)) == {
        "model": "m", "messages": [], "temperature": 0, "top_k": 3, "max_tokens": 7,
    }  # fmt: skip
    limited = b'{"model":"m","max_completion_tokens":1}'
    assert json.loads(passed(limited, "m", {"num_predict": 7})) == {"model": "m", "max_completion_tokens": 1}


def test_how_long_a_model_is_kept_is_not_told_to_such_a_server() -> None:
    body = b'{"model":"m","messages":[]}'
    assert passed(body, "m", {"keep_alive": 600.0}, Dialect(sampling={"keep_alive": "keep_alive"})) == body


def test_what_a_dialect_always_sends_is_added() -> None:
    assert passed(b'{"model":"m"}', dialect=Dialect(extra={"a": 1})) == b'{"a":1,"model":"m"}'


def test_the_reader_knows_the_dialects_fields() -> None:
    reader = CALLING.reader(ChatRequest("m", []), Dialect(reasoning_fields=("reasoning",)))
    assert isinstance(reader, ChatReader)
    events = reader.feed(b'data: {"choices":[{"delta":{"reasoning_content":"a","reasoning":"b"}}]}\n\n')
    assert getattr(events[-1], "text", None) == "b"


def test_whole_answers_are_read_by_what_was_asked() -> None:
    chat = CALLING.whole(ChatRequest("m", []), b'{"choices":[{"message":{"content":"a"}}]}', DIALECT)
    vectors = CALLING.whole(EmbedRequest("m", ["x"]), b'{"data":[{"embedding":[1]}]}', DIALECT)
    assert getattr(chat, "parts", None) == [Text("a")]
    assert getattr(vectors, "vectors", None) == [[1.0]]


def test_a_failure_keeps_the_servers_sentence() -> None:
    error = CALLING.failure(400, {}, b'{"error":{"message":"too long"}}')
    assert isinstance(error, BackendError)
    assert (error.status, error.message, error.body) == (400, "too long", '{"error":{"message":"too long"}}')
    assert CALLING.failure(502, {}, b"<html>bad gateway</html>").message == "<html>bad gateway</html>"
