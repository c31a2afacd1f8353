"""What Bedrock answers, as structs: exactly the fields that are read.

Strategy: one struct for all events of a stream, whose fields do not meet; one for a whole answer. A field whose value
is only passed on stays raw.
"""

from __future__ import annotations

import msgspec

__all__ = ("Block", "Delta", "Event", "Reply", "Tokens", "ToolUse", "decode_event", "decode_reply")


class _Camel(msgspec.Struct, rename="camel", gc=False):
    """Keys as AWS writes them."""


class Tokens(_Camel):
    """Usage: `input_tokens` are those that no cache has anything to do with."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_write_input_tokens: int | None = None


class ToolUse(_Camel):
    """A call, whole or its beginning. `type` is there where the service calls the tool itself."""

    tool_use_id: str = ""
    name: str = ""
    input: msgspec.Raw = msgspec.Raw()
    type: str | None = None


class ReasoningText(_Camel):
    """A thought."""

    text: str = ""
    signature: str | None = None


class ReasoningBlock(_Camel):
    """A thought, or one that is sealed (base64)."""

    reasoning_text: ReasoningText | None = None
    redacted_content: str | None = None


class Block(_Camel):
    """A block of a whole answer."""

    text: str | None = None
    tool_use: ToolUse | None = None
    reasoning_content: ReasoningBlock | None = None
    citations_content: Citations | None = None


class Citations(_Camel):
    """A text with its sources."""

    content: list[Cited] = []


class Cited(_Camel):
    """A piece of such a text."""

    text: str = ""


class Message(_Camel):
    """What the model said."""

    content: list[Block] = []


class Output(_Camel):
    """What came out."""

    message: Message | None = None


class Reply(_Camel):
    """A whole answer."""

    output: Output
    stop_reason: str | None = None
    usage: Tokens | None = None


class ToolUseDelta(_Camel):
    """More of a call's arguments, as text."""

    input: str = ""


class ReasoningDelta(_Camel):
    """More of a thought, its signature, or more of a sealed one (base64)."""

    text: str | None = None
    signature: str | None = None
    redacted_content: str | None = None


class Delta(_Camel):
    """More of a block."""

    text: str | None = None
    tool_use: ToolUseDelta | None = None
    reasoning_content: ReasoningDelta | None = None


class Start(_Camel):
    """What a block begins with; texts and thoughts begin with nothing."""

    tool_use: ToolUse | None = None


class Event(_Camel):
    """The payload of an event."""

    content_block_index: int = 0
    start: Start | None = None
    delta: Delta | None = None
    stop_reason: str | None = None
    usage: Tokens | None = None


decode_event = msgspec.json.Decoder(Event).decode
decode_reply = msgspec.json.Decoder(Reply).decode
