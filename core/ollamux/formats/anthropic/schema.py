"""What clients of this format send and backends answer, as structs: the fields that are read, and no others.

Strategy: one struct for a content block of any type, since the same types stand in requests and answers; what is passed
on byte for byte (a tool's input, a schema) stays raw text.

Rules: null and absent are the same here, but for raw text, which is empty where it is absent.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = (
    "Block",
    "CacheControl",
    "Extensions",
    "MessageIn",
    "OutputConfig",
    "Reply",
    "Request",
    "Routing",
    "Source",
    "Thinking",
    "ToolChoiceIn",
    "ToolIn",
    "Usage",
    "decode_blocks",
    "decode_content",
    "decode_event",
    "decode_reply",
    "decode_request",
    "decode_routing",
    "given",
)


class CacheControl(msgspec.Struct, gc=False):
    """How long to keep the prompt up to here; five minutes unless told otherwise."""

    ttl: str | None = None


class Source(msgspec.Struct, gc=False):
    """Where a picture or a document comes from: `base64`, `url`, `text`, `file`, or `content` in blocks."""

    type: str
    media_type: str | None = None
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    content: msgspec.Raw = msgspec.Raw()


class Block(msgspec.Struct, gc=False):
    """A content block of any type; `source` is an object, or the address of a search result."""

    type: str
    text: str | None = None
    citations: msgspec.Raw = msgspec.Raw()
    source: Source | str | None = None
    title: str | None = None
    context: str | None = None
    id: str | None = None
    name: str | None = None
    input: msgspec.Raw = msgspec.Raw()
    tool_use_id: str | None = None
    content: msgspec.Raw = msgspec.Raw()
    is_error: bool | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    cache_control: CacheControl | None = None


class MessageIn(msgspec.Struct, gc=False):
    """A turn."""

    role: str
    content: str | list[Block]


class ToolIn(msgspec.Struct, gc=False):
    """A tool of the client's (`type` absent or `custom`), or one of the vendor's."""

    name: str = ""
    type: str | None = None
    description: str | None = None
    input_schema: msgspec.Raw = msgspec.Raw()
    strict: bool | None = None
    cache_control: CacheControl | None = None


class ToolChoiceIn(msgspec.Struct, gc=False):
    """auto, any, tool or none."""

    type: str
    name: str | None = None
    disable_parallel_tool_use: bool | None = None


class Thinking(msgspec.Struct, gc=False):
    """adaptive, enabled with a budget, disabled, or between_tools."""

    type: str
    budget_tokens: int | None = None
    display: str | None = None


class FormatIn(msgspec.Struct, gc=False):
    """The shape that an answer must have."""

    type: str
    schema: msgspec.Raw = msgspec.Raw()


class OutputConfig(msgspec.Struct, gc=False):
    """How hard to try, and the shape of the answer."""

    effort: str | None = None
    format: FormatIn | None = None


class MetadataIn(msgspec.Struct, gc=False):
    """Who asks."""

    user_id: str | None = None


class Extensions(msgspec.Struct, gc=False):
    """What this format does not have and ollamux takes all the same."""

    options: dict[str, Any] | None = None
    num_ctx: int | None = None
    think: bool | str | None = None
    keep_alive: float | str | None = None


class Routing(Extensions, gc=False):
    """What has to be known before a backend is chosen."""

    model: str | None = None
    stream: bool | None = None
    max_tokens: int | None = None
    messages: msgspec.Raw = msgspec.Raw()
    tools: list[msgspec.Raw] | None = None
    thinking: Thinking | None = None
    temperature: msgspec.Raw = msgspec.Raw()
    top_p: msgspec.Raw = msgspec.Raw()
    top_k: msgspec.Raw = msgspec.Raw()


class Request(Extensions, gc=False, kw_only=True):
    """The whole request, as far as another format can say it."""

    messages: list[MessageIn]
    system: str | list[Block] | None = None
    max_tokens: int | None = None
    tools: list[ToolIn] | None = None
    tool_choice: ToolChoiceIn | None = None
    thinking: Thinking | None = None
    output_config: OutputConfig | None = None
    metadata: MetadataIn | None = None
    stop_sequences: list[str] | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    service_tier: str | None = None
    cache_control: CacheControl | None = None


class TokenDetails(msgspec.Struct, gc=False):
    """The parts of a sum of tokens."""

    thinking_tokens: int | None = None


class Usage(msgspec.Struct, gc=False):
    """`input_tokens` is without what the cache read or wrote; `output_tokens` is with thinking."""

    input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    output_tokens: int | None = None
    output_tokens_details: TokenDetails | None = None


class StopDetails(msgspec.Struct, gc=False):
    """Why the model refused."""

    explanation: str | None = None


class Reply(msgspec.Struct, gc=False):
    """A whole answer, or the head of one in a stream."""

    type: str | None = None
    id: str | None = None
    model: str | None = None
    content: list[Block] | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None
    usage: Usage | None = None
    error: Any = None


class Delta(msgspec.Struct, gc=False):
    """More of a block, or how the message ended."""

    type: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    partial_json: str | None = None
    stop_reason: str | None = None
    stop_sequence: str | None = None
    stop_details: StopDetails | None = None


class StreamEvent(msgspec.Struct, gc=False):
    """An event of a stream, of any type."""

    type: str = ""
    index: int = 0
    message: Reply | None = None
    content_block: Block | None = None
    delta: Delta | None = None
    usage: Usage | None = None
    error: Any = None


decode_blocks = msgspec.json.Decoder(list[Block]).decode
decode_content = msgspec.json.Decoder(str | list[Block] | None).decode
decode_event = msgspec.json.Decoder(StreamEvent).decode
decode_reply = msgspec.json.Decoder(Reply).decode
decode_request = msgspec.json.Decoder(Request).decode
decode_routing = msgspec.json.Decoder(Routing).decode


def given(raw: msgspec.Raw) -> bytes:
    """A raw value's text; empty where it is absent or null."""
    text = bytes(raw)
    return b"" if text == b"null" else text
