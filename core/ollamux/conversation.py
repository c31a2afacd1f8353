"""The neutral model: what every client format is read into and every backend format is built from.

Hub and spokes: a format knows this module and nothing of other formats. Values are immutable once built, but for the
lists of a request, which belong to whoever built it.

Rules: tool arguments stay JSON text, byte for byte; absent (None) is not zero and not false; reasoning signatures are
`Opaque`, tagged with the format they came from, and given back to that format alone; usage counters are disjoint, every
format's sums are derived from them; parts are ordered and their order is the order of emission.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from ollamux.answer import Answer
from ollamux.usage import Usage, total

__all__ = (
    "NO_SAMPLING",
    "Answer",
    "Audio",
    "Bytes",
    "CompletionRequest",
    "Document",
    "EmbedAnswer",
    "EmbedRequest",
    "Event",
    "FileId",
    "Finish",
    "FinishReason",
    "Image",
    "JsonFormat",
    "LogProb",
    "Message",
    "Opaque",
    "Operation",
    "Part",
    "Reasoning",
    "ReasoningDelta",
    "ReasoningOptions",
    "RedactedDelta",
    "RedactedReasoning",
    "Refusal",
    "RefusalDelta",
    "Role",
    "Sampling",
    "Source",
    "Start",
    "StreamFault",
    "Text",
    "TextDelta",
    "Timings",
    "Tool",
    "ToolCall",
    "ToolCallDelta",
    "ToolCallStart",
    "ToolChoice",
    "ToolResult",
    "Url",
    "Usage",
    "UsageUpdate",
    "total",
)

Role: TypeAlias = Literal["system", "user", "assistant", "tool"]
Operation: TypeAlias = Literal["chat", "completion", "embed", "count", "load", "unload"]
FinishReason: TypeAlias = Literal[
    "stop",
    "stop_sequence",
    "length",
    "context_exceeded",
    "tool_calls",
    "content_filter",
    "refusal",
    "pause",
    "malformed",
    "load",
    "unload",
]


class Opaque(msgspec.Struct, frozen=True):
    """A value that only its maker can read: a signature, encrypted reasoning."""

    format: str
    value: str
    family: str = ""


class Bytes(msgspec.Struct, frozen=True, tag="bytes"):
    """Content that came with the request; `data` is base64 text, `mime` empty where the client did not say."""

    data: str
    mime: str = ""


class Url(msgspec.Struct, frozen=True, tag="url"):
    """Content that stands elsewhere."""

    url: str
    mime: str = ""


class FileId(msgspec.Struct, frozen=True, tag="file"):
    """Content that a provider keeps."""

    provider: str
    id: str


Source: TypeAlias = Bytes | Url | FileId


class Text(msgspec.Struct, frozen=True, tag="text"):
    """Plain text. `cache` asks to keep the prompt up to here for that long: `5m`, `1h`."""

    text: str
    cache: str | None = None


class Image(msgspec.Struct, frozen=True, tag="image"):
    """A picture; `detail` is OpenAI's low, high or auto."""

    source: Source
    detail: str | None = None
    cache: str | None = None


class Audio(msgspec.Struct, frozen=True, tag="audio"):
    """A sound; `mime` of its source, or `wav`/`mp3` in `format`."""

    source: Source
    format: str = ""


class Document(msgspec.Struct, frozen=True, tag="document"):
    """A file to read: a PDF, a text. `name` is its title or file name."""

    source: Source
    name: str = ""
    cache: str | None = None


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call"):
    """A call that the model asked for. `arguments` is JSON text as the model wrote it."""

    id: str
    name: str
    arguments: str
    signature: Opaque | None = None


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result"):
    """What a tool answered. `call_id` is empty where the client keeps no ids: then results pair with calls by order."""

    call_id: str
    parts: list[Part]
    name: str = ""
    is_error: bool = False
    cache: str | None = None


class Reasoning(msgspec.Struct, frozen=True, tag="reasoning"):
    """Thinking. An empty text with a signature is a block all the same."""

    text: str
    signature: Opaque | None = None


class RedactedReasoning(msgspec.Struct, frozen=True, tag="redacted_reasoning"):
    """Thinking that only its maker can read."""

    content: Opaque


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """The model declined, in its words."""

    text: str


Part: TypeAlias = Text | Image | Audio | Document | ToolCall | ToolResult | Reasoning | RedactedReasoning | Refusal


class Message(msgspec.Struct, frozen=True):
    """One turn."""

    role: Role
    parts: list[Part]
    name: str | None = None


class Tool(msgspec.Struct, frozen=True):
    """A function that the model may call. `parameters` is its JSON schema as text, byte for byte; None where none."""

    name: str
    description: str | None = None
    parameters: msgspec.Raw | None = None
    strict: bool | None = None
    cache: str | None = None


class ToolChoice(msgspec.Struct, frozen=True):
    """auto, none, required, or one `name`. Where `allowed` names tools, auto and required choose among these alone."""

    mode: Literal["auto", "none", "required", "named"]
    name: str | None = None
    allowed: tuple[str, ...] = ()


