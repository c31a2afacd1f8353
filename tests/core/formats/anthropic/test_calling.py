"""The backend's side of the format."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.chat import ChatRequest
from ollamux.clock import Clock
from ollamux.conversation import Answer, CompletionRequest, EmbedRequest, Message, Text, Tool, ToolCall
from ollamux.errors import InvalidRequest
from ollamux.formats.anthropic import CALLING
from ollamux.formats.anthropic.building import tool_names
from ollamux.formats.anthropic.incoming import read_route
from ollamux.formats.anthropic.rendering import AnthropicRenderer
from ollamux.formats.base import Dialect, RenderContext
from ollamux.streaming.convert import converter_for
from ollamux.streaming.translator import Translator

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


def told(kind: str, **members: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **members}, ensure_ascii=False)}\n\n".encode()


def translator() -> Translator:
    return Translator(CALLING.reader(CHAT, Dialect()), AnthropicRenderer(RenderContext("m", Clock(), 0.0)))


TEXTS = st.lists(st.sampled_from(["a", "für 東京", "", 'qu"ote', "new\nline", "<b>", "😀"]), max_size=12)


@given(texts=TEXTS, size=st.integers(1, 90))
def test_the_fast_way_gives_the_same_bytes(texts: list[str], size: int) -> None:
    data = told("message_start", message={"id": "x", "content": []})
    for index in (0, 1):
        data += told("content_block_start", index=index, content_block={"type": "text", "text": ""})
        for text in texts:
            data += told("content_block_delta", index=index, delta={"type": "text_delta", "text": text})
        data += told("content_block_stop", index=index)
    data += told("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 3}) + told("message_stop")
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    plain, fast = translator(), converter_for(translator(), Clock(), CALLING.text_markers)
    assert b"".join(fast.feed(piece, 1.0) for piece in pieces) + fast.close(2.0) == b"".join(
        plain.feed(piece, 1.0) for piece in pieces
    ) + plain.close(2.0)
    assert fast.complete and fast.usage == plain.usage
