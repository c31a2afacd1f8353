"""POST /v1/embeddings: texts, and the vectors that they become.

Strategy: vectors are cut to the wished length here, and made one long again, since few servers do it; what a server
of this format answered passes as it stands where there is nothing to change in it.

Rules: base64 is of little-endian float32; tokens mean something to the model's own server alone; a vector that is
shorter than wished stays as it is.
"""

from __future__ import annotations

import base64
import binascii
import math
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from ollamux.conversation import Answer, EmbedAnswer, EmbedRequest, Event, Operation
from ollamux.errors import BackendError, InvalidRequest, NotSupported, OllamuxError
from ollamux.formats.base import RenderContext, Served
from ollamux.formats.failures import error_message, unreadable
from ollamux.formats.openai_chat.faults import error_body
from ollamux.formats.openai_chat.incoming import OpenAIIncoming
from ollamux.formats.openai_chat.knobs import sampling_of
from ollamux.formats.openai_chat.plain import passed
from ollamux.formats.openai_chat.request import ChatBody
from ollamux.formats.splice import replace
from ollamux.streaming.translator import Delta, Frame

__all__ = ("EmbeddingsIncoming", "EmbeddingsRenderer", "passed_vectors", "read_embedding")

_encode = msgspec.json.Encoder().encode
_EMBEDDING: frozenset[str] = frozenset(("embedding",))
_NOTHING = ChatBody()


class _Body(msgspec.Struct, gc=False):
    input: Any = None
    encoding_format: str | None = None
    dimensions: int | None = None


class _Row(msgspec.Struct, gc=False):
    embedding: list[float] | str
    index: int | None = None


class _Outline(msgspec.Struct, gc=False):
    model: msgspec.Raw = msgspec.Raw()
    data: msgspec.Raw = msgspec.Raw()
    error: msgspec.Raw = msgspec.Raw()


_decode = msgspec.json.Decoder(_Body).decode
_decode_outline = msgspec.json.Decoder(_Outline).decode
_decode_rows = msgspec.json.Decoder(list[_Row]).decode


class EmbeddingsIncoming(OpenAIIncoming):
    """A request. `dimensions` is the wished length, zero for the model's own."""

    __slots__ = ("_input", "base64", "dimensions")

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self.path = "/embeddings"
        try:
            asked = _decode(body)
        except ValueError as error:
            raise InvalidRequest(str(error)) from None
        if asked.encoding_format not in (None, "float", "base64"):
            raise InvalidRequest("encoding_format must be float or base64", param="encoding_format")
        if asked.dimensions is not None and asked.dimensions < 1:
            raise InvalidRequest("dimensions must be at least 1", param="dimensions")
        self._input = asked.input
        self.base64 = asked.encoding_format == "base64"
        self.dimensions = asked.dimensions or 0
        self.operation: Operation = "embed"
        self.needs = _EMBEDDING
        self.stream = False
        self.plain = False

    def check(self, served: Served) -> None:
        """Whether a model makes vectors is often not told: its backend says so."""

    def neutral(self, served: Served, defaults: Mapping[str, Any]) -> EmbedRequest:
        return EmbedRequest(
            self.model,
            _inputs(self._input),
            self.dimensions or None,
            keep_alive=self.keep_alive,
            sampling=sampling_of(_NOTHING, defaults, self.extensions),
        )


def read_embedding(body: bytes) -> EmbeddingsIncoming:
    """Reads a request. Raises InvalidRequest."""
    return EmbeddingsIncoming(body)


def _inputs(told: Any) -> list[str]:
    match told:
        case str() as text:
            return [text]
        case [int(), *_] | [[*_], *_]:
            raise InvalidRequest("this model's backend takes its input as text, not as tokens", param="input")
        case [str(), *_] if all(isinstance(text, str) for text in told):
            return list(told)
        case _:
            raise InvalidRequest("input must be a string, a list of strings, or tokens", param="input")


