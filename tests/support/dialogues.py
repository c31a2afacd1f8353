"""Chats as clients of both formats hold them, and backends that answer them.

A `Dialect` is one way to ask (path and body, streamed or whole) and to read what came; `says` is the script of a
backend that answers in OpenAI's format, as `speaks` is in Ollama's.
"""

from __future__ import annotations

import json
import re
from typing import Any, NamedTuple

from tests.support.running import Answered, Running
from tests.support.scripted import Asked, Backend, Script, Wire, chunk, sse, stream_head

__all__ = ("ALL", "OLLAMA", "OPENAI", "Dialect", "backends", "line", "says", "speaks")


_STREAMED = re.compile(rb'"stream":\s*true')  # a body may be too deep for a decoder


class Dialect(NamedTuple):
    """How a client asks."""

    path: str
    stream: bool

    def body(self, model: str = "m") -> dict[str, Any]:
        return {"model": model, "messages": [{"role": "user", "content": "hi"}], "stream": self.stream}

    def ask(self, server: Running, **headers: str) -> Answered:
        return server.ask("POST", self.path, self.body(), headers)

    def text(self, answer: Answered) -> str:
        """What the model said. Fails where the answer is not a whole one."""
        assert answer.status == 200, answer
        if self.path == "/api/chat":
            lines = answer.lines
            assert lines[-1]["done"] is True and not any("error" in line for line in lines), answer
            return "".join(line["message"]["content"] for line in lines)
        if not self.stream:
            return str(answer.json["choices"][0]["message"]["content"])
        *events, last, end = answer.body.split(b"\n\n")
        assert (last, end) == (b"data: [DONE]", b""), answer
        deltas = [json.loads(event.removeprefix(b"data: "))["choices"] for event in events]
        return "".join(choices[0]["delta"].get("content") or "" for choices in deltas if choices)

    def fault(self, body: bytes) -> str:
        """The error that ends a stream which broke. Fails where there is none, or where an end is made up."""
        assert b"[DONE]" not in body and b'"done":true' not in body, body
        if self.path == "/api/chat":
            return str(json.loads(body.splitlines()[-1])["error"])
        return str(json.loads(body.rstrip().rsplit(b"data: ", 1)[1])["error"]["message"])

    def error(self, answer: Answered) -> str:
        """The error that stands in place of an answer, in the client's own format."""
        told = answer.json["error"]
        return str(told if self.path == "/api/chat" else told["message"])


OLLAMA = Dialect("/api/chat", True)
OPENAI = Dialect("/v1/chat/completions", True)
ALL = (OLLAMA, OLLAMA._replace(stream=False), OPENAI, OPENAI._replace(stream=False))


def says(*texts: str) -> Script:
    """Answers every chat with these pieces of text, in OpenAI's format."""

    def script(asked: Asked, wire: Wire) -> None:
        if _STREAMED.search(asked.body):
            wire.send(stream_head() + chunk(sse(role="assistant")) + b"".join(chunk(sse(text)) for text in texts))
            wire.send(chunk(sse(finish="stop")) + chunk(b"data: [DONE]\n\n") + chunk(b""))
        else:
            message = {"role": "assistant", "content": "".join(texts)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
            wire.answer(
                200,
                {
                    "id": "x",
                    "object": "chat.completion",
                    "created": 1,
                    "model": "m",
                    "choices": [choice],
                    "usage": usage,
                },
            )

    return script


def line(text: str = "", *, done: bool = False, model: str = "m") -> bytes:
    """A line of Ollama's chat stream."""
    value: dict[str, Any] = {
        "model": model,
        "created_at": "2026-01-02T03:04:05Z",
        "message": {"role": "assistant", "content": text},
        "done": done,
    }
    if done:
        value |= {"done_reason": "stop", "total_duration": 1, "prompt_eval_count": 3, "eval_count": 2}
    return json.dumps(value, separators=(",", ":")).encode() + b"\n"


def speaks(*texts: str) -> Script:
    """Answers every chat with these pieces of text, in Ollama's format."""

    def script(asked: Asked, wire: Wire) -> None:
        if asked.json.get("stream", True):
            wire.send(stream_head("application/x-ndjson") + b"".join(chunk(line(text)) for text in texts))
            wire.send(chunk(line(done=True)) + chunk(b""))
        else:
            wire.answer(200, line("".join(texts), done=True), "application/json; charset=utf-8")

    return script


def backends(*found: Backend, **common: Any) -> list[dict[str, Any]]:
    """The configuration of these backends, named a, b, c, the first choice first."""
    types = {"openai": "openai_compatible", "ollama": "ollama"}
    return [
        {"id": chr(ord("a") + n), "type": types[b.style], "endpoint": b.url, "priority": 90 - n} | common
        for n, b in enumerate(found)
    ]
