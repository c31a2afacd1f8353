"""Vectors from Bedrock: Titan's and Cohere's own bodies, sent through InvokeModel, since Converse has none.

Rules: Titan takes one text for a call and Cohere so many, and more are refused here (the dialect tells how many, so
that who has more asks several times); Cohere wants to be told what a text is for, and a document is what is searched;
`dimensions` are not sent, for to cut a vector is the renderer's work.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ollamux.conversation import EmbedAnswer, EmbedRequest
from ollamux.errors import InvalidRequest
from ollamux.formats.base import Dialect, Outgoing
from ollamux.formats.bedrock.building import path_of
from ollamux.formats.bedrock.models import model_of
from ollamux.formats.failures import unreadable

__all__ = ("build_embed", "read_vectors")

_encode = msgspec.json.Encoder().encode
_MOST_TEXTS = 96
_SILENT = frozenset(("reasoning_effort", "summary_level", "verbosity_level", "truncation_strategy", "input_type"))


class _Floats(msgspec.Struct, gc=False, rename={"vectors": "float"}):
    vectors: list[list[float]]


class _Vectors(msgspec.Struct, gc=False):
    """Titan's `embedding`, or Cohere's `embeddings`, which are sorted by their type where one was asked for."""

    embedding: list[float] | None = None
    embeddings: msgspec.Raw = msgspec.Raw()
    input_tokens: int | None = msgspec.field(default=None, name="inputTextTokenCount")


_decode = msgspec.json.Decoder(_Vectors).decode
_decode_rows = msgspec.json.Decoder(list[list[float]]).decode
_decode_floats = msgspec.json.Decoder(_Floats).decode


def build_embed(request: EmbedRequest, upstream: str, dialect: Dialect) -> Outgoing:
    """`invoke`, with the model's own body. Raises InvalidRequest for a model whose body is not known."""
    vendor = model_of(upstream).vendor
    body: dict[str, Any]
    if vendor == "cohere":
        if len(request.inputs) > _MOST_TEXTS:
            raise InvalidRequest(f"this model takes {_MOST_TEXTS} texts at a time at most")
        purpose = request.sampling.other.get("input_type", "search_document")
        body = {"texts": request.inputs, "input_type": purpose, "embedding_types": ["float"]}
        if request.truncate is not None:
            end = "RIGHT" if "embed-v4" in upstream else "END"
            body["truncate"] = end if request.truncate else "NONE"
    elif vendor == "amazon" and "titan-embed-text" in upstream:
        if len(request.inputs) != 1:
            raise InvalidRequest("this model takes one text at a time")
        body = {"inputText": request.inputs[0]}
    else:
        raise InvalidRequest(f"it is not known how the model '{upstream}' makes vectors on this backend")
    for key, value in dialect.extra.items():
        body.setdefault(key, value)
    lost = sorted(request.sampling.other.keys() - _SILENT)
    warnings = (f"the backend does not take these options: {', '.join(lost)}",) if lost else ()
    return Outgoing(path_of(upstream, "invoke"), _encode(body), warnings)


def read_vectors(body: bytes, count: int) -> EmbedAnswer:
    """The vectors of `count` inputs, in their order. Raises BackendUnavailable for anything else."""
    try:
        told = _decode(body)
        if told.embedding is not None:
            vectors = [told.embedding]
        elif bytes(told.embeddings)[:1] == b"{":
            vectors = _decode_floats(told.embeddings).vectors
        else:
            vectors = _decode_rows(told.embeddings)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise unreadable(body) from None
    if len(vectors) != count:
        raise unreadable(body)
    return EmbedAnswer(vectors, told.input_tokens)
