"""What scripted backends say, in the words of three vendors: answers whole and in pieces, errors, lists of models.

Every text names the call that it comes from, so that an answer that was put together from two calls would be seen.
Rules: a wire is known by the end of its path (`wire_of`); nothing here knows of time or trouble.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

__all__ = ("SLOTS", "STREAM_TYPES", "events", "fault", "listed", "refusal", "whole", "wire_of")

SLOTS = 2
"""How many requests at once a llama.cpp says that it takes."""

STREAM_TYPES = {
    "chat": "application/x-ndjson",
    "generate": "application/x-ndjson",
    "completions": "text/event-stream",
    "messages": "text/event-stream",
    "pull": "application/x-ndjson",
}

_WIRES = {
    "/api/chat": "chat",
    "/api/generate": "generate",
    "/api/embed": "embed",
    "/api/pull": "pull",
    "/v1/chat/completions": "completions",
    "/v1/embeddings": "embeddings",
    "/v1/messages": "messages",
}
_MADE = "2026-01-02T03:04:05.123456Z"


def wire_of(url: str) -> str:
    """Which wire this address speaks. Raises KeyError for one that no scripted backend has."""
    path = "/" + url.split("/", 3)[3]
    return _WIRES[path.partition("?")[0]]


def whole(wire: str, texts: Sequence[str], inputs: int = 1) -> dict[str, Any]:
    """An answer in one piece, one text for each choice; `inputs` is how many vectors are asked for."""
    text = texts[0]
    match wire:
        case "chat":
            return {**_line({"message": {"role": "assistant", "content": text}}), **_DONE}
        case "generate":
            return {**_line({"response": text}), **_DONE}
        case "embed":
            return {"model": "m", "embeddings": [[0.5, 0.25]] * inputs, "prompt_eval_count": 3}
        case "embeddings":
            rows = [{"object": "embedding", "index": place, "embedding": [0.5, 0.25]} for place in range(inputs)]
            return {"object": "list", "data": rows, "model": "m", "usage": {"prompt_tokens": 3, "total_tokens": 3}}
        case "completions":
            choices = [
                {"index": place, "message": {"role": "assistant", "content": each}, "finish_reason": "stop"}
                for place, each in enumerate(texts)
            ]
            return {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": choices, **_USAGE}
        case _:
            content = [{"type": "text", "text": text}]
            return {**_MESSAGE, "content": content, "stop_reason": "end_turn", "usage": _TOKENS}


def events(wire: str, texts: Sequence[Sequence[str]]) -> list[bytes]:
    """A stream: for each choice its pieces of text. The first event may hold no text, the last ones are the end."""
    match wire:
        case "chat":
            told = [_row(_line({"message": {"role": "assistant", "content": piece}})) for piece in texts[0]]
            return [*told, _row({**_line({"message": {"role": "assistant", "content": ""}}), **_DONE})]
        case "generate":
            return [
                *(_row(_line({"response": piece})) for piece in texts[0]),
                _row({**_line({"response": ""}), **_DONE}),
            ]
        case "pull":
            return [_row({"status": "pulling manifest"}), _row({"status": "success"})]
        case "completions":
            found: list[bytes] = []
            for place, pieces in enumerate(texts):
                found.append(_chunk(place, {"role": "assistant", "content": ""}))
                found += [_chunk(place, {"content": piece}) for piece in pieces]
                found.append(_chunk(place, {}, "stop"))
            return [*found, b"data: [DONE]\n\n"]
        case _:
            start = {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
            stop = {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 2}}
            return [
                _event({"type": "message_start", "message": {**_MESSAGE, "content": [], "usage": _TOKENS}}),
                _event(start),
                *(
                    _event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}})
                    for piece in texts[0]
                ),
                _event({"type": "content_block_stop", "index": 0}),
                _event(stop),
                _event({"type": "message_stop"}),
            ]


def fault(wire: str) -> bytes:
    """The error that ends a stream."""
    match wire:
        case "chat" | "generate" | "pull":
            return _row({"error": "the model fell over"})
        case "messages":
            return _event({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
        case _:
            return b'data: {"error":{"message":"the model fell over","type":"server_error","code":500}}\n\n'


def refusal(wire: str, status: int, message: str) -> Any:
    """The body of an error status."""
    match wire:
        case "chat" | "generate" | "embed" | "pull":
            return {"error": message}
        case "messages":
            return {"type": "error", "error": {"type": "api_error", "message": message}, "request_id": None}
        case _:
            return {"error": {"message": message, "type": "server_error", "param": None, "code": str(status)}}


def listed(path: str, names: Sequence[str]) -> Any:
    """What a probe of this path is answered."""
    if path.startswith("/api/tags"):
        return {"models": [{"name": name, "model": name, "size": 5, "details": {"family": "llama"}} for name in names]}
    if path.startswith("/api/ps"):
        return {"models": []}
    if path.startswith("/props"):
        return {"total_slots": SLOTS}
    rows = [{"id": name, "object": "model", "type": "model", "display_name": name} for name in names]
    return {"object": "list", "data": rows, "has_more": False}


_DONE = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}
_USAGE = {"usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}}
_TOKENS = {"input_tokens": 3, "output_tokens": 2}
_MESSAGE = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": None}


def _line(more: dict[str, Any]) -> dict[str, Any]:
    return {"model": "m", "created_at": _MADE, **more, "done": False}


def _row(value: Any) -> bytes:
    return json.dumps(value).encode() + b"\n"


def _event(value: dict[str, Any]) -> bytes:
    return f"event: {value['type']}\ndata: {json.dumps(value)}\n\n".encode()


def _chunk(place: int, told: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": place, "delta": told, "finish_reason": finish}
    value = {"id": "x", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(value).encode() + b"\n\n"