class JsonFormat(msgspec.Struct, frozen=True):
    """Structured output: any JSON where `schema` is None, else what the schema (JSON text) allows."""

    schema: msgspec.Raw | None = None
    name: str | None = None
    strict: bool | None = None
    description: str | None = None


class ReasoningOptions(msgspec.Struct, frozen=True):
    """Whether and how hard to think. `effort` is none, minimal, low, medium, high, xhigh or max; `budget` is in tokens;
    `summary` is what is to be shown of it: auto, concise, detailed, or omitted."""

    enabled: bool | None = None
    effort: str | None = None
    budget: int | None = None
    summary: str | None = None


class Sampling(msgspec.Struct, frozen=True, omit_defaults=True):
    """The knobs that formats share, by their common names; None is absent. `other` holds a format's own knobs under
    their own names (num_ctx, num_gpu, ...), which another format drops with a warning, and what a model's configuration
    adds: `reasoning_effort` (weaker than the request's own), `summary_level`, `verbosity_level` and
    `truncation_strategy`, which a format without them drops in silence."""

    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    typical_p: float | None = None
    stop: tuple[str, ...] | None = None
    seed: int | None = None
    repeat_penalty: float | None = None
    repeat_last_n: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    other: dict[str, Any] = {}


NO_SAMPLING = Sampling()
"""Nothing asked for: the one object for it, so that it can be told by identity."""


class CompletionRequest(msgspec.Struct, frozen=True):
    """A text to go on with, with no template around it; `suffix` asks to fill the middle."""

    model: str
    prompt: str
    suffix: str | None = None
    stream: bool = False
    sampling: Sampling = Sampling()
    output: JsonFormat | None = None
    logprobs: bool = False
    top_logprobs: int = 0
    keep_alive: float | None = None


class EmbedRequest(msgspec.Struct, frozen=True):
    """Texts to turn into vectors. `dimensions` cuts each vector; `truncate` False refuses what is too long."""

    model: str
    inputs: list[str]
    dimensions: int | None = None
    truncate: bool | None = None
    keep_alive: float | None = None
    sampling: Sampling = Sampling()


class Timings(msgspec.Struct, frozen=True):
    """What a backend says of its own speed, in nanoseconds."""

    prompt_ns: int | None = None
    output_ns: int | None = None


class LogProb(msgspec.Struct, frozen=True):
    """A token and its log probability; `bytes` None where the backend did not say; `top` the likeliest instead."""

    token: str
    logprob: float
    bytes: tuple[int, ...] | None = None
    top: tuple[LogProb, ...] = ()


class EmbedAnswer(msgspec.Struct, frozen=True):
    """One vector for each input, in their order."""

    vectors: list[list[float]]
    input_tokens: int | None = None
    model: str = ""


class Start(msgspec.Struct, frozen=True, tag="start"):
    """The backend began to answer."""

    id: str = ""
    model: str = ""
    created: int = 0


class TextDelta(msgspec.Struct, frozen=True, tag="text_delta"):
    """More text."""

    text: str
    logprobs: tuple[LogProb, ...] | None = None


class ReasoningDelta(msgspec.Struct, frozen=True, tag="reasoning_delta"):
    """More thinking, or its signature."""

    text: str
    signature: Opaque | None = None


class RedactedDelta(msgspec.Struct, frozen=True, tag="redacted_delta"):
    """A block of thinking that only its maker can read, whole."""

    content: Opaque


class RefusalDelta(msgspec.Struct, frozen=True, tag="refusal_delta"):
    """More of a refusal."""

    text: str


class ToolCallStart(msgspec.Struct, frozen=True, tag="tool_call_start"):
    """A call opens. `index` counts the calls of the answer, from 0 and without gaps."""

    index: int
    id: str
    name: str
    signature: Opaque | None = None


class ToolCallDelta(msgspec.Struct, frozen=True, tag="tool_call_delta"):
    """More of a call's arguments, as JSON text."""

    index: int
    arguments: str


class UsageUpdate(msgspec.Struct, frozen=True, tag="usage"):
    """What is known of the cost so far; a later one replaces what it names."""

    usage: Usage | None = None
    timings: Timings | None = None


class Finish(msgspec.Struct, frozen=True, tag="finish"):
    """The model stopped. `native` is the backend's own word for why, `stop_sequence` the one that it met."""

    reason: FinishReason
    native: str = ""
    stop_sequence: str | None = None


class StreamFault(msgspec.Struct, frozen=True, tag="fault"):
    """The backend reported an error inside a stream that had begun. `detail` is its text as a client may see it."""

    detail: str
    status: int = 500
    kind: str = "upstream_bad"


Event: TypeAlias = (
    Start
    | TextDelta
    | ReasoningDelta
    | RedactedDelta
    | RefusalDelta
    | ToolCallStart
    | ToolCallDelta
    | UsageUpdate
    | Finish
    | StreamFault
)
