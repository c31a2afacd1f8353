"""A client of Google's Gemini. Its calls have no ids."""

from __future__ import annotations

import json
from typing import Any

from tests.contract.wishes import PICTURE, WEATHER, Got, Wish, events_of
from tests.support.running import Answered

__all__ = ("GeminiClient",)

_FINISHES = {
    "stop": "STOP",
    "length": "MAX_TOKENS",
    "tool_calls": "STOP",
    "stop_sequence": "STOP",
}


class GeminiClient:
    """The protocol."""

    name = "gemini"
    title = "Gemini"
    finishes = _FINISHES
    tells_cached = True

    def ask(self, wish: Wish) -> tuple[str, dict[str, Any]]:
        parts: list[dict[str, Any]] = [{"text": wish.text}]
        if wish.image:
            parts.append({"inlineData": {"mimeType": "image/png", "data": PICTURE}})
        contents: list[dict[str, Any]] = [{"role": "user", "parts": parts}]
        if wish.results:
            calls = [{"functionCall": {"name": name, "args": given}} for name, given, _ in wish.results]
            told = [{"functionResponse": {"name": name, "response": {"result": t}}} for name, _, t in wish.results]
            contents += [{"role": "model", "parts": calls}, {"role": "user", "parts": told}]
        body: dict[str, Any] = {"systemInstruction": {"parts": [{"text": "Be brief."}]}, "contents": contents}
        if wish.tools:
            function = {"name": "get_weather", "description": "The weather", "parametersJsonSchema": WEATHER}
            body["tools"] = [{"functionDeclarations": [function]}]
        config: dict[str, Any] = {}
        if wish.schema is not None:
            config |= {"responseMimeType": "application/json", "responseJsonSchema": wish.schema}
        if wish.think:
            config["thinkingConfig"] = {"includeThoughts": True, "thinkingBudget": 1024}
        if wish.limit:
            config["maxOutputTokens"] = wish.limit
        if wish.stop:
            config["stopSequences"] = [wish.stop]
        if config:
            body["generationConfig"] = config
        method = "streamGenerateContent?alt=sse" if wish.stream else "generateContent"
        return f"/v1beta/models/{wish.model}:{method}", body

    def whole(self, body: bytes) -> Got:
        return self._got([json.loads(body)])

    def streamed(self, body: bytes) -> Got:
        events = events_of(body)
        assert not any(name for name, _ in events)
        return self._got([event for _, event in events])

    def error(self, answer: Answered) -> str:
        error = answer.json["error"]
        assert error["code"] == answer.status and isinstance(error["status"], str), error
        return str(error["message"])

    def fault(self, body: bytes) -> str:
        *events, last = [event for _, event in events_of(body)]
        assert not any(one.get("finishReason") for event in events for one in event.get("candidates", ())), body
        return str(last["error"]["message"])

    def _got(self, answers: list[Any]) -> Got:
        found = [candidate for answer in answers for candidate in answer.get("candidates", ())]
        parts = [part for one in found for part in one.get("content", {}).get("parts", ())]
        (finish,) = [one["finishReason"] for one in found if one.get("finishReason")]
        usage = answers[-1]["usageMetadata"]
        thoughts = usage.get("thoughtsTokenCount") or 0
        return Got(
            "".join(part.get("text", "") for part in parts if not part.get("thought")),
            "".join(part.get("text", "") for part in parts if part.get("thought")),
            tuple((p["functionCall"]["name"], p["functionCall"]["args"]) for p in parts if "functionCall" in p),
            finish,
            usage.get("promptTokenCount"),
            usage["candidatesTokenCount"] + thoughts if "candidatesTokenCount" in usage else None,
            usage.get("cachedContentTokenCount"),
        )
