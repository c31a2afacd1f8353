"""A chat as it is asked of a backend, in the neutral model.

Strategy: a typed class, since every request that is translated is read from one of these.

Rules: immutable once built, equal where it says the same. It stands below `conversation`, whose types its fields have.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ollamux.contract import Value
from ollamux.sampling import NO_SAMPLING, Sampling

if TYPE_CHECKING:
    from ollamux.conversation import JsonFormat, Message, ReasoningOptions, Tool, ToolChoice
    from ollamux.plain_messages import PlainMessages

__all__ = ("ChatRequest", "chat_request")


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
