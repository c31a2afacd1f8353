"""OpenAI's Responses that play scenarios."""

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
    Reply,
    Result,
    Seen,
    data_url,
    members,
    named,
)

__all__ = ("OpenAi",)

_OPTIONAL = (
    "instructions stream store tools tool_choice parallel_tool_calls text reasoning include max_output_tokens"
    " temperature top_p metadata user service_tier truncation"
).split()
_LEAST = 16
_KEY = "the-vendors-key"


class OpenAi:
    """The vendor, with a model that thinks, and shows it where a summary is asked for."""

    name = "openai"
    stream_type = "text/event-stream"
    style = "openai"
    tells_stops = False
    tells_cached = True
    signs: tuple[str, ...] = ("sealed",)
    upstream = "gpt-5"

    def backend(self, url: str) -> dict[str, Any]:
        return {"id": self.name, "type": self.name, "endpoint": url, "api_key": _KEY}

    def model(self) -> dict[str, Any]:
        return {"api_model": self.upstream, "api": "responses", "summary_level": "auto"}

    def listing(self, path: str) -> Any:
        return {"object": "list", "data": [{"id": self.upstream, "object": "model"}]}

    def read(self, asked: Asked) -> Seen:
        assert asked.path == "/v1/responses", asked.path
        assert asked.headers["authorization"] == f"Bearer {_KEY}"
        body = members(asked.json, "the body", ("model", "input"), _OPTIONAL)
        assert body["model"] == self.upstream
        results, images, signed = _read_items(body["input"])
        tools = [
            members(tool, "a tool", ("type", "name", "parameters"), ("description", "strict"))
            for tool in body.get("tools", ())
        ]
        limit: int | None = body.get("max_output_tokens")
        assert limit is None or limit >= _LEAST, limit
        reasoning = members(body.get("reasoning", {}), "reasoning", (), ("effort", "summary"))
        return Seen(
            named(asked.body),
            body.get("stream", False),
            tuple(tool["name"] for tool in tools),
            results,
            images,
            _schema(body.get("text")),
            limit,
            (),
            reasoning.get("effort") != "none" and "summary" in reasoning,
            signed=signed,
        )

    def whole(self, seen: Seen, reply: Reply) -> Any:
        output = [item for item, _ in self._items(seen, reply, final=True)]
        return self._response(reply, output)

    def stream(self, seen: Seen, reply: Reply) -> list[bytes]:
        started = self._response(reply, [], "in_progress")
        told: list[tuple[str, dict[str, Any]]] = [
            ("created", {"response": started}),
            ("in_progress", {"response": started}),
        ]
        items = self._items(seen, reply, final=not reply.end)
        for at, (item, events) in enumerate(items):
            empty = {**item, "status": "in_progress"}
            empty |= {"arguments": ""} if item["type"] == "function_call" else {}
            empty |= {"content": []} if item["type"] == "message" else {}
            empty |= {"summary": []} if item["type"] == "reasoning" else {}
            told.append(("output_item.added", {"output_index": at, "item": empty}))
            told += [(kind, {"item_id": item["id"], "output_index": at, **more}) for kind, more in events]
            if not reply.end:
                told.append(("output_item.done", {"output_index": at, "item": item}))
        if not reply.end:
            ended = self._response(reply, [item for item, _ in items])
            told.append((ended["status"], {"response": ended}))
        pieces = [
            event_of({"type": f"response.{kind}", "sequence_number": n, **more}, f"response.{kind}")
            for n, (kind, more) in enumerate(told)
        ]
        if reply.end == "fault":
            error = {"code": "server_error", "message": FAULT, "param": None}
            pieces.append(event_of({"type": "error", "sequence_number": len(told), **error}, "error"))
        return pieces

    def refusal(self, status: int, message: str) -> tuple[Any, tuple[str, ...]]:
        kind = "rate_limit_error" if status == 429 else "invalid_request_error"
        error = {"message": message, "type": kind, "param": None, "code": None}
        return {"error": error}, (f"Retry-After: {RETRY_AFTER}",) if status == 429 else ()

    def _items(self, seen: Seen, reply: Reply, *, final: bool) -> list[tuple[dict[str, Any], list[Any]]]:
        """The items of the output, each with the events inside it."""
        items: list[tuple[dict[str, Any], list[Any]]] = []
        if reply.thought and seen.thinking:
            part = {"type": "summary_text", "text": reply.thought}
            at = {"summary_index": 0}
            items.append((
                {"id": "rs_1", "type": "reasoning", "summary": [part], "encrypted_content": "sealed"},
                [
                    ("reasoning_summary_part.added", {**at, "part": {**part, "text": ""}}),
                    ("reasoning_summary_text.delta", {**at, "delta": reply.thought}),
                    ("reasoning_summary_text.done", {**at, "text": reply.thought}),
                    ("reasoning_summary_part.done", {**at, "part": part}),
                ],
            ))  # fmt: skip
        if reply.texts:
            text = "".join(reply.texts)
            whole = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
            at = {"content_index": 0}
            events: list[Any] = [("content_part.added", {**at, "part": {**whole, "text": ""}})]
            events += [("output_text.delta", {**at, "delta": piece, "logprobs": []}) for piece in reply.texts]
            if final:
                events.append(("output_text.done", {**at, "text": text, "logprobs": []}))
                events.append(("content_part.done", {**at, "part": whole}))
            status = "incomplete" if reply.finish == "length" else "completed"
            items.append(({"id": "msg_1", "type": "message", "status": status, "role": "assistant",
                           "content": [whole]}, events))  # fmt: skip
        for call in reply.calls:
            text = json.dumps(call.arguments)
            item = {"id": f"fc_{call.id}", "type": "function_call", "status": "completed", "call_id": call.id,
                    "name": call.name, "arguments": text}  # fmt: skip
            events = [("function_call_arguments.delta", {"delta": piece}) for piece in (text[:9], text[9:])]
            items.append((item, [*events, ("function_call_arguments.done", {"name": call.name, "arguments": text})]))
        return items

    def _response(self, reply: Reply, output: list[Any], status: str = "") -> dict[str, Any]:
        cut = reply.finish == "length" and not status
        usage = {
            "input_tokens": READ,
            "input_tokens_details": {"cached_tokens": CACHED},
            "output_tokens": WRITTEN,
            "output_tokens_details": {"reasoning_tokens": THOUGHT_TOKENS if reply.thought else 0},
            "total_tokens": READ + WRITTEN,
        }
        return {
            "id": "resp_1",
            "object": "response",
            "created_at": 1767322800,
            "status": status or ("incomplete" if cut else "completed"),
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
            "instructions": None,
            "model": self.upstream,
            "output": output,
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": None if status else usage,
        }


