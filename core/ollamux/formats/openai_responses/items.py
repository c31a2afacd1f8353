"""Input items read into the messages of the neutral model.

Strategy: what the model said stands in several items, one after another: reasoning, messages, calls. They are put
together into one turn, in their order; a tool's output is a turn of its own, as a user's message is.

Rules: every call has its output and every output its call, else the request is refused, since no backend would take it;
an item of a kind that only OpenAI's own servers can read is dropped with a warning, one of an unknown kind is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

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
    Role,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.openai_responses.schema import ContentPart, Item, decode_item
from ollamux.formats.openai_responses.signatures import uncarry
from ollamux.formats.openai_responses.tools import Toolbox, wrapped

__all__ = ("ItemReader", "read_item")

_ROLES: dict[str, Role] = {"assistant": "assistant", "developer": "system", "system": "system", "user": "user"}
_ELSEWHERE = frozenset(
    """
    additional_tools apply_patch_call apply_patch_call_output code_interpreter_call compaction compaction_trigger
    computer_call computer_call_output configuration_update file_search_call image_generation_call local_shell_call
    local_shell_call_output mcp_approval_request mcp_approval_response mcp_call mcp_list_tools program program_output
    shell_call shell_call_output tool_search_call tool_search_output web_search_call
    """.split()
)
"""Items that mean something to OpenAI's own servers alone."""

_decode_text = msgspec.json.Decoder(str).decode
_decode_parts = msgspec.json.Decoder(list[ContentPart]).decode
_NOTHING = (b"", b"null")


def read_item(raw: bytes, place: int) -> Item:
    """One item. Raises InvalidRequest."""
    try:
        return decode_item(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"input[{place}]: {error}", param=f"input[{place}]") from None


class ItemReader:
    """Reads the items of one request. `warnings` tell what was dropped."""

    __slots__ = ("_answered", "_called", "_signatures", "_toolbox", "_turn", "messages", "warnings")

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox
        self._turn: list[Part] = []
        self._called: dict[str, int] = {}
        self._answered: set[str] = set()
        self._signatures: dict[str, Opaque] = {}
        self.messages: list[Message] = []
        self.warnings: list[str] = []

    def read(self, items: Iterable[bytes]) -> list[Message]:
        """The messages that these items make. Raises InvalidRequest."""
        dropped: set[str] = set()
        for place, raw in enumerate(items):
            item = read_item(raw, place)
            kind = item.type or ("message" if item.role is not None else "")
            match kind:
                case "message":
                    self._message(item, place)
                case "reasoning":
                    self._reasoning(item)
                case "function_call" | "custom_tool_call":
                    self._call(item, place)
                case "function_call_output" | "custom_tool_call_output":
                    self._output(item, place)
                case _ if kind in _ELSEWHERE:
                    dropped.add(kind)
                case _:
                    raise InvalidRequest(
                        f'input[{place}]: unknown input item type: "{kind[:100]}"', param=f"input[{place}]"
                    )
        self._end_turn()
        if dropped:
            self.warnings.append(f"items of these types were left out: {', '.join(sorted(dropped))}")
        for call_id, place in self._called.items():
            if call_id not in self._answered:
                raise InvalidRequest(f"No tool output found for function call {call_id}.", param=f"input[{place}]")
        return self.messages

    def _message(self, item: Item, place: int) -> None:
        role = _ROLES.get(item.role or "")
        if role is None:
            raise InvalidRequest(f"input[{place}]: unknown role {item.role!r}", param=f"input[{place}].role")
        content = item.content
        parts: list[Part]
        if isinstance(content, str):
            parts = [Text(content)] if content or role != "assistant" else []
        else:
            parts = content_parts(content or (), f"input[{place}]")
        if role == "assistant":
            self._turn += parts
            return
        self._end_turn()
        self.messages.append(Message(role, parts))

    def _reasoning(self, item: Item) -> None:
        told = item.summary or (item.content if isinstance(item.content, list) else None) or ()
        text = "\n\n".join(part.text for part in told if part.text)
        carried = uncarry(item.encrypted_content) if item.encrypted_content else None
        if item.encrypted_content and carried is None:
            self.warnings.append("an encrypted reasoning that cannot be read was left out")
        if carried is None:
            if text:
                self._turn.append(Reasoning(text))
        elif carried.kind == "call":
            self._signatures[carried.call_id] = carried.value
        elif carried.kind == "redacted":
            self._turn.append(RedactedReasoning(carried.value))
        else:
            self._turn.append(Reasoning(text, carried.value))

    def _call(self, item: Item, place: int) -> None:
        if not item.call_id or not item.name:
            raise InvalidRequest(f"input[{place}]: a call needs call_id and name", param=f"input[{place}]")
        if item.type == "custom_tool_call":
            arguments = wrapped(item.input or "")
        else:
            text = bytes(item.arguments)
            arguments = _decode_text(text) if text[:1] == b'"' else text.decode()
            arguments = "{}" if arguments.strip() in ("", "null") else arguments
        self._called[item.call_id] = place
        name = self._toolbox.name_of(item.name, item.namespace)
        self._turn.append(ToolCall(item.call_id, name, arguments, self._signatures.pop(item.call_id, None)))

    def _output(self, item: Item, place: int) -> None:
        call_id = item.call_id or ""
        if call_id not in self._called:
            raise InvalidRequest(
                f"No tool call found for function call output with call_id {call_id}.", param=f"input[{place}]"
            )
        self._end_turn()
        self._answered.add(call_id)
        name = next(
            (
                part.name
                for message in reversed(self.messages)
                for part in message.parts
                if isinstance(part, ToolCall) and part.id == call_id
            ),
            "",
        )
        self.messages.append(Message("tool", [ToolResult(call_id, _result(item.output, f"input[{place}]"), name)]))

    def _end_turn(self) -> None:
        if self._turn:
            self.messages.append(Message("assistant", self._turn))
            self._turn = []


