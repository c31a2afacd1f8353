"""Requests of OpenAI clients, read into the neutral model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    Audio,
    Bytes,
    Image,
    Message,
    Reasoning,
    ReasoningOptions,
    Refusal,
    Text,
    ToolCall,
    ToolChoice,
    ToolResult,
    Url,
)
from ollamux.errors import InvalidRequest, ModelNotFound
from ollamux.formats.base import Dialect, Served
from ollamux.formats.openai_chat.building import build_chat
from ollamux.formats.openai_chat.incoming import OpenAIChatIncoming, read_route

SERVED = Served("m", "m", frozenset())


def read(**fields: Any) -> OpenAIChatIncoming:
    return read_route(json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}).encode())


def neutral(**fields: Any) -> ChatRequest:
    return read(**fields).neutral(SERVED, {})


def messages(*found: dict[str, Any]) -> list[Message]:
    return list(neutral(messages=list(found)).messages)


def test_routing_needs_only_a_few_fields() -> None:
    found = read(stream=True, stream_options={"include_usage": True}, tools=[{"type": "function"}])
    assert (found.model, found.stream, found.include_usage, found.operation) == ("m", True, True, "chat")
    assert found.needs == {"completion", "tools"}
    assert read().needs == {"completion"}
    assert read(messages=[{"role": "user", "content": [{"type": "image_url", "image_url": "x"}]}]).needs >= {"vision"}


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "the body is not valid JSON: the body is empty"),
        (b"{", "the body is not valid JSON: Input data was truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"model":1}', "Expected `str | null`, got `int` - at `$.model`"),
        (b'{"model":"m","x":"\xff"}', "the body is not valid UTF-8"),
        (b"{}", "model is required"),
        (b'{"model":""}', "model is required"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(body: bytes, text: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_route(body)
    assert caught.value.message == text


def test_a_missing_model_is_not_found() -> None:
    error = read().not_found()
    assert isinstance(error, ModelNotFound)
    assert (error.status, error.code, error.message) == (404, "model_not_found", "model 'm' not found")


@pytest.mark.parametrize(
    ("can", "tools", "text"),
    [
        ({"embedding"}, False, '"m" does not support chat'),
        ({"completion"}, True, '"m" does not support tools'),
        ({"completion", "tools"}, True, None),
        (set(), True, None),
    ],
)
def test_what_a_model_cannot_do_is_refused(can: set[str], tools: bool, text: str | None) -> None:
    incoming = read(tools=[{"type": "function"}] if tools else [])
    served = Served("m", "m", frozenset(can))
    if text is None:
        incoming.check(served)
    else:
        with pytest.raises(InvalidRequest, match=text):
            incoming.check(served)


def test_roles_and_texts() -> None:
    assert messages(
        {"role": "developer", "content": "be nice"},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "name": "bob"},
        {"role": "assistant", "content": None, "refusal": "no", "reasoning_content": "hm"},
        {"role": "assistant", "content": ""},
    ) == [
        Message("system", [Text("be nice")]),
        Message("user", [Text("a"), Text("b")], "bob"),
        Message("assistant", [Reasoning("hm"), Refusal("no")]),
        Message("assistant", []),
    ]


def test_calls_and_results() -> None:
    function = {"name": "f", "arguments": '{ "a": 1 }'}
    assert messages(
        {"role": "assistant", "tool_calls": [{"id": "c", "index": 0, "type": "function", "function": function}]},
        {"role": "tool", "tool_call_id": "c", "content": "42", "name": "f"},
        {"role": "assistant", "tool_calls": [{"function": {"name": "g", "arguments": {"b": 2}}}]},
    ) == [
        Message("assistant", [ToolCall("c", "f", '{ "a": 1 }')]),
        Message("tool", [ToolResult("c", [Text("42")], "f")]),
        Message("assistant", [ToolCall("call_2_0", "g", '{"b": 2}')]),
    ]


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (
            {"type": "image_url", "image_url": {"url": "https://x/a.png", "detail": "low"}},
            Image(Url("https://x/a.png"), "low"),
        ),
        ({"type": "image_url", "image_url": "data:image/png;base64,AA=="}, Image(Bytes("AA==", "image/png"))),
        ({"type": "image_url", "image_url": {"url": "data:image/jpg;base64,AA=="}}, Image(Bytes("AA==", "image/jpeg"))),
        ({"type": "image_url", "image_url": {"url": "data:;base64,AA=="}}, Image(Bytes("AA=="))),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;x=y;base64,AA=="}},
            Image(Bytes("AA==", "image/png")),
        ),
        (
            {"type": "input_audio", "input_audio": {"data": "AA==", "format": "mp3"}},
            Audio(Bytes("AA==", "audio/mp3"), "mp3"),
        ),
        ({"type": "refusal", "refusal": "no"}, Refusal("no")),
    ],
)
def test_parts(part: dict[str, Any], expected: object) -> None:
    assert messages({"role": "user", "content": [part]})[0].parts == [expected]


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 0},
        {"n": 17},
        {"messages": [{"role": "alien", "content": "x"}]},
        {"messages": [{"role": "user", "content": [{"type": "video", "video": "x"}]}]},
        {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:image/png,raw"}]}]},
        {"messages": [{"role": "user", "content": 5}]},
        {"tools": [{"type": "custom", "custom": {}}]},
        {"tool_choice": "maybe"},
        {"response_format": {"type": "xml"}},
        {"response_format": {"type": "json_schema"}},
    ],
)
def test_what_would_change_the_meaning_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        neutral(**fields)


def test_tools_keep_the_bytes_of_their_parameters() -> None:
    tools = b'[{"type":"function","function":{"name":"f","parameters":{ "x": 1.0 }}}]'
    raw = b'{"model":"m","messages":[{"role":"user"}],"tools":' + tools + b"}"
    tool = read_route(raw).neutral(SERVED, {}).tools[0]
    assert tool.parameters is not None
    assert bytes(tool.parameters) == b'{ "x": 1.0 }'


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, None),
        ("auto", ToolChoice("auto")),
        ("required", ToolChoice("required")),
        ({"type": "function", "function": {"name": "f"}}, ToolChoice("named", "f")),
    ],
)
def test_choices_of_tools(choice: object, expected: ToolChoice | None) -> None:
    assert neutral(tool_choice=choice).tool_choice == expected


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, None),
        ({"reasoning_effort": "none"}, ReasoningOptions(False, "none")),
        ({"reasoning_effort": "low"}, ReasoningOptions(True, "low")),
        ({"reasoning": {"effort": "high"}}, ReasoningOptions(True, "high")),
        ({"reasoning": {"enabled": False}}, ReasoningOptions(False)),
    ],
)
def test_efforts(fields: dict[str, Any], expected: ReasoningOptions | None) -> None:
    assert neutral(**fields).reasoning == expected


@pytest.mark.parametrize(
    ("form", "schema"),
    [
        ({"type": "json_object"}, None),
        ({"type": "json_schema", "json_schema": {"name": "n", "schema": {"a": 1}}}, b'{"a": 1}'),
    ],
)
def test_response_formats(form: dict[str, Any], schema: bytes | None) -> None:
    output = neutral(response_format=form).output
    assert output is not None
    assert (None if output.schema is None else bytes(output.schema)) == schema
    assert neutral(response_format={"type": "text"}).output is None


def test_knobs_are_stronger_than_the_configured_defaults() -> None:
    incoming = read(
        temperature=0, max_tokens=9, max_completion_tokens=5, stop="x", logit_bias={"1": 2}, repetition_penalty=1.5
    )
    sampling = incoming.neutral(
        SERVED, {"temperature": 0.7, "top_k": 3, "num_predict": 1, "stop": ["y"], "num_ctx": 8}
    ).sampling
    assert (sampling.temperature, sampling.top_k, sampling.max_tokens, sampling.stop) == (0, 3, 5, ("x",))
    assert sampling.repeat_penalty == 1.5
    assert sampling.other == {"num_ctx": 8, "logit_bias": {"1": 2}}


def test_no_limit_is_no_limit() -> None:
    assert neutral(max_tokens=-1).sampling.max_tokens is None


@given(
    st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), st.text(min_size=1)), min_size=1, max_size=5)
)
def test_what_is_read_is_what_is_built(turns: list[tuple[str, str]]) -> None:
    said = [{"role": role, "content": text} for role, text in turns]
    try:
        body = json.dumps({"model": "m", "messages": said}).encode()
        request = read_route(body).neutral(SERVED, {})
    except (UnicodeEncodeError, InvalidRequest):
        return  # a lone surrogate is no text
    assert json.loads(build_chat(request, "m", Dialect()).body) == {"model": "m", "messages": said}


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"messages": []}, "messages"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"n": 0}, "n"),
    ],
)
def test_what_a_translation_cannot_keep_is_refused_by_its_name(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        neutral(**fields)
    assert caught.value.param == param


def test_who_asks_and_why_is_carried() -> None:
    found = neutral(user="old", safety_identifier="new", metadata={"a": "b"}, service_tier="flex", modalities=["text"])
    assert (found.user, found.metadata, found.service_tier) == ("new", {"a": "b"}, "flex")
    assert neutral(user="old").user == "old" and neutral(n=1, functions=[], tools=[]).tools == ()


@pytest.mark.parametrize(
    ("fields", "plain"),
    [
        ({}, True), ({"stream": True}, True), ({"stream": True, "stream_options": {"include_usage": True}}, True),
        ({"stream": True, "stream_options": {"include_usage": False}}, False), ({"stream_options": {}}, True),
        ({"tools": [{"x": "allowed_tools"}]}, False), ({"tools": [{}]}, True), ({"think": False}, False),
    ],
)  # fmt: skip
def test_a_request_knows_whether_it_can_pass_as_it_is(fields: dict[str, Any], plain: bool) -> None:
    assert read(**fields).plain is plain


_JSON = st.recursive(
    st.sampled_from([None, True, 5, -0.5, "user", "text", "function", "data:;base64,AA==", "f"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["role", "content", "type", "text", "function", "name", "id"]), inner)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(
        st.sampled_from(
            ["messages", "tools", "tool_choice", "response_format", "stop", "reasoning", "n", "logit_bias"]
        ),
        _JSON,
    )
)
def test_nothing_that_a_client_sends_is_more_than_refused(fields: dict[str, Any]) -> None:
    try:
        assert neutral(**fields).model == "m"
    except InvalidRequest as error:
        assert error.status == 400 and error.message
