"""A client of Ollama: `/api/chat`. Like Ollama's own, it keeps no ids of calls."""

from __future__ import annotations

import json
from typing import Any

from tests.contract.wishes import PICTURE, WEATHER, Got, Wish
from tests.support.running import Answered

__all__ = ("OllamaClient",)

_FINISHES = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "stop",
    "stop_sequence": "stop",
}


class OllamaClient:
    """The protocol."""

    name = "ollama"
    title = "Ollama"
    finishes = _FINISHES
    tells_cached = False

    def ask(self, wish: Wish) -> tuple[str, dict[str, Any]]:
        messages: list[dict[str, Any]] = [{"role": "system", "content": "Be brief."}]
        user: dict[str, Any] = {"role": "user", "content": wish.text}
        if wish.image:
            user["images"] = [PICTURE]
        messages.append(user)
        if wish.results:
            calls = [{"function": {"name": name, "arguments": given}} for name, given, _ in wish.results]
            messages.append({"role": "assistant", "content": "", "tool_calls": calls})
            messages += [{"role": "tool", "tool_name": name, "content": text} for name, _, text in wish.results]
        body: dict[str, Any] = {"model": wish.model, "messages": messages, "stream": wish.stream}
        if wish.tools:
            function = {"name": "get_weather", "description": "The weather", "parameters": WEATHER}
            body["tools"] = [{"type": "function", "function": function}]
        if wish.schema is not None:
            body["format"] = wish.schema
        if wish.think:
            body["think"] = True
        options = {"num_predict": wish.limit, "stop": [wish.stop] if wish.stop else None}
        if any(options.values()):
            body["options"] = {name: value for name, value in options.items() if value}
        return "/api/chat", body

    def whole(self, body: bytes) -> Got:
        answer = json.loads(body)
        assert answer["done"] is True and answer["message"]["role"] == "assistant"
        return self._got([answer])

    def streamed(self, body: bytes) -> Got:
        lines = [json.loads(line) for line in body.splitlines()]
        assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True], lines
        return self._got(lines)

    def error(self, answer: Answered) -> str:
        (text,) = answer.json.values()
        assert answer.json == {"error": text}
        return str(text)

    def fault(self, body: bytes) -> str:
        *lines, last = [json.loads(line) for line in body.splitlines()]
        assert not any(line["done"] for line in lines) and last.keys() == {"error"}, body
        return str(last["error"])

    def _got(self, lines: list[Any]) -> Got:
        last = lines[-1]
        messages = [line["message"] for line in lines]
        calls = [call["function"] for message in messages for call in message.get("tool_calls", ())]
        return Got(
            "".join(message["content"] for message in messages),
            "".join(message.get("thinking", "") for message in messages),
            tuple((call["name"], call["arguments"]) for call in calls),
            last["done_reason"],
            last.get("prompt_eval_count"),
            last.get("eval_count"),
        )
