"""What an answer on /v1 says, whatever its ids, the cuts of its stream, optional members, the order of keys.

A recorded case is a request, and what a real Ollama 0.33 answered to it on /v1. Ollama's own spelling is no standard
there, so what is compared is the status and the meaning: text, thinking, calls with their arguments as JSON, the
finish, log probabilities, vectors by their direction, usage.

Rules: a stream ends with [DONE] and has finished once, one of Responses with the response as it came to be, which says
what the events before it said, one of Messages with `message_stop`, its blocks one after the other; an error has the
form of the client's API; a case that is `told` is a stream that broke, which says so and does not end as if it had not.
"""

from __future__ import annotations

import base64
import json
import math
import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.running import Answered

__all__ = ("unlike",)


def unlike(case: dict[str, Any], answer: Answered) -> str:
    """How the answer differs from the recorded one; empty where it does not."""
    if answer.status != case["status"] and not (answer.status >= 500 <= case["status"]):
        return f"the status is {answer.status}, not {case['status']}: {answer.body!r}"
    if case["status"] == 405:
        return ""
    if case["status"] >= 400:
        told = json.loads(answer.body)
        error = told["error"]
        if case["path"].startswith("/v1/messages") and told.get("type") != "error":
            return f"the error is {told}"
        return "" if error["message"] and error["type"] else f"the error is {error}"
    if case["compare"] == "told":
        events = _events(answer.body.decode())
        last = json.loads(events[-1]) if events[-1] != "[DONE]" else {}
        broken = (last.get("response") or last).get("error")
        return (
            ""
            if broken and broken["message"] and last.get("type") not in ("response.completed", "message_stop")
            else "the stream does not tell that it broke"
        )
    read = next(read for path, read in _READERS if case["path"].startswith(path))
    found, wanted = read(answer.body.decode()), read(case["response"])
    return "" if found == wanted else f"it says {found}, not {wanted}"


def _events(body: str) -> list[str]:
    assert body.endswith("\n\n"), "the last event is not closed"
    blocks = (block for block in body[:-2].split("\n\n") if not block.startswith(":"))
    return [block[block.index("data: ") + 6 :] for block in blocks]


def _chunks(body: str) -> list[Any]:
    """A whole answer, or the chunks of a stream."""
    if body[:1] == "{":
        return [json.loads(body)]
    *events, last = _events(body)
    assert last == "[DONE]", "the stream does not end"
    return [json.loads(event) for event in events]


def _spoken(body: str) -> dict[str, Any]:
    chunks = _chunks(body)
    choices = [choice for chunk in chunks for choice in chunk["choices"]]
    said = [choice.get("message") or choice.get("delta") or choice for choice in choices]
    calls: dict[int, list[str]] = {}
    for part in said:
        for place, call in enumerate(part.get("tool_calls") or ()):
            known = calls.setdefault(call.get("index", place), ["", ""])
            known[0] += call["function"].get("name") or ""
            known[1] += call["function"].get("arguments") or ""
    (finish,) = [choice["finish_reason"] for choice in choices if choice.get("finish_reason")]
    streamed = body[:1] != "{"
    usage = [chunk["usage"]["total_tokens"] for chunk in chunks if chunk.get("usage")]
    tokens = [token for choice in choices for token in (choice.get("logprobs") or {}).get("content") or ()]
    return {
        "text": "".join(part.get("content") or part.get("text") or "" for part in said),
        "thought": "".join(part.get("reasoning_content") or part.get("reasoning") or "" for part in said),
        "calls": [(name, json.loads(arguments)) for _, (name, arguments) in sorted(calls.items())],
        "role": next((part["role"] for part in said if part.get("role")), None),
        "finish": finish,
        "usage": usage[-1:] if streamed else usage,
        "logprobs": [(token["token"], token["logprob"]) for token in tokens],
    }