def _result(output: msgspec.Raw, where: str) -> list[Part]:
    """A tool's output: text, parts, or whatever JSON a client puts there."""
    text = bytes(output)
    if text in _NOTHING:
        return []
    if text[:1] == b'"':
        return [Text(_decode_text(text))]
    if text[:1] == b"[":
        try:
            parts = _decode_parts(text)
        except ValueError:
            parts = []
        if parts and all(part.type for part in parts):
            return content_parts(parts, where)
    return [Text(text.decode())]


def content_parts(content: Sequence[ContentPart], where: str) -> list[Part]:
    """The parts of a message or of a tool's output. Raises InvalidRequest for one that cannot be read."""
    return [_part(part, where) for part in content]


def _part(part: ContentPart, where: str) -> Part:
    match part.type:
        case "input_text" | "output_text" | "text" | "summary_text" | "reasoning_text":
            return Text(part.text or "")
        case "refusal":
            return Refusal(part.refusal or "")
        case "input_image":
            url: Any = part.image_url.get("url") if isinstance(part.image_url, dict) else part.image_url  # pyright: ignore
            if isinstance(url, str) and url:
                return Image(_source(url, where), part.detail)
            if part.file_id:
                return Image(FileId("openai", part.file_id), part.detail)
        case "input_file":
            source = _file(part, where)
            if source is not None:
                return Document(source, part.filename or "")
        case "input_audio":
            told = part.input_audio or {}
            data, form = told.get("data"), str(told.get("format") or "wav")
            if isinstance(data, str):
                return Audio(Bytes(data, f"audio/{form}"), form)
        case _:
            pass
    raise InvalidRequest(f"{where} has a part of type {part.type!r} that cannot be read", param=where)


def _file(part: ContentPart, where: str) -> Source | None:
    if part.file_data:
        if part.file_data[:5].lower() == "data:":
            return _source(part.file_data, where)
        return Bytes(part.file_data, "application/pdf" if (part.filename or "").lower().endswith(".pdf") else "")
    if part.file_url:
        return Url(part.file_url)
    return FileId("openai", part.file_id) if part.file_id else None


def _source(url: str, where: str) -> Source:
    """A data: URI is content, whatever parameters it has; everything else stands elsewhere."""
    if url[:5].lower() != "data:":
        return Url(url)
    head, comma, data = url[5:].partition(",")
    if not comma or not head.endswith(";base64"):
        raise InvalidRequest(f"{where}: a data: URI must hold base64", param=where)
    mime = head.partition(";")[0]
    return Bytes(data, "image/jpeg" if mime == "image/jpg" else mime)
