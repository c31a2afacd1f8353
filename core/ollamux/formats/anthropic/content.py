"""Turns of this format's clients, read into neutral messages.

Strategy: a turn becomes one message, and its tool results one of their own in front of it, since that is where they
stand. What a block is, a table of readers says.

Rules: a tool's input stays the text it came as; what only the vendor's own servers can make or read is left out and
named, once for each kind; a block of an unknown type is refused, in the vendor's words.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable

import msgspec

from ollamux.conversation import (
    Bytes,
    Document,
    FileId,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    RedactedReasoning,
    Role,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.anthropic.schema import (
    Block,
    CacheControl,
    MessageIn,
    Source,
    decode_blocks,
    decode_content,
    given,
)
from ollamux.formats.anthropic.signatures import FORMAT, of_call, restored

__all__ = ("Turns", "cache_of", "worded")

_ROLES: dict[str, Role] = {"assistant": "assistant", "system": "system", "user": "user"}
_SERVERS_OWN = ("server_tool_use", "container_upload", "tool_reference", "browser_state", "mcp_tool_use")
"""Blocks that only the vendor's servers can make or read; so can any whose type ends in `_tool_result`."""


class Turns:
    """Reads a conversation. `left_out` names the kinds of blocks that were passed over. `strict` holds it to the rules
    of the API's version of October 2026."""

    def __init__(self, *, strict: bool) -> None:
        self.left_out: set[str] = set()
        self._strict = strict
        self._names: dict[str, str] = {}

    def system(self, system: str | list[Block]) -> list[Message]:
        """The system prompt, as the messages that it is."""
        if isinstance(system, str):
            return [Message("system", [Text(system)])] if system else []
        parts: list[Part] = []
        for place, block in enumerate(system):
            parts += self._block(block, f"system.{place}")
        return [Message("system", parts)] if parts else []

    def read(self, messages: Iterable[MessageIn]) -> list[Message]:
        """The turns. Raises InvalidRequest."""
        found: list[Message] = []
        for place, message in enumerate(messages):
            role = _ROLES.get(message.role)
            if role is None:
                raise InvalidRequest(f"messages.{place}.role: Input should be 'user', 'assistant' or 'system'")
            content = message.content
            if isinstance(content, str):
                found.append(Message(role, [Text(content)] if content else []))
            else:
                self._turn(found, role, content, f"messages.{place}.content")
        return found

    def _turn(self, found: list[Message], role: Role, blocks: list[Block], where: str) -> None:
        parts: list[Part] = []
        results: list[Part] = []
        pending: Opaque | None = None
        for place, block in enumerate(blocks):
            at = f"{where}.{place}"
            if self._strict:
                _hold(role, block, at)
            if block.type == "tool_use":
                parts.append(self._call(block, pending, at))
                pending = None
            elif block.type == "tool_result":
                results.append(self._result(block, at))
            elif block.type == "thinking" and of_call(block.signature or ""):
                pending = restored(block.signature)
            else:
                parts += self._block(block, at)
        if results:
            found.append(Message("tool", results))
        if parts or not results:
            found.append(Message(role, parts))

    def _call(self, block: Block, signature: Opaque | None, at: str) -> ToolCall:
        if block.id is None or not block.name:
            raise InvalidRequest(f"{at}.tool_use.{'id' if block.id is None else 'name'}: Field required")
        self._names[block.id] = block.name
        return ToolCall(block.id, block.name, given(block.input).decode() or "{}", signature)

    def _result(self, block: Block, at: str) -> ToolResult:
        if block.tool_use_id is None:
            raise InvalidRequest(f"{at}.tool_result.tool_use_id: Field required")
        parts = self._inner(block.content, f"{at}.tool_result.content")
        name = self._names.get(block.tool_use_id, "")
        return ToolResult(block.tool_use_id, parts, name, bool(block.is_error), cache_of(block.cache_control))

    def _inner(self, raw: msgspec.Raw, at: str) -> list[Part]:
        """The content of a block in a block."""
        text = given(raw)
        if not text:
            return []
        try:
            content = decode_content(text)
        except msgspec.ValidationError as error:
            raise InvalidRequest(worded(error, at)) from None
        if isinstance(content, str):
            return [Text(content)] if content else []
        parts: list[Part] = []
        for place, block in enumerate(content or ()):
            parts += self._block(block, f"{at}.{place}")
        return parts

    def _block(self, block: Block, at: str) -> list[Part]:
        cache = cache_of(block.cache_control)
        match block.type:
            case "text":
                return [Text(block.text, cache)] if block.text else []
            case "image":
                return [Image(_source(block.source, at), None, cache)]
            case "document":
                return self._document(block, cache, at)
            case "thinking":
                signature = restored(block.signature)
                return [Reasoning(block.thinking or "", signature)] if block.thinking or signature else []
            case "redacted_thinking":
                content = restored(block.data)
                return [RedactedReasoning(content)] if content is not None else []
            case "search_result":
                return self._search_result(block, cache, at)
            case kind if kind in _SERVERS_OWN or kind.endswith("_tool_result"):
                self.left_out.add(kind)
                return []
            case kind:
                raise InvalidRequest(
                    f"{at}: Input tag '{kind}' found using 'type' does not match any of the expected tags"
                )

    def _document(self, block: Block, cache: str | None, at: str) -> list[Part]:
        source = block.source
        name = block.title or ""
        if isinstance(source, Source) and source.type == "text":
            data = base64.b64encode((source.data or "").encode("utf-8", "replace")).decode()
            found: list[Part] = [Document(Bytes(data, "text/plain"), name, cache)]
        elif isinstance(source, Source) and source.type == "content":
            found = self._inner(source.content, f"{at}.source.content")
            if name:
                found.insert(0, Text(name))
        else:
            found = [Document(_source(source, at), name, cache)]
        return [Text(block.context), *found] if block.context else found

    def _search_result(self, block: Block, cache: str | None, at: str) -> list[Part]:
        """To a model that knows no search results they are a text with its title and address."""
        origin = block.source if isinstance(block.source, str) else ""
        texts = [line for line in (block.title, origin) if line]
        if given(block.content):
            try:
                texts += [inner.text for inner in decode_blocks(given(block.content)) if inner.text]
            except msgspec.ValidationError as error:
                raise InvalidRequest(worded(error, f"{at}.content")) from None
        return [Text("\n".join(texts), cache)] if texts else []


