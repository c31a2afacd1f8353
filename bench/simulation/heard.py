"""An answer as a strict client of each format reads it: whole, or a fault in the client's own words.

Rules: what is not in the format is a `ValueError` that says why; an answer that is neither whole nor told as broken is
one, too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

__all__ = ("Heard", "hear")


@dataclass(slots=True)
class Heard:
    """What a client read: the text of each choice, and the message of the error that ended it, None where all is
    there."""

    texts: dict[int, str] = field(default_factory=dict)
    fault: str | None = None

    def add(self, choice: int, text: str) -> None:
        """A piece of one choice."""
        self.texts[choice] = self.texts.get(choice, "") + text


def hear(wire: str, streamed: bool, status: int, kind: str, body: bytes) -> Heard:
    """Reads a client's answer. `wire` is how its request went out (see `spoken.wire_of`), `kind` the answer's type."""
    if status >= 400:
        return Heard(fault=_error(wire, json.loads(body)))
    if status != 200:
        raise ValueError(f"a status of {status}")
    if not streamed:
        return _whole(wire, json.loads(body))
    if kind.startswith("application/json"):  # Ollama answers in one piece where nothing is generated
        return _whole(wire, json.loads(body))
    match wire:
        case "chat" | "generate":
            _expect(kind.startswith("application/x-ndjson"), f"a stream of {kind}")
            return _lines(body)
        case "completions":
            _expect(kind.startswith("text/event-stream"), f"a stream of {kind}")
            return _chunks(body)
        case _:
            _expect(kind.startswith("text/event-stream"), f"a stream of {kind}")
            return _events(body)


def _expect(holds: object, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _error(wire: str, value: Any) -> str:
    error = value["error"]
    match wire:
        case "chat" | "generate" | "embed":
            _expect(isinstance(error, str) and error, "an error without a text")
            return str(error)
        case "messages":
            _expect(value.get("type") == "error" and error["type"], "an error without a type")
        case _:
            _expect("type" in error, "an error without a type")
    _expect(isinstance(error["message"], str) and error["message"], "an error without a message")
    return str(error["message"])


def _whole(wire: str, value: Any) -> Heard:
    found = Heard()
    match wire:
        case "chat":
            _expect(value["done"] is True, "a whole answer that is not done")
            found.add(0, value["message"]["content"])
        case "generate":
            _expect(value["done"] is True, "a whole answer that is not done")
            found.add(0, value["response"])
        case "embed":
            found.texts = dict.fromkeys(range(len(value["embeddings"])), "")
        case "embeddings":
            found.texts = dict.fromkeys([row["index"] for row in value["data"]], "")
        case "completions":
            for choice in value["choices"]:
                _expect(choice["finish_reason"], "a choice without an end")
                _expect(choice["index"] not in found.texts, "a choice that comes twice")
                found.add(choice["index"], choice["message"]["content"])
        case _:
            _expect(value["type"] == "message" and value["stop_reason"], "a message without an end")
            found.add(0, "".join(block["text"] for block in value["content"]))
    return found


def _lines(body: bytes) -> Heard:
    _expect(body.endswith(b"\n"), "a last line without its end")
    found = Heard()
    over = False
    for row in body[:-1].split(b"\n"):
        _expect(not over, "something after the end")
        value = json.loads(row)
        if "error" in value:
            found.fault = str(value["error"])
            over = True
            continue
        found.add(0, value["message"]["content"] if "message" in value else value["response"])
        over = value["done"]
    _expect(over, "a stream without an end")
    return found


def _chunks(body: bytes) -> Heard:
    found = Heard()
    finished: set[int] = set()
    over = False
    for block in _blocks(body):
        _expect(block.startswith(b"data: "), f"an event that is none: {block!r}")
        if block == b"data: [DONE]":
            _expect(not over, "two ends")
            over = True
            continue
        value = json.loads(block[6:])
        _expect(not over, "something after the end")
        if "error" in value:
            _expect(found.fault is None, "two errors")
            found.fault = str(value["error"]["message"])
            continue
        _expect(found.fault is None, "an answer that goes on after its error")
        for choice in value["choices"]:
            place = choice["index"]
            _expect(place not in finished, "a choice that goes on after its end")
            found.add(place, choice["delta"].get("content") or "")
            if choice["finish_reason"]:
                finished.add(place)
    if found.fault is None:
        _expect(over, "a stream without [DONE]")
        _expect(finished and finished == set(found.texts), "a choice without an end")
    return found


def _events(body: bytes) -> Heard:
    found = Heard()
    state = "before"
    block_open = False
    ended = False
    for block in _blocks(body):
        name, _, data = block.partition(b"\n")
        value = json.loads(data.removeprefix(b"data: "))
        kind = value["type"]
        _expect(name == b"event: " + kind.encode(), f"{name!r} over an event of type {kind}")
        _expect(state != "over", f"{kind} after the end")
        match kind:
            case "ping":
                continue
            case "error":
                found.fault = str(value["error"]["message"])
                state = "over"
            case "message_start":
                _expect(state == "before", "two starts")
                state = "begun"
            case "content_block_start":
                _expect(state == "begun" and not block_open, "a block at the wrong place")
                block_open = True
            case "content_block_delta":
                _expect(block_open, "text outside a block")
                found.add(0, value["delta"]["text"])
            case "content_block_stop":
                _expect(block_open, "an end without a block")
                block_open = False
            case "message_delta":
                _expect(state == "begun" and not block_open, "an end inside a block")
                ended = bool(value["delta"]["stop_reason"])
            case "message_stop":
                _expect(ended, "a stop without a reason")
                state = "over"
            case _:
                raise ValueError(f"an event of type {kind}")
    _expect(state == "over", "a stream without an end")
    return found


def _blocks(body: bytes) -> list[bytes]:
    """The events of a stream, without comments."""
    _expect(body.endswith(b"\n\n"), "an event that is cut off")
    return [block for block in body[:-2].split(b"\n\n") if not block.startswith(b":")]
