"""AWS Bedrock's Converse that plays scenarios, held against AWS's own description of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.support.aws import checked
from tests.support.event_streams import event, exception
from tests.support.scripted import Asked
from tests.support.vendors.scenario import (
    CACHED,
    FAULT,
    READ,
    RETRY_AFTER,
    UNCACHED,
    WRITTEN,
    Reply,
    Result,
    Seen,
    named,
)

from ollamux.formats.base import Outgoing

__all__ = ("AwsBedrock",)

_LISTS = Path(__file__).parents[2] / "data/providers"
_FINISHES = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
_USAGE = {
    "inputTokens": UNCACHED,
    "outputTokens": WRITTEN,
    "totalTokens": READ + WRITTEN,
    "cacheReadInputTokens": CACHED,
    "cacheWriteInputTokens": 0,
}


class AwsBedrock:
    """The service, with a Claude behind it."""

    name = "aws_bedrock"
    stream_type = "application/vnd.amazon.eventstream"
    style = "aws"
    tells_stops = True
    tells_cached = True
    signs: tuple[str, ...] = ("c2ln",)
    upstream = "eu.anthropic.claude-sonnet-4-5-20250929-v1:0"

    def backend(self, url: str) -> dict[str, Any]:
        keys = {"access_key": "AKIDEXAMPLE", "secret_key": "wJalrXUtnFEMI", "region": "eu-central-1"}
        return {"id": self.name, "type": self.name, "endpoint": url, **keys}

    def model(self) -> dict[str, Any]:
        return {"api_model": self.upstream}

    def listing(self, path: str) -> Any:
        name = "profiles" if path.startswith("/inference-profiles") else "models"
        return (_LISTS / f"aws_bedrock_{name}.json").read_bytes()

    def read(self, asked: Asked) -> Seen:
        assert asked.headers["authorization"].startswith("AWS4-HMAC-SHA256 "), "the call is not signed"
        stream = asked.path.endswith("/converse-stream")
        body = checked(Outgoing(asked.path, asked.body), self.upstream, "ConverseStream" if stream else "Converse")
        results, images, signed = _read_turns(body["messages"])
        config = body.get("inferenceConfig", {})
        more = body.get("additionalModelRequestFields", {})
        form = body.get("outputConfig", {}).get("textFormat")
        schema = json.loads(form["structure"]["jsonSchema"]["schema"]) if form else None
        thinking = more.get("thinking", {})
        if thinking.get("type") == "enabled":
            assert 1024 <= thinking["budget_tokens"] < config.get("maxTokens", 1 << 30)
        return Seen(
            named(asked.body),
            stream,
            tuple(tool["toolSpec"]["name"] for tool in body.get("toolConfig", {}).get("tools", ())),
            results,
            images,
            schema,
            config.get("maxTokens"),
            tuple(config.get("stopSequences", ())),
            thinking.get("type") in ("enabled", "adaptive"),
            signed=signed,
        )

    def whole(self, seen: Seen, reply: Reply) -> Any:
        content: list[dict[str, Any]] = []
        if reply.thought and seen.thinking:
            told = {"text": reply.thought, "signature": "c2ln"}
            content.append({"reasoningContent": {"reasoningText": told}})
        if reply.texts:
            content.append({"text": "".join(reply.texts)})
        for call in reply.calls:
            content.append({"toolUse": {"toolUseId": call.id, "name": call.name, "input": call.arguments}})
        message = {"role": "assistant", "content": content}
        told_why = _FINISHES.get(reply.finish, reply.finish)
        return {"output": {"message": message}, "stopReason": told_why, "usage": _USAGE, "metrics": {"latencyMs": 9}}

    def stream(self, seen: Seen, reply: Reply) -> list[bytes]:
        events = [event("messageStart", role="assistant")]
        at = 0
        if reply.thought and seen.thinking:
            deltas: list[Any] = [{"reasoningContent": {"text": t}} for t in (reply.thought[:3], reply.thought[3:])]
            events += _block(at, [*deltas, {"reasoningContent": {"signature": "c2ln"}}], reply)
            at += 1
        if reply.texts:
            events += _block(at, [{"text": text} for text in reply.texts], reply)
            at += 1
        for place, call in enumerate(reply.calls, at):
            use = {"toolUseId": call.id, "name": call.name}
            text = json.dumps(call.arguments)
            events.append(event("contentBlockStart", contentBlockIndex=place, start={"toolUse": use}))
            events += _block(place, [{"toolUse": {"input": p}} for p in (text[:9], text[9:])], reply)
        if reply.end == "fault":
            events.append(exception("modelStreamErrorException", message=FAULT, originalStatusCode=500))
        elif not reply.end:
            events.append(event("messageStop", stopReason=_FINISHES.get(reply.finish, reply.finish)))
            events.append(event("metadata", usage=_USAGE, metrics={"latencyMs": 9}))
        return events

    def refusal(self, status: int, message: str) -> tuple[Any, tuple[str, ...]]:
        kind = "ThrottlingException" if status == 429 else "ValidationException"
        more = (f"x-amzn-ErrorType: {kind}:http://internal.amazon.com/coral/com.amazon.bedrock/",)
        return {"message": message}, (*more, f"Retry-After: {RETRY_AFTER}") if status == 429 else more


def _block(at: int, deltas: list[Any], reply: Reply) -> list[bytes]:
    events = [event("contentBlockDelta", contentBlockIndex=at, delta=delta) for delta in deltas]
    return events if reply.end else [*events, event("contentBlockStop", contentBlockIndex=at)]


def _read_turns(turns: list[Any]) -> tuple[tuple[Result, ...], tuple[str, ...], tuple[str, ...]]:
    results: list[Result] = []
    signed: list[str] = []
    images: list[str] = []
    waiting: dict[str, tuple[str, dict[str, Any]]] = {}
    for turn in turns:
        for block in turn["content"]:
            if "reasoningContent" in block:
                assert turn["role"] == "assistant" and not waiting, "thinking comes before the calls"
                signed.append(block["reasoningContent"]["reasoningText"]["signature"])
            elif "toolUse" in block:
                use = block["toolUse"]
                waiting[use["toolUseId"]] = (use["name"], use["input"])
            elif "toolResult" in block:
                told = block["toolResult"]
                text = "".join(one["text"] for one in told["content"])
                results.append(Result(*waiting.pop(told["toolUseId"]), text))
            elif "image" in block:
                assert block["image"]["format"] == "png"
                images.append(block["image"]["source"]["bytes"])
    assert not waiting, f"calls without a result: {sorted(waiting)}"
    return tuple(results), tuple(images), tuple(signed)
