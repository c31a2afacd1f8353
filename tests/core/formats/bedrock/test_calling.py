"""The calling side of Bedrock."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import cast

import pytest
from tests.support.event_streams import event, exception

from ollamux.chat import ChatRequest
from ollamux.clock import Clock
from ollamux.conversation import (
    Answer,
    CompletionRequest,
    EmbedAnswer,
    EmbedRequest,
    Message,
    Text,
    Tool,
    ToolCall,
    ToolCallStart,
    Usage,
)
from ollamux.formats import calling, servings
from ollamux.formats.base import Dialect, Incoming, Neutral, RenderContext, Served
from ollamux.formats.bedrock import CALLING
from ollamux.streaming.translator import Translator

MODEL = "amazon.titan-embed-text-v2:0"
CHAT = ChatRequest("m", [Message("user", [Text("x")])])
PLAIN = Dialect()


def test_it_is_found_by_its_name_and_no_client_speaks_it() -> None:
    assert calling("bedrock") is CALLING
    assert "bedrock" not in [serving.name for serving in servings()]


@pytest.mark.parametrize(
    ("request_", "operation"),
    [
        (CHAT, "converse"),
        (ChatRequest("m", CHAT.messages, stream=True), "converse-stream"),
        (CompletionRequest("m", "x"), "converse"),
        (EmbedRequest("m", ["x"]), "invoke"),
    ],
)
def test_each_operation_has_its_path_with_the_model_in_it(request_: Neutral, operation: str) -> None:
    assert CALLING.build(request_, MODEL, PLAIN).path == f"/model/amazon.titan-embed-text-v2%3A0/{operation}"


def test_a_body_of_converse_passes_as_it_is() -> None:
    for stream, operation in ((True, "converse-stream"), (False, "converse")):
        incoming = cast(Incoming, SimpleNamespace(body=b'{ "messages":[] }', stream=stream))
        outgoing = CALLING.passthrough(incoming, "a:b", {}, PLAIN)
        assert (outgoing.path, outgoing.body) == (f"/model/a%3Ab/{operation}", b'{ "messages":[] }')


def test_whole_answers_are_read_by_what_was_asked() -> None:
    body = b'{"output":{"message":{"role":"assistant","content":[{"text":"hi"}]}},"stopReason":"end_turn"}'
    for request in (CHAT, CompletionRequest("m", "x")):
        assert CALLING.whole(request, body, PLAIN) == Answer([Text("hi")], "stop", native="end_turn")
    assert CALLING.whole(EmbedRequest("m", ["x"]), b'{"embedding":[1]}', PLAIN) == EmbedAnswer([[1.0]])


def test_a_tools_name_comes_back_as_the_client_knows_it() -> None:
    long = "a.tool.with.a.name." + "x" * 60
    request = ChatRequest("m", CHAT.messages, tools=(Tool(long),))
    built = json.loads(CALLING.build(request, MODEL, PLAIN).body)
    alias = built["toolConfig"]["tools"][0]["toolSpec"]["name"]
    block = {"toolUse": {"toolUseId": "t", "name": alias, "input": {}}}
    body = json.dumps({"output": {"message": {"content": [block]}}}).encode()
    answer = CALLING.whole(request, body, PLAIN)
    assert isinstance(answer, Answer) and answer.parts == [ToolCall("t", long, "{}")]
    start = event("contentBlockStart", contentBlockIndex=0, start=block)
    assert CALLING.reader(request, PLAIN).feed(start) == [ToolCallStart(0, "t", long)]


def test_failures_are_told_apart_by_name() -> None:
    assert CALLING.failure(400, {"x-amzn-errortype": "ThrottlingException"}, b"{}").status == 429


BEGUN = (
    event("messageStart", role="assistant")
    + event("contentBlockDelta", contentBlockIndex=0, delta={"text": "hel"})
    + event("contentBlockDelta", contentBlockIndex=0, delta={"text": "lo"})
)
STREAM = (
    BEGUN
    + event("contentBlockStop", contentBlockIndex=0)
    + event("messageStop", stopReason="end_turn")
    + event("metadata", usage={"inputTokens": 3, "outputTokens": 2, "totalTokens": 5}, metrics={"latencyMs": 9})
)


def translator(name: str, body: bytes) -> Translator:
    serving = next(serving for serving in servings() if serving.name == name)
    route = next(route for route in serving.routes if route.name == "chat")
    incoming = serving.read(route, body, {})
    neutral = incoming.neutral(Served("m", "m", frozenset({"completion"})), {})
    renderer = serving.renderer(incoming, RenderContext("m", Clock(), 0.0))
    return Translator(CALLING.reader(neutral, PLAIN), renderer)


ASKED = (
    b'{"model":"m","stream":true,"messages":[{"role":"user","content":"x"}],"stream_options":{"include_usage":true}}'
)


@pytest.mark.parametrize(("name", "ends"), [("ollama", b'"done":true'), ("openai_chat", b"data: [DONE]")])
def test_a_stream_becomes_a_clients_stream_with_its_usage(name: str, ends: bytes) -> None:
    """What comes behind the end of the message still counts."""
    converter = translator(name, ASKED)
    out = b"".join(converter.feed(STREAM[at : at + 1], 1.0) for at in range(len(STREAM)))
    assert converter.complete
    out += converter.close(2.0)
    assert b"hel" in out and ends in out and out.count(ends) == 1
    assert converter.usage == Usage(3, None, None, 2)
    assert (b'"prompt_eval_count":3' if name == "ollama" else b'"prompt_tokens":3') in out


@pytest.mark.parametrize("name", ["ollama", "openai_chat"])
def test_a_stream_that_broke_is_not_reported_as_one_that_finished(name: str) -> None:
    converter = translator(name, ASKED)
    converter.feed(STREAM[: len(BEGUN) + 20], 1.0)
    out = converter.close(2.0)
    assert not converter.complete and converter.fault is None
    assert b"[DONE]" not in out and b'"done":true' not in out
    converter = translator(name, ASKED)
    converter.feed(BEGUN + exception("throttlingException", message="slow down"), 1.0)
    assert not converter.complete and converter.fault is not None and converter.fault.status == 429
