"""Messages of the neutral model as Gemini's contents.

Strategy: system prompts go into the instruction, in their order; what a model said in several messages in a row is one
turn, and so are the results of its calls, in the order of the calls; a result finds its function's name by the id.

Rules: every call is followed by its result, or the request is refused with the id that lacks one; Gemini's own
signatures stand on the part that they came with; thinking without one is left out; where another model made the calls,
the first of a turn says that there is no signature.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from ollamux.conversation import (
    Audio,
    Document,
    Image,
    Message,
    Opaque,
    Part,
    Reasoning,
    RedactedReasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.gemini.media import media
from ollamux.formats.gemini.pictures import parts_of
from ollamux.formats.gemini.signatures import NAME, SKIP
from ollamux.formats.identifiers import Names

__all__ = ("Contents", "knows_levels")

_OLDER = re.compile(r"gemini-[12](?:[.-]|$)|gemma|learnlm", re.IGNORECASE)
_FILES = (Image, Audio, Document)
_NO_TEXT = "the backend takes no pictures, sounds or documents in a system prompt"
_UNSIGNED = "earlier thinking that this backend did not sign was left out"
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def knows_levels(model: str) -> bool:
    """Whether this is a model since Gemini 3, which thinks by levels, asks for its signatures and sees pictures in a
    function's response."""
    return _OLDER.search(model) is None