def _responded(body: str) -> dict[str, Any]:
    """An answer of the Responses API, or the response with which a stream of it ends."""
    if body[:1] == "{":
        return _response(json.loads(body))
    events = [json.loads(event) for event in _events(body)]
    assert [event["sequence_number"] for event in events] == list(range(len(events))), "the events are not numbered"
    assert events[0]["type"] == "response.created", "the stream does not begin with a response"
    assert events[-1]["type"] in ("response.completed", "response.incomplete"), "the stream does not end"
    told = _response(events[-1]["response"])
    deltas = [event["delta"] for event in events if event["type"] == "response.output_text.delta"]
    assert "".join(deltas) == told["text"], "the pieces of the text are not the text"
    return told


def _response(response: Any) -> dict[str, Any]:
    items = response["output"]
    return {
        "kinds": [item["type"] for item in items],
        "text": "".join(part["text"] for item in items for part in item.get("content") or ()),
        "thought": "".join(part["text"] for item in items for part in item.get("summary") or ()),
        "calls": [(item["name"], json.loads(item["arguments"])) for item in items if item["type"] == "function_call"],
        "status": response["status"],
        "usage": (response["usage"]["input_tokens"], response["usage"]["output_tokens"]),
        "instructions": response["instructions"],
    }


def _message(body: str) -> dict[str, Any]:
    """A message of Anthropic's API, or the one that a stream of it makes."""
    if body[:1] == "{":
        told = json.loads(body)
        return _said(told["content"], told["stop_reason"], told["usage"])
    events = [json.loads(event) for event in _events(body)]
    names = [block.partition("event: ")[2].partition("\n")[0] for block in body.split("\n\n")[:-1]]
    assert names == [event["type"] for event in events], "an event is not named as its type"
    events = [event for event in events if event["type"] != "ping"]
    assert (events[0]["type"], events[-1]["type"]) == ("message_start", "message_stop"), "the stream is not whole"
    blocks: list[dict[str, Any]] = []
    usage, reason, open_block = dict(events[0]["message"]["usage"]), None, False
    for event in events[1:-1]:
        match event["type"]:
            case "content_block_start":
                assert not open_block and event["index"] == len(blocks), "a block opens before the last one is closed"
                open_block = True
                blocks.append({**event["content_block"], "pieces": ""})
            case "content_block_delta":
                assert open_block and event["index"] == len(blocks) - 1, "a piece of a block that is not open"
                delta = event["delta"]
                blocks[-1]["pieces"] += delta.get("text") or delta.get("thinking") or delta.get("partial_json") or ""
            case "content_block_stop":
                assert open_block and event["index"] == len(blocks) - 1, "a block is closed that is not open"
                open_block = False
            case _:
                reason = event["delta"]["stop_reason"]
                usage |= {name: count for name, count in event["usage"].items() if count is not None}
    assert not open_block, "a block is never closed"
    return _said(blocks, reason, usage)


def _said(blocks: list[dict[str, Any]], reason: str | None, usage: dict[str, Any]) -> dict[str, Any]:
    told: list[tuple[str, ...]] = []
    for block in blocks:
        pieces = block.get("pieces", "")
        if block["type"] == "tool_use":
            given = json.loads(pieces) if pieces else block["input"]
            told.append(("tool_use", block["name"], json.dumps(given, sort_keys=True)))
        else:
            told.append((block["type"], block[block["type"]] + pieces))
    return {"blocks": told, "reason": reason, "usage": (usage["input_tokens"], usage["output_tokens"])}


def _direction(vector: list[float] | str) -> list[float]:
    if isinstance(vector, str):
        data = base64.b64decode(vector)
        vector = list(struct.unpack(f"<{len(data) // 4}f", data))
    length = math.hypot(*vector)
    return [round(number / length, 4) for number in vector]


def _vectors(body: str) -> Any:
    told = json.loads(body)
    rows = sorted(told["data"], key=lambda row: int(row["index"]))
    return [_direction(row["embedding"]) for row in rows], told["usage"]["prompt_tokens"]


_READERS: tuple[tuple[str, Callable[[str], Any]], ...] = (
    ("/v1/chat/completions", _spoken),
    ("/v1/completions", _spoken),
    ("/v1/embeddings", _vectors),
    ("/v1/messages", _message),
    ("/v1/responses", _responded),
)
