"""The backend's side of the format."""

from __future__ import annotations

import json

import pytest
from tests.core.formats.openai_responses.conftest import Client

from ollamux.chat import ChatRequest
from ollamux.conversation import Answer, CompletionRequest, EmbedRequest, Message, Text, Tool, ToolCall, ToolCallStart
from ollamux.errors import BackendUnavailable, InvalidRequest
from ollamux.formats.base import Dialect
from ollamux.formats.openai_responses.calling import ResponsesCalling

CALLING = ResponsesCalling()
CHAT = ChatRequest("m", [Message("user", [Text("hi")])], tools=(Tool("my.tool"),))


def test_chats_and_completions_are_built_and_vectors_refused() -> None:
    for request in (CHAT, CompletionRequest("m", "hi")):
        found = CALLING.build(request, "up", Dialect())
        assert found.path == "/responses" and json.loads(found.body)["model"] == "up"
    with pytest.raises(InvalidRequest):
        CALLING.build(EmbedRequest("m", ["a"]), "up", Dialect())


def test_a_clients_own_request_passes(client: Client) -> None:
    incoming = client.read(input="hi")
    assert CALLING.passthrough(incoming, "m", {}, Dialect()).body == incoming.body


def test_names_of_tools_are_found_again_in_the_answer() -> None:
    """44."""
    alias = json.loads(CALLING.build(CHAT, "up", Dialect()).body)["tools"][0]["name"]
    item = {"type": "function_call", "call_id": "c", "name": alias, "arguments": "{}"}
    answer = CALLING.whole(CHAT, json.dumps({"output": [item]}).encode(), Dialect())
    assert isinstance(answer, Answer) and answer.parts == [ToolCall("c", "my.tool", "{}")]
    event = {"type": "response.output_item.added", "output_index": 0, "item": item}
    reader = CALLING.reader(CHAT, Dialect())
    assert reader.feed(b"data: " + json.dumps(event).encode() + b"\n\n") == [ToolCallStart(0, "c", "my.tool")]
    assert CALLING.reader(CompletionRequest("m", "hi"), Dialect()).complete is False


def test_a_failure_keeps_the_servers_words_and_when_to_come_back() -> None:
    error = CALLING.failure(429, {"retry-after-ms": "1500"}, b'{"error":{"message":"slow down","code":"x"}}')
    assert (error.message, error.status, error.retry_after) == ("slow down", 429, 1.5)
    assert CALLING.failure(500, {}, b"oops").message == "oops"
    assert "secret" not in CALLING.failure(401, {}, b'{"error":{"message":"key secret is wrong"}}').message


def test_what_is_no_answer_is_an_unusable_backend() -> None:
    with pytest.raises(BackendUnavailable):
        CALLING.whole(CHAT, b"{}", Dialect())
