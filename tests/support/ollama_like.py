"""A backend that answers as an Ollama does, with nothing behind it: for what passes through to one.

It owns what is said; `scripted` owns the socket. It has one model, `tiny:latest`, which says "Hello from Ollama!" in
three pieces, thinks first where it is asked to, calls the first tool that it is given, and repeats what a tool told.
Every vector is [0.6, 0.8]. Every model can be pulled but one that is called `missing`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.support.scripted import Asked, Backend, Wire, backend, chunk, stream_head

__all__ = ("LAYER", "MODEL", "ollama_like")

MODEL = "tiny:latest"
LAYER = "sha256:" + "ab" * 32

_NOW = "2026-01-02T03:04:05.678Z"
_COUNTS = {
    "total_duration": 40_000_000,
    "load_duration": 1_000_000,
    "prompt_eval_count": 11,
    "prompt_eval_duration": 12_500_000,
    "eval_count": 3,
    "eval_duration": 30_250_000,
}


@contextmanager
def ollama_like() -> Iterator[Backend]:
    """The backend, until the block ends."""
    with backend(_serve, MODEL, style="ollama") as found:
        yield found


def _serve(asked: Asked, wire: Wire) -> None:
    request = asked.json
    match asked.path:
        case "/api/chat":
            _answer(wire, request, [("message", {"role": "assistant", **said}) for said in _turn(request)], {})
        case "/api/generate":
            texts = ["Hel", "lo from", " Ollama!", ""]
            _answer(wire, request, [("response", text) for text in texts], {"context": [1, 2, 3]})
        case "/api/embed":
            count = len(request["input"]) if isinstance(request["input"], list) else 1
            wire.answer(
                200, {"model": request["model"], "embeddings": [[0.6, 0.8]] * count, "prompt_eval_count": count}
            )
        case "/api/embeddings":
            wire.answer(200, {"embedding": [0.6, 0.8]})
        case "/api/show":
            wire.answer(200, {"details": {"family": "llama"}, "model_info": {"general.architecture": "llama"},
                              "capabilities": ["completion", "tools", "thinking", "vision", "embedding"],
                              "modified_at": _NOW})  # fmt: skip
        case "/api/pull":
            _pull(wire, request)
        case _:
            wire.answer(404, b"404 page not found", "text/plain")


def _turn(request: dict[str, Any]) -> list[dict[str, Any]]:
    """The message of each chunk; the last one is of the chunk that is done."""
    last = request["messages"][-1]
    thoughts = [{"content": "", "thinking": "hm"}] if request.get("think") else []
    if last["role"] == "tool":
        return [*thoughts, {"content": f"The tool said {last['content']}."}, {"content": ""}]
    if request.get("tools"):
        function = {"index": 0, "name": request["tools"][0]["function"]["name"], "arguments": {"city": "Paris"}}
        return [*thoughts, {"content": "", "tool_calls": [{"id": "call_0", "function": function}]}, {"content": ""}]
    if request.get("format"):
        return [*thoughts, {"content": '{"n": 2}'}, {"content": ""}]
    if last.get("images"):
        return [*thoughts, {"content": f"I see {len(last['images'])} picture."}, {"content": ""}]
    return [*thoughts, *({"content": text} for text in ("Hel", "lo from", " Ollama!", ""))]


def _answer(wire: Wire, request: dict[str, Any], pieces: list[tuple[str, Any]], more: dict[str, Any]) -> None:
    def frame(key: str, said: Any, **rest: Any) -> dict[str, Any]:
        return {"model": request["model"], "created_at": _NOW, key: said, "done": bool(rest), **rest}

    ended = {"done_reason": "stop", **more, **_COUNTS}
    if request.get("stream") is False:
        key = pieces[0][0]
        wire.answer(200, frame(key, _joined([said for _, said in pieces]), **ended), "application/json; charset=utf-8")
        return
    wire.send(stream_head("application/x-ndjson"))
    for at, (key, said) in enumerate(pieces, 1):
        _line(wire, frame(key, said, **(ended if at == len(pieces) else {})))
    wire.send(chunk(b""))


def _joined(pieces: list[Any]) -> Any:
    if isinstance(pieces[0], str):
        return "".join(pieces)
    whole: dict[str, Any] = {"role": "assistant", "content": "".join(piece["content"] for piece in pieces)}
    for piece in pieces:
        whole |= {key: piece[key] for key in ("thinking", "tool_calls") if key in piece}
    return whole


def _pull(wire: Wire, request: dict[str, Any]) -> None:
    name = request.get("model") or request.get("name")
    lines: list[dict[str, Any]] = [{"status": "pulling manifest"}]
    if name == "missing":
        lines.append({"error": "pull model manifest: file does not exist"})
    else:
        layer = {"status": f"pulling {LAYER[7:19]}", "digest": LAYER, "total": 7}
        lines += [{**layer, "completed": 3}, {**layer, "completed": 7}, {"status": "success"}]
    if request.get("stream") is False:
        wire.answer(500 if "error" in lines[-1] else 200, lines[-1])
        return
    wire.send(stream_head("application/x-ndjson"))
    for line in lines:
        _line(wire, line)
    wire.send(chunk(b""))


def _line(wire: Wire, value: dict[str, Any]) -> None:
    wire.send(chunk(json.dumps(value).encode() + b"\n"))
