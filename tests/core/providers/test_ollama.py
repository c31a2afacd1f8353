"""What an Ollama tells."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from ollamux.models import ProbeAnswer
from ollamux.providers import provider

if TYPE_CHECKING:
    from tests.core.providers.conftest import Told

OLLAMA = provider("ollama")


def test_its_models_are_learned_with_all_that_it_says_of_them(told: Told) -> None:
    answers = {"/api/tags": told("ollama_tags"), "/api/ps": told("ollama_ps")}
    chat, embedding = OLLAMA.learn(answers).models
    assert (chat.name, chat.capabilities) == ("llama3.2:latest", frozenset({"completion", "tools"}))
    assert (chat.context_length, chat.embedding_length, chat.size) == (131072, 3072, 2019393189)
    assert (chat.family, chat.format, chat.parameter_size, chat.quantization) == ("llama", "gguf", "3.2B", "Q4_K_M")
    assert chat.modified == pytest.approx(datetime(2026, 5, 4, 21, 56, 49, 277302, UTC).timestamp())
    assert chat.digest is not None and len(chat.digest) == 64
    assert chat.row == json.loads(answers["/api/tags"].body)["models"][0]
    assert embedding.capabilities is None and embedding.context_length is None


def test_what_is_loaded_has_its_size_and_expiry_and_for_ever_is_no_expiry(told: Told) -> None:
    chat, embedding = OLLAMA.learn({"/api/tags": told("ollama_tags"), "/api/ps": told("ollama_ps")}).loaded
    assert (chat.name, chat.size_vram, chat.context_length) == ("llama3.2:latest", 3367856128, 8192)
    assert chat.expires == datetime(2026, 5, 4, 22, 1, 49, 500000, UTC).timestamp()
    assert embedding.expires is None and embedding.context_length is None


def test_the_models_are_enough_where_nobody_says_what_is_loaded(told: Told) -> None:
    for answer in (ProbeAnswer(0, b""), ProbeAnswer(404, b"404 page not found")):
        assert OLLAMA.learn({"/api/tags": told("ollama_tags"), "/api/ps": answer}).loaded == ()


def test_an_empty_ollama_has_no_models() -> None:
    for body in (b'{"models":[]}', b'{"models":null}', b"{}"):
        assert OLLAMA.learn({"/api/tags": ProbeAnswer(200, body)}).models == ()


def test_rows_that_are_odd_are_read_as_far_as_they_can_be() -> None:
    rows = [7, {}, {"name": 1}, {"model": "a"}, {"name": "b", "details": 3, "size": "x", "capabilities": "y"}]
    rows += [{"name": "c", "modified_at": "yesterday", "capabilities": []}]
    models = OLLAMA.learn({"/api/tags": ProbeAnswer(200, json.dumps({"models": rows}).encode())}).models
    assert [model.name for model in models] == ["a", "b", "c"]
    assert [model.modified for model in models] == [None] * 3 == [model.capabilities for model in models]


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"models":{}}', b"\xff"])
def test_what_is_no_list_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        OLLAMA.learn({"/api/tags": ProbeAnswer(200, body)})
