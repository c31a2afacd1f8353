"""Ids of calls and names of tools as a server takes them, and the names as the client knows them again.

Strategy: a dialect says what its server takes (`call_ids`, `tool_names`). What does not fit gets an alias, the same one
in every request, so that a call, its result and the answers to come agree; where all of it fits, nothing is changed.

Rules: ids need no way back, since a client keeps what it was told in an answer; names do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from msgspec.structs import replace

from ollamux.chat import ChatRequest, PlainMessages
from ollamux.conversation import Answer, Event, Message, Part, ToolCall, ToolCallStart, ToolResult
from ollamux.formats.base import Dialect
from ollamux.formats.identifiers import Names
from ollamux.streaming.translator import Delta, Reader

__all__ = ("NamedReader", "fitted", "ids_of", "named", "names_of")

_NAME = re.compile(r"[a-zA-Z0-9_-]+")


def ids_of(dialect: Dialect, originals: Iterable[str]) -> Names | None:
    """The ids of calls as this server takes them; None where it takes any."""
    length = dialect.call_ids
    return Names(re.compile(f"[a-zA-Z0-9]{{{length}}}"), length, originals) if length else None


def names_of(request: ChatRequest, dialect: Dialect) -> Names | None:
    """The names of tools as this server takes them; None where these pass as they are."""
    longest = dialect.tool_names
    if not longest or not request.tools:
        return None
    found = [tool.name for tool in request.tools]
    found += [call.name for call in _calls_of(request)]
    if all(len(name) <= longest and _NAME.fullmatch(name) is not None for name in found):
        return None
    return Names(_NAME, longest, found)


def fitted(request: ChatRequest, dialect: Dialect) -> ChatRequest:
    """The request with the ids and names that this server takes; itself where all of them fit."""
    names = names_of(request, dialect)
    ids = ids_of(dialect, [call.id for call in _calls_of(request)]) if dialect.call_ids else None
    changes: dict[str, Any] = {}
    if names is not None:
        changes["tools"] = tuple([replace(tool, name=names.out(tool.name)) for tool in request.tools])
        choice = request.tool_choice
        if choice is not None:
            name = names.out(choice.name) if choice.name is not None else None
            changes["tool_choice"] = replace(choice, name=name, allowed=tuple(map(names.out, choice.allowed)))
    if names is not None or (ids is not None and not isinstance(request.messages, PlainMessages)):
        changes["messages"] = [_message(message, ids, names) for message in request.messages]
    return request.having(**changes) if changes else request


def named(answer: Answer, names: Names) -> Answer:
    """An answer with the names of tools as the client gave them."""
    parts: list[Part] = [
        replace(part, name=names.back(part.name)) if isinstance(part, ToolCall) else part for part in answer.parts
    ]
    return answer.having(parts, answer.usage)


class NamedReader:
    """A reader of streams whose calls have the names that the client gave."""

    __slots__ = ("_names", "_reader", "complete")

    def __init__(self, reader: Reader, names: Names) -> None:
        self._reader = reader
        self._names = names
        self.complete = False

    def feed(self, data: bytes) -> list[Event]:
        return self._named(self._reader.feed(data))

    def close(self) -> list[Event]:
        return self._named(self._reader.close())

    def texts(self, delta: Delta) -> list[str] | None:
        return self._reader.texts(delta)

    def _named(self, events: list[Event]) -> list[Event]:
        self.complete = self._reader.complete
        return [
            replace(event, name=self._names.back(event.name)) if isinstance(event, ToolCallStart) else event
            for event in events
        ]


def _calls_of(request: ChatRequest) -> list[ToolCall]:
    if isinstance(request.messages, PlainMessages):
        return []
    return [part for message in request.messages for part in message.parts if isinstance(part, ToolCall)]


def _message(message: Message, ids: Names | None, names: Names | None) -> Message:
    if not any(isinstance(part, ToolCall | ToolResult) for part in message.parts):
        return message
    return replace(message, parts=[_part(part, ids, names) for part in message.parts])


def _part(part: Part, ids: Names | None, names: Names | None) -> Part:
    match part:
        case ToolCall():
            id_ = ids.out(part.id) if ids is not None and part.id else part.id
            return replace(part, id=id_, name=names.out(part.name) if names is not None else part.name)
        case ToolResult():
            id_ = ids.out(part.call_id) if ids is not None and part.call_id else part.call_id
            name = names.out(part.name) if names is not None and part.name else part.name
            return replace(part, call_id=id_, name=name)
        case _:
            return part
