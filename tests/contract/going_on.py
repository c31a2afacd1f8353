"""How each protocol's clients go on after an answer that calls a tool: the answer as they keep it, and what it said.

A client keeps what it was told where its protocol has a place for it, and nothing else; a stream is put together as its
SDK does it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.contract.wishes import events_of

__all__ = ("GOING_ON",)


def _ollama(body: dict[str, Any], answer: bytes, text: str) -> dict[str, Any]:
    said: dict[str, Any] = {"role": "assistant", "content": ""}
    for line in map(json.loads, answer.splitlines()):
        message = line["message"]
        said["content"] += message["content"]
        if message.get("thinking"):
            said["thinking"] = said.get("thinking", "") + message["thinking"]
        # Its Python client drops the ids of calls.
        said.setdefault("tool_calls", []).extend(
            {"function": {"name": call["function"]["name"], "arguments": call["function"]["arguments"]}}
            for call in message.get("tool_calls", ())
        )
    name = said["tool_calls"][0]["function"]["name"]
    return {**body, "messages": [*body["messages"], said, {"role": "tool", "tool_name": name, "content": text}]}


def _openai_chat(body: dict[str, Any], answer: bytes, text: str) -> dict[str, Any]:
    said: dict[str, Any] = {"role": "assistant", "content": None}
    if answer[:1] == b"{":
        said = json.loads(answer)["choices"][0]["message"]
    else:
        calls: list[dict[str, Any]] = []
        for _, event in events_of(answer)[:-1]:
            for delta in (choice["delta"] for choice in event["choices"]):
                for call in delta.get("tool_calls") or ():
                    if "id" in call:
                        calls.append({name: told for name, told in call.items() if name != "index"})
                    else:
                        calls[call["index"]]["function"]["arguments"] += call["function"]["arguments"]
                for name in ("content", "reasoning_content"):
                    if delta.get(name):
                        said[name] = (said.get(name) or "") + delta[name]
                if delta.get("reasoning_details"):
                    said.setdefault("reasoning_details", []).extend(delta["reasoning_details"])
        said["tool_calls"] = calls
    result = {"role": "tool", "tool_call_id": said["tool_calls"][0]["id"], "content": text}
    return {**body, "messages": [*body["messages"], said, result]}


def _openai_responses(body: dict[str, Any], answer: bytes, text: str) -> dict[str, Any]:
    told = json.loads(answer) if answer[:1] == b"{" else events_of(answer)[-1][1]["response"]
    output: list[dict[str, Any]] = told["output"]
    call = next(item for item in output if item["type"] == "function_call")
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": text}
    return {**body, "input": [*body["input"], *output, result]}


def _anthropic(body: dict[str, Any], answer: bytes, text: str) -> dict[str, Any]:
    blocks: list[dict[str, Any]] = []
    if answer[:1] == b"{":
        blocks = json.loads(answer)["content"]
    else:
        for name, event in events_of(answer):
            if name == "content_block_start":
                blocks.append(event["content_block"])
            elif name == "content_block_delta":
                delta, block = event["delta"], blocks[event["index"]]
                match delta["type"]:
                    case "input_json_delta":
                        block["given"] = block.get("given", "") + delta["partial_json"]
                    case "signature_delta":
                        block["signature"] = delta["signature"]
                    case kind:
                        place = kind.removesuffix("_delta")
                        block[place] += delta[place]
        for block in blocks:
            if "given" in block:
                block["input"] = json.loads(block.pop("given") or "{}")
    call = next(block for block in blocks if block["type"] == "tool_use")
    result = {"type": "tool_result", "tool_use_id": call["id"], "content": text}
    turns = [{"role": "assistant", "content": blocks}, {"role": "user", "content": [result]}]
    return {**body, "messages": [*body["messages"], *turns]}


def _gemini(body: dict[str, Any], answer: bytes, text: str) -> dict[str, Any]:
    answers = [json.loads(answer)] if answer[:1] == b"{" else [event for _, event in events_of(answer)]
    parts = [part for one in answers for part in one["candidates"][0].get("content", {}).get("parts", ())]
    parts = [part for part in parts if part.get("text") != "" or "thoughtSignature" in part]
    call = next(part["functionCall"] for part in parts if "functionCall" in part)
    told: dict[str, Any] = {"name": call["name"], "response": {"result": text}}
    if "id" in call:
        told["id"] = call["id"]
    turns = [{"role": "model", "parts": parts}, {"role": "user", "parts": [{"functionResponse": told}]}]
    return {**body, "contents": [*body["contents"], *turns]}


GOING_ON: dict[str, Callable[[dict[str, Any], bytes, str], dict[str, Any]]] = {
    "ollama": _ollama,
    "openai_chat": _openai_chat,
    "openai_responses": _openai_responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
}
"""By the protocol's name: the next request, of the last one, the bytes of its answer, and what the first tool said."""
