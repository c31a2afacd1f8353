"""Anthropic's Messages that play scenarios."""

from __future__ import annotations

import json
from typing import Any

from tests.support.scripted import Asked
from tests.support.vendors.playing import event_of
from tests.support.vendors.scenario import (
    CACHED,
    FAULT,
    RETRY_AFTER,
    UNCACHED,
    WRITTEN,
    Reply,
    Result,
    Seen,
    members,
    named,
)

__all__ = ("Anthropic",)

_OPTIONAL = (
    "system stream tools tool_choice thinking output_config stop_sequences temperature top_p top_k metadata"
).split()
_FINISHES = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_KEY = "the-vendors-key"


class Anthropic:
    """The vendor, with a model that is given a budget for its thoughts."""

    name = "anthropic"
    stream_type = "text/event-stream; charset=utf-8"
    style = "anthropic"
    tells_stops = True
    tells_cached = True
    signs: tuple[str, ...] = ("c2ln",)
    upstream = "claude-sonnet-4-5"

    def backend(self, url: str) -> dict[str, Any]:
        return {"id": self.name, "type": self.name, "endpoint": url, "api_key": _KEY, "models": [self.upstream]}

    def model(self) -> dict[str, Any]:
        return {"api_model": self.upstream}

    def listing(self, path: str) -> Any:
        row = {"type": "model", "id": self.upstream, "display_name": "Sonnet", "created_at": "2025-09-29T00:00:00Z"}
        return {"data": [row], "has_more": False, "first_id": self.upstream, "last_id": self.upstream}

    def read(self, asked: Asked) -> Seen:
        assert asked.path == "/v1/messages", asked.path
        assert asked.headers["x-api-key"] == _KEY and asked.headers["anthropic-version"] == "2023-06-01"
        body = members(asked.json, "the body", ("model", "max_tokens", "messages"), _OPTIONAL)
        assert body["model"] == self.upstream
        results, images, signed = _read_turns(body["messages"])
        tools = [
            members(tool, "a tool", ("name", "input_schema"), ("description", "type", "strict"))
            for tool in body.get("tools", ())
        ]
        thinking = body.get("thinking", {"type": "disabled"})
        if thinking["type"] == "enabled":
            assert 1024 <= thinking["budget_tokens"] < body["max_tokens"]
        return Seen(
            named(asked.body),
            body.get("stream", False),
            tuple(tool["name"] for tool in tools),
            results,
            images,
            _schema(body.get("output_config")),
            body["max_tokens"],
            tuple(body.get("stop_sequences", ())),
            thinking["type"] in ("enabled", "adaptive"),
            signed=signed,
        )

    def whole(self, seen: Seen, reply: Reply) -> Any:
        message = self._message(reply)
        message["content"] = [block for block, _ in self._blocks(seen, reply)]
        message["usage"]["output_tokens"] = WRITTEN
        return {**message, **_stopped(seen, reply)}

    def stream(self, seen: Seen, reply: Reply) -> list[bytes]:
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": self._message(reply)},
            {"type": "ping"},
        ]
        for at, (block, deltas) in enumerate(self._blocks(seen, reply)):
            empty = {key: "" if key in ("text", "thinking", "signature") else value for key, value in block.items()}
            if block["type"] == "tool_use":
                empty["input"] = {}
            events.append({"type": "content_block_start", "index": at, "content_block": empty})
            events += [{"type": "content_block_delta", "index": at, "delta": delta} for delta in deltas]
            if not reply.end:
                events.append({"type": "content_block_stop", "index": at})
        if reply.end == "fault":
            events.append({"type": "error", "error": {"type": "api_error", "message": FAULT}})
        elif not reply.end:
            events.append(
                {"type": "message_delta", "delta": _stopped(seen, reply), "usage": {"output_tokens": WRITTEN}}
            )
            events.append({"type": "message_stop"})
        return [event_of(event, event["type"]) for event in events]

    def refusal(self, status: int, message: str) -> tuple[Any, tuple[str, ...]]:
        kind = "rate_limit_error" if status == 429 else "invalid_request_error"
        body = {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}
        return body, (f"retry-after: {RETRY_AFTER}",) if status == 429 else ()

    def _message(self, reply: Reply) -> dict[str, Any]:
        usage = {
            "input_tokens": UNCACHED,
            "cache_read_input_tokens": CACHED,
            "cache_creation_input_tokens": 0,
            "output_tokens": 1,
        }
        head: dict[str, Any] = {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": self.upstream,
            "content": [],
        }
        return {**head, "stop_reason": None, "stop_sequence": None, "usage": usage}

    def _blocks(self, seen: Seen, reply: Reply) -> list[tuple[dict[str, Any], list[dict[str, Any]]]]:
        """The blocks of the content, each with the pieces that it is streamed in."""
        blocks: list[tuple[dict[str, Any], list[dict[str, Any]]]] = []
        if reply.thought and seen.thinking:
            block: dict[str, Any] = {"type": "thinking", "thinking": reply.thought, "signature": "c2ln"}
            deltas = [{"type": "thinking_delta", "thinking": t} for t in (reply.thought[:3], reply.thought[3:])]
            blocks.append((block, [*deltas, {"type": "signature_delta", "signature": "c2ln"}]))
        if reply.texts:
            deltas = [{"type": "text_delta", "text": text} for text in reply.texts]
            blocks.append(({"type": "text", "text": "".join(reply.texts)}, deltas))
        for call in reply.calls:
            text = json.dumps(call.arguments)
            block = {"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name, "input": call.arguments}
            blocks.append((block, [{"type": "input_json_delta", "partial_json": p} for p in ("", text[:9], text[9:])]))
        return blocks


def _stopped(seen: Seen, reply: Reply) -> dict[str, Any]:
    met = seen.stops[0] if reply.finish == "stop_sequence" and seen.stops else None
    reason = _FINISHES.get(reply.finish, "stop_sequence" if met else "end_turn")
    return {"stop_reason": reason, "stop_sequence": met}


def _schema(config: Any) -> dict[str, Any] | None:
    form = members(config or {}, "output_config", (), ("format", "effort")).get("format")
    if form is None:
        return None
    assert members(form, "output_config.format", ("type", "schema"))["type"] == "json_schema"
    schema: dict[str, Any] = form["schema"]
    return schema


def _read_turns(turns: list[Any]) -> tuple[tuple[Result, ...], tuple[str, ...], tuple[str, ...]]:
    results: list[Result] = []
    signed: list[str] = []
    images: list[str] = []
    waiting: dict[str, tuple[str, dict[str, Any]]] = {}
    for turn in turns:
        members(turn, "a turn", ("role", "content"))
        assert turn["role"] in ("user", "assistant")
        said: Any = turn["content"]
        blocks: list[Any] = [{"type": "text", "text": said}] if isinstance(said, str) else said
        owed = set(waiting)
        for block in blocks:
            match block["type"]:
                case "text":
                    assert members(block, "a text", ("type", "text"), ("cache_control",))["text"].strip()
                    assert not waiting or turn["role"] == "assistant", "results come first"
                case "image":
                    source = members(members(block, "a picture", ("type", "source"))["source"], "its source",
                                     ("type", "media_type", "data"))  # fmt: skip
                    assert (source["type"], source["media_type"]) == ("base64", "image/png")
                    images.append(source["data"])
                case "thinking":
                    members(block, "a thought", ("type", "thinking", "signature"))
                    assert turn["role"] == "assistant" and not waiting, "thinking comes before the calls"
                    signed.append(block["signature"])
                case "tool_use":
                    members(block, "a call", ("type", "id", "name", "input"))
                    waiting[block["id"]] = (block["name"], block["input"])
                case kind:
                    assert kind == "tool_result" and turn["role"] == "user", kind
                    members(block, "a result", ("type", "tool_use_id"), ("content", "is_error"))
                    results.append(Result(*waiting.pop(block["tool_use_id"]), _said(block["content"])))
        assert not owed & waiting.keys(), f"calls without a result: {sorted(owed)}"
    return tuple(results), tuple(images), tuple(signed)


def _said(content: Any) -> str:
    return content if isinstance(content, str) else "".join(block["text"] for block in content)
