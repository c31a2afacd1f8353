"""The wire shapes of OpenAI's Responses: what a client asks, what a backend answers, and its stream's events.

Strategy: structs hold what is looked at; lists of items stay raw text until somebody needs an item, so that what only
passes through is never decoded.

Rules: a field that a server may leave out has a default; what different servers spell in different types is `Any` and
judged where it is used.
"""

from __future__ import annotations

from typing import Any

import msgspec

__all__ = (
    "ContentPart",
    "Item",
    "Request",
    "Response",
    "Routing",
    "StreamEvent",
    "ToolIn",
    "decode_event",
    "decode_item",
    "decode_request",
    "decode_response",
    "decode_routing",
)


class Routing(msgspec.Struct, gc=False):
    """What has to be known of a request before a backend is chosen."""

    model: str | None = None
    stream: bool | None = None
    store: bool | None = None
    previous_response_id: str | None = None
    tools: list[msgspec.Raw] | None = None
    keep_alive: str | float | None = None


class ReasoningIn(msgspec.Struct, gc=False):
    """How hard to think, and what to show of it."""

    effort: str | None = None
    summary: str | None = None
    generate_summary: str | None = None


class TextFormat(msgspec.Struct, gc=False):
    """text, json_object or json_schema."""

    type: str = "text"
    name: str | None = None
    schema: msgspec.Raw = msgspec.Raw()
    strict: bool | None = None
    description: str | None = None


class TextIn(msgspec.Struct, gc=False):
    """What the text is to be like."""

    format: TextFormat | None = None
    verbosity: str | None = None


class ToolIn(msgspec.Struct, gc=False):
    """A tool of any type; a namespace holds further ones."""

    type: str = "function"
    name: str = ""
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw()
    strict: bool | None = None
    format: dict[str, Any] | None = None
    tools: list[ToolIn] | None = None


class Request(msgspec.Struct, gc=False):
    """The whole request, as far as another format can say it; the fields at the end are extensions."""

    input: str | list[msgspec.Raw] | None = None
    instructions: str | list[msgspec.Raw] | None = None
    tools: list[ToolIn] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    reasoning: ReasoningIn | None = None
    text: TextIn | None = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_logprobs: int | None = None
    include: list[str] | None = None
    metadata: dict[str, str] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    service_tier: str | None = None
    truncation: str | None = None
    background: bool | None = None
    conversation: Any = None
    prompt: Any = None
    max_tool_calls: int | None = None
    moderation: Any = None
    context_management: Any = None
    options: dict[str, Any] | None = None
    num_ctx: int | None = None
    think: bool | str | None = None


class ContentPart(msgspec.Struct, gc=False):
    """A part of a message, a tool's output or reasoning."""

    type: str = ""
    text: str | None = None
    refusal: str | None = None
    image_url: Any = None
    detail: str | None = None
    file_id: str | None = None
    file_data: str | None = None
    file_url: str | None = None
    filename: str | None = None
    input_audio: dict[str, Any] | None = None
    logprobs: list[dict[str, Any]] | None = None


class Item(msgspec.Struct, gc=False):
    """An item of any type, in a request or in an answer."""

    type: str | None = None
    id: str | None = None
    role: str | None = None
    content: str | list[ContentPart] | None = None
    call_id: str | None = None
    name: str | None = None
    namespace: str | None = None
    arguments: msgspec.Raw = msgspec.Raw()
    input: str | None = None
    output: msgspec.Raw = msgspec.Raw()
    summary: list[ContentPart] | None = None
    encrypted_content: str | None = None
    status: str | None = None


class Details(msgspec.Struct, gc=False):
    """How counters of tokens divide."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class UsageIn(msgspec.Struct, gc=False):
    """What an answer cost."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: Details | None = None
    output_tokens_details: Details | None = None


class ErrorIn(msgspec.Struct, gc=False):
    """What went wrong. `code` is a word, or a status from servers that know no better."""

    code: Any = None
    message: Any = None
    type: Any = None


class Incomplete(msgspec.Struct, gc=False):
    """Why an answer is not whole."""

    reason: str | None = None


class Response(msgspec.Struct, gc=False):
    """A response, in an answer or in an event."""

    id: Any = None
    object: Any = None
    model: Any = None
    created_at: Any = None
    status: str | None = None
    output: list[msgspec.Raw] | None = None
    usage: UsageIn | None = None
    error: Any = None
    incomplete_details: Incomplete | None = None


class StreamEvent(msgspec.Struct, gc=False):
    """An event of a stream, whatever its type."""

    type: str = ""
    response: Response | None = None
    item: Item | None = None
    output_index: int | None = None
    content_index: int | None = None
    summary_index: int | None = None
    item_id: str | None = None
    delta: str | None = None
    text: str | None = None
    refusal: str | None = None
    arguments: str | None = None
    input: str | None = None
    name: str | None = None
    logprobs: list[dict[str, Any]] | None = None
    error: Any = None
    code: Any = None
    message: Any = None


decode_routing = msgspec.json.Decoder(Routing).decode
decode_request = msgspec.json.Decoder(Request).decode
decode_item = msgspec.json.Decoder(Item).decode
decode_response = msgspec.json.Decoder(Response).decode
decode_event = msgspec.json.Decoder(StreamEvent).decode
