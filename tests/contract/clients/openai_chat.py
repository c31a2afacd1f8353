"""A client of OpenAI's chat completions."""

from __future__ import annotations

import json
from typing import Any

from tests.contract.wishes import PICTURE, WEATHER, Got, Wish, events_of
from tests.support.running import Answered

__all__ = ("OpenAiChatClient",)

_FINISHES = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "stop_sequence": "stop",
}


class OpenAiChatClient:
    """The protocol."""

    name = "openai_chat"
    title = "OpenAI chat completions"
    finishes = _FINISHES
    tells_cached = True

    def ask(self, wish: Wish) -> tuple[str, dict[str, Any]]:
        content: Any = wish.text
        if wish.image:
            url = {"url": f"data:image/png;base64,{PICTURE}"}
            content = [{"type": "text", "text": content}, {"type": "image_url", "image_url": url}]
        messages: list[dict[str, Any]] = [{"role": "system", "content": "Be brief."}]
        messages.append({"role": "user", "content": content})
        if wish.results:
            calls = [
                {"id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
                for at, (name, given, _) in enumerate(wish.results)
            ]
            messages.append({"role": "assistant", "content": None, "tool_calls": calls})
            messages += [
                {"role": "tool", "tool_call_id": f"call_{at}", "content": text}
                for at, (_, _, text) in enumerate(wish.results)
            ]
        body: dict[str, Any] = {"model": wish.model, "messages": messages}
        if wish.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        if wish.tools:
            function = {"name": "get_weather", "description": "The weather", "parameters": WEATHER}
            body["tools"] = [{"type": "function", "function": function}]
        if wish.schema is not None:
            form = {"name": "number", "schema": wish.schema, "strict": True}
            body["response_format"] = {"type": "json_schema", "json_schema": form}
        if wish.think:
            body["reasoning_effort"] = "low"
        if wish.limit:
            body["max_tokens"] = wish.limit
        if wish.stop:
            body["stop"] = wish.stop
        return "/v1/chat/completions", body

    def whole(self, body: bytes) -> Got:
        answer = json.loads(body)
        assert answer["object"] == "chat.completion"
        (choice,) = answer["choices"]
        message = choice["message"]
        calls = [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls") or ()]
        return self._got(
            message["content"] or "", message.get("reasoning_content") or "", calls, choice["finish_reason"], answer
        )

    def streamed(self, body: bytes) -> Got:
        *events, last = [event for _, event in events_of(body)]
        assert last == "[DONE]" and all(event["object"] == "chat.completion.chunk" for event in events)
        choices = [choice for event in events for choice in event["choices"]]
        deltas = [choice["delta"] for choice in choices]
        calls: list[list[str]] = []
        for fragment in (call for delta in deltas for call in delta.get("tool_calls") or ()):
            if fragment["index"] == len(calls):
                assert fragment["id"] and fragment["type"] == "function"
                calls.append([fragment["function"]["name"], ""])
            calls[fragment["index"]][1] += fragment["function"].get("arguments") or ""
        (finish,) = [choice["finish_reason"] for choice in choices if choice["finish_reason"]]
        (usage,) = [event for event in events if event.get("usage")]
        return self._got(
            "".join(delta.get("content") or "" for delta in deltas),
            "".join(delta.get("reasoning_content") or "" for delta in deltas),
            [(name, arguments) for name, arguments in calls],
            finish,
            usage,
        )

    def error(self, answer: Answered) -> str:
        assert answer.json.keys() == {"error"}
        error = answer.json["error"]
        assert error.keys() >= {"message", "type", "code"} and isinstance(error["type"], str), error
        return str(error["message"])

    def fault(self, body: bytes) -> str:
        *events, last = [event for _, event in events_of(body)]
        assert not any(choice.get("finish_reason") for event in events for choice in event["choices"]), body
        return str(last["error"]["message"])

    def _got(self, text: str, thought: str, calls: list[tuple[str, str]], finish: str, told: Any) -> Got:
        usage = told.get("usage") or {}
        return Got(
            text,
            thought,
            tuple((name, json.loads(arguments)) for name, arguments in calls),
            finish,
            usage.get("prompt_tokens"),
            usage.get("completion_tokens"),
            (usage.get("prompt_tokens_details") or {}).get("cached_tokens"),
        )
