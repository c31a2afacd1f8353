"""A chat as it is asked of a backend, in the neutral model.

Strategy: typed classes, since every request that is translated is read from one of these. Most formats write a
conversation of texts in one way, so whoever builds a request may copy it as its client wrote it; it is read when
somebody looks at the messages one by one.

Rules: immutable once built, equal where it says the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, overload

import msgspec

from ollamux.contract import Value
from ollamux.conversation import (
    NO_SAMPLING,
    JsonFormat,
    Message,
    ReasoningOptions,
    Role,
    Sampling,
    Text,
    Tool,
    ToolChoice,
)

__all__ = ("ChatRequest", "PlainMessages", "chat_request", "plain_messages")


class PlainMessages:
    """Messages of system, user and assistant that are a text each, as JSON: `[{"role": ..., "content": ...}, ...]`."""

    __slots__ = ("_read", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._read: list[Message] | None = None

    def _messages(self) -> list[Message]:
        if self._read is None:
            said = _said().decode(self.text)
            self._read = [Message(one.role, [Text(one.content)] if one.content else []) for one in said]
        return self._read

    @overload
    def __getitem__(self, place: int) -> Message: ...

    @overload
    def __getitem__(self, place: slice) -> list[Message]: ...

    def __getitem__(self, place: int | slice) -> Message | list[Message]:
        return self._messages()[place]

    def __iter__(self) -> Iterator[Message]:
        return iter(self._messages())

    def __reversed__(self) -> Iterator[Message]:
        return reversed(self._messages())

    def __len__(self) -> int:
        return len(self._messages())

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, (list, tuple, PlainMessages)):
            return NotImplemented
        return self._messages() == list(other)  # pyright: ignore[reportUnknownArgumentType]

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(self._messages())


def plain_messages(text: bytes) -> PlainMessages:
    """The same as the class gives: compiled, a call of a function costs a fraction of one of a type."""
    made = PlainMessages.__new__(PlainMessages)
    made.text = text
    made._read = None  # pyright: ignore[reportPrivateUsage]
    return made


Sequence.register(PlainMessages)  # pyright: ignore[reportUnknownMemberType, reportAttributeAccessIssue]


class _Said(msgspec.Struct):
    role: Role
    content: str


@cache
def _said() -> msgspec.json.Decoder[list[_Said]]:
    """Made with the first conversation that is read."""
    return msgspec.json.Decoder(list[_Said])


class ChatRequest(Value):
    """A conversation to go on with. System prompts are messages of role system, in place. `user` is the client's word
    for who asks, for the provider's abuse checks."""

    __slots__ = __match_args__ = (
        "model",
        "messages",
        "stream",
        "tools",
        "tool_choice",
        "parallel_tool_calls",
        "sampling",
        "output",
        "reasoning",
        "logprobs",
        "top_logprobs",
        "keep_alive",
        "truncate",
        "shift",
        "user",
        "metadata",
        "service_tier",
    )

    def __init__(
        self,
        model: str,
        messages: Sequence[Message] | PlainMessages,
        stream: bool = False,
        tools: tuple[Tool, ...] = (),
        tool_choice: ToolChoice | None = None,
        parallel_tool_calls: bool | None = None,
        sampling: Sampling = NO_SAMPLING,
        output: JsonFormat | None = None,
        reasoning: ReasoningOptions | None = None,
        logprobs: bool = False,
        top_logprobs: int = 0,
        keep_alive: float | None = None,
        truncate: bool | None = None,
        shift: bool | None = None,
        user: str | None = None,
        metadata: dict[str, str] | None = None,
        service_tier: str | None = None,
    ) -> None:
        self.model = model
        self.messages = messages
        self.stream = stream
        self.tools = tools
        self.tool_choice = tool_choice
        self.parallel_tool_calls = parallel_tool_calls
        self.sampling = sampling
        self.output = output
        self.reasoning = reasoning
        self.logprobs = logprobs
        self.top_logprobs = top_logprobs
        self.keep_alive = keep_alive
        self.truncate = truncate
        self.shift = shift
        self.user = user
        self.metadata = metadata
        self.service_tier = service_tier

    def having(self, **changes: Any) -> ChatRequest:
        """The same request but for these fields."""
        return ChatRequest(*[changes.get(name, getattr(self, name)) for name in self.__match_args__])


def chat_request(
    model: str,
    messages: Sequence[Message] | PlainMessages,
    stream: bool,
    sampling: Sampling,
    reasoning: ReasoningOptions | None,
    keep_alive: float | None,
) -> ChatRequest:
    """A request with nothing else in it: compiled, a call of a function costs a fraction of one of a type."""
    made = ChatRequest.__new__(ChatRequest)
    made.model = model
    made.messages = messages
    made.stream = stream
    made.tools = ()
    made.sampling = sampling
    made.logprobs = False
    made.top_logprobs = 0
    made.reasoning = reasoning
    made.keep_alive = keep_alive
    made.tool_choice = made.parallel_tool_calls = made.output = made.truncate = made.shift = None
    made.user = made.metadata = made.service_tier = None
    return made
