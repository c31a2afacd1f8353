"""The calling side of the Ollama format."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    Bytes,
    CompletionRequest,
    Document,
    EmbedRequest,
    Image,
    JsonFormat,
    Message,
    Part,
    Reasoning,
    ReasoningOptions,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
    Url,
)
from ollamux.errors import BackendError, InvalidRequest
from ollamux.formats.base import Dialect, Neutral, Outgoing
from ollamux.formats.ollama import CALLING, SERVING
from ollamux.formats.ollama.answers import OllamaReader
from ollamux.formats.ollama.context import pack

PLAIN = Dialect()
ROUTES = {route.name: route for route in SERVING.routes}


def built(request: Neutral, dialect: Dialect = PLAIN) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(CALLING.build(request, "up", dialect).body)
    return body


def chat(*messages: Message, **rest: Any) -> ChatRequest:
    return ChatRequest("m", list(messages) or [Message("user", [Text("hi")])], **rest)


def test_a_plain_chat_says_nothing_that_was_not_asked() -> None:
    out = CALLING.build(chat(), "up", PLAIN)
    assert (out.path, out.warnings) == ("/api/chat", ())
    assert json.loads(out.body) == {"model": "up", "messages": [{"role": "user", "content": "hi"}], "stream": False}


def test_messages_are_flat() -> None:
    parts: list[Part] = [Reasoning("hm"), Text("a"), Text("b"), Image(Bytes("AA=="))]
    calls: list[Part] = [ToolCall("c", "f", '{ "x":1.50 }'), ToolCall("d", "g", "broken")]
    results: list[Part] = [ToolResult("c", [Text("1")]), ToolResult("d", [Text("2"), Image(Bytes("BB=="))], "gg")]
    out = CALLING.build(
        chat(Message("user", parts), Message("assistant", calls), Message("tool", results)), "up", PLAIN
    )
    assert b'"arguments":{ "x":1.50 }' in out.body
    assert json.loads(out.body)["messages"] == [
        {"role": "user", "content": "a\nb", "thinking": "hm", "images": ["AA=="]},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [
                {"id": "c", "function": {"index": 0, "name": "f", "arguments": {"x": 1.5}}},
                {"id": "d", "function": {"index": 1, "name": "g", "arguments": {"_raw": "broken"}}},
            ],
        },
        {"role": "tool", "content": "1", "tool_name": "f", "tool_call_id": "c"},
        {"role": "tool", "content": "2", "images": ["BB=="], "tool_name": "gg", "tool_call_id": "d"},
    ]


def test_a_picture_that_stands_elsewhere_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="image URLs are not currently supported"):
        built(chat(Message("user", [Image(Url("https://x"))])))


@pytest.mark.parametrize(
    ("choice", "names", "warned"),
    [
        (None, ["f", "g"], False),
        (ToolChoice("auto"), ["f", "g"], False),
        (ToolChoice("none"), [], False),
        (ToolChoice("required"), ["f", "g"], True),
        (ToolChoice("named", "g"), ["g"], True),
        (ToolChoice("auto", allowed=("g", "x")), ["g"], False),
        (ToolChoice("required", allowed=("f",)), ["f"], True),
    ],
)
def test_choices_of_tools_are_made_by_leaving_out(choice: ToolChoice | None, names: list[str], warned: bool) -> None:
    tools = (Tool("f", "d", msgspec.Raw(b'{"type":"object"}')), Tool("g"))
    out = CALLING.build(chat(tools=tools, tool_choice=choice), "up", PLAIN)
    assert [tool["function"]["name"] for tool in json.loads(out.body).get("tools", [])] == names
    assert bool(out.warnings) is warned


@pytest.mark.parametrize(
    ("reasoning", "think"),
    [
        (ReasoningOptions(True), True),
        (ReasoningOptions(False), False),
        (ReasoningOptions(None, "none"), False),
        (ReasoningOptions(True, "minimal"), "low"),
        (ReasoningOptions(True, "xhigh"), "max"),
        (ReasoningOptions(True, "medium"), "medium"),
        (ReasoningOptions(None), None),
    ],
)
def test_efforts(reasoning: ReasoningOptions, think: object) -> None:
    assert built(chat(reasoning=reasoning)).get("think") == think


@pytest.mark.parametrize(
    ("reasoning", "think"),
    [
        (None, "high"),
        (ReasoningOptions(True), "high"),
        (ReasoningOptions(False), False),
        (ReasoningOptions(None, "low"), "low"),
        (ReasoningOptions(None, "none"), False),
    ],
)
def test_the_effort_of_a_models_configuration_is_weaker_than_the_requests_own(
    reasoning: ReasoningOptions | None, think: object
) -> None:
    sampling = Sampling(other={"reasoning_effort": "high"})
    out = CALLING.build(chat(reasoning=reasoning, sampling=sampling), "up", PLAIN)
    body = json.loads(out.body)
    assert body["think"] == think and "options" not in body and out.warnings == ()
    plain = CALLING.build(CompletionRequest("m", "p", sampling=sampling), "up", PLAIN)
    assert "options" not in json.loads(plain.body) and plain.warnings == ()


@pytest.mark.parametrize(
    ("own", "effort", "think"),
    [({}, "high", "high"), ({"think": None}, "none", False), ({"think": False}, "high", False)],
)
def test_the_effort_of_a_models_configuration_is_told_where_a_request_passes_through_and_says_nothing(
    own: dict[str, Any], effort: str, think: object
) -> None:
    body = {"model": "up", "messages": [{"role": "user", "content": "hi"}], **own}
    incoming = SERVING.read(ROUTES["chat"], json.dumps(body).encode(), {})
    out = json.loads(CALLING.passthrough(incoming, "up", {"reasoning_effort": effort}, PLAIN).body)
    assert out["think"] == think and "options" not in out


def test_a_load_that_passes_through_is_told_no_effort() -> None:
    incoming = SERVING.read(ROUTES["generate"], b'{"model":"up"}', {})
    out = CALLING.passthrough(incoming, "up", {"reasoning_effort": "high", "keep_alive": 60}, PLAIN)
    assert json.loads(out.body) == {"model": "up", "keep_alive": 60}


def test_a_file_that_is_a_text_is_read_out_and_any_other_one_is_left_out_and_named() -> None:
    text = Document(Bytes("aGVsbG8=", "text/plain; charset=utf-8"), "a.txt")
    parts: list[Part] = [
        Text("read"), text, Document(Bytes("JVBERi0=", "application/pdf"), "b.pdf"), Document(Url("https://x/c"))
    ]  # fmt: skip
    broken = Document(Bytes("/w==", "text/plain"), "d.txt")
    said = [Message("user", parts), Message("tool", [ToolResult("c", [text, broken])])]
    out = CALLING.build(chat(*said), "up", PLAIN)
    first, second = json.loads(out.body)["messages"]
    assert first["content"] == "read\nhello" and second["content"] == "hello"
    told = "the backend takes no files but texts; left out: b.pdf, a file without a name, d.txt"
    assert out.warnings == (told,)


def test_options_have_ollamas_names() -> None:
    sampling = Sampling(max_tokens=5, top_k=3, stop=("x",), seed=0, other={"num_ctx": 8, "logit_bias": {}})
    out = CALLING.build(chat(sampling=sampling), "up", PLAIN)
    assert json.loads(out.body)["options"] == {"num_predict": 5, "top_k": 3, "stop": ["x"], "seed": 0, "num_ctx": 8}
    assert out.warnings == ("the backend does not take these options: logit_bias",)


def test_the_rest_of_a_chat() -> None:
    request = chat(
        output=JsonFormat(msgspec.Raw(b'{"a":1}')), logprobs=True, top_logprobs=2, keep_alive=math.inf, stream=True,
        truncate=False, shift=False,
    )  # fmt: skip
    body = built(request, Dialect(extra={"x": 1, "stream": 5}))
    assert {key: body[key] for key in body if key not in ("model", "messages")} == {
        "format": {"a": 1}, "logprobs": True, "top_logprobs": 2, "keep_alive": -1, "stream": True, "truncate": False,
        "shift": False, "x": 1,
    }  # fmt: skip
    assert built(chat(output=JsonFormat(), keep_alive=2.5))["format"] == "json"


@pytest.mark.parametrize(("suffix", "more"), [(None, {"raw": True}), ("b", {"suffix": "b"})])
def test_a_completion_is_a_generate(suffix: str | None, more: dict[str, Any]) -> None:
    out = CALLING.build(CompletionRequest("m", "a", suffix), "up", PLAIN)
    assert out.path == "/api/generate"
    assert json.loads(out.body) == {"model": "up", "prompt": "a", **more, "stream": False}


def test_an_embedding() -> None:
    out = CALLING.build(EmbedRequest("m", ["a"], 3, False, 0.0, Sampling(other={"num_ctx": 8})), "up", PLAIN)
    assert out.path == "/api/embed"
    assert json.loads(out.body) == {
        "model": "up", "input": ["a"], "dimensions": 3, "truncate": False, "keep_alive": 0.0, "options": {"num_ctx": 8},
    }  # fmt: skip


def passed(route: str, body: bytes, model: str = "m", dialect: Dialect = PLAIN, **defaults: Any) -> Outgoing:
    return CALLING.passthrough(SERVING.read(ROUTES[route], body, {}), model, defaults, dialect)


@pytest.mark.parametrize("route", ["chat", "generate", "embed", "embeddings"])
def test_a_request_passes_through_untouched(route: str) -> None:
    body = b'{ "model":"m", "unknown":[1.50] } garbage'
    out = passed(route, body)
    assert (out.path, out.body) == (f"/api/{route}", body)


def test_only_the_models_name_is_changed_whatever_its_case() -> None:
    body = b'{ "Model" : "m", "messages":[{"role":"user","content":"model","model":"m"}] }'
    assert passed("chat", body, "up").body == body.replace(b'"Model" : "m"', b'"Model" : "up"')


def test_configured_options_are_added_to_the_clients_own() -> None:
    body = b'{"model":"m","options":{"temperature":0,"seed":null,"odd":1}}'
    assert json.loads(passed("chat", body, temperature=0.5, seed=3, num_ctx=8).body)["options"] == {
        "temperature": 0, "seed": 3, "num_ctx": 8, "odd": 1,
    }  # fmt: skip
    assert json.loads(passed("chat", b'{"model":"m"}', seed=3).body) == {"model": "m", "options": {"seed": 3}}
    assert json.loads(passed("chat", b'{"model":"m","options":null}', seed=3).body)["options"] == {"seed": 3}


@pytest.mark.parametrize("route", ["chat", "generate", "embed", "embeddings"])
def test_a_configured_keep_alive_stands_beside_the_options_where_the_client_says_none(route: str) -> None:
    for body in (b'{"model":"m"}', b'{"model":"m","keep_alive":null}'):
        assert json.loads(passed(route, body, keep_alive=600.0).body) == {"model": "m", "keep_alive": 600}
    assert json.loads(passed(route, b'{"model":"m"}', keep_alive=math.inf).body)["keep_alive"] == -1
    own = b'{"model":"m","Keep_Alive":"1m"}'
    assert passed(route, own, keep_alive=600.0).body == own
    assert json.loads(passed(route, b'{"model":"m"}', keep_alive=600.0, seed=1).body)["options"] == {"seed": 1}


def test_what_a_dialect_always_sends_is_added() -> None:
    assert json.loads(passed("chat", b'{"model":"m","a":2}', dialect=Dialect(extra={"a": 1, "b": 1})).body) == {
        "model": "m", "a": 2, "b": 1,
    }  # fmt: skip


def test_a_context_of_ours_tells_an_ollama_nothing() -> None:
    ours = json.dumps({"model": "m", "prompt": "x", "context": pack([("user", "hi")])}).encode()
    out = passed("generate", ours)
    assert json.loads(out.body)["context"] is None
    assert out.warnings != ()
    theirs = b'{"model":"m","prompt":"x","context":[1,2,3]}'
    assert passed("generate", theirs).body == theirs
    assert passed("generate", theirs).warnings == ()


def test_whole_answers_are_read_by_what_was_asked() -> None:
    found = CALLING.whole(chat(), b'{"message":{"content":"a"},"done":true}', PLAIN)
    vectors = CALLING.whole(EmbedRequest("m", ["x"]), b'{"embeddings":[[1]]}', PLAIN)
    assert getattr(found, "parts", None) == [Text("a")]
    assert getattr(vectors, "vectors", None) == [[1.0]]
    assert isinstance(CALLING.reader(chat(), PLAIN), OllamaReader)


def test_a_failure_keeps_ollamas_sentence() -> None:
    error = CALLING.failure(404, {}, b'{"error":"model \'x\' not found"}')
    assert isinstance(error, BackendError)
    assert (error.status, error.message) == (404, "model 'x' not found")