def _schema(text: Any) -> dict[str, Any] | None:
    if text is None:
        return None
    form = members(members(text, "text", ("format",))["format"], "text.format", ("type", "name", "schema"),
                   ("strict", "description"))  # fmt: skip
    assert form["type"] == "json_schema"
    schema: dict[str, Any] = form["schema"]
    return schema


def _read_items(items: Any) -> tuple[tuple[Result, ...], tuple[str, ...], tuple[str, ...]]:
    if isinstance(items, str):
        return (), (), ()
    results: list[Result] = []
    signed: list[str] = []
    images: list[str] = []
    waiting: dict[str, tuple[str, dict[str, Any]]] = {}
    for item in items:
        match item.get("type", "message"):
            case "message":
                members(item, "a message", ("role", "content"), ("type",))
                if not isinstance(item["content"], str):
                    images += [_picture(p) for p in item["content"] if p["type"] not in ("input_text", "output_text")]
            case "reasoning":
                members(item, "a thought", ("type", "summary"), ("id", "encrypted_content", "status", "content"))
                assert not waiting, "thinking comes before the calls"
                signed += [item["encrypted_content"]] if item.get("encrypted_content") else []
            case "function_call":
                members(item, "a call", ("type", "call_id", "name", "arguments"), ("id", "status"))
                waiting[item["call_id"]] = (item["name"], json.loads(item["arguments"]))
            case kind:
                assert kind == "function_call_output", kind
                members(item, "a result", ("type", "call_id", "output"), ("id", "status"))
                results.append(Result(*waiting.pop(item["call_id"]), item["output"]))
    assert not waiting, f"calls without a result: {sorted(waiting)}"
    return tuple(results), tuple(images), tuple(signed)


def _picture(part: Any) -> str:
    members(part, "a picture", ("type", "image_url"), ("detail",))
    assert part["type"] == "input_image"
    return data_url(part["image_url"], "image_url")
