"""The estimate of a request's tokens."""

from __future__ import annotations

import msgspec

from ollamux.accounting.estimate import estimate
from ollamux.chat import ChatRequest
from ollamux.conversation import (
    Bytes,
    CompletionRequest,
    EmbedRequest,
    Image,
    Message,
    Opaque,
    RedactedReasoning,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)


def chat(*parts: object, tools: tuple[Tool, ...] = ()) -> int:
    return estimate(ChatRequest("m", [Message("user", list(parts))], tools=tools))  # type: ignore[arg-type]


def test_four_bytes_of_text_are_a_token_and_a_message_costs_four() -> None:
    assert chat(Text("12345678")) == 4 + 2
    assert chat(Text("123456789")) == 4 + 3


def test_text_is_counted_in_utf8() -> None:
    assert chat(Text("\u00e9" * 4)) == 4 + 2


def test_every_kind_of_part_counts() -> None:
    picture = chat(Image(Bytes("aGk=")))
    assert picture > 100
    call = ToolCall("c", "name", '{"a":1}')
    assert chat(call) == 4 + 1 + 2
    assert chat(ToolResult("c", [Text("1234"), Image(Bytes("aGk="))])) == picture + 1
    assert chat(RedactedReasoning(Opaque("anthropic", "12345678"))) == 4 + 2


def test_tools_count_with_their_schemas() -> None:
    bare = chat(tools=(Tool("name"),))
    assert chat(tools=(Tool("name", "does", msgspec.Raw(b"{12345678901}")),)) == bare + 1 + 4


def test_completions_and_embeddings_count_their_texts() -> None:
    assert estimate(CompletionRequest("m", "1234", suffix="5678")) == 2
    assert estimate(EmbedRequest("m", ["1234", "12345"])) == 3


def test_nothing_is_still_a_token() -> None:
    assert estimate(EmbedRequest("m", [])) == 1
