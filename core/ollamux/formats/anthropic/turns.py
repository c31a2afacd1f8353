"""A neutral conversation as the turns of this format.

Strategy: every result is first found by the call that it answers, wherever it stands; then the messages are laid down
as turns of alternating roles, and each turn after calls begins with their results, in the order of the calls.

Rules: the API refuses an empty text, a call without a result, a result without a call, anything behind a call but
calls, so none of these goes out; thinking that this format signed goes back byte for byte, other thinking stays here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import msgspec

from ollamux.chat import ChatRequest, PlainMessages
from ollamux.conversation import (
    Audio,
    Document,
    Image,
    Message,
    Part,
    Reasoning,
    RedactedReasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.anthropic.media import document_of, picture_of
from ollamux.formats.anthropic.signatures import FORMAT
from ollamux.formats.anthropic.words import tame
from ollamux.formats.identifiers import Names

__all__ = ("Laid", "Turn", "lay_down")

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_Block = dict[str, Any]


class Turn:
    """One turn: `content` in order, `calls` behind it, and whether it holds thinking."""

    __slots__ = ("calls", "content", "ids", "results", "role", "thought")

    def __init__(self, role: str) -> None:
        self.role = role
        self.results: list[_Block] = []
        self.content: list[_Block] = []
        self.calls: list[_Block] = []
        self.ids: list[str] = []
        self.thought = False

    @property
    def blocks(self) -> list[_Block]:
        """All of it, in the order that the API asks for."""
        return [*self.results, *self.content, *self.calls]


class Laid(NamedTuple):
    """The system prompt's blocks and the turns."""

    system: list[_Block]
    turns: list[Turn]


def lay_down(request: ChatRequest, ids: Names, names: Names, system_turns: bool, warnings: list[str]) -> Laid:
    """The conversation. `system_turns`: system messages may stand among the turns. Raises InvalidRequest."""
    calls, results = _paired(request.messages)
    layer = _Layer(ids, names, calls, results, warnings)
    messages = request.messages
    for place, message in enumerate(messages):
        if message.role == "system":
            layer.add_system(message, system_turns and _has_room(messages, place))
        else:
            layer.add(message, place)
    return layer.finish()


def _has_room(messages: Sequence[Message] | PlainMessages, place: int) -> bool:
    """Between a user's turn and the assistant's, or behind a user's last one."""
    if not place or messages[place - 1].role not in ("user", "tool"):
        return False
    return place + 1 == len(messages) or messages[place + 1].role == "assistant"


def _paired(messages: Sequence[Message] | PlainMessages) -> tuple[dict[tuple[int, int], str], dict[str, ToolResult]]:
    """The id of every call, by its place, and the result of each. Where a client keeps no ids, a result belongs to the
    first call of its name, or of any, that has none yet. Raises InvalidRequest for a result of no call."""
    calls: dict[tuple[int, int], str] = {}
    results: dict[str, ToolResult] = {}
    open_calls: dict[str, str] = {}
    seen: set[str] = set()
    for place, message in enumerate(messages):
        for position, part in enumerate(message.parts):
            if isinstance(part, ToolCall):
                call_id = part.id or f"call_{place}_{position}"
                if call_id in seen:
                    call_id = f"{call_id}_{place}_{position}"
                seen.add(call_id)
                calls[place, position] = call_id
                open_calls[call_id] = part.name
            elif isinstance(part, ToolResult):
                call_id = _answered(part, open_calls, results)
                open_calls.pop(call_id, None)
                known = results.get(call_id)
                both = [*known.parts, *part.parts] if known is not None else part.parts
                results[call_id] = msgspec.structs.replace(part, call_id=call_id, parts=both)
    if open_calls:
        raise InvalidRequest(f"the tool call '{next(iter(open_calls))}' has no result in the messages after it")
    return calls, results


def _answered(result: ToolResult, open_calls: dict[str, str], results: dict[str, ToolResult]) -> str:
    wanted = result.call_id
    if wanted:
        if wanted in open_calls:
            return wanted
        again = next((call_id for call_id in open_calls if call_id.startswith(f"{wanted}_")), None)
        if again is not None and wanted in results:
            return again
        if wanted in results:
            return wanted
        raise InvalidRequest(f"the tool result '{wanted}' answers no tool call of the messages before it")
    named = next((call_id for call_id, name in open_calls.items() if name == result.name), None)
    found = named or next(iter(open_calls), None)
    if found is None:
        raise InvalidRequest("a tool result answers no tool call of the messages before it")
    return found


