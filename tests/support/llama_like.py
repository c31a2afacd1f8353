"""A backend that answers as a llama.cpp server does, word for word, with nothing behind it.

It owns what is said; `scripted` owns the socket. A chat says "Hello world" in three pieces, or `{"a": 1}` in two where
a format is asked for. Words in the conversation change that, and several may stand together:

    THINK               thinks "let me think" first, in two pieces
    TOOLS (with tools)  calls get_weather, its arguments in two pieces, then get_time; no text
    PRE (with TOOLS)    says "calling " before the calls
    limit               the finish is `length`
    ERR400, ERR500      an error in place of an answer
    MIDERR              an error after the text; not streamed, in place of the answer
    CUT                 the connection ends after the text; not streamed, before the answer

Every answer counts 11 tokens read and 3 written, in 12.5 and 30.25 ms. Every vector is [3, 0, 4, 0], for 5 tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.scripted import Asked, Backend, Wire, backend, chunk, stream_head

__all__ = ("MODELS", "llama_like")

MODELS = ("tiny", "tinychat", "tinytools", "tinyembed")

_USAGE = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
_TIMINGS = {"cache_n": 0, "prompt_n": 11, "prompt_ms": 12.5, "predicted_n": 3, "predicted_ms": 30.25}
_ERRORS: dict[str, dict[str, Any]] = {
    "ERR400": {
        "code": 400,
        "message": "request exceeds the available context size",
        "type": "exceed_context_size_error",
    },
    "ERR500": {"code": 500, "message": "boom", "type": "server_error"},
    "MIDERR": {"code": 500, "message": "mid stream boom", "type": "server_error"},
}
_CALLS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("abc123", "get_weather", ('{"city":', '"Paris"}')),
    ("def456", "get_time", ("{}",)),
)


@contextmanager
def llama_like() -> Iterator[Backend]:
    """The backend, until the block ends."""
    with backend(_serve, *MODELS) as found:
        yield found


def _serve(asked: Asked, wire: Wire) -> None:
    request = asked.json
    said = json.dumps(request.get("messages") or request.get("prompt") or "")
    match asked.path:
        case "/v1/embeddings":
            wire.answer(200, _vectors(request))
        case "/v1/chat/completions" | "/v1/completions":
            _speak(request, said, wire, chat="/chat/" in asked.path)
        case _:
            wire.answer(404, {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}})


def _vectors(request: dict[str, Any]) -> dict[str, Any]:
    inputs = request["input"]
    count = len(inputs) if isinstance(inputs, list) else 1
    rows = [{"object": "embedding", "index": at, "embedding": [3.0, 0.0, 4.0, 0.0]} for at in range(count)]
    usage = {"prompt_tokens": 5 * count, "total_tokens": 5 * count}
    return {"object": "list", "model": request["model"], "data": rows, "usage": usage}


def _speak(request: dict[str, Any], said: str, wire: Wire, *, chat: bool) -> None:
    streamed = bool(request.get("stream"))
    failing = [word for word in _ERRORS if word in said and (word != "MIDERR" or not streamed)]
    if failing:
        error = _ERRORS[failing[0]]
        wire.answer(error["code"], {"error": error})
        return
    if "CUT" in said and not streamed:
        wire.close()
        return
    calling = chat and "TOOLS" in said and bool(request.get("tools"))
    finish = "tool_calls" if calling else "length" if "limit" in said else "stop"
    deltas = list(_deltas(request, said, calling))
    frame = {"id": "x", "created": 1, "model": request["model"]}
    if not streamed:
        wire.answer(200, frame | _whole(deltas, finish, chat=chat))
        return
    frame["object"] = "chat.completion.chunk" if chat else "text_completion"
    wire.send(stream_head())
    for delta, logprobs in deltas:
        if chat or delta.get("content"):
            _event(wire, frame | {"choices": [_choice(delta, None, logprobs, chat=chat)]})
    if "MIDERR" in said:
        _event(wire, {"error": _ERRORS["MIDERR"]})
    elif "CUT" in said:
        wire.close()
        return
    else:
        _event(wire, frame | {"choices": [_choice({}, finish, None, chat=chat)], "timings": _TIMINGS})
        if (request.get("stream_options") or {}).get("include_usage"):
            _event(wire, frame | {"choices": [], "usage": _USAGE, "timings": _TIMINGS})
        wire.send(chunk(b"data: [DONE]\n\n"))
    wire.send(chunk(b""))


def _event(wire: Wire, value: dict[str, Any]) -> None:
    wire.send(chunk(b"data: " + json.dumps(value).encode() + b"\n\n"))


def _choice(delta: dict[str, Any], finish: str | None, logprobs: Any, *, chat: bool) -> dict[str, Any]:
    said = {"delta": delta} if chat else {"text": delta.get("content", "")}
    return {"index": 0, "finish_reason": finish, **said, **({"logprobs": logprobs} if logprobs else {})}


def _deltas(request: dict[str, Any], said: str, calling: bool) -> Iterator[tuple[dict[str, Any], Any]]:
    """Each delta of a stream, with the log probabilities beside it."""
    yield {"role": "assistant", "content": None}, None
    if "THINK" in said:
        yield {"reasoning_content": "let me"}, None
        yield {"reasoning_content": " think"}, None
    if not calling:
        for text in ('{"a"', ": 1}") if request.get("response_format") else ("Hel", "lo", " world"):
            yield {"content": text}, _logprobs(text, request) if request.get("logprobs") else None
        return
    if "PRE" in said:
        yield {"content": "calling "}, None
    for index, (id_, name, pieces) in enumerate(_CALLS):
        head = {"index": index, "id": id_, "type": "function", "function": {"name": name, "arguments": pieces[0]}}
        yield {"tool_calls": [head]}, None
        for piece in pieces[1:]:
            yield {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}, None


def _logprobs(text: str, request: dict[str, Any]) -> dict[str, Any]:
    tops = [{"token": text, "logprob": -0.25}, {"token": "x", "logprob": -2.5}]
    return {"content": [{**tops[0], "top_logprobs": tops[: request.get("top_logprobs") or 1]}]}


def _whole(deltas: list[tuple[dict[str, Any], Any]], finish: str, *, chat: bool) -> dict[str, Any]:
    text = "".join(delta.get("content") or "" for delta, _ in deltas)
    thought = "".join(delta.get("reasoning_content", "") for delta, _ in deltas)
    tokens = [token for _, logprobs in deltas if logprobs for token in logprobs["content"]]
    choice: dict[str, Any] = {
        "index": 0,
        "finish_reason": finish,
        "logprobs": {"content": tokens} if tokens else None,
    }
    if chat:
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if thought:
            message["reasoning_content"] = thought
        if finish == "tool_calls":
            message["tool_calls"] = [
                {"id": id_, "type": "function", "function": {"name": name, "arguments": "".join(pieces)}}
                for id_, name, pieces in _CALLS
            ]
        choice["message"] = message
    else:
        choice["text"] = text
    kind = "chat.completion" if chat else "text_completion"
    return {"object": kind, "choices": [choice], "usage": _USAGE, "timings": _TIMINGS}
