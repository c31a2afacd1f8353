"""Turns of clients, block by block."""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ollamux.conversation import (
    Bytes,
    Document,
    FileId,
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
from ollamux.formats.anthropic.content import Turns, cache_of, worded
from ollamux.formats.anthropic.schema import Block, CacheControl, MessageIn
from ollamux.formats.anthropic.signatures import UNSIGNED, carried, carried_for_call

MESSAGES = msgspec.json.Decoder(list[MessageIn])


def read(*messages: dict[str, Any], strict: bool = False) -> list[Message]:
    return Turns(strict=strict).read(MESSAGES.decode(json.dumps(messages).encode()))


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def test_texts_are_read_with_their_marks_for_the_cache() -> None:
    marked = text("b", cache_control={"type": "ephemeral", "ttl": "1h"})
    assert read({"role": "user", "content": "a"}, user(marked, text(""))) == [
        Message("user", [Text("a")]),
        Message("user", [Text("b", "1h")]),
    ]
    assert (cache_of(None), cache_of(CacheControl())) == (None, "5m")


def test_a_system_prompt_is_text_or_blocks() -> None:
    turns = Turns(strict=False)
    assert turns.system("x") == [Message("system", [Text("x")])]
    assert turns.system([Block("text", "x"), Block("text", "y")]) == [Message("system", [Text("x"), Text("y")])]
    assert turns.system("") == turns.system([]) == []


def test_a_system_message_among_the_turns_stays_in_its_place() -> None:
    found = read(user(text("a")), {"role": "system", "content": "now brief"}, assistant(text("b")))
    assert [message.role for message in found] == ["user", "system", "assistant"]


def test_pictures_and_documents_are_read_from_wherever_they_are() -> None:
    found = read(
        user(
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
            {"type": "image", "source": {"type": "url", "url": "https://x"}},
            {"type": "image", "source": {"type": "file", "file_id": "f"}},
            {
                "type": "document",
                "title": "t",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "AA=="},
            },
            {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "für"}},
            {"type": "document", "context": "c", "source": {"type": "url", "url": "https://y"}},
        )
    )
    assert found[0].parts == [
        Image(Bytes("AA==", "image/png")),
        Image(Url("https://x")),
        Image(FileId("anthropic", "f")),
        Document(Bytes("AA==", "application/pdf"), "t"),
        Document(Bytes(base64.b64encode("für".encode()).decode(), "text/plain")),
        Text("c"),
        Document(Url("https://y")),
    ]


def test_a_document_of_blocks_is_its_blocks() -> None:
    source = {"type": "content", "content": [text("a"), text("b")]}
    assert read(user({"type": "document", "title": "t", "source": source}))[0].parts == [
        Text("t"),
        Text("a"),
        Text("b"),
    ]


def test_a_search_result_is_its_text() -> None:
    block = {"type": "search_result", "title": "T", "source": "https://x", "content": [text("a"), text("b")]}
    assert read(user(block))[0].parts == [Text("T\nhttps://x\na\nb")]


def test_results_come_first_and_apart_and_know_the_name_of_their_tool() -> None:
    found = read(
        assistant(text("x"), {"type": "tool_use", "id": "c", "name": "f", "input": {"a": 1}}),
        user(
            text("and"),
            {
                "type": "tool_result",
                "tool_use_id": "c",
                "is_error": True,
                "content": [text("r")],
                "cache_control": {"type": "ephemeral"},
            },
            {"type": "tool_result", "tool_use_id": "d", "content": "s"},
            {"type": "tool_result", "tool_use_id": "e"},
        ),
    )
    assert found == [
        Message("assistant", [Text("x"), ToolCall("c", "f", '{"a": 1}')]),
        Message(
            "tool",
            [
                ToolResult("c", [Text("r")], "f", True, "5m"),
                ToolResult("d", [Text("s")]),
                ToolResult("e", []),
            ],
        ),
        Message("user", [Text("and")]),
    ]


def test_thinking_comes_back_with_whoever_signed_it() -> None:
    foreign = Opaque("gemini", "sig", "pro")
    found = read(
        assistant(
            {"type": "thinking", "thinking": "a", "signature": "EqQ="},
            {"type": "thinking", "thinking": "", "signature": "EqQ="},
            {"type": "thinking", "thinking": "b", "signature": carried(foreign)},
            {"type": "thinking", "thinking": "c", "signature": UNSIGNED},
            {"type": "thinking", "thinking": "", "signature": UNSIGNED},
            {"type": "thinking", "thinking": "d", "signature": ""},
            {"type": "redacted_thinking", "data": "xyz"},
            {"type": "redacted_thinking", "data": carried(foreign)},
        )
    )
    assert found[0].parts == [
        Reasoning("a", Opaque("anthropic", "EqQ=")),
        Reasoning("", Opaque("anthropic", "EqQ=")),
        Reasoning("b", foreign),
        Reasoning("c"),
        Reasoning("d"),
        RedactedReasoning(Opaque("anthropic", "xyz")),
        RedactedReasoning(foreign),
    ]


