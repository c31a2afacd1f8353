"""The messages of a conversation as Converse's turns, which alternate between the user and the assistant.

Strategy: messages of one side that follow one another make one turn. In a user's turn the results of tools stand first,
in the order of the calls; in the assistant's turn the calls stand last.

Rules: every call is answered in the turn after it, and every result has its call, else the request is refused with the
id, since the service would refuse it with less to go by; an id that comes twice is told apart by where it stands;
system prompts go to the front, where all models take them; thinking goes back only signed, and only to a Claude.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import msgspec

from ollamux.chat import ChatRequest
from ollamux.conversation import Message, Opaque, Reasoning, RedactedReasoning, Refusal, Text, ToolCall, ToolResult
from ollamux.errors import InvalidRequest
from ollamux.formats.bedrock.content import Content
from ollamux.formats.bedrock.models import Model
from ollamux.formats.identifiers import Names

__all__ = ("FORMAT", "SIGNED", "Turns", "names_of")

FORMAT = "bedrock"
SIGNED = "anthropic"
"""The origin of signatures: they are Claude's own, and good at Anthropic's too."""

_NAME = re.compile(r"[a-zA-Z0-9_-]+")
_ID = re.compile(r"[a-zA-Z0-9_.:-]+")
_LONGEST = 64
_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def _calls_of(messages: Iterable[Message]) -> list[ToolCall]:
    """The calls of a conversation."""
    return [part for message in messages for part in message.parts if isinstance(part, ToolCall)]


def names_of(request: ChatRequest) -> Names:
    """The names of the tools as Bedrock takes them: the same for a request and for the answer to it."""
    called = [call.name for call in _calls_of(request.messages)]
    return Names(_NAME, _LONGEST, [*(tool.name for tool in request.tools), *called])


class Turns:
    """The turns of one request, built by `add` and closed by `end`. `moved` says that a system prompt stood further
    down."""

    __slots__ = (
        "_answers",
        "_calls",
        "_content",
        "_ids",
        "_model",
        "_names",
        "_used",
        "_waiting",
        "moved",
        "system",
        "turns",
    )

    def __init__(self, request: ChatRequest, model: Model, content: Content, names: Names) -> None:
        ids = [call.id for call in _calls_of(request.messages)]
        # A Claude's own alphabet for ids is smaller than the service's.
        self._ids = Names(_NAME if model.claude else _ID, _LONGEST, ids)
        self._model = model
        self._content = content
        self._names = names
        self._used: set[str] = set()
        self._waiting: list[tuple[ToolCall, str]] = []
        self._answers: dict[str, list[dict[str, Any]]] = {}
        self._calls: list[dict[str, Any]] = []
        self.moved = False
        self.system: list[dict[str, Any]] = []
        self.turns: list[dict[str, Any]] = []

    def add(self, message: Message) -> None:
        """The next message. Raises InvalidRequest for calls and results that do not belong together."""
        if message.role == "system":
            self._add_system(message)
        elif message.role == "assistant":
            self._add_assistant(message)
        else:
            self._add_user(message)

    def end(self) -> None:
        """There are no more messages."""
        self._end_assistant()
        self._end_user()
        if self._waiting:
            raise InvalidRequest(f"the tool call '{self._waiting[0][0].id}' has no result")

    def _add_system(self, message: Message) -> None:
        for part in message.parts:
            if isinstance(part, (Text, Refusal)):
                blocks = self._content.text(part)
                self.moved = self.moved or bool(blocks and self.turns)
                self.system += blocks
            else:
                self._content.drop("pictures and files in a system prompt")

    def _add_assistant(self, message: Message) -> None:
        self._end_user()
        blocks = self._blocks("assistant")
        for part in message.parts:
            match part:
                case Text() | Refusal():
                    blocks += self._content.text(part)
                case Reasoning(text, signature):
                    if self._gives_back(signature, SIGNED):
                        assert signature is not None
                        told = {"text": text, "signature": signature.value}
                        blocks.append({"reasoningContent": {"reasoningText": told}})
                case RedactedReasoning(content):
                    if self._gives_back(content, FORMAT):
                        blocks.append({"reasoningContent": {"redactedContent": content.value}})
                case ToolCall():
                    self._call(part)
                case _:
                    self._content.drop("pictures and files of the assistant")

    def _gives_back(self, signature: Opaque | None, origin: str) -> bool:
        """Whether a thought goes back to the model. One that another maker has signed would be refused; what nobody
        signed means nothing to it."""
        if signature is None:
            return False
        own = signature.format == origin and self._model.claude
        if not own:
            self._content.drop("signed thinking of another model")
        return own

    def _add_user(self, message: Message) -> None:
        self._end_assistant()
        blocks = self._blocks("user")
        for part in message.parts:
            match part:
                case Text() | Refusal():
                    blocks += self._content.text(part)
                case ToolResult():
                    self._result(part)
                case ToolCall() | Reasoning() | RedactedReasoning():
                    self._content.drop("thoughts and calls of the user")
                case _:
                    blocks += self._content.attachment(part)

    def _blocks(self, role: str) -> list[dict[str, Any]]:
        """The content of the turn that is being built; the empty one before it is taken back."""
        if not self.turns or self.turns[-1]["role"] != role:
            self.turns.append({"role": role, "content": []})
        found: list[dict[str, Any]] = self.turns[-1]["content"]
        return found

    def _call(self, call: ToolCall) -> None:
        id_ = wanted = self._ids.out(call.id)
        count = 1
        while id_ in self._used:
            count += 1
            id_ = self._ids.out(f"{wanted}_{count}")
        self._used.add(id_)
        self._waiting.append((call, id_))
        self._answers[id_] = []  # so that the results get the order of the calls
        self._calls.append(
            {"toolUse": {"toolUseId": id_, "name": self._names.out(call.name), "input": self._input(call)}}
        )

    def _input(self, call: ToolCall) -> msgspec.Raw | dict[str, str]:
        """The arguments as an object, in the bytes that the model wrote."""
        text = call.arguments.strip() or "{}"
        try:
            _decode_object(text)
        except (ValueError, RecursionError):
            self._content.drop("arguments that are no JSON object, which go as text")
            return {"_raw": call.arguments}
        return msgspec.Raw(text.encode())

    def _result(self, result: ToolResult) -> None:
        for position, (call, id_) in enumerate(self._waiting):
            if call.id == result.call_id if result.call_id else result.name in ("", call.name):
                self._answers[id_] = self._content.result(result, id_)
                del self._waiting[position]
                return
        raise InvalidRequest(f"the result '{result.call_id}' answers no tool call of the turn before it")

    def _end_assistant(self) -> None:
        """The other side speaks: the calls stand last."""
        if self.turns and self.turns[-1]["role"] == "assistant":
            self.turns[-1]["content"] += self._calls
            self._calls = []
            if not self.turns[-1]["content"]:
                self.turns.pop()

    def _end_user(self) -> None:
        """The other side speaks: the results stand first."""
        if not self.turns or self.turns[-1]["role"] != "user":
            return
        if self._waiting:
            raise InvalidRequest(f"the tool call '{self._waiting[0][0].id}' has no result")
        content = self.turns[-1]["content"]
        if any("document" in block for block in content) and not any("text" in block for block in content):
            content.append({"text": next(block["document"]["name"] for block in content if "document" in block)})
        content[:0] = [block for blocks in self._answers.values() for block in blocks]
        self._answers = {}
        if not content:
            self.turns.pop()
