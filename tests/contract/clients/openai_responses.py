"""A client of OpenAI's Responses, which keeps nothing with the server. Stop sequences it has by our `options` alone."""

from __future__ import annotations

import json
from typing import Any

from tests.contract.wishes import PICTURE, WEATHER, Got, Wish, events_of
from tests.support.running import Answered

__all__ = ("OpenAiResponsesClient",)

_FINAL = ("response.completed", "response.incomplete")

_FINISHES = {
    "stop": "completed",
    "length": "incomplete max_output_tokens",
    "tool_calls": "completed",
    "stop_sequence": "completed",
}


class OpenAiResponsesClient:
    """The protocol."""

    name = "openai_responses"
    title = "OpenAI Responses"
    finishes = _FINISHES
    tells_cached = True

    def ask(self, wish: Wish) -> tuple[str, dict[str, Any]]:
        content: Any = wish.text
        if wish.image:
            picture = {"type": "input_image", "detail": "auto", "image_url": f"data:image/png;base64,{PICTURE}"}
            content = [{"type": "input_text", "text": content}, picture]
        items: list[dict[str, Any]] = [{"role": "user", "content": content}]
        for at, (name, given, _) in enumerate(wish.results):
            call = {"type": "function_call", "call_id": f"call_{at}", "name": name}
            items.append({**call, "arguments": json.dumps(given)})
        for at, (_, _, text) in enumerate(wish.results):
            items.append({"type": "function_call_output", "call_id": f"call_{at}", "output": text})
        body: dict[str, Any] = {"model": wish.model, "instructions": "Be brief.", "input": items, "store": False}
        if wish.stream:
            body["stream"] = True
        if wish.tools:
            body["tools"] = [
                {"type": "function", "name": "get_weather", "description": "The weather", "parameters": WEATHER}
            ]
        if wish.schema is not None:
            body["text"] = {"format": {"type": "json_schema", "name": "number", "schema": wish.schema}}
        if wish.think:
            body |= {"reasoning": {"effort": "low", "summary": "auto"}, "include": ["reasoning.encrypted_content"]}
        if wish.limit:
            body["max_output_tokens"] = wish.limit
        if wish.stop:
            body["options"] = {"stop": [wish.stop]}
        return "/v1/responses", body

    def whole(self, body: bytes) -> Got:
        return self._got(json.loads(body))

    def streamed(self, body: bytes) -> Got:
        events = events_of(body)
        assert all(name == event["type"] for name, event in events)
        assert [event["sequence_number"] for _, event in events] == list(range(len(events)))
        assert events[0][0] == "response.created" and events[-1][0] in _FINAL, events[-1]
        got = self._got(events[-1][1]["response"])
        pieces = [event["delta"] for name, event in events if name == "response.output_text.delta"]
        assert "".join(pieces) == got.text
        given = [event["arguments"] for name, event in events if name == "response.function_call_arguments.done"]
        assert [json.loads(text) for text in given] == [arguments for _, arguments in got.calls]
        return got

    def error(self, answer: Answered) -> str:
        error = answer.json["error"]
        assert error.keys() >= {"message", "type", "param", "code"}, error
        return str(error["message"])

    def fault(self, body: bytes) -> str:
        events = events_of(body)
        assert not any(name in _FINAL for name, _ in events), body
        name, last = events[-1]
        assert name in ("response.failed", "error"), last
        return str(last["response"]["error"]["message"] if name == "response.failed" else last["message"])

    def _got(self, answer: Any) -> Got:
        assert answer["object"] == "response" and answer["error"] is None
        items: list[Any] = answer["output"]
        texts = [part["text"] for item in items if item["type"] == "message" for part in item["content"]]
        thoughts = [part["text"] for item in items if item["type"] == "reasoning" for part in item["summary"]]
        calls = [(i["name"], json.loads(i["arguments"])) for i in items if i["type"] == "function_call"]
        why = (answer["incomplete_details"] or {}).get("reason", "")
        usage = answer["usage"]
        return Got(
            "".join(texts),
            "".join(thoughts),
            tuple(calls),
            f"{answer['status']} {why}".strip(),
            usage["input_tokens"],
            usage["output_tokens"],
            usage["input_tokens_details"]["cached_tokens"],
        )
