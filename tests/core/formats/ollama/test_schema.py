"""The bodies of /api are decoded field by field, and refused as Ollama refuses them."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest

from ollamux.formats.ollama import schema
from ollamux.formats.ollama.gojson import GoJSONError, decode, decode_slowly

_CANNOT = "json: cannot unmarshal "
_THINK = '"high", "medium", "low", "max", true, or false)'
_PROPERTY = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": {"type": 5}}}}}
_CHAT_ERRORS: tuple[tuple[Any, str], ...] = (
    ([], f"{_CANNOT}array into Go value of type api.ChatRequest"),
    ("x", f"{_CANNOT}string into Go value of type api.ChatRequest"),
    ({"model": 1}, f"{_CANNOT}number into Go struct field ChatRequest.model of type string"),
    ({"messages": "x"}, f"{_CANNOT}string into Go struct field ChatRequest.messages of type []api.Message"),
    ({"messages": ["x"]}, f"{_CANNOT}string into Go struct field ChatRequest.messages of type api.Alias"),
    (
        {"messages": [{"content": [{"type": "text", "text": "x"}]}]},
        f"{_CANNOT}array into Go struct field ChatRequest.messages.content of type string",
    ),
    (
        {"messages": [{"images": "aGk="}]},
        f"{_CANNOT}string into Go struct field ChatRequest.messages.images of type []api.ImageData",
    ),
    ({"messages": [{"images": ["@@"]}]}, "illegal base64 data at input byte 0"),
    ({"messages": [{"images": ["data:image/png;base64,aGk="]}]}, "illegal base64 data at input byte 4"),
    (
        {"messages": [{"tool_calls": [{"function": {"name": "f", "arguments": "{}"}}]}]},
        "Value looks like object, but can't find closing '}' symbol",
    ),
    (
        {"messages": [{"tool_calls": [{"function": {"index": "0"}}]}]},
        f"{_CANNOT}string into Go struct field ChatRequest.messages.tool_calls.function.index of type int",
    ),
    ({"stream": "yes"}, f"{_CANNOT}string into Go struct field ChatRequest.stream of type bool"),
    ({"logprobs": "yes"}, f"{_CANNOT}string into Go struct field ChatRequest.logprobs of type bool"),
    ({"top_logprobs": 1.5}, f"{_CANNOT}number 1.5 into Go struct field ChatRequest.top_logprobs of type int"),
    ({"options": []}, f"{_CANNOT}array into Go struct field ChatRequest.options of type map[string]interface {{}}"),
    ({"tools": "x"}, f"{_CANNOT}string into Go struct field ChatRequest.tools of type api.Tools"),
    ({"tools": ["x"]}, f"{_CANNOT}string into Go struct field ChatRequest.tools of type api.Tool"),
    (
        {"tools": [_PROPERTY]},
        f"{_CANNOT}number into Go struct field ToolFunctionParameters.tools.function.parameters.properties.type "
        "of type []string",
    ),
    ({"think": "huge"}, f'invalid think value: "huge" (must be {_THINK}'),
    ({"think": 1}, f"think must be a boolean or string ({_THINK}"),
    ({"keep_alive": "abc"}, 'time: invalid duration "abc"'),
    ({"keep_alive": "10"}, 'time: missing unit in duration "10"'),
    ({"keep_alive": "1d"}, 'time: unknown unit "d" in duration "1d"'),
    ({"keep_alive": True}, "Unsupported type: 'bool'"),
)
_OTHER_ERRORS: tuple[tuple[type[msgspec.Struct], Any, str], ...] = (
    (schema.GenerateRequest, {"prompt": 5}, "number into Go struct field GenerateRequest.prompt of type string"),
    (schema.GenerateRequest, {"context": "abc"}, "string into Go struct field GenerateRequest.context of type []int"),
    (schema.GenerateRequest, {"context": [1.5]}, "number 1.5 into Go struct field GenerateRequest.context of type int"),
    (
        schema.GenerateRequest,
        {"images": [5]},
        "number into Go struct field GenerateRequest.images of type api.ImageData",
    ),
    (schema.EmbedRequest, {"dimensions": "1"}, "string into Go struct field EmbedRequest.dimensions of type int"),
    (schema.EmbeddingsRequest, {"prompt": []}, "array into Go struct field EmbeddingRequest.prompt of type string"),
    (schema.ShowRequest, {"verbose": 1}, "number into Go struct field ShowRequest.verbose of type bool"),
    (schema.PullRequest, {"insecure": 1}, "number into Go struct field PullRequest.insecure of type bool"),
    (schema.PushRequest, {"username": {}}, "object into Go struct field PushRequest.username of type string"),
    (schema.CreateRequest, {"files": {"a": 1}}, "number into Go struct field CreateRequest.files of type string"),
    (
        schema.CreateRequest,
        {"messages": [{"content": 1}]},
        "number into Go struct field CreateRequest.messages.content of type string",
    ),
    (
        schema.CopyRequest,
        {"source": None, "destination": 1},
        "number into Go struct field CopyRequest.destination of type string",
    ),
    (schema.DeleteRequest, {"name": 1}, "number into Go struct field DeleteRequest.name of type string"),
)


def _chat(body: Any) -> schema.ChatRequest:
    return decode(json.dumps(body).encode(), schema.ChatRequest)


@pytest.mark.parametrize(("body", "message"), _CHAT_ERRORS)
def test_a_chat_that_ollama_refuses_is_refused_in_its_words(body: Any, message: str) -> None:
    with pytest.raises(GoJSONError) as caught:
        _chat(body)
    assert str(caught.value) == message


@pytest.mark.parametrize(("type_", "body", "message"), _OTHER_ERRORS)
def test_every_other_body_names_its_own_fields(type_: type[msgspec.Struct], body: Any, message: str) -> None:
    with pytest.raises(GoJSONError) as caught:
        decode(json.dumps(body).encode(), type_)
    assert str(caught.value) == _CANNOT + message


def test_a_chat_is_decoded_whole() -> None:
    request = _chat(
        {
            "model": "tiny",
            "messages": [
                {"role": "USER", "content": "hi", "images": ["aGk="]},
                {
                    "role": "assistant",
                    "thinking": "hm",
                    "tool_calls": [{"id": "1", "function": {"index": 0, "name": "f", "arguments": {"a": 1}}}],
                },
                {"role": "tool", "content": "ok", "tool_name": "f", "tool_call_id": "1"},
            ],
            "stream": False,
            "format": {"type": "object"},
            "keep_alive": "5m",
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}},
                },
            ],
            "options": {"temperature": 0.5, "stop": ["x"]},
            "think": "low",
            "truncate": True,
            "shift": False,
            "_debug_render_only": False,
            "logprobs": True,
            "top_logprobs": 3,
        }
    )
    assert request.messages is not None
    assert [message.role for message in request.messages] == ["user", "assistant", "tool"]
    assert request.messages[0].images == ["aGk="]
    assert request.messages[1].tool_calls is not None
    call = request.messages[1].tool_calls[0].function
    assert call is not None
    assert (call.index, call.name, bytes(call.arguments or b"")) == (0, "f", b'{"a": 1}')
    assert request.tools is not None
    function = request.tools[0].function
    assert function is not None
    assert bytes(function.parameters or b"") == b'{"type": "object", "properties": {}}'
    assert bytes(request.format or b"") == b'{"type": "object"}'
    assert (request.keep_alive, request.think, request.options) == (300.0, "low", {"temperature": 0.5, "stop": ["x"]})
    assert (request.truncate, request.shift, request.debug_render_only) == (True, False, False)
    assert (request.stream, request.logprobs, request.top_logprobs) == (False, True, 3)


@pytest.mark.parametrize("read", [decode, decode_slowly])
def test_null_is_unset_everywhere(read: Any) -> None:
    names = ["model", "messages", "stream", "format", "keep_alive", "tools", "options", "think", "_debug_render_only"]
    body = json.dumps(dict.fromkeys(names)).encode()
    assert read(body, schema.ChatRequest) == schema.ChatRequest()
    nested = b'{"messages":[{"role":null,"images":null,"tool_calls":[{"function":{"arguments":null}}]}]}'
    call = schema.ToolCall(function=schema.ToolCallFunction())
    assert read(nested, schema.ChatRequest) == schema.ChatRequest(messages=[schema.Message(tool_calls=[call])])
    tools = b'{"tools":[{"function":{"parameters":null}},{"function":null}]}'
    assert read(tools, schema.ChatRequest) == schema.ChatRequest(
        tools=[schema.Tool(function=schema.ToolFunction()), schema.Tool()]
    )


@pytest.mark.parametrize(
    ("value", "seconds"), [(0, 0.0), ("0s", 0.0), (-1, math.inf), ("-1m", math.inf), (1.5, 1.5), (None, None)]
)
def test_keep_alive_is_seconds_and_forever_is_infinite(value: object, seconds: float | None) -> None:
    assert _chat({"keep_alive": value}).keep_alive == seconds


def test_an_image_with_line_breaks_comes_out_without_them() -> None:
    request = decode(b'{"images":["aG\\r\\nk=","aGkx"]}', schema.GenerateRequest)
    assert request.images == ["aGk=", "aGkx"]


def test_integers_beyond_64_bits_are_refused_the_fast_way_too() -> None:
    for type_, field in ((schema.GenerateRequest, "top_logprobs"), (schema.EmbedRequest, "dimensions")):
        with pytest.raises(GoJSONError, match="number 9223372036854775808 into"):
            decode(b'{"%b":9223372036854775808}' % field.encode(), type_)
    with pytest.raises(GoJSONError, match=r"GenerateRequest\.context of type int"):
        decode(b'{"context":[9223372036854775808]}', schema.GenerateRequest)


@pytest.mark.parametrize(
    "type_",
    [schema.ShowRequest, schema.PullRequest, schema.PushRequest, schema.CreateRequest, schema.DeleteRequest],
)
def test_the_older_word_for_model_is_kept_apart(type_: Any) -> None:
    request = decode(b'{"name":"tiny","stream":false,"insecure":true,"username":""}', type_)
    assert (request.name, request.model) == ("tiny", None)


def test_the_input_of_an_embedding_is_whatever_was_sent() -> None:
    for value in ("hi", ["hi", "there"], 5, [1, 2], None):
        assert decode(json.dumps({"input": value}).encode(), schema.EmbedRequest).input == value
