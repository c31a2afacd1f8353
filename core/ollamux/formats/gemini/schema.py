"""What Gemini answers, as structs: exactly the fields that are read.

Strategy: one struct for a piece of a stream and for a whole answer, which are the same; arguments stay raw.

Rules: unknown fields are skipped unread; null and absent are the same here.
"""

from __future__ import annotations

import msgspec

__all__ = (
    "Blob",
    "Candidate",
    "Content",
    "Counted",
    "Embedding",
    "Feedback",
    "FunctionCall",
    "LogProbs",
    "Part",
    "Predicted",
    "Prediction",
    "Response",
    "Statistics",
    "Token",
    "Tokens",
    "Usage",
    "Vectors",
    "decode_response",
    "decode_responses",
    "decode_vectors",
)


class FunctionCall(msgspec.Struct, gc=False):
    """A call; `args` is an object."""

    name: str | None = None
    id: str | None = None
    args: msgspec.Raw = msgspec.Raw()


class Blob(msgspec.Struct, gc=False, rename="camel"):
    """What a model drew or said aloud: its data in base64, or where it stands."""

    mime_type: str | None = None
    data: str | None = None
    file_uri: str | None = None


class Part(msgspec.Struct, gc=False, rename="camel"):
    """A piece of content; a signature stands beside whatever it signs."""

    text: str | None = None
    thought: bool | None = None
    thought_signature: str | None = None
    function_call: FunctionCall | None = None
    inline_data: Blob | None = None
    file_data: Blob | None = None


class Content(msgspec.Struct, gc=False):
    """A turn of the model; without parts where there is nothing new."""

    parts: list[Part] | None = None


class Token(msgspec.Struct, gc=False, rename="camel"):
    """A token and how likely it was."""

    token: str = ""
    log_probability: float | None = None


class Tokens(msgspec.Struct, gc=False):
    """The likeliest tokens of one place."""

    candidates: list[Token] | None = None


class LogProbs(msgspec.Struct, gc=False, rename="camel"):
    """What was chosen, and place by place what else might have been."""

    chosen_candidates: list[Token] | None = None
    top_candidates: list[Tokens] | None = None


class Candidate(msgspec.Struct, gc=False, rename="camel"):
    """One answer."""

    content: Content | None = None
    finish_reason: str | None = None
    index: int | None = None
    logprobs_result: LogProbs | None = None


class Feedback(msgspec.Struct, gc=False, rename="camel"):
    """Why a prompt was not answered."""

    block_reason: str | None = None


class Usage(msgspec.Struct, gc=False, rename="camel"):
    """Sums: the prompt's tokens include the cached ones, the candidates' exclude the thoughts'."""

    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None


class Response(msgspec.Struct, gc=False, rename="camel"):
    """A piece of a stream, or a whole answer; `error` where it is none."""

    candidates: list[Candidate] | None = None
    prompt_feedback: Feedback | None = None
    usage_metadata: Usage | None = None
    model_version: str | None = None
    response_id: str | None = None
    error: msgspec.Raw = msgspec.Raw()


class Embedding(msgspec.Struct, gc=False):
    """One vector."""

    values: list[float] | None = None


class Counted(msgspec.Struct, gc=False, rename="camel"):
    """What embedding cost, where it is told."""

    prompt_token_count: int | None = None
    total_token_count: int | None = None


class Statistics(msgspec.Struct, gc=False):
    """What Vertex tells of a text; the count is written as a number with a point at times."""

    token_count: float | None = None


class Predicted(msgspec.Struct, gc=False):
    """One vector of Vertex's, and what it cost."""

    values: list[float] | None = None
    statistics: Statistics | None = None


class Prediction(msgspec.Struct, gc=False):
    """What Vertex predicts for one text."""

    embeddings: Predicted | None = None


class Vectors(msgspec.Struct, gc=False, rename="camel"):
    """The answer to embedContent, in `embedding`, to batchEmbedContents, or to predict."""

    embeddings: list[Embedding] | None = None
    embedding: Embedding | None = None
    predictions: list[Prediction] | None = None
    usage_metadata: Counted | None = None
    error: msgspec.Raw = msgspec.Raw()


decode_response = msgspec.json.Decoder(Response).decode
decode_responses = msgspec.json.Decoder(list[Response]).decode
decode_vectors = msgspec.json.Decoder(Vectors).decode
