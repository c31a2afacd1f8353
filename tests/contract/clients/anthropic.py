"""A client of Anthropic's Messages."""

from __future__ import annotations

import json
from typing import Any

from tests.contract.wishes import PICTURE, WEATHER, Got, Wish, events_of
from tests.support.running import Answered

__all__ = ("AnthropicClient",)

_FINISHES = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "stop_sequence": "stop_sequence",
}


class AnthropicClient:
    """The protocol."""

    name = "anthropic"
    title = "Anthropic Messages"
    finishes = _FINISHES
    tells_cached = True

    def ask(self, wish: Wish) -> tuple[str, dict[str, Any]]:
        content: Any = wish.text
        if wish.image:
            source = {"type": "base64", "media_type": "image/png", "data": PICTURE}
            content = [{"type": "text", "text": content}, {"type": "image", "source": source}]
        messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
        if wish.results:
            calls = [
                {"type": "tool_use", "id": f"toolu_{at}", "name": name, "input": given}
                for at, (name, given, _) in enumerate(wish.results)
            ]
            told = [
                {"type": "tool_result", "tool_use_id": f"toolu_{at}", "content": text}
                for at, (_, _, text) in enumerate(wish.results)
            ]
            messages += [{"role": "assistant", "content": calls}, {"role": "user", "content": told}]
        limit = wish.limit or 4000
        body: dict[str, Any] = {"model": wish.model, "max_tokens": limit, "system": "Be brief.", "messages": messages}
        if wish.stream:
            body["stream"] = True
        if wish.tools:
            body["tools"] = [{"name": "get_weather", "description": "The weather", "input_schema": WEATHER}]
        if wish.schema is not None:
            body["output_config"] = {"format": {"type": "json_schema", "schema": wish.schema}}
        if wish.think:
            body["thinking"] = {"type": "enabled", "budget_tokens": 1024}
        if wish.stop:
            body["stop_sequences"] = [wish.stop]
        return "/v1/messages", body

    def whole(self, body: bytes) -> Got:
        message = json.loads(body)
        return self._got(message, message["content"], message["usage"])

    def streamed(self, body: bytes) -> Got:
        events = events_of(body)
        assert all(name == event["type"] for name, event in events)
        assert events[0][0] == "message_start" and events[-1][0] == "message_stop"
        message = dict(events[0][1]["message"])
        usage = dict(message["usage"])
        blocks: list[dict[str, Any]] = []
        for name, event in events:
            if name == "content_block_start":
                assert event["index"] == len(blocks)
                blocks.append({**event["content_block"], "given": ""})
            elif name == "content_block_delta":
                _grow(blocks[event["index"]], event["delta"])
            elif name == "message_delta":
                message |= event["delta"]
                usage |= {key: value for key, value in event["usage"].items() if value is not None}
        assert [n for n, _ in events].count("content_block_stop") == len(blocks)
        for block in blocks:
            if block["type"] == "tool_use":
                block["input"] = json.loads(block["given"] or "{}")
        return self._got(message, blocks, usage)

    def error(self, answer: Answered) -> str:
        assert answer.json["type"] == "error", answer
        error = answer.json["error"]
        assert error.keys() == {"type", "message"} and error["type"].endswith("_error"), error
        return str(error["message"])

    def fault(self, body: bytes) -> str:
        events = events_of(body)
        assert not any(name in ("message_delta", "message_stop") for name, _ in events), body
        name, last = events[-1]
        assert name == last["type"] == "error"
        return str(last["error"]["message"])

    def _got(self, message: Any, blocks: list[Any], usage: Any) -> Got:
        assert (message["type"], message["role"]) == ("message", "assistant")
        cached = usage.get("cache_read_input_tokens")
        written = usage.get("cache_creation_input_tokens") or 0
        return Got(
            "".join(block["text"] for block in blocks if block["type"] == "text"),
            "".join(block["thinking"] for block in blocks if block["type"] == "thinking"),
            tuple((block["name"], block["input"]) for block in blocks if block["type"] == "tool_use"),
            message["stop_reason"],
            usage["input_tokens"] + (cached or 0) + written,
            usage["output_tokens"],
            cached,
        )


def _grow(block: dict[str, Any], delta: Any) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case kind:
            assert kind == "input_json_delta", kind
            block["given"] += delta["partial_json"]