class Contents:
    """Builds turn after turn. `made` are the contents, `instruction` the parts of the system's instruction, `warnings`
    what was lost."""

    def __init__(self, model: str, names: Names) -> None:
        self.made: list[dict[str, Any]] = []
        self.instruction: list[dict[str, Any]] = []
        self.warnings: list[str] = []
        self._modern = knows_levels(model)
        self._names = names
        self._called: dict[str, ToolCall] = {}
        self._waiting: list[ToolCall] = []
        self._results: dict[int, tuple[ToolResult, str]] = {}

    def add(self, message: Message) -> None:
        """A message. Raises InvalidRequest."""
        if message.role == "system":
            self.instruction += self._texts(message.parts)
            if _NO_TEXT not in self.warnings and any(isinstance(part, _FILES) for part in message.parts):
                self.warnings.append(_NO_TEXT)
            return
        if message.role == "assistant":
            self._settle()
            self._add_model(message.parts)
            return
        rest: list[Part] = []
        for part in message.parts:
            if isinstance(part, ToolResult):
                self._add_result(part)
            else:
                rest.append(part)
        if rest:
            self._settle()
            self._append("user", [made for part in rest if (made := self._part(part)) is not None])

    def close(self) -> None:
        """The conversation is complete. Raises InvalidRequest where a call has no result."""
        self._settle()
        if not self.made:
            raise InvalidRequest("this backend needs a message that is no system prompt", param="messages")

    def _texts(self, parts: list[Part]) -> list[dict[str, Any]]:
        return [{"text": part.text} for part in parts if isinstance(part, Text | Refusal) and part.text]

    def _append(self, role: str, parts: list[dict[str, Any]]) -> None:
        if not parts:
            return
        last = self.made[-1] if self.made else None
        if role == "model" and last is not None and last["role"] == "model":
            last["parts"] += parts  # a call must follow the turn of somebody else
        else:
            self.made.append({"role": role, "parts": parts})

    # What the model said.

    def _add_model(self, parts: list[Part]) -> None:
        calls = [part for part in parts if isinstance(part, ToolCall)]
        own = any(_own(part) for part in parts)
        foreign = self._modern and not own
        made: list[dict[str, Any]] = []
        for part in parts:
            if isinstance(part, ToolCall):
                call = self._call(part)
                if foreign and part is calls[0]:
                    call["thoughtSignature"] = SKIP
                made.append(call)
            elif isinstance(part, Reasoning):
                signature = _signature(part.signature)
                if not signature and (part.signature is not None or (calls and part.text and not own)):
                    self._miss()
                if signature:
                    thought: dict[str, Any] = {"text": part.text}
                    if part.text:
                        thought["thought"] = True
                    made.append({**thought, "thoughtSignature": signature})
            elif isinstance(part, RedactedReasoning):
                self._miss()
            elif isinstance(part, Text):
                made += parts_of(part.text)
            elif (one := self._part(part)) is not None:
                made.append(one)
        self._append("model", made)
        self._waiting += calls
        self._called |= {call.id: call for call in calls if call.id}

    def _miss(self) -> None:
        """Thinking is left out that the model would have gone on from, if it were its own."""
        if _UNSIGNED not in self.warnings:
            self.warnings.append(_UNSIGNED)

    def _call(self, call: ToolCall) -> dict[str, Any]:
        function: dict[str, Any] = {"name": self._names.out(call.name), "args": self._arguments(call)}
        if call.id:
            function["id"] = call.id
        made: dict[str, Any] = {"functionCall": function}
        signature = _signature(call.signature)
        if signature:
            made["thoughtSignature"] = signature
        return made

    def _arguments(self, call: ToolCall) -> Any:
        text = call.arguments.strip() or "{}"
        try:
            _decode_object(text)
        except (ValueError, RecursionError):
            self.warnings.append(f"the arguments of the call {call.id or call.name!r} are no JSON object, sent as _raw")
            return {"_raw": call.arguments}
        return msgspec.Raw(text.encode())

    # What its tools answered.

    def _add_result(self, result: ToolResult) -> None:
        waiting = self._waiting
        place = next(
            (
                at
                for at, call in enumerate(waiting)
                if at not in self._results
                and (call.id == result.call_id if result.call_id else result.name in ("", call.name))
            ),
            None,
        )
        if place is None:
            known = self._called.get(result.call_id)
            told = f"{result.call_id!r}" if result.call_id else f"of {result.name!r}"
            reason = "that was answered already or is not of the turn before" if known else "that nobody made"
            raise InvalidRequest(f"there is a result of a call {told} {reason}", param="messages")
        self._results[place] = (result, waiting[place].name)

    def _settle(self) -> None:
        """The results of the last calls, as one turn."""
        if not self._waiting:
            return
        missing = next((call for at, call in enumerate(self._waiting) if at not in self._results), None)
        if missing is not None:
            raise InvalidRequest(f"the call {missing.id or missing.name!r} has no result", param="messages")
        responses: list[dict[str, Any]] = []
        beside: list[dict[str, Any]] = []
        for at, call in enumerate(self._waiting):
            responses.append(self._response(self._results[at][0], call, beside))
        self._waiting, self._results = [], {}
        self._append("user", responses)
        self._append("user", beside)

    def _response(self, result: ToolResult, call: ToolCall, beside: list[dict[str, Any]]) -> dict[str, Any]:
        text = "\n".join(part.text for part in result.parts if isinstance(part, Text | Refusal))
        shown = [made for part in result.parts if isinstance(part, Image | Audio | Document) for made in [media(part)]]
        response: dict[str, Any] = {"name": self._names.out(call.name), "response": _told(text, failed=result.is_error)}
        if call.id:
            response["id"] = call.id
        if shown and self._modern:
            response["parts"] = shown
        elif shown:
            beside += shown
        return {"functionResponse": response}

    def _part(self, part: Part) -> dict[str, Any] | None:
        if isinstance(part, Text | Refusal):
            return {"text": part.text} if part.text else None
        if isinstance(part, Image | Audio | Document):
            return media(part)
        return None


def _own(part: Part) -> bool:
    return isinstance(part, ToolCall | Reasoning) and bool(_signature(part.signature))


def _signature(signature: Opaque | None) -> str:
    return signature.value if signature is not None and signature.format == NAME else ""


def _told(text: str, *, failed: bool) -> Any:
    """A function's response is an object: the one that it wrote, else what it wrote as its output or its error."""
    raw: Any = text
    try:
        _decode_object(text)
        raw = msgspec.Raw(text.encode())
        if not failed:
            return raw
    except (ValueError, RecursionError):
        pass
    return {"error" if failed else "output": raw}
