"""Requests of Gemini clients."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.chat import ChatRequest
from ollamux.conversation import EmbedRequest, Message, Opaque, Reasoning, Text
from ollamux.errors import InvalidRequest, RequestError
from ollamux.formats.base import Dialect, Place, Served
from ollamux.formats.gemini import CALLING, METHODS
from ollamux.formats.gemini.incoming import GeminiIncoming, read_route

SERVED = Served(asked="m", display="m", capabilities=frozenset({"completion"}))
HI = [{"parts": [{"text": "hi"}]}]


def read(method: str = "generateContent", query: str = "", model: str = "m", **members: Any) -> GeminiIncoming:
    return read_route(method, json.dumps(members).encode(), Place(model, query))


def chat(method: str = "generateContent", **members: Any) -> ChatRequest:
    found = read(method, **{"contents": HI, **members}).neutral(SERVED, {})
    assert isinstance(found, ChatRequest)
    return found


def test_the_path_names_the_model_and_the_method_and_the_query_the_frames() -> None:
    found = read("streamGenerateContent", "alt=sse&key=k", "models/a/b:1b", contents=HI)
    assert (found.model, found.stream, found.frames.events, found.operation) == ("a/b:1b", True, True, "chat")
    for query in ("", "alt=json", "alt"):
        assert not read("streamGenerateContent", query, contents=HI).frames.events
    assert not read(contents=HI).stream


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(
    "body",
    [b"", b"[]", b"{}", b'{"contents":[]}', b'{"contents": [ ] }', b'{"contents":"x","content":"x","requests":1}'],
)
def test_a_method_needs_what_it_is_about(method: str, body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        read_route(method, body, Place("m"))


def test_needs_follow_from_tools_and_pictures() -> None:
    picture = {"inline_data": {"mime_type": "image/png", "data": "AAAA"}}
    tools = [{"functionDeclarations": [{"name": "f"}]}]
    assert read(contents=HI, tools=[]).needs == {"completion"}
    assert read(contents=[{"parts": [picture]}], tools=tools).needs == {"completion", "tools", "vision"}
    assert read("embedContent", content=HI[0]).needs == {"embedding"}
    assert read("countTokens", contents=HI).operation == "count"


def test_a_model_that_cannot_do_it_is_told_so_and_one_that_nobody_describes_may_try() -> None:
    with_tools = read(contents=HI, tools=[{"functionDeclarations": [{"name": "f"}]}])
    for found in (with_tools, read("embedContent", content=HI[0])):
        with pytest.raises(RequestError):
            found.check(SERVED)
        found.check(Served(asked="m", display="m", capabilities=frozenset()))
    read("countTokens", contents=HI).check(Served(asked="m", display="m", capabilities=frozenset({"embedding"})))
    assert with_tools.not_found().status == 404


def test_the_whole_request_is_read() -> None:
    request = chat(
        "streamGenerateContent",
        system_instruction={"parts": [{"text": "s"}]},
        generationConfig={"responseLogprobs": True, "logprobs": 2, "topK": 3},
        labels={"a": "b"},
        tools=[{"functionDeclarations": [{"name": "f"}]}],
        keep_alive="5m",
    )
    assert request.stream and request.model == "m"
    assert request.messages == [Message("system", [Text("s")]), Message("user", [Text("hi")])]
    assert (request.logprobs, request.top_logprobs, request.sampling.top_k) == (True, 2, 3)
    assert (request.metadata, request.keep_alive, [tool.name for tool in request.tools]) == ({"a": "b"}, 300.0, ["f"])


def test_fields_that_no_other_format_has_are_left_out_with_a_warning() -> None:
    found = read(contents=HI, safety_settings=[], foo=1, generationConfig={"audioTimestamp": True})
    found.neutral(SERVED, {})
    assert found.warnings == ("these fields were left out: safetySettings, foo, generationConfig.audioTimestamp",)
    plain = read(contents=HI, generationConfig={})
    plain.neutral(SERVED, {})
    assert plain.warnings == ()


@pytest.mark.parametrize("members", [{"cachedContent": "cachedContents/1"}, {"labels": [1]}, {"generationConfig": []}])
def test_what_cannot_be_carried_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        chat(**members)


def test_what_is_counted_may_stand_in_a_request_of_its_own() -> None:
    inner = {"model": "models/m", "contents": HI, "systemInstruction": {"parts": [{"text": "s"}]}}
    for name in ("generateContentRequest", "generate_content_request"):
        members: dict[str, Any] = {name: inner}
        found = read("countTokens", **members).neutral(SERVED, {})
        assert isinstance(found, ChatRequest) and [message.role for message in found.messages] == ["system", "user"]


def test_texts_to_embed_come_alone_or_in_a_batch() -> None:
    one = read("embedContent", content=HI[0], output_dimensionality=4, taskType="X")
    assert one.neutral(SERVED, {"num_ctx": 5}) == EmbedRequest(
        "m", ["hi"], 4, sampling=one.neutral(SERVED, {"num_ctx": 5}).sampling
    )
    assert one.warnings == ("these fields were left out: taskType",)
    batch = [{"model": "models/m", "content": {"parts": [{"text": "a"}, {"text": "b"}]}}, {"content": HI[0]}]
    assert read("batchEmbedContents", requests=batch).neutral(SERVED, {}) == EmbedRequest("m", ["ab", "hi"])


@pytest.mark.parametrize(
    "requests",
    [
        [{}],
        [{"content": {"parts": []}}],
        [{"content": {"parts": [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]}}],
        [{"content": HI[0], "outputDimensionality": 2}, {"content": HI[0]}],
        ["x"],
    ],
)
def test_what_is_no_text_cannot_be_embedded(requests: Any) -> None:
    with pytest.raises(InvalidRequest):
        read("batchEmbedContents", requests=requests).neutral(SERVED, {})


def test_a_signature_of_the_history_reaches_the_neutral_model() -> None:
    contents = [*HI, {"role": "model", "parts": [{"text": "", "thoughtSignature": "c2ln"}]}]
    assert chat(contents=contents).messages[1].parts == [Reasoning("", Opaque("gemini", "c2ln"))]


def test_a_body_that_is_nested_too_deeply_is_the_clients_fault_or_a_recursion() -> None:
    body = b'{"contents":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    with pytest.raises((InvalidRequest, RecursionError)):
        read_route("generateContent", body, Place("m"))


RICH: dict[str, Any] = {
    "contents": [
        {"role": "user", "parts": [{"text": "a"}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]},
        {
            "role": "model",
            "parts": [{"functionCall": {"name": "f", "args": {}, "id": "1"}, "thoughtSignature": "c2ln"}],
        },
        {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": {"output": "x"}, "parts": []}}]},
    ],
    "systemInstruction": {"parts": [{"text": "s"}]},
    "tools": [{"functionDeclarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {"a": {}}}}]}],
    "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}},
    "generationConfig": {
        "topK": 3,
        "stopSequences": ["a"],
        "responseMimeType": "application/json",
        "responseSchema": {"type": "OBJECT", "anyOf": [{"nullable": True}]},
        "thinkingConfig": {"thinkingBudget": 5},
        "logprobs": 2,
    },
    "options": {"stop": ["x"], "num_predict": 5},
    "keep_alive": "5m",
    "think": True,
    "num_ctx": 4,
    "labels": {"a": "b"},
    "content": {"parts": [{"text": "a"}]},
    "requests": [{"content": {"parts": [{"text": "a"}]}, "model": "models/m", "outputDimensionality": 3}],
    "generateContentRequest": {"contents": [{"parts": [{"text": "a"}]}]},
}
JUNK: list[Any] = [None, -1, 1e300, "", "-", True, [], {}, [[None]], [{"x": None}], 1 << 70]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a JSON value."""
    keys: list[Any] = list(value) if isinstance(value, dict) else []  # pyright: ignore[reportUnknownArgumentType]
    keys += range(len(value)) if isinstance(value, list) else ()  # pyright: ignore[reportUnknownArgumentType]
    return [path, *(place for key in keys for place in places(value[key], (*path, key)))]


def with_junk(place: tuple[Any, ...], junk: Any) -> bytes:
    body = json.loads(json.dumps(RICH))
    holder = body
    for key in place[:-1]:
        holder = holder[key]
    holder[place[-1]] = junk
    return json.dumps(body).encode()


@pytest.mark.parametrize("junk", JUNK, ids=repr)
def test_whatever_stands_wherever_is_read_or_is_the_clients_fault(junk: Any) -> None:
    for place in places(RICH)[1:]:
        body = with_junk(place, junk)
        for method in METHODS:
            try:
                found = read_route(method, body, Place("m", "alt=sse"))
                CALLING.passthrough(found, "up", {"temperature": 1}, Dialect())
                CALLING.build(found.neutral(SERVED, {}), "up", Dialect())
            except InvalidRequest:
                pass
