"""An Ollama that plays scenarios: `/api/chat`, NDJSON."""

from __future__ import annotations

import json
from typing import Any

from tests.support.scripted import Asked
from tests.support.vendors.scenario import FAULT, READ, RETRY_AFTER, WRITTEN, Reply, Result, Seen, members, named

__all__ = ("Ollama",)

_NOW = "2026-01-02T03:04:05.678Z"
_OPTIONAL = "stream tools format options think keep_alive truncate shift logprobs top_logprobs".split()
_OPTIONS = frozenset(
    "num_predict num_keep seed top_k top_p min_p typical_p repeat_last_n temperature repeat_penalty presence_penalty"
    " frequency_penalty stop num_ctx".split()
)
_MESSAGE = ("thinking", "images", "tool_calls", "tool_name", "tool_call_id", "content")


class Ollama:
    """The vendor."""

    name = "ollama"
    stream_type = "application/x-ndjson"
    style = "ollama"
    tells_stops = False
    tells_cached = False
    signs: tuple[str, ...] = ()
    upstream = "tiny:latest"

    def backend(self, url: str) -> dict[str, Any]:
        return {"id": self.name, "type": "ollama", "endpoint": url}

    def model(self) -> dict[str, Any]:
        return {"api_model": self.upstream}

    def listing(self, path: str) -> Any:
        return {"models": []}

    def read(self, asked: Asked) -> Seen:
        assert asked.path == "/api/chat", asked.path
        body = members(asked.json, "the body", ("model", "messages"), _OPTIONAL)
        assert body["model"] == self.upstream
        options = members(body.get("options", {}), "options", (), _OPTIONS)
        results, images = _read_messages(body["messages"])
        tools = [members(tool, "a tool", ("type", "function"))["function"] for tool in body.get("tools", ())]
        for tool in tools:
            members(tool, "a function", ("name", "parameters"), ("description",))
        limit: int | None = options.get("num_predict")
        return Seen(
            named(asked.body),
            body.get("stream") is not False,
            tuple(tool["name"] for tool in tools),
            results,
            images,
            body.get("format"),
            limit,
            tuple(options.get("stop", ())),
            body.get("think") not in (None, False),
        )

    def whole(self, seen: Seen, reply: Reply) -> Any:
        message = {"content": "".join(reply.texts)}
        return self._frame({**message, **self._thought(seen, reply), **_calls(reply)}, reply.finish)

    def stream(self, seen: Seen, reply: Reply) -> list[bytes]:
        frames = [self._frame({"content": "", "thinking": word}) for word in self._thought(seen, reply).values()]
        frames += [self._frame({"content": text}) for text in reply.texts]
        if reply.calls:
            frames.append(self._frame({"content": "", **_calls(reply)}))
        if reply.end:
            frames += [{"error": FAULT}] if reply.end == "fault" else []
        else:
            frames.append(self._frame({"content": ""}, reply.finish))
        return [json.dumps(frame).encode() + b"\n" for frame in frames]

    def refusal(self, status: int, message: str) -> tuple[Any, tuple[str, ...]]:
        return {"error": message}, (f"Retry-After: {RETRY_AFTER}",) if status == 429 else ()

    def _thought(self, seen: Seen, reply: Reply) -> dict[str, str]:
        return {"thinking": reply.thought} if reply.thought and seen.thinking else {}

    def _frame(self, message: dict[str, Any], finish: str = "") -> dict[str, Any]:
        frame = {"model": self.upstream, "created_at": _NOW, "message": {"role": "assistant", **message}}
        if not finish:
            return {**frame, "done": False}
        counts = {"prompt_eval_count": READ, "prompt_eval_duration": 2_000_000, "eval_count": WRITTEN}
        times = {"total_duration": 9_000_000, "load_duration": 1_000_000, "eval_duration": 5_000_000}
        return {**frame, "done": True, "done_reason": "length" if finish == "length" else "stop", **counts, **times}


def _calls(reply: Reply) -> dict[str, Any]:
    if not reply.calls:
        return {}
    calls = [
        {"id": call.id, "function": {"index": at, "name": call.name, "arguments": call.arguments}}
        for at, call in enumerate(reply.calls)
    ]
    return {"tool_calls": calls}


def _read_messages(messages: list[Any]) -> tuple[tuple[Result, ...], tuple[str, ...]]:
    results: list[Result] = []
    images: list[str] = []
    waiting: list[tuple[str, str, dict[str, Any]]] = []
    for message in messages:
        members(message, "a message", ("role",), _MESSAGE)
        assert isinstance(message.get("content", ""), str), "content is no text"
        assert message["role"] in ("system", "user", "assistant", "tool")
        images += message.get("images", ())
        for call in message.get("tool_calls", ()):
            function = members(members(call, "a call", ("function",), ("id", "type"))["function"], "its function",
                               ("name", "arguments"), ("index",))  # fmt: skip
            assert isinstance(function["arguments"], dict)
            waiting.append((call.get("id", ""), function["name"], function["arguments"]))
        if message["role"] == "tool":
            by_id = [one for one in waiting if one[0] and one[0] == message.get("tool_call_id")]
            found = by_id[0] if by_id else next(one for one in waiting if one[1] == message["tool_name"])
            waiting.remove(found)
            results.append(Result(found[1], found[2], message["content"]))
    return tuple(results), tuple(images)
