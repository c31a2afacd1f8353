"""What a whole answer that passes through tells of its tokens, read without reading the answer.

Strategy: a format's answer is decoded for its counters alone, whatever else is in it is skipped; the sums that a format
writes are taken apart into the disjoint counters of the neutral model. A format's decoder is made with its first
answer.

Rule: counting never fails a request: what cannot be read tells nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from ollamux.conversation import Usage
from ollamux.formats.openai_chat.plain import usage_of

__all__ = ("usage_told",)


class _Details(msgspec.Struct):
    """Parts of a sum, in OpenAI's formats."""

    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None


class _ChatUsage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: _Details | None = None
    completion_tokens_details: _Details | None = None


class _Chat(msgspec.Struct):
    """OpenAI's chat completions, completions and embeddings."""

    usage: _ChatUsage | None = None


class _ResponseUsage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _Details | None = None
    output_tokens_details: _Details | None = None


class _Response(msgspec.Struct):
    """OpenAI's responses."""

    usage: _ResponseUsage | None = None


class _MessageUsage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    cache_creation_input_tokens: int | None = None


class _Message(msgspec.Struct):
    """Anthropic's messages."""

    usage: _MessageUsage | None = None


class _ContentUsage(msgspec.Struct, rename="camel"):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None


class _Content(msgspec.Struct, rename="camel"):
    """Gemini's contents."""

    usage_metadata: _ContentUsage | None = None


class _Chatted(msgspec.Struct):
    """Ollama's chats, completions and embeddings."""

    prompt_eval_count: int | None = None
    eval_count: int | None = None


_FARTHEST = 1024
"""So many bytes from the beginning of an answer vectors are announced, and from its end it is told what they cost."""

_Answer = TypeVar("_Answer")
_decoders: dict[type, Callable[[bytes], Any]] = {}


def _decoded(kind: type[_Answer], body: bytes) -> _Answer:
    decode = _decoders.get(kind)
    if decode is None:
        decode = _decoders[kind] = msgspec.json.Decoder(kind).decode
    found: _Answer = decode(body)
    return found


def _of_chat(body: bytes) -> Usage | None:
    quick = usage_of(body)
    if quick is not None:
        return quick
    told = _decoded(_Chat, body).usage
    if told is None:
        return None
    read, written = told.prompt_tokens_details or _Details(), told.completion_tokens_details or _Details()
    return _summed(told.prompt_tokens, read, told.completion_tokens, written.reasoning_tokens)


def _of_response(body: bytes) -> Usage | None:
    told = _decoded(_Response, body).usage
    if told is None:
        return None
    read, written = told.input_tokens_details or _Details(), told.output_tokens_details or _Details()
    return _summed(told.input_tokens, read, told.output_tokens, written.reasoning_tokens)


def _of_message(body: bytes) -> Usage | None:
    told = _decoded(_Message, body).usage
    if told is None:
        return None
    return Usage(told.input_tokens, told.cache_read_input_tokens, told.cache_creation_input_tokens, told.output_tokens)


def _of_content(body: bytes) -> Usage | None:
    told = _decoded(_Content, body).usage_metadata
    if told is None:
        return None
    cached = told.cached_content_token_count
    return Usage(
        _less(told.prompt_token_count, cached), cached, None, told.candidates_token_count, told.thoughts_token_count
    )


def _of_chatted(body: bytes) -> Usage | None:
    told = _behind_vectors(body) or _decoded(_Chatted, body)
    return Usage(told.prompt_eval_count, None, None, told.eval_count)


def _behind_vectors(body: bytes) -> _Chatted | None:
    """What is told behind the vectors of a long answer, read without them. What follows two brackets is the end of the
    outermost object where it is JSON together with the beginning of one."""
    if len(body) <= _FARTHEST or body.find(b'"embeddings"', 0, _FARTHEST) < 0:
        return None
    at = body.rfind(b"]]", len(body) - _FARTHEST)
    if at < 0:
        return None
    try:
        told = _decoded(_Chatted, b'{"":0' + body[at + 2 :])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return None if told.prompt_eval_count is None else told


_BY_FORMAT: dict[str, Callable[[bytes], Usage | None]] = {
    "anthropic": _of_message,
    "gemini": _of_content,
    "ollama": _of_chatted,
    "openai_chat": _of_chat,
    "openai_responses": _of_response,
}


def usage_told(format_: str, body: bytes) -> Usage | None:
    """The tokens that a whole answer in this format tells of; None where it tells of none."""
    read = _BY_FORMAT.get(format_)
    if read is None:
        return None
    try:
        return read(body)
    except (ValueError, RecursionError):
        return None


def _summed(read: int | None, parts: _Details, written: int | None, thought: int | None) -> Usage:
    """The counters of a format whose sums hold their parts."""
    cached, stored = parts.cached_tokens, parts.cache_write_tokens
    return Usage(_less(read, (cached or 0) + (stored or 0)), cached, stored, _less(written, thought), thought)


def _less(whole: int | None, part: int | None) -> int | None:
    return None if whole is None else max(whole - (part or 0), 0)
