"""Backends for the tests of the library: what an Ollama and an OpenAI-like server say, and how they fail."""

from __future__ import annotations

import json
from typing import Any

from tests.support.scripted import Asked, Wire, chunk, sse, stream_head

__all__ = ("as_ollama", "as_openai", "config", "refuses", "resets")


def as_ollama(*words: str, **more: Any) -> Any:
    """Answers chats as Ollama does, with these words."""

    def script(asked: Asked, wire: Wire) -> None:
        last = {
            "done": True,
            "done_reason": "stop",
            "total_duration": 2_000_000_000,
            "prompt_eval_count": 7,
            "eval_count": 10,
            "eval_duration": 500_000_000,
            **more,
        }
        head = {"model": asked.json["model"], "created_at": "2026-01-02T03:04:05Z"}
        if asked.json.get("stream") is False:
            wire.answer(200, {**head, "message": {"role": "assistant", "content": "".join(words)}, **last})
            return
        wire.send(stream_head("application/x-ndjson"))
        for word in words:
            row = {**head, "message": {"role": "assistant", "content": word}, "done": False}
            wire.send(chunk(json.dumps(row).encode() + b"\n"))
        row = {**head, "message": {"role": "assistant", "content": ""}, **last}
        wire.send(chunk(json.dumps(row).encode() + b"\n") + chunk(b""))

    return script


def as_openai(*words: str) -> Any:
    """Answers chats as llama.cpp does, with these words."""

    def script(asked: Asked, wire: Wire) -> None:
        usage = {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}
        if not asked.json.get("stream"):
            message = {"role": "assistant", "content": "".join(words)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            wire.answer(200, {"choices": [choice], "usage": usage})
            return
        wire.send(stream_head())
        for word in words:
            wire.send(chunk(sse(word)))
        wire.send(chunk(sse(finish="stop")) + chunk(b"data: [DONE]\n\n") + chunk(b""))

    return script


def resets(asked: Asked, wire: Wire) -> None:
    """Cuts every connection."""
    wire.reset()


def refuses(status: int, text: str = "no") -> Any:
    """Answers everything with this status."""
    return lambda asked, wire: wire.answer(status, {"error": {"message": text}})


def config(**backends: Any) -> dict[str, Any]:
    """The document's configuration with these backends: a URL is an Ollama, a pair (type, URL) something else."""
    found: dict[str, Any] = {}
    for name, told in backends.items():
        kind, url = told if isinstance(told, tuple) else ("ollama", told)
        found[name.replace("_", "-")] = {"type": kind, "enabled": True, "url": url, "timeout": 20}
    return {"backends": found}