class _Layer:
    """Lays one message after the other."""

    def __init__(
        self,
        ids: Names,
        names: Names,
        calls: dict[tuple[int, int], str],
        results: dict[str, ToolResult],
        warnings: list[str],
    ) -> None:
        self._ids = ids
        self._names = names
        self._calls = calls
        self._results = results
        self._warnings = warnings
        self._system: list[_Block] = []
        self._turns: list[Turn] = []

    def add_system(self, message: Message, in_place: bool) -> None:
        blocks = [_text(part) for part in message.parts if isinstance(part, Text) and part.text.strip()]
        if not all(isinstance(part, Text) for part in message.parts):
            self._warn("the backend takes no pictures, sounds or documents in a system prompt")
        if not in_place or not self._turns:
            self._system += blocks
        elif blocks:
            turn = Turn("system")
            turn.content = blocks
            self._turns.append(turn)

    def add(self, message: Message, place: int) -> None:
        role = "assistant" if message.role == "assistant" else "user"
        turn = self._turns[-1] if self._turns and self._turns[-1].role == role else None
        if turn is None:
            turn = Turn(role)
            self._turns.append(turn)
        for position, part in enumerate(message.parts):
            if isinstance(part, ToolCall):
                call_id = self._calls[place, position]
                turn.ids.append(call_id)
                turn.calls.append(self._call(part, call_id))
            elif not isinstance(part, ToolResult):
                self._add_part(turn, part)

    def finish(self) -> Laid:
        """Puts every result where it belongs, and leaves out what is empty."""
        turns: list[Turn] = []
        for turn in self._turns:
            before = turns[-1] if turns else None
            if before is not None and before.ids and turn.role == "user":
                turn.results = [self._result(self._results[call_id]) for call_id in before.ids]
            if turn.blocks:
                if before is not None and before.role == turn.role:
                    before.content += turn.content
                    before.calls += turn.calls
                    before.ids += turn.ids
                    before.thought |= turn.thought
                else:
                    turns.append(turn)
        if turns and turns[-1].role == "assistant":
            _trim(turns[-1].content)
        if not any(turn.role == "user" for turn in turns):
            raise InvalidRequest("the messages hold nothing that a user says: at least one text must not be empty")
        return Laid(self._system, turns)

    def _add_part(self, turn: Turn, part: Part) -> None:
        if isinstance(part, Reasoning):
            signature = part.signature
            if signature is not None and signature.format == FORMAT:
                turn.thought = True
                turn.content.append({"type": "thinking", "thinking": part.text, "signature": signature.value})
            else:
                self._warn("earlier thinking that this backend did not sign was left out")
        elif isinstance(part, RedactedReasoning):
            if part.content.format == FORMAT:
                turn.thought = True
                turn.content.append({"type": "redacted_thinking", "data": part.content.value})
            else:
                self._warn("earlier thinking that this backend did not sign was left out")
        elif turn.role == "assistant" and isinstance(part, Image | Document | Audio):
            self._warn("the backend takes no pictures, sounds or documents of an assistant")
        else:
            turn.content += _said(part)

    def _call(self, call: ToolCall, call_id: str) -> _Block:
        arguments = call.arguments.strip()
        given: Any = {}
        if arguments:
            try:
                _decode_object(arguments)
                given = msgspec.Raw(arguments.encode())
            except (ValueError, RecursionError):
                given = {"_raw": call.arguments}
                self._warn(f"the arguments of the tool call '{tame(call_id)}' are no JSON object, and went as text")
        return {"type": "tool_use", "id": self._ids.out(call_id), "name": self._names.out(call.name), "input": given}

    def _result(self, result: ToolResult) -> _Block:
        block: _Block = {"type": "tool_result", "tool_use_id": self._ids.out(result.call_id)}
        content: list[_Block] = []
        for part in result.parts:
            content += _said(part)
        if len(content) == 1 and set(content[0]) == {"type", "text"}:
            block["content"] = content[0]["text"]
        elif content:
            block["content"] = content
        if result.is_error:
            block["is_error"] = True
        return _cached(block, result.cache)

    def _warn(self, text: str) -> None:
        if text not in self._warnings:
            self._warnings.append(text)


def _said(part: Part) -> list[_Block]:
    """A part of a user's turn, or of a result; nothing for a text that is empty."""
    match part:
        case Text(text) | Refusal(text):
            return [_text(part)] if text.strip() else []
        case Image(source, _, cache):
            return [_cached(picture_of(source), cache)]
        case Document(source, name, cache):
            return [_cached(document_of(source, name), cache)]
        case Audio():
            raise InvalidRequest("this backend takes no sounds")
        case _:
            return []


def _text(part: Text | Refusal) -> _Block:
    return _cached({"type": "text", "text": part.text}, part.cache if isinstance(part, Text) else None)


def _cached(block: _Block, cache: str | None) -> _Block:
    if cache is not None:
        block["cache_control"] = {"type": "ephemeral"} if cache == "5m" else {"type": "ephemeral", "ttl": cache}
    return block


def _trim(content: list[_Block]) -> None:
    """An answer that is to be gone on with must not end in white space."""
    if content and content[-1]["type"] == "text":
        content[-1]["text"] = content[-1]["text"].rstrip()
