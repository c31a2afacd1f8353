"""Servers of OpenAI's chat completions that play scenarios: one that is compatible, and Azure's deployments."""

from __future__ import annotations

import json
from typing import Any

from tests.support.scripted import Asked
from tests.support.vendors.playing import event_of
from tests.support.vendors.scenario import (
    CACHED,
    FAULT,
    READ,
    RETRY_AFTER,
    THOUGHT_TOKENS,
    WRITTEN,
    Refused,
    Reply,
    Result,
    Seen,
    data_url,
    members,
    named,
)

__all__ = ("Azure", "OpenAiCompatible")

_OPTIONAL = (
    "stream stream_options tools tool_choice parallel_tool_calls response_format max_tokens max_completion_tokens stop"
    " temperature top_p reasoning_effort user seed presence_penalty frequency_penalty logprobs top_logprobs metadata n"
).split()
_FINISHES = {"stop_sequence": "stop"}
_KEY = "the-vendors-key"


class OpenAiCompatible:
    """A server like many, whose model thinks unless it is told not to."""

    name = "openai_compatible"
    stream_type = "text/event-stream"
    style = "openai"
    tells_stops = False
    tells_cached = True
    signs: tuple[str, ...] = ()
    upstream = "org/some-model"
    thinks = True

    def backend(self, url: str) -> dict[str, Any]:
        return {"id": self.name, "type": self.name, "endpoint": url, "api_key": _KEY}

    def model(self) -> dict[str, Any]:
        return {"api_model": self.upstream}

    def listing(self, path: str) -> Any:
        return {"object": "list", "data": [{"id": self.upstream, "object": "model"}]}

    def place(self, asked: Asked) -> None:
        """Checks where the request went, and with what key."""
        assert asked.path == "/v1/chat/completions", asked.path
        assert asked.headers["authorization"] == f"Bearer {_KEY}"

    def read(self, asked: Asked) -> Seen:
        self.place(asked)
        body = members(asked.json, "the body", ("model", "messages"), _OPTIONAL)
        assert body["model"] == self.upstream, body["model"]
        if "reasoning_effort" in body and not self.thinks:
            raise Refused("Unrecognized request argument supplied: reasoning_effort")
        results, images = _read_messages(body["messages"])
        tools = [members(tool, "a tool", ("type", "function"))["function"] for tool in body.get("tools", ())]
        assert tools or "tools" not in body, "an empty list of tools is refused"
        for tool in tools:
            members(tool, "a function", ("name",), ("description", "parameters", "strict"))
        options = members(body.get("stream_options", {}), "stream_options", (), ("include_usage",))
        assert body.get("stream") or not options
        stop = body.get("stop", [])
        return Seen(
            named(asked.body),
            body.get("stream", False),
            tuple(tool["name"] for tool in tools),
            results,
            images,
            _schema(body.get("response_format")),
            body.get("max_completion_tokens", body.get("max_tokens")),
            (stop,) if isinstance(stop, str) else tuple(stop),
            self.thinks and body.get("reasoning_effort") != "none",
            options.get("include_usage", not body.get("stream")),
        )

    def whole(self, seen: Seen, reply: Reply) -> Any:
        message: dict[str, Any] = {"role": "assistant", "content": "".join(reply.texts) or None}
        if reply.thought and seen.thinking:
            message["reasoning_content"] = reply.thought
        if reply.calls:
            message["tool_calls"] = [
                {"id": c.id, "type": "function", "function": {"name": c.name, "arguments": json.dumps(c.arguments)}}
                for c in reply.calls
            ]
        finish = _FINISHES.get(reply.finish, reply.finish)
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finish}
        return {**self._head("chat.completion"), "choices": [choice], "usage": _usage(reply)}

    def stream(self, seen: Seen, reply: Reply) -> list[bytes]:
        deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
        if reply.thought and seen.thinking:
            deltas += [{"reasoning_content": word} for word in (reply.thought[:3], reply.thought[3:])]
        deltas += [{"content": text} for text in reply.texts]
        for at, call in enumerate(reply.calls):
            text = json.dumps(call.arguments)
            opened = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
            deltas.append({"tool_calls": [{"index": at, **opened}]})
            deltas += [{"tool_calls": [{"index": at, "function": {"arguments": p}}]} for p in (text[:9], text[9:])]
        events = [self._chunk(delta) for delta in deltas]
        if reply.end:
            return [*events, *self._fault(reply)]
        events.append(self._chunk({}, _FINISHES.get(reply.finish, reply.finish)))
        if seen.usage:
            events.append(event_of({**self._head("chat.completion.chunk"), "choices": [], "usage": _usage(reply)}))
        return [*events, b"data: [DONE]\n\n"]

    def refusal(self, status: int, message: str) -> tuple[Any, tuple[str, ...]]:
        kind = "rate_limit_error" if status == 429 else "invalid_request_error"
        error = {"message": message, "type": kind, "param": None, "code": None}
        return {"error": error}, (f"Retry-After: {RETRY_AFTER}",) if status == 429 else ()

    def _fault(self, reply: Reply) -> list[bytes]:
        error = {"message": FAULT, "type": "server_error", "param": None, "code": None}
        return [event_of({"error": error})] if reply.end == "fault" else []

    def _head(self, kind: str) -> dict[str, Any]:
        return {"id": "chatcmpl-1", "object": kind, "created": 1767322800, "model": self.upstream}

    def _chunk(self, delta: dict[str, Any], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return event_of({**self._head("chat.completion.chunk"), "choices": [choice]})


class Azure(OpenAiCompatible):
    """A deployment of a model that does not think, below a dated version of the API."""

    name = "azure"
    upstream = "gpt-4o"
    thinks = False

    def backend(self, url: str) -> dict[str, Any]:
        return {**super().backend(url), "api_version": "2024-10-21"}

    def model(self) -> dict[str, Any]:
        can = ["completion", "tools", "vision"]
        return {"api_model": self.upstream, "deployment_name": "ours", "api": "chat", "capabilities": can}

    def place(self, asked: Asked) -> None:
        assert asked.path == "/openai/deployments/ours/chat/completions?api-version=2024-10-21", asked.path
        assert asked.headers["api-key"] == _KEY and "authorization" not in asked.headers

    def read(self, asked: Asked) -> Seen:
        self_named = asked.json["model"]
        assert self_named in ("ours", self.upstream), self_named
        body = json.dumps({**asked.json, "model": self.upstream}).encode()
        return super().read(asked._replace(body=body))


def _usage(reply: Reply) -> dict[str, Any]:
    return {
        "prompt_tokens": READ,
        "completion_tokens": WRITTEN,
        "total_tokens": READ + WRITTEN,
        "prompt_tokens_details": {"cached_tokens": CACHED},
        "completion_tokens_details": {"reasoning_tokens": THOUGHT_TOKENS if reply.thought else 0},
    }


def _schema(form: Any) -> dict[str, Any] | None:
    if form is None:
        return None
    assert form["type"] == "json_schema", form
    told = members(form, "response_format", ("type", "json_schema"))["json_schema"]
    schema: dict[str, Any] = members(told, "json_schema", ("name", "schema"), ("strict", "description"))["schema"]
    return schema


def _read_messages(messages: list[Any]) -> tuple[tuple[Result, ...], tuple[str, ...]]:
    results: list[Result] = []
    images: list[str] = []
    waiting: dict[str, tuple[str, dict[str, Any]]] = {}
    for message in messages:
        match message["role"]:
            case "system" | "developer" | "user":
                members(message, "a message", ("role", "content"), ("name",))
                images += _pictures(message["content"])
            case "assistant":
                members(message, "an answer", ("role",), ("content", "tool_calls", "reasoning_content", "refusal"))
                for call in message.get("tool_calls", ()):
                    members(call, "a call", ("id", "type", "function"))
                    function = members(call["function"], "a called function", ("name", "arguments"))
                    waiting[call["id"]] = (function["name"], json.loads(function["arguments"]))
            case role:
                assert role == "tool", role
                members(message, "a result", ("role", "tool_call_id", "content"), ("name",))
                results.append(Result(*waiting.pop(message["tool_call_id"]), _said(message["content"])))
    assert not waiting, f"calls without a result: {sorted(waiting)}"
    return tuple(results), tuple(images)


def _said(content: Any) -> str:
    return content if isinstance(content, str) else "".join(part["text"] for part in content)


def _pictures(content: Any) -> list[str]:
    if isinstance(content, str):
        return []
    for part in content:
        members(part, "a part", ("type", part["type"]))
    return [data_url(p["image_url"]["url"], "image_url") for p in content if p["type"] == "image_url"]
