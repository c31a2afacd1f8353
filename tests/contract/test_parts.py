"""What a conversation holds, part by part, in every turn that may have it: each backend gets it, or the client is told
that it did not. One table over all formats."""

from __future__ import annotations

import base64

import msgspec
import pytest
from tests.contract.test_knobs import BACKENDS

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    Audio,
    Bytes,
    Document,
    FileId,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    RedactedReasoning,
    Refusal,
    Text,
    Tool,
    ToolCall,
    ToolResult,
    Url,
)
from ollamux.errors import InvalidRequest
from ollamux.formats import calling
from ollamux.formats.base import Outgoing
from ollamux.providers import provider

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="
TOLD = base64.b64encode(b"what it says").decode()
PARTS: dict[str, tuple[Part, tuple[str, ...]]] = {
    "text": (Text("what it says"), ("what it says",)),
    "refusal": (Refusal("what it says"), ("what it says",)),
    "picture": (Image(Bytes(PIXEL, "image/png")), (PIXEL,)),
    "picture by its address": (Image(Url("http://there.example/it.png")), ("there.example",)),
    "picture that another keeps": (Image(FileId("openai", "file-1")), ("file-1",)),
    "sound": (Audio(Bytes("UklGRg==", "audio/wav"), "wav"), ("UklGRg==",)),
    "PDF": (Document(Bytes("JVBERi0=", "application/pdf"), "it.pdf"), ("JVBERi0=",)),
    "file of text": (Document(Bytes(TOLD, "text/plain"), "it.txt"), (TOLD, "what it says")),
    "file by its address": (Document(Url("http://there.example/it.pdf"), "it.pdf"), ("there.example",)),
    "thinking that another signed": (Reasoning("", Opaque("another", "signed")), ("signed",)),
    "thinking that another sealed": (RedactedReasoning(Opaque("another", "sealed")), ("sealed",)),
}
"""Each, and by what it is known in a backend's request."""

PLACES = ("user", "assistant", "system", "tool")
CASES = [
    (name, place)
    for name in PARTS
    for place in PLACES
    if (place == "assistant" or not name.startswith("thinking")) and (place != "system" or name != "refusal")
]

ASK = Message("user", [Text("hi")])
TOOLS = (Tool("f", None, msgspec.Raw(b'{"type":"object"}')),)


def conversation(place: str, part: Part) -> ChatRequest:
    """One with this part in a turn of the user, the model or the system, or in what a tool answered."""
    if place == "tool":
        called = Message("assistant", [ToolCall("c1", "f", "{}")])
        return ChatRequest("m", [ASK, called, Message("tool", [ToolResult("c1", [Text("r"), part], "f")])], tools=TOOLS)
    if place == "assistant":
        return ChatRequest("m", [ASK, Message("assistant", [Text("yes"), part]), ASK])
    said = Message("system" if place == "system" else "user", [Text("so"), part])
    return ChatRequest("m", [said, ASK, Message("assistant", [Text("yes")]), ASK])


def built(column: str, request: ChatRequest) -> Outgoing:
    type_, format_, model = BACKENDS[column]
    found = provider(type_)
    hook = getattr(found, "dialect_for", None)
    return calling(format_).build(request, model, hook(model) if hook is not None else found.dialect)


@pytest.mark.parametrize("column", BACKENDS)
@pytest.mark.parametrize(("name", "place"), CASES)
def test_a_part_arrives_or_is_named_as_left_out_or_refused(name: str, place: str, column: str) -> None:
    part, marks = PARTS[name]
    try:
        outgoing = built(column, conversation(place, part))
    except InvalidRequest as error:
        assert error.status == 400 and error.message
        return
    arrived = any(mark in outgoing.body.decode() for mark in marks)
    if not arrived and name == "thinking that another signed" and column == "ollama":
        return  # Ollama keeps no signatures: of thinking it takes the text, and there is none
    assert arrived or outgoing.warnings
