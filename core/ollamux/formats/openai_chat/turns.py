"""The messages of a chat, and its tools, in the neutral model.

Rules: calls without ids get ids made of their place; a call of an earlier turn that nobody answered is refused, since
no backend can go on from it; system prompts stay in place; arguments stay the text that they came as.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from ollamux.conversation import Message, Part, Refusal, Role, Text, Tool, ToolCall, ToolChoice, ToolResult
from ollamux.errors import InvalidRequest
from ollamux.formats.openai_chat.attachments import part_of
from ollamux.formats.openai_chat.carrying import signature_of, thoughts_of
from ollamux.formats.openai_chat.request import CalledIn, MessageIn, ToolIn

__all__ = ("choice_of", "messages_of", "tool_of")

_ROLES: dict[str, Role] = {
    "assistant": "assistant",
    "developer": "system",
    "function": "tool",
    "system": "system",
    "tool": "tool",
    "user": "user",
}
_decode_text = msgspec.json.Decoder(str).decode


def messages_of(messages: Sequence[MessageIn]) -> list[Message]:
    """The messages of a chat. Raises InvalidRequest."""
    found = [_message(message, place) for place, message in enumerate(messages)]
    _check_calls(found, messages)
    return found


def _message(message: MessageIn, place: int) -> Message:
    role = _ROLES.get(message.role)
    if role is None:
        raise InvalidRequest(f"unknown role {message.role!r} in messages[{place}]", param=f"messages[{place}].role")
    content = message.content
    parts: list[Part]
    if isinstance(content, list):
        parts = [part_of(part, place) for part in content]
    else:
        parts = [Text(content)] if content else []
    if role == "tool":
        return Message("tool", [ToolResult(message.tool_call_id or "", parts, message.name or "")])
    thinking = message.reasoning_content or message.reasoning or ""
    if thinking or message.reasoning_details:
        parts = [*thoughts_of(message.reasoning_details, thinking), *parts]
    if message.refusal:
        parts.append(Refusal(message.refusal))
    for position, call in enumerate(message.tool_calls or ()):
        if call.function is None:
            raise InvalidRequest(
                f"messages[{place}] has a call of type {call.type!r} that cannot be carried to this model's backend",
                param=f"messages[{place}].tool_calls",
            )
        made = call.id or f"call_{place}_{position}"
        parts.append(_call(made, call.function, place, call.extra_content))
    if message.function_call is not None:
        parts.append(_call(f"call_{place}_0", message.function_call, place, None))
    return Message(role, parts, message.name)


def _call(id_: str, called: CalledIn, place: int, extra: Any) -> ToolCall:
    text = bytes(called.arguments)
    try:
        arguments = _decode_text(text) if text[:1] == b'"' else text.decode()
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise InvalidRequest(
            f"the arguments of a call in messages[{place}] cannot be read", param=f"messages[{place}].tool_calls"
        ) from None
    arguments = "{}" if arguments.strip() in ("", "null") else arguments
    return ToolCall(id_, called.name, arguments, None if extra is None else signature_of(extra))


def _check_calls(found: Sequence[Message], messages: Sequence[MessageIn]) -> None:
    """Every call that has an id needs a result after it; a result without an id answers whichever call is left."""
    open_calls: dict[str, int] = {}
    for place, (message, told) in enumerate(zip(found, messages, strict=True)):
        for call in told.tool_calls or ():
            if call.id:
                open_calls[call.id] = place
        if message.role == "tool" and open_calls:
            answered = told.tool_call_id or next(iter(open_calls))
            open_calls.pop(answered, None)
    for id_, place in open_calls.items():
        raise InvalidRequest(
            f"the call {id_!r} in messages[{place}] has no result: a message of role 'tool' with its tool_call_id must"
            " follow",
            param=f"messages[{place}].tool_calls",
        )


def tool_of(tool: ToolIn) -> Tool:
    """A tool of a chat. Raises InvalidRequest for one that is no function."""
    if tool.function is None:
        raise InvalidRequest(f"tools of type {tool.type!r} cannot be carried to this model's backend", param="tools")
    function = tool.function
    parameters = None if bytes(function.parameters) in (b"", b"null") else function.parameters
    return Tool(function.name, function.description, parameters, function.strict)


def choice_of(choice: str | dict[str, Any] | None) -> ToolChoice | None:
    """Which tools may or must be called. Raises InvalidRequest."""
    match choice:
        case None:
            return None
        case "auto" | "none" | "required":
            return ToolChoice(choice)
        case {"type": "function", "function": {"name": str(name)}}:
            return ToolChoice("named", name)
        case {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "auto" | "required" as mode, "tools": [_, *_] as tools},
        }:
            return ToolChoice(mode, allowed=tuple(_allowed(tool) for tool in tools))
        case _:
            raise InvalidRequest(
                "tool_choice must be auto, none, required, a function or allowed_tools", param="tool_choice"
            )


def _allowed(tool: object) -> str:
    match tool:
        case {"type": "function", "function": {"name": str(name)}}:
            return name
        case {"type": "function", "name": str(name)}:
            return name
        case _:
            raise InvalidRequest("allowed_tools must name functions", param="tool_choice")