def cache_of(control: CacheControl | None) -> str | None:
    """How long to keep a prompt."""
    return None if control is None else control.ttl or "5m"


def worded(error: msgspec.ValidationError, root: str = "") -> str:
    """`Expected ..., got ... - at $.messages[0].role` as this format says it: `messages.0.role: Expected ...`."""
    text, _, path = str(error).partition(" - at `")
    steps = path.rstrip("`").replace("[...]", "").replace("[", ".").replace("]", "").lstrip("$.")
    where = ".".join(step for step in (root, steps) if step)
    return f"{where}: {text}" if where else text


def _source(source: Source | str | None, at: str) -> Bytes | Url | FileId:
    if isinstance(source, Source):
        if source.type == "base64" and source.data is not None:
            return Bytes(source.data, source.media_type or "")
        if source.type == "url" and source.url:
            return Url(source.url, source.media_type or "")
        if source.type == "file" and source.file_id:
            return FileId(FORMAT, source.file_id)
    raise InvalidRequest(f"{at}.source: Input should be base64 with data, a url or a file")


def _hold(role: Role, block: Block, at: str) -> None:
    """What the version of October 2026 refuses."""
    if role == "assistant" and block.type == "document":
        raise InvalidRequest(f"{at}: document blocks are not permitted in assistant messages")
    if role == "user" and block.type == "text" and given(block.citations).strip() not in (b"", b"[]"):
        raise InvalidRequest(f"{at}.citations: Extra inputs are not permitted")
