"""What clients of OpenAI's routes send, as structs: what routing needs, and the whole of a chat.

Strategy: `Routing` is decoded for every request and skips all that it does not name; `ChatBody` is decoded only where a
chat has to be translated. A member whose shape varies from client to client stays `Raw` or `Any`, and is looked at
where it is there.

Rules: unknown members are skipped unread; null and absent are the same but for `stream_options`, to which something
may be added.
"""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

__all__ = (
    "CallIn",
    "CalledIn",
    "ChatBody",
    "FunctionIn",
    "MessageIn",
    "ReasoningIn",
    "ResponseFormatIn",
    "Routing",
    "SchemaIn",
    "StreamOptions",
    "ToolIn",
    "decode_chat",
    "decode_routing",
)


class StreamOptions(msgspec.Struct, gc=False):
    """What a stream brings beside the answer."""

    include_usage: bool | None = None


class Routing(msgspec.Struct, gc=False):
    """What has to be known before a backend is chosen, and the extensions, so that nobody looks for them again."""

    model: str | None = None
    stream: bool | None = None
    stream_options: StreamOptions | UnsetType | None = UNSET
    tools: list[msgspec.Raw] | None = None
    options: Any = None
    keep_alive: Any = None
    num_ctx: Any = None
    think: Any = None
    n: Any = None


class FunctionIn(msgspec.Struct, gc=False):
    """A function that the model may call."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw = msgspec.Raw()
    strict: bool | None = None


class ToolIn(msgspec.Struct, gc=False):
    """A tool."""

    type: str = "function"
    function: FunctionIn | None = None


class CalledIn(msgspec.Struct, gc=False):
    """A called function; `arguments` is JSON text in a string, or bare from clients that know no better."""

    name: str = ""
    arguments: msgspec.Raw = msgspec.Raw()


class CallIn(msgspec.Struct, gc=False):
    """A call of an earlier turn. `extra_content` may carry its signature."""

    id: str | None = None
    type: str | None = None
    function: CalledIn | None = None
    extra_content: Any = None


class MessageIn(msgspec.Struct, gc=False):
    """A message of any role. `reasoning_details` may carry what signed the thinking."""

    role: str
    content: str | list[dict[str, Any]] | None = None
    name: str | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: Any = None
    tool_calls: list[CallIn] | None = None
    tool_call_id: str | None = None
    function_call: CalledIn | None = None


class SchemaIn(msgspec.Struct, gc=False):
    """A named JSON schema."""

    name: str | None = None
    schema: msgspec.Raw = msgspec.Raw()
    strict: bool | None = None
    description: str | None = None


class ResponseFormatIn(msgspec.Struct, gc=False):
    """text, json_object or json_schema."""

    type: str = "text"
    json_schema: SchemaIn | None = None


class ReasoningIn(msgspec.Struct, gc=False):
    """OpenRouter's and Ollama's way to say how hard to think."""

    effort: str | None = None
    enabled: bool | None = None
    max_tokens: int | None = None


class ChatBody(msgspec.Struct, gc=False):
    """A whole chat, as far as another format can say it."""

    messages: list[MessageIn] | None = None
    tools: list[ToolIn] | None = None
    functions: list[Any] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormatIn | None = None
    reasoning_effort: str | None = None
    reasoning: ReasoningIn | None = None
    modalities: list[str] | None = None
    max_completion_tokens: int | None = None
    max_tokens: int | None = None
    stop: str | list[str] | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    seed: int | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    repetition_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    metadata: dict[str, str] | None = None
    service_tier: str | None = None


decode_routing = msgspec.json.Decoder(Routing).decode
decode_chat = msgspec.json.Decoder(ChatBody).decode
