"""The backend's side of Gemini's API."""

from __future__ import annotations

import json

from ollamux.chat import ChatRequest
from ollamux.conversation import Answer, CompletionRequest, EmbedAnswer, EmbedRequest, Message, Text
from ollamux.formats.base import Dialect, Place
from ollamux.formats.gemini import CALLING
from ollamux.formats.gemini.incoming import read_route

CHAT = ChatRequest("m", [Message("user", [Text("hi")])])
EMBED = EmbedRequest("m", ["a"])


def test_each_kind_of_request_has_its_method() -> None:
    built = [CALLING.build(one, "up", Dialect()).path for one in (CHAT, CompletionRequest("m", "x"), EMBED)]
    assert built == ["/models/up:generateContent", "/models/up:generateContent", "/models/up:batchEmbedContents"]


def test_each_kind_of_answer_is_read() -> None:
    answer = b'{"candidates":[{"content":{"parts":[{"text":"a"}]},"finishReason":"STOP"}]}'
    assert CALLING.whole(CHAT, answer, Dialect()) == Answer([Text("a")], "stop", native="STOP")
    assert CALLING.whole(EMBED, b'{"embeddings":[{"values":[1]}]}', Dialect()) == EmbedAnswer([[1.0]])
    reader = CALLING.reader(CHAT, Dialect())
    reader.feed(b"data: " + answer + b"\n\n")
    assert reader.complete


def test_a_clients_own_request_passes() -> None:
    body = json.dumps({"contents": [{"parts": [{"text": "hi"}]}]}).encode()
    incoming = read_route("generateContent", body, Place("m"))
    outgoing = CALLING.passthrough(incoming, "up", {}, Dialect())
    assert (outgoing.path, outgoing.body) == ("/models/up:generateContent", body)


def test_a_failure_keeps_its_status_and_words() -> None:
    error = CALLING.failure(404, {}, b'[{"error":{"code":404,"message":"models/x is not found"}}]')
    assert (error.status, error.message) == (404, "models/x is not found")
