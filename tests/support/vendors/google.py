"""Google's Gemini that plays scenarios."""

from __future__ import annotations

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
    members,
    named,
)

__all__ = ("Google",)

_CONFIG = (
    "temperature topP topK candidateCount maxOutputTokens stopSequences seed presencePenalty frequencyPenalty"
    " responseMimeType responseJsonSchema responseSchema thinkingConfig"
).split()
_OPTIONAL = ("systemInstruction", "tools", "toolConfig", "generationConfig", "safetySettings")
_KEY = "the-vendors-key"


class Google:
    """The vendor."""

    name = "google"
    stream_type = "text/event-stream"
    style = "google"
    tells_stops = False
    tells_cached = True
    signs: tuple[str, ...] = ("c2ln",)
    upstream = "gemini-2.5-flash"

    def backend(self, url: str) -> dict[str, Any]:
        return {"id": self.name, "type": self.name, "endpoint": url, "api_key": _KEY}

    def model(self) -> dict[str, Any]:
        return {"api_model": self.upstream}

    def listing(self, path: str) -> Any:
        methods = ["generateContent", "countTokens"]
        return {"models": [{"name": f"models/{self.upstream}", "supportedGenerationMethods": methods}]}

    def read(self, asked: Asked) -> Seen:
        place, _, method = asked.path.partition(":")
        assert place == f"/v1beta/models/{self.upstream}", asked.path
        assert method in ("generateContent", "streamGenerateContent?alt=sse"), method
        assert asked.headers["x-goog-api-key"] == _KEY
        body = members(asked.json, "the body", ("contents",), _OPTIONAL)
        results, images, signed = _read_contents(body["contents"])
        config = members(body.get("generationConfig", {}), "generationConfig", (), _CONFIG)
        declared = [
            members(one, "a function", ("name",), ("description", "parameters", "parametersJsonSchema"))
            for tool in body.get("tools", ())
            for one in members(tool, "a tool", ("functionDeclarations",))["functionDeclarations"]
        ]
        thinking = members(config.get("thinkingConfig", {}), "thinkingConfig", (),
                           ("includeThoughts", "thinkingBudget"))  # fmt: skip
        schema = config.get("responseJsonSchema")
        assert schema is None or config["responseMimeType"] == "application/json"
        return Seen(
            named(asked.body),
            method.startswith("stream"),
            tuple(one["name"] for one in declared),
            results,
            images,
            schema,
            config.get("maxOutputTokens"),
            tuple(config.get("stopSequences", ())),
            bool(thinking.get("includeThoughts")),
            signed=signed,
        )

    def whole(self, seen: Seen, reply: Reply) -> Any:
        return self._response(_parts(seen, reply), _finish(reply), reply)

    def stream(self, seen: Seen, reply: Reply) -> list[bytes]:
        frames = [self._response([part], None, reply) for part in _parts(seen, reply)]
        if reply.end == "fault":
            frames.append({"error": {"code": 500, "message": FAULT, "status": "INTERNAL"}})
        elif not reply.end:
            frames.append(self._response([{"text": ""}], _finish(reply), reply))
        return [event_of(frame) for frame in frames]

    def refusal(self, status: int, message: str) -> tuple[Any, tuple[str, ...]]:
        word = "RESOURCE_EXHAUSTED" if status == 429 else "INVALID_ARGUMENT"
        error: dict[str, Any] = {"code": status, "message": message, "status": word}
        if status == 429:
            kind = "type.googleapis.com/google.rpc.RetryInfo"
            error["details"] = [{"@type": kind, "retryDelay": f"{RETRY_AFTER}s"}]
        return {"error": error}, ()

    def _response(self, parts: list[Any], finish: str | None, reply: Reply) -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"role": "model", "parts": parts}, "index": 0}
        if finish is not None:
            candidate["finishReason"] = finish
        thought = THOUGHT_TOKENS if reply.thought else 0
        usage = {"promptTokenCount": READ, "cachedContentTokenCount": CACHED}
        if finish is not None:
            usage |= {"candidatesTokenCount": WRITTEN - thought, "totalTokenCount": READ + WRITTEN}
            usage |= {"thoughtsTokenCount": thought} if thought else {}
        return {
            "candidates": [candidate],
            "usageMetadata": usage,
            "modelVersion": self.upstream,
            "responseId": "r1",
        }


def _finish(reply: Reply) -> str:
    return "MAX_TOKENS" if reply.finish == "length" else "STOP"


def _parts(seen: Seen, reply: Reply) -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    if reply.thought and seen.thinking:
        parts.append({"text": reply.thought, "thought": True})
    parts += [{"text": text} for text in reply.texts]
    for at, call in enumerate(reply.calls):
        part: dict[str, Any] = {"functionCall": {"name": call.name, "args": call.arguments}}
        parts.append({**part, "thoughtSignature": "c2ln"} if not at else part)
    return parts


def _read_contents(contents: list[Any]) -> tuple[tuple[Result, ...], tuple[str, ...], tuple[str, ...]]:
    results: list[Result] = []
    signed: list[str] = []
    images: list[str] = []
    waiting: list[tuple[str, str, dict[str, Any]]] = []
    for content in contents:
        members(content, "a content", ("role", "parts"))
        assert content["role"] in ("user", "model") and content["parts"]
        for part in content["parts"]:
            match next(key for key in part if not key.startswith("thought")):
                case "text":
                    members(part, "a text", ("text",), ("thought", "thoughtSignature"))
                case "inlineData":
                    data = members(members(part, "a part", ("inlineData",))["inlineData"], "inlineData",
                                   ("mimeType", "data"))  # fmt: skip
                    assert data["mimeType"] == "image/png"
                    images.append(data["data"])
                case "functionCall":
                    members(part, "a part", ("functionCall",), ("thoughtSignature",))
                    signed += [part["thoughtSignature"]] if "thoughtSignature" in part else []
                    call = members(part["functionCall"], "a call", ("name",), ("id", "args"))
                    waiting.append((call.get("id", ""), call["name"], call.get("args", {})))
                case kind:
                    assert kind == "functionResponse", kind
                    told = members(part[kind], "a result", ("name", "response"), ("id",))
                    found = next(one for one in waiting if one[1] == told["name"] and one[0] == told.get("id", ""))
                    waiting.remove(found)
                    results.append(Result(found[1], found[2], _said(told["response"])))
    assert not waiting, f"calls without a result: {waiting}"
    return tuple(results), tuple(images), tuple(signed)


def _said(response: Any) -> str:
    assert isinstance(response, dict), "a response is an object"
    (text,) = response.values()
    return str(text)
