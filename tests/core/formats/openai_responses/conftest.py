"""A client of OpenAI's Responses: requests, what is rendered for them, and the SDK's own judgement of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from ollamux.chat import ChatRequest
from ollamux.clock import Clock
from ollamux.conversation import Event
from ollamux.formats.base import RenderContext, Served
from ollamux.formats.openai_responses.incoming import ResponsesIncoming
from ollamux.formats.openai_responses.rendering import ResponsesRenderer
from ollamux.formats.openai_responses.serving import ResponsesServing

SERVED = Served("m", "m", frozenset())
EVENTS: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)


def events_of(stream: bytes) -> list[dict[str, Any]]:
    """The events of a stream, each one valid for the SDK, named as its type says, numbered from 0 without gaps."""
    assert stream.endswith(b"\n\n")
    found: list[dict[str, Any]] = []
    for block in stream.split(b"\n\n")[:-1]:
        if block.startswith(b":"):
            continue
        name, data = block.split(b"\n")
        event = json.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + event["type"].encode()
        EVENTS.validate_python(event, strict=True)
        found.append(event)
    assert [event["sequence_number"] for event in found] == list(range(len(found)))
    return found


def ordered(events: list[dict[str, Any]]) -> None:
    """Fails where items overlap, are closed twice or never, or a delta belongs to none that is open."""
    open_ = None
    count = 0
    for event in events:
        kind = event["type"]
        if kind == "response.output_item.added":
            assert open_ is None and event["output_index"] == count
            open_ = event["item"]["id"]
        elif kind == "response.output_item.done":
            assert event["item"]["id"] == open_ and event["output_index"] == count
            open_ = None
            count += 1
        elif "item_id" in event:
            assert event["item_id"] == open_ and event["output_index"] == count
    assert open_ is None


class Client:
    """Asks a serving side, and renders what a backend would say to it."""

    def __init__(self) -> None:
        self.serving = ResponsesServing()
        self.now = 10.0

    def read(self, headers: dict[str, str] | None = None, /, **body: Any) -> ResponsesIncoming:
        told = json.dumps({"model": "m", **body}).encode()
        return self.serving.read(self.serving.routes[0], told, headers or {})

    def neutral(self, **body: Any) -> ChatRequest:
        return self.read(**body).neutral(SERVED, {})

    def renderer(self, **body: Any) -> ResponsesRenderer:
        incoming = self.read(**{"input": "hi", **body})
        incoming.neutral(SERVED, {})
        return self.serving.renderer(incoming, RenderContext("m", Clock(), self.now))

    def stream(self, events: Iterable[Event], **body: Any) -> list[dict[str, Any]]:
        """The events of a whole stream, checked."""
        renderer = self.renderer(stream=True, **body)
        out = b"".join(renderer.events([event], self.now) for event in events) + renderer.end(self.now)
        found = events_of(out)
        assert [event["type"] for event in found[:2]] == ["response.created", "response.in_progress"]
        ordered(found)
        Response.model_validate(found[-1]["response"], strict=True)
        return found


@pytest.fixture
def client() -> Client:
    return Client()


@pytest.fixture
def cut() -> Callable[[bytes, int], list[bytes]]:
    """Bytes in pieces of this length."""
    return lambda data, size: [data[at : at + size] for at in range(0, len(data), size)]
