"""What OpenAI-style servers answer, as structs: exactly the fields that are read, as loosely as servers write them.

Strategy: one struct for chunks and whole answers alike, since many servers mix the two up; a field whose shape varies
from server to server stays `Raw` or `Any` and is looked at only where it is there.

Rules: unknown fields are skipped unread, which is what makes decoding cheap; null and absent are the same here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

__all__ = (
    "CallPiece",
    "Choice",
    "Embeddings",
    "FunctionPiece",
    "LogProbs",
    "Message",
    "NestedEmbeddings",
    "NestedVector",
    "RawOrNone",
    "Reply",
    "Timings",
    "TokenDetails",
    "TokenLogProb",
    "Usage",
    "Vector",
    "decode_embeddings",
    "decode_logprobs",
    "decode_nested",
    "decode_reply",
)


if TYPE_CHECKING:
    RawOrNone: TypeAlias = msgspec.Raw | None
else:
    RawOrNone = msgspec.Raw  # msgspec takes no union with Raw: null is the text of it, absent is None


class FunctionPiece(msgspec.Struct, gc=False):
    """A called function; `arguments` is a JSON string, or an object from servers that know no better."""

    name: str | None = None
    arguments: RawOrNone = None


class CallPiece(msgspec.Struct, gc=False):
    """A tool call, or a piece of one; `extra_content` may carry its signature."""

    index: int | None = None
    id: str | None = None
    function: FunctionPiece | None = None
    extra_content: Any = None


class Message(msgspec.Struct, gc=False):
    """A message or a delta. `content` is text, or a list of parts from a few servers; `reasoning_details` may carry
    what signed the thinking."""

    content: str | list[dict[str, Any]] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: Any = None
    refusal: str | None = None
    tool_calls: list[CallPiece] | None = None


class Choice(msgspec.Struct, gc=False):
    """One choice; `text` is a completion's."""

    index: int | None = None
    delta: Message | None = None
    message: Message | None = None
    text: str | None = None
    finish_reason: str | None = None
    logprobs: RawOrNone = None


class TokenDetails(msgspec.Struct, gc=False):
    """The parts of a sum of tokens."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class Usage(msgspec.Struct, gc=False):
    """Sums: the prompt's tokens include cached ones, the completion's include thinking."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: TokenDetails | None = None
    completion_tokens_details: TokenDetails | None = None


class Timings(msgspec.Struct, gc=False):
    """llama.cpp's own: tokens and milliseconds."""

    cache_n: int | None = None
    prompt_n: int | None = None
    prompt_ms: float | None = None
    predicted_n: int | None = None
    predicted_ms: float | None = None


class Reply(msgspec.Struct, gc=False):
    """A chunk or a whole answer; `error`, or `object` "error" with `message` beside it, where it is none."""

    choices: list[Choice] | None = None
    id: Any = None
    model: Any = None
    created: Any = None
    object: Any = None
    usage: Usage | None = None
    timings: Timings | None = None
    error: RawOrNone = None


class TokenLogProb(msgspec.Struct, gc=False):
    """A token, and what else it might have been."""

    token: str
    logprob: float | None = None
    bytes: list[int] | None = None
    top_logprobs: list[TokenLogProb] | None = None


class LogProbs(msgspec.Struct, gc=False):
    """A chat's log probabilities, in `content`, or a completion's in parallel lists."""

    content: list[TokenLogProb] | None = None
    tokens: list[str] | None = None
    token_logprobs: list[float | None] | None = None
    top_logprobs: list[dict[str, float] | None] | None = None


class Vector(msgspec.Struct, gc=False):
    """One embedding: numbers, or base64 of little-endian float32."""

    embedding: list[float] | str
    index: int | None = None


class NestedVector(msgspec.Struct, gc=False):
    """One embedding as servers without pooling give it: a vector for each token."""

    embedding: list[list[float]]
    index: int | None = None


class Embeddings(msgspec.Struct, gc=False):
    """The answer of /embeddings."""

    data: list[Vector]
    usage: Usage | None = None
    model: Any = None


class NestedEmbeddings(msgspec.Struct, gc=False):
    """The same with nested vectors."""

    data: list[NestedVector]
    usage: Usage | None = None
    model: Any = None


decode_logprobs = msgspec.json.Decoder(LogProbs).decode
decode_reply = msgspec.json.Decoder(Reply).decode
decode_embeddings = msgspec.json.Decoder(Embeddings).decode
decode_nested = msgspec.json.Decoder(NestedEmbeddings).decode
