"""A client's contents as messages of the neutral model.

Strategy: one pass over the turns. Calls wait for their results; ids that the client keeps none of are made up, and a
result without one takes the first call of its name that still waits.

Rules: results of tools are messages of their own, one each, and what stands beside them follows; pieces of thinking and
text that a stream had cut are put together again, a signature ends its piece; a part that no other format has is left
out with a warning.
"""

from __future__ import annotations

import msgspec

from ollamux.conversation import (
    Audio,
    Bytes,
    Document,
    Image,
    Message,
    Part,
    Reasoning,
    RedactedReasoning,
    Role,
    Source,
    Text,
    ToolCall,
    ToolResult,
    Url,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.gemini.fields import Fields
from ollamux.formats.gemini.signatures import opened, plain_base64

__all__ = ("Turns", "plain_text")

_ROLES: dict[str, Role] = {
    "": "user",
    "user": "user",
    "function": "user",
    "tool": "user",
    "model": "assistant",
    "assistant": "assistant",
    "system": "system",
}
_PAYLOADS = ("text", "inlineData", "fileData", "functionCall", "functionResponse")
_ASIDE = frozenset({*_PAYLOADS, "thought", "thoughtSignature"})
_OUTPUTS = ("output", "result", "error")
_decode_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_decode_text = msgspec.json.Decoder(str).decode


class Turns:
    """Reads turn after turn. `messages` is what they come to, `dropped` names the parts that were left out."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.dropped: list[str] = []
        self._waiting: list[ToolCall] = []

    def system(self, instruction: Fields) -> None:
        """The system's instruction: a content without a role."""
        parts = self._parts(instruction, "system")
        if parts:
            self.messages.append(Message("system", parts))

    def add(self, content: Fields) -> None:
        """A turn. Raises InvalidRequest."""
        name = content.text("role") or ""
        role = _ROLES.get(name)
        if role is None:
            raise InvalidRequest("Please use a valid role: user, model.", param=f"{content.place}.role")
        parts = self._parts(content, role)
        if role == "assistant":
            self._waiting = [part for part in parts if isinstance(part, ToolCall)]
        else:
            for part in parts:
                if isinstance(part, ToolResult):
                    self.messages.append(Message("tool", [part]))
            parts = list[Part](part for part in parts if not isinstance(part, ToolResult))
        if parts:
            self.messages.append(Message(role, parts))

    def _parts(self, content: Fields, role: Role) -> list[Part]:
        found: list[Part] = []
        for part in content.each("parts"):
            self._add(part, found, role)
        return found

    def _add(self, part: Fields, found: list[Part], role: Role) -> None:
        signed = part.text("thoughtSignature")
        carried = opened(signed) if signed else None
        kind = next((name for name in _PAYLOADS if part.has(name)), None)
        self.dropped += [name for name in part.names() if name not in _ASIDE]
        if carried is not None and carried.redacted:
            found.append(RedactedReasoning(carried.value))
        elif kind == "functionCall":
            call = self._call(part, len(found))
            if carried is not None:
                call = msgspec.structs.replace(call, signature=carried.value)
            found.append(call)
        elif kind == "functionResponse":
            found.append(self._result(part))
        elif kind in ("inlineData", "fileData"):
            found.append(_media(part, kind))
        elif kind == "text" and part.flag("thought"):
            _add_thought(found, Reasoning(part.text("text") or "", carried.value if carried is not None else None))
        elif kind == "text":
            text = part.text("text") or ""
            before = found[-1] if found else None
            if role == "assistant" and isinstance(before, Text):
                found[-1] = Text(before.text + text)
            elif text:
                found.append(Text(text))
            if carried is not None:
                found.append(Reasoning("", carried.value))
        elif carried is not None:
            found.append(Reasoning("", carried.value))

    def _call(self, part: Fields, position: int) -> ToolCall:
        call = part.fields("functionCall")
        assert call is not None
        name = call.text("name")
        if not name:
            raise call.bad("name", "the name of a function")
        args = call.raw("args")
        text = bytes(args).decode() if args is not None else "{}"
        if text[:1] != "{":
            raise call.bad("args", "an object")
        return ToolCall(call.text("id") or f"call_{len(self.messages)}_{position}", name, text)

    def _result(self, part: Fields) -> ToolResult:
        told = part.fields("functionResponse")
        assert told is not None
        name, call_id = told.text("name") or "", told.text("id") or ""
        if not name and not call_id:
            raise told.bad("name", "the name of a function")
        call = next((one for one in self._waiting if one.id == call_id), None) if call_id else None
        if call is None and not call_id:
            call = next((one for one in self._waiting if one.name == name), None)
        if call is not None:
            self._waiting.remove(call)
            call_id, name = call.id, name or call.name
        response = told.raw("response")
        text, failed = plain_text(response) if response is not None else ("", False)
        parts: list[Part] = [Text(text)] if text else []
        for piece in told.each("parts"):
            kind = next((one for one in ("inlineData", "fileData") if piece.has(one)), None)
            if kind is not None:
                parts.append(_media(piece, kind))
        return ToolResult(call_id, parts, name, failed)


def plain_text(response: msgspec.Raw) -> tuple[str, bool]:
    """What a function's response says, and whether it is an error: the text of a lone `output`, `result` or `error`,
    else the JSON as it came."""
    text = bytes(response).decode()
    try:
        members = _decode_members(response)
    except ValueError:
        return text, False
    if len(members) == 1 and (name := next(iter(members))) in _OUTPUTS:
        inner = bytes(members[name])
        return (_decode_text(inner) if inner[:1] == b'"' else inner.decode()), name == "error"
    return text, False


def _add_thought(found: list[Part], thought: Reasoning) -> None:
    before = found[-1] if found else None
    if isinstance(before, Reasoning) and before.signature is None:
        found[-1] = Reasoning(before.text + thought.text, thought.signature)
    elif thought.text or thought.signature is not None:
        found.append(thought)


def _media(part: Fields, kind: str) -> Part:
    held = part.fields(kind)
    assert held is not None
    mime = (held.text("mimeType") or "").lower()
    source: Source
    if kind == "inlineData":
        source = Bytes(plain_base64(held.text("data") or ""), "image/jpeg" if mime == "image/jpg" else mime)
    else:
        source = Url(held.text("fileUri") or "", mime)
    family, _, form = mime.partition("/")
    if family == "audio":
        return Audio(source, {"mpeg": "mp3", "x-wav": "wav", "wave": "wav"}.get(form, form))
    if family in ("application", "text"):
        return Document(source, held.text("displayName") or "")
    if family == "video":
        raise InvalidRequest(f"The model behind this name takes no content of type {mime}.", param=part.place)
    return Image(source)