def test_the_signature_of_a_call_comes_back_to_its_call() -> None:
    signature = Opaque("gemini", "sig")
    found = read(
        assistant(
            {"type": "thinking", "thinking": "", "signature": carried_for_call(signature)},
            {"type": "tool_use", "id": "a", "name": "f", "input": {}},
            {"type": "tool_use", "id": "b", "name": "f", "input": {}},
        )
    )
    assert found[0].parts == [ToolCall("a", "f", "{}", signature), ToolCall("b", "f", "{}")]


def test_what_only_the_vendors_servers_read_is_left_out_and_named() -> None:
    turns = Turns(strict=False)
    blocks = [{"type": "server_tool_use"}, {"type": "web_search_tool_result", "content": [5]}, text("x")]
    found = turns.read(MESSAGES.decode(json.dumps([assistant(*blocks)]).encode()))
    assert found == [Message("assistant", [Text("x")])]
    assert turns.left_out == {"server_tool_use", "web_search_tool_result"}


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ({"role": "narrator", "content": "x"}, "messages.0.role"),
        (user({"type": "dance"}), "messages.0.content.0: Input tag 'dance' found"),
        (user({"type": "image"}), "messages.0.content.0.source"),
        (user({"type": "image", "source": {"type": "base64"}}), "messages.0.content.0.source"),
        (user({"type": "tool_result"}), "messages.0.content.0.tool_result.tool_use_id: Field required"),
        (
            user({"type": "tool_result", "tool_use_id": "c", "content": 5}),
            "messages.0.content.0.tool_result.content: Expected `str | array | null`, got `int`",
        ),
        (
            user({"type": "tool_result", "tool_use_id": "c", "content": [{"type": "image"}]}),
            "messages.0.content.0.tool_result.content.0.source",
        ),
        (assistant({"type": "tool_use", "name": "f"}), "messages.0.content.0.tool_use.id: Field required"),
        (assistant({"type": "tool_use", "id": "c"}), "messages.0.content.0.tool_use.name: Field required"),
        (user({"type": "search_result", "content": 5}), "messages.0.content.0.content: Expected `array`, got `int`"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_place(message: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(message)
    assert caught.value.message.startswith(told)


def test_the_version_of_october_2026_takes_no_documents_of_an_assistant_and_no_citations_of_a_user() -> None:
    document = {"type": "document", "source": {"type": "url", "url": "https://x"}}
    cited = text("x", citations=[{"type": "char_location"}])
    for message in (assistant(document), user(cited)):
        assert read(message)
        with pytest.raises(InvalidRequest):
            read(message, strict=True)
    assert read(user(text("x", citations=[]), document), assistant(cited), strict=True)


def test_a_place_is_named_as_the_vendor_names_it() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(b'{"content":[{"type":5}]}', type=dict[str, list[Block]])
    assert worded(caught.value, "messages.0").endswith(": Expected `str`, got `int`")
    assert worded(caught.value).partition(":")[0].endswith("type")


JSON = st.sampled_from(
    [None, True, 7, "", "x", [], {}, ["x"], [{"type": "text", "text": "x"}], {"type": "base64", "data": "x"}]
)
KINDS = st.sampled_from(
    "text image document thinking redacted_thinking tool_use tool_result search_result server_tool_use x".split()
)
FIELDS = st.sampled_from("text source title id name input tool_use_id content thinking signature data".split())


@settings(max_examples=60)
@given(
    blocks=st.lists(
        st.builds(lambda kind, more: {**more, "type": kind}, KINDS, st.dictionaries(FIELDS, JSON, max_size=4)),
        max_size=3,
    )
)
def test_no_block_whatever_it_holds_is_more_than_a_bad_request(blocks: list[Any]) -> None:
    try:
        messages = MESSAGES.decode(json.dumps([user(*blocks)]).encode())
    except msgspec.ValidationError:
        return
    try:
        Turns(strict=True).read(messages)
    except InvalidRequest as error:
        assert error.message.startswith("messages.0")
