"""Ollama's messages, tools and options in the neutral model."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from ollamux.conversation import (
    Audio,
    Bytes,
    Image,
    Message,
    Part,
    Reasoning,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from ollamux.formats.ollama import gojson, schema
from ollamux.formats.ollama.mapping import attachments, messages_of, sampling_of, text_message, tools_of


def chat(**fields: Any) -> schema.ChatRequest:
    return gojson.decode(json.dumps({"model": "m", **fields}).encode(), schema.ChatRequest)


def messages(*found: dict[str, Any]) -> list[Message]:
    return messages_of(chat(messages=list(found)).messages or [])


def call(name: str, **rest: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": {}}, **rest}


def pairs(found: list[Message]) -> list[tuple[str, str]]:
    """For each result, the call it answers and its text."""
    told: list[tuple[str, str]] = []
    for message in found:
        for part in message.parts:
            if isinstance(part, ToolResult):
                told.append((part.call_id, "".join(inner.text for inner in part.parts if isinstance(inner, Text))))
    return told


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("system", "system"),
        ("user", "user"),
        ("assistant", "assistant"),
        ("Assistant", "assistant"),
        ("developer", "system"),
        ("alien", "user"),
        ("", "user"),
        (None, "user"),
    ],
)
def test_roles(role: str | None, expected: str) -> None:
    assert messages({"role": role, "content": "x"}) == [Message(expected, [Text("x")])]  # type: ignore[arg-type]


def test_a_message_may_be_empty() -> None:
    assert messages({"role": "user"}, {"role": "user", "content": None}) == [Message("user", []), Message("user", [])]
    assert text_message("user", "") == Message("user", [])


def test_thinking_text_and_calls_keep_their_order() -> None:
    found = messages({"role": "assistant", "content": "a", "thinking": "hm", "tool_calls": [call("f", id="c")]})
    assert found == [Message("assistant", [Reasoning("hm"), Text("a"), ToolCall("c", "f", "{}")])]


def test_arguments_keep_their_bytes() -> None:
    body = (
        b'{"messages":[{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":{ "b":1.50, "a":[] }}}]}]}'
    )
    found = messages_of(gojson.decode(body, schema.ChatRequest).messages or [])
    assert found[0].parts == [ToolCall("call_0_0", "f", '{ "b":1.50, "a":[] }')]


def test_calls_without_ids_get_the_same_ids_every_time() -> None:
    said = {"role": "assistant", "tool_calls": [call("f"), call("g")]}
    assert messages(said, said) == messages(said, said)
    assert [part.id for message in messages(said, said) for part in message.parts if isinstance(part, ToolCall)] == [
        "call_0_0",
        "call_0_1",
        "call_1_0",
        "call_1_1",
    ]


def test_results_without_ids_pair_with_the_calls_by_order() -> None:
    found = messages(
        {"role": "assistant", "tool_calls": [call("f", id="a"), call("f"), call("g")]},
        {"role": "tool", "content": "1"},
        {"role": "tool", "content": "2"},
        {"role": "tool", "content": "3"},
        {"role": "tool", "content": "4"},
    )
    assert pairs(found) == [("a", "1"), ("call_0_1", "2"), ("call_0_2", "3"), ("", "4")]


def test_results_with_names_pair_with_the_calls_of_that_name() -> None:
    found = messages(
        {"role": "assistant", "tool_calls": [call("f"), call("g")]},
        {"role": "tool", "content": "of g", "tool_name": "g"},
        {"role": "tool", "content": "of f", "tool_name": "f"},
    )
    assert pairs(found) == [("call_0_1", "of g"), ("call_0_0", "of f")]


def test_results_with_ids_pair_with_their_calls() -> None:
    found = messages(
        {"role": "assistant", "tool_calls": [call("f", id="a"), call("f", id="b")]},
        {"role": "tool", "content": "of b", "tool_call_id": "b"},
        {"role": "tool", "content": "of a"},
        {"role": "tool", "content": "of nobody", "tool_call_id": "z"},
    )
    assert pairs(found) == [("b", "of b"), ("a", "of a"), ("z", "of nobody")]


def encoded(data: bytes) -> str:
    return base64.b64encode(data.ljust(40, b"\0")).decode()


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"RIFF\0\0\0\0WEBP", "image/webp"),
        (b"GIF89a", "image/gif"),
        (b"BM", "image/bmp"),
        (b"?", ""),
    ],
)
def test_the_kind_of_an_image_is_seen_in_its_first_bytes(data: bytes, kind: str) -> None:
    text = encoded(data)
    assert attachments([text]) == [Image(Bytes(text, kind))]
    assert attachments([text[:10] + "\r\n" + text[10:]]) == [Image(Bytes(text, kind))]


@pytest.mark.parametrize(("data", "form"), [(b"RIFF\0\0\0\0WAVE", "wav"), (b"ID3", "mp3"), (b"\xff\xfb", "mp3")])
def test_sounds_come_as_images_too(data: bytes, form: str) -> None:
    found = attachments([encoded(data)])[0]
    assert isinstance(found, Audio)
    assert found.format == form


def test_a_short_image_is_no_trouble() -> None:
    expected: list[Part] = [Image(Bytes("")), Image(Bytes("aGk="))]
    assert attachments(["", "aGk="]) == expected


def test_images_belong_to_their_message() -> None:
    assert messages({"role": "user", "content": "a", "images": ["aGk="]})[0].parts == [Text("a"), Image(Bytes("aGk="))]


def test_tools_keep_the_bytes_of_their_parameters() -> None:
    function = b'{"name":"f","description":"d","parameters":{ "type":"object","properties":{} }}'
    body = b'{"tools":[{"type":"function","function":' + function + b"}]}"
    tools = tools_of(gojson.decode(body, schema.ChatRequest).tools or [])
    assert [(tool.name, tool.description) for tool in tools] == [("f", "d")]
    assert tools[0].parameters is not None
    assert bytes(tools[0].parameters) == b'{ "type":"object","properties":{} }'


def test_a_tool_may_have_no_parameters() -> None:
    assert tools_of(chat(tools=[{"type": "function", "function": {"name": "f"}}]).tools or []) == (Tool("f"),)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, Sampling()),
        ({"num_predict": 5, "temperature": 0.0}, Sampling(max_tokens=5, temperature=0.0)),
        ({"num_predict": -1, "seed": -1}, Sampling()),
        ({"num_predict": 0, "seed": 0}, Sampling(max_tokens=0, seed=0)),
        ({"stop": ["a", "b"]}, Sampling(stop=("a", "b"))),
        ({"stop": []}, Sampling()),
        ({"top_k": None}, Sampling()),
        ({"num_ctx": 8, "num_keep": 4}, Sampling(other={"num_ctx": 8, "num_keep": 4})),
        (
            {"repeat_penalty": 1.1, "repeat_last_n": 64, "typical_p": 1.0, "min_p": 0.1, "top_p": 0.9},
            Sampling(repeat_penalty=1.1, repeat_last_n=64, typical_p=1.0, min_p=0.1, top_p=0.9),
        ),
    ],
)
def test_options_become_knobs(options: dict[str, Any], expected: Sampling) -> None:
    assert sampling_of(options) == expected
