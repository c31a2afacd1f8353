"""The backend's side of the format."""

from __future__ import annotations

import json

import pytest

from ollamux.conversation import Answer, ChatRequest, CompletionRequest, EmbedRequest, Message, Text, Tool, ToolCall
from ollamux.errors import InvalidRequest
from ollamux.formats.anthropic import CALLING
from ollamux.formats.anthropic.building import tool_names
from ollamux.formats.anthropic.incoming import read_route
from ollamux.formats.base import Dialect

CHAT = ChatRequest("m", [Message("user", [Text("hi")])], tools=(Tool("a.b"),))


def test_a_chat_and_a_prompt_can_be_sent_and_vectors_cannot_be_had() -> None:
    assert CALLING.build(CHAT, "up", Dialect()).path == "/messages"
    prompt = CALLING.build(CompletionRequest("m", "Once"), "up", Dialect())
    assert json.loads(prompt.body)["messages"] == [{"role": "user", "content": "Once"}]
    assert prompt.warnings == ("the backend has no plain completions: the prompt went as a user's message",)
    with pytest.raises(InvalidRequest):
        CALLING.build(EmbedRequest("m", ["x"]), "up", Dialect())


def test_a_clients_own_request_passes() -> None:
    body = b'{"model":"m","max_tokens":5,"messages":[]}'
    assert CALLING.passthrough(read_route(body, "chat", {}), "m", {}, Dialect()).body is body


def test_an_answers_tools_have_the_names_that_the_client_gave() -> None:
    alias = tool_names(CHAT).out("a.b")
    content = [{"type": "tool_use", "id": "c", "name": alias, "input": {}}]
    found = CALLING.whole(CHAT, json.dumps({"content": content, "stop_reason": "tool_use"}).encode(), Dialect())
    assert isinstance(found, Answer) and found.parts == [ToolCall("c", "a.b", "{}")]
    start = {"type": "content_block_start", "index": 0, "content_block": content[0]}
    (event,) = CALLING.reader(CHAT, Dialect()).feed(b"data: " + json.dumps(start).encode() + b"\n\n")
    assert "a.b" in str(event)


@pytest.mark.parametrize(
    ("status", "told", "kind"),
    [
        (400, 400, "bad_request"),
        (401, 502, "upstream_bad"),
        (403, 502, "upstream_bad"),
        (402, 402, "billing"),
        (404, 404, "not_found"),
        (413, 413, "too_large"),
        (429, 429, "rate_limit"),
        (500, 500, "upstream_bad"),
        (504, 504, "timeout"),
        (529, 503, "overloaded"),
    ],
)
def test_a_failure_keeps_its_status_its_words_and_when_to_come_back(status: int, told: int, kind: str) -> None:
    body = b'{"type":"error","error":{"type":"x","message":"Oh no: sk-ant"},"request_id":"r"}'
    error = CALLING.failure(status, {"retry-after": "7"}, body)
    assert (error.status, error.kind) == (told, kind)
    if status in (401, 403):
        assert "sk-ant" not in error.message
    else:
        assert (error.message, error.retry_after) == ("Oh no: sk-ant", 7.0)


def test_a_failure_that_is_no_json_is_told_as_it_is() -> None:
    assert CALLING.failure(500, {}, b"[broken").message == "[broken"
    assert CALLING.failure(500, {}, b"").message == "the backend answered with status 500"
