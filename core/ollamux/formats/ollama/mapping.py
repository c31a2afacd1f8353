"""Ollama's messages, tools and options, in the neutral model.

Rules: calls without ids get ids made of their place, so that the same conversation always gives the same ones; results
without ids pair with the calls before them, by name where they have one, else by order; the role of a message that the
neutral model has no word for is the user's.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from ollamux.conversation import (
    NO_SAMPLING,
    Audio,
    Bytes,
    Image,
    Message,
    Part,
    Reasoning,
    Role,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolResult,
)
from ollamux.formats.ollama import schema

__all__ = ("attachments", "messages_of", "sampling_of", "text_message", "tools_of")

_ROLES: dict[str, Role] = {
    "assistant": "assistant",
    "developer": "system",
    "system": "system",
    "tool": "tool",
    "user": "user",
}
_KNOBS = frozenset(name for name in Sampling.__struct_fields__ if name not in ("max_tokens", "other"))


def text_message(role: Role, text: str) -> Message:
    """A message of nothing but text; without parts where there is none."""
    return Message(role, [Text(text)] if text else [])


def messages_of(messages: Sequence[schema.Message]) -> list[Message]:
    """The messages of a chat."""
    found: list[Message] = []
    waiting: list[ToolCall] = []
    for place, message in enumerate(messages):
        role = _ROLES.get(message.role or "", "user")
        content = message.content
        if role == "tool":
            found.append(Message("tool", [_result(message, waiting)]))
            continue
        parts: list[Part] = []
        if message.thinking:
            parts.append(Reasoning(message.thinking))
        if content:
            parts.append(Text(content))
        if message.images:
            parts.extend(attachments(message.images))
        if message.tool_calls:
            calls = [_call(call, place, position) for position, call in enumerate(message.tool_calls)]
            waiting = [*calls]
            parts.extend(calls)
        found.append(Message(role, parts))
    return found


def _call(call: schema.ToolCall, place: int, position: int) -> ToolCall:
    function = call.function
    name, arguments = ("", None) if function is None else (function.name or "", function.arguments)
    text = "" if arguments is None else bytes(arguments).decode("utf-8", "replace")
    return ToolCall(call.id or f"call_{place}_{position}", name, "{}" if text in ("", "null") else text)


def _result(message: schema.Message, waiting: list[ToolCall]) -> ToolResult:
    named = message.tool_name or ""
    call_id = message.tool_call_id or ""
    for call in waiting:
        if call.id == call_id if call_id else not named or call.name == named:
            waiting.remove(call)
            call_id = call.id
            break
    parts: list[Part] = [Text(message.content)] if message.content else []
    if message.images:
        parts.extend(attachments(message.images))
    return ToolResult(call_id, parts, named)


def attachments(images: Sequence[str]) -> list[Part]:
    """What came as images: pictures, and sounds, which Ollama takes there as well."""
    return [_attachment(data) for data in images]


def _attachment(data: str) -> Part:
    if "\n" in data or "\r" in data:
        data = data.replace("\n", "").replace("\r", "")
    head = base64.b64decode(data[:24])
    if head[:4] == b"RIFF":
        if head[8:12] == b"WAVE":
            return Audio(Bytes(data, "audio/wav"), "wav")
        return Image(Bytes(data, "image/webp"))
    for magic, mime in _MAGIC:
        if head.startswith(magic):
            return Image(Bytes(data, mime))
    if head[:3] == b"ID3" or head[:2] in (b"\xff\xfb", b"\xff\xf3"):
        return Audio(Bytes(data, "audio/mpeg"), "mp3")
    return Image(Bytes(data))


_MAGIC = ((b"\x89PNG", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"), (b"BM", "image/bmp"))


def tools_of(tools: Sequence[schema.Tool]) -> tuple[Tool, ...]:
    """The tools of a chat, their parameters as the text they came as."""
    found: list[Tool] = []
    for tool in tools:
        function = tool.function
        if function is not None:
            found.append(Tool(function.name or "", function.description, function.parameters))
    return tuple(found)


def sampling_of(options: Mapping[str, Any]) -> Sampling:
    """Checked options. A negative num_predict means no limit and -1 as a seed any seed: both are absent here."""
    if not options:
        return NO_SAMPLING
    known: dict[str, Any] = {}
    other: dict[str, Any] = {}
    for name, value in options.items():
        if value is None:
            continue
        if name == "num_predict":
            if value >= 0:
                known["max_tokens"] = value
        elif name == "stop":
            known["stop"] = tuple(value) or None
        elif name == "seed" and value == -1:
            continue
        elif name in _KNOBS:
            known[name] = value
        else:
            other[name] = value
    return Sampling(**known, other=other)
