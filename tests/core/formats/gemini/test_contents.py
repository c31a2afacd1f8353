"""A client's contents."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ollamux.conversation import (
    Audio,
    Bytes,
    Document,
    Image,
    Message,
    Opaque,
    Reasoning,
    RedactedReasoning,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.gemini.contents import Turns, plain_text
from ollamux.formats.gemini.fields import root
from ollamux.formats.gemini.signatures import carry


def turns(*contents: Any) -> Turns:
    found = Turns()
    for content in root(json.dumps({"contents": contents}).encode()).each("contents"):
        found.add(content)
    return found


def call(name: str, call_id: str | None = None, **more: Any) -> dict[str, Any]:
    return {"functionCall": {"name": name, "args": {}, **({"id": call_id} if call_id else {})}, **more}


def result(name: str, response: Any, call_id: str | None = None) -> dict[str, Any]:
    return {"functionResponse": {"name": name, "response": response, **({"id": call_id} if call_id else {})}}


def test_turns_become_messages_and_a_role_that_is_left_out_is_the_users() -> None:
    found = turns({"parts": [{"text": "a"}, {"text": "b"}]}, {"role": "model", "parts": [{"text": "c"}]})
    assert found.messages == [Message("user", [Text("a"), Text("b")]), Message("assistant", [Text("c")])]


def test_a_system_instruction_is_a_content_without_a_role() -> None:
    found = Turns()
    instruction = root(b'{"systemInstruction": {"parts": {"text": "be brief"}}}').fields("systemInstruction")
    assert instruction is not None
    found.system(instruction)
    assert found.messages == [Message("system", [Text("be brief")])]


def test_pictures_sounds_and_documents_are_told_apart_by_their_type() -> None:
    parts = [
        {"inline_data": {"mime_type": "image/png", "data": "__4="}},
        {"inlineData": {"mimeType": "audio/mpeg", "data": "AAAA"}},
        {"inlineData": {"mimeType": "application/pdf", "data": "AAAA", "displayName": "a.pdf"}},
        {"fileData": {"file_uri": "https://x/y.jpg", "mimeType": "image/jpg"}},
    ]
    assert turns({"parts": parts}).messages[0].parts == [
        Image(Bytes("//4=", "image/png")),
        Audio(Bytes("AAAA", "audio/mpeg"), "mp3"),
        Document(Bytes("AAAA", "application/pdf"), "a.pdf"),
        Image(Url("https://x/y.jpg", "image/jpg")),
    ]
    with pytest.raises(InvalidRequest):
        turns({"parts": [{"fileData": {"fileUri": "gs://x", "mimeType": "video/mp4"}}]})


def test_calls_and_results_without_ids_pair_by_name_and_order() -> None:
    found = turns(
        {"role": "model", "parts": [call("f"), call("g"), call("f")]},
        {"role": "user", "parts": [result("g", {"output": "2"}), result("f", {"result": "1"}), result("f", {"x": 3})]},
    )
    calls = [part.id for part in found.messages[0].parts if isinstance(part, ToolCall)]
    assert len(set(calls)) == 3
    assert [message.role for message in found.messages] == ["assistant", "tool", "tool", "tool"]
    assert [message.parts for message in found.messages[1:]] == [
        [ToolResult(calls[1], [Text("2")], "g")],
        [ToolResult(calls[0], [Text("1")], "f")],
        [ToolResult(calls[2], [Text('{"x": 3}')], "f")],
    ]


def test_ids_are_kept_and_what_stands_beside_results_follows_them() -> None:
    found = turns(
        {"role": "model", "parts": [call("f", "a"), call("f", "b")]},
        {"parts": [result("f", {}, "b"), {"text": "and?"}, {"functionResponse": {"id": "a", "name": "f"}}]},
    )
    assert [message.parts for message in found.messages[1:]] == [
        [ToolResult("b", [Text("{}")], "f")],
        [ToolResult("a", [], "f")],
        [Text("and?")],
    ]


def test_ids_that_are_made_up_differ_from_turn_to_turn() -> None:
    found = turns(
        {"role": "model", "parts": [call("f")]}, {"parts": [result("f", {})]}, {"role": "model", "parts": [call("f")]}
    )
    first, last = found.messages[0].parts[0], found.messages[-1].parts[0]
    assert isinstance(first, ToolCall) and isinstance(last, ToolCall) and first.id != last.id


def test_arguments_keep_their_bytes() -> None:
    content = root(b'{"c": {"role": "model", "parts": [{"function_call": {"name": "f", "args": { "my_n" : 1.50 }}}]}}')
    found = Turns()
    for one in content.each("c"):
        found.add(one)
    (part,) = found.messages[0].parts
    assert isinstance(part, ToolCall) and part.arguments == '{ "my_n" : 1.50 }'


@pytest.mark.parametrize(
    ("response", "text", "failed"),
    [
        (b'{"output":"x"}', "x", False),
        (b'{"result":"x"}', "x", False),
        (b'{"error":"x"}', "x", True),
        (b'{"output":{"a":1}}', '{"a":1}', False),
        (b'{"output":"x","more":1}', '{"output":"x","more":1}', False),
        (b'"x"', '"x"', False),
    ],
)
def test_a_lone_output_or_error_is_what_the_function_said(response: bytes, text: str, failed: bool) -> None:
    assert plain_text(msgspec.Raw(response)) == (text, failed)


def test_a_picture_in_a_functions_response_is_part_of_the_result() -> None:
    parts = [{"inlineData": {"mimeType": "image/png", "data": "AAAA"}}]
    response = {"functionResponse": {"name": "f", "response": {"output": "seen"}, "parts": parts}}
    (message,) = turns({"parts": [response]}).messages
    assert message.parts == [ToolResult("", [Text("seen"), Image(Bytes("AAAA", "image/png"))], "f")]


def test_pieces_that_a_stream_had_cut_are_put_together_and_a_signature_ends_its_piece() -> None:
    """An empty text with a signature is a block all the same."""
    parts = [
        {"text": "a", "thought": True},
        {"text": "b", "thought": True},
        {"text": "", "thought": True, "thoughtSignature": "c2ln"},
        {"text": "c", "thought": True},
        {"text": "x"},
        {"text": "y"},
        {"text": "", "thoughtSignature": "ZW5k"},
        {"thoughtSignature": "YWZ0ZXI="},
    ]
    assert turns({"role": "model", "parts": parts}).messages[0].parts == [
        Reasoning("ab", Opaque("gemini", "c2ln")),
        Reasoning("c"),
        Text("xy"),
        Reasoning("", Opaque("gemini", "ZW5k")),
        Reasoning("", Opaque("gemini", "YWZ0ZXI=")),
    ]


def test_signatures_stay_on_their_call_and_those_of_others_are_found_again() -> None:
    """On the same part, whosever they are."""
    foreign = Opaque("anthropic", "opaque", "claude")
    parts = [
        {"text": "", "thought": True, "thoughtSignature": carry(foreign, redacted=True)},
        {"text": "hm", "thought": True, "thoughtSignature": carry(foreign)},
        call("f", "1", thoughtSignature="c2ln"),
        call("f", "2"),
    ]
    assert turns({"role": "model", "parts": parts}).messages[0].parts == [
        RedactedReasoning(foreign),
        Reasoning("hm", foreign),
        ToolCall("1", "f", "{}", Opaque("gemini", "c2ln")),
        ToolCall("2", "f", "{}"),
    ]


def test_parts_that_no_other_format_has_are_named() -> None:
    found = turns({"role": "model", "parts": [{"executableCode": {"code": "1"}}, {"text": "a", "videoMetadata": {}}]})
    assert found.dropped == ["executableCode", "videoMetadata"] and found.messages[0].parts == [Text("a")]


@pytest.mark.parametrize(
    "content",
    [
        {"role": "robot", "parts": []},
        {"parts": ["text"]},
        {"parts": [{"text": 3}]},
        {"parts": [{"inlineData": "x"}]},
        {"role": "model", "parts": [{"functionCall": {"args": {}}}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": []}}]},
        {"parts": [{"functionResponse": {"response": {}}}]},
        "hi",
    ],
)
def test_what_cannot_be_read_is_refused(content: Any) -> None:
    with pytest.raises(InvalidRequest):
        turns(content)