def passed_vectors(incoming: EmbeddingsIncoming, body: bytes) -> bytes:
    """An answer of a server of this format, as the client asked for it. Raises as `relay_whole`."""
    name = _encode(incoming.model)
    quick = passed(body, name, incoming.base64, incoming.dimensions)
    return _looked_at(incoming, body, name) if quick is None else quick


def _looked_at(incoming: EmbeddingsIncoming, body: bytes, name: bytes) -> bytes:
    """The same for an answer that may have to change."""
    try:
        outline = _decode_outline(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise unreadable(body) from None
    error = bytes(outline.error)
    if error not in (b"", b"null"):
        text = error.decode("utf-8", "replace")
        raise BackendError(error_message(text), status=502, body=text)
    data = bytes(outline.data)
    if not data:
        raise unreadable(body)
    values: dict[str, bytes] = {}
    if bytes(outline.model) not in (b"", name):
        values["model"] = name
    rows = _reshaped(incoming, data)
    if rows is not None:
        values["data"] = rows
    return replace(body, values) if values else body


def _reshaped(incoming: EmbeddingsIncoming, data: bytes) -> bytes | None:
    """The rows anew, where they are not what was asked for. What has a shape of its own stays."""
    try:
        rows = _decode_rows(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    made: list[dict[str, Any]] = []
    changed = False
    for place, row in enumerate(rows):
        told = row.embedding
        vector = _numbers(told) if isinstance(told, str) else told
        if vector is None:
            return None
        shorter = _cut(vector, incoming.dimensions)
        changed = changed or shorter is not vector or isinstance(told, str) is not incoming.base64
        index = place if row.index is None else row.index
        made.append({"object": "embedding", "index": index, "embedding": _written(shorter, incoming.base64)})
    return _encode(made) if changed else None


def _numbers(text: str) -> list[float] | None:
    try:
        data = base64.b64decode(text, validate=True)
        return list(struct.unpack(f"<{len(data) // 4}f", data))
    except (binascii.Error, ValueError, struct.error):
        return None


def _cut(vector: Sequence[float], dimensions: int) -> Sequence[float]:
    """The first of its numbers, of length one again; the vector itself where it is not too long."""
    if not 0 < dimensions < len(vector):
        return vector
    shorter = vector[:dimensions]
    length = math.sqrt(math.fsum(number * number for number in shorter))
    return [number / length for number in shorter] if length > 0 and math.isfinite(length) else shorter


def _written(vector: Sequence[float], packed: bool) -> Sequence[float] | str:
    if not packed:
        return vector
    try:
        return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()
    except (OverflowError, struct.error):
        raise BackendError("the backend sent a vector that is not of float32", status=502) from None


class EmbeddingsRenderer:
    """Writes the answer to one request."""

    __slots__ = ("_context", "_incoming")

    def __init__(self, incoming: EmbeddingsIncoming, context: RenderContext) -> None:
        self._incoming = incoming
        self._context = context

    def embedded(self, answer: EmbedAnswer, now: float) -> bytes:
        asked = self._incoming
        rows = [
            {
                "object": "embedding",
                "index": index,
                "embedding": _written(_cut(vector, asked.dimensions), asked.base64),
            }
            for index, vector in enumerate(answer.vectors)
        ]
        read = answer.input_tokens or 0
        usage = {"prompt_tokens": read, "total_tokens": read}
        return _encode({"object": "list", "data": rows, "model": self._context.model, "usage": usage})

    def loaded(self, operation: Operation, now: float) -> bytes:
        return self.embedded(EmbedAnswer([]), now)

    def whole(self, answer: Answer, now: float) -> bytes:
        raise NotSupported("this route answers with embeddings alone")

    def counted(self, tokens: int, now: float) -> bytes:
        raise NotSupported("this route counts no tokens")

    def events(self, events: list[Event], now: float) -> bytes:
        raise NotSupported("embeddings are not streamed")

    def end(self, now: float) -> bytes:
        return b""

    def fault(self, error: OllamuxError) -> bytes:
        return error_body(error)

    def keepalive(self, now: float) -> bytes:
        return b""

    def frame(self, delta: Delta) -> Frame | None:
        return None
