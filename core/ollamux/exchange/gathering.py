"""A stream's events put together into the whole answer that they make."""

from __future__ import annotations

from collections.abc import Iterable

from ollamux.conversation import (
    Answer,
    Event,
    Finish,
    FinishReason,
    LogProb,
    Part,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Start,
    Text,
    TextDelta,
    Timings,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageUpdate,
)

__all__ = ("gathered",)


def gathered(events: Iterable[Event]) -> Answer:
    """The answer that these events stream. Parts come in the order thinking, text, refusal, calls."""
    start = Start()
    texts: dict[type, list[str]] = {ReasoningDelta: [], TextDelta: [], RefusalDelta: []}
    calls: dict[int, tuple[ToolCallStart, list[str]]] = {}
    logprobs: list[LogProb] = []
    finish: FinishReason | None = None
    usage: Usage | None = None
    timings: Timings | None = None
    for event in events:
        match event:
            case Start():
                start = event
            case TextDelta() | ReasoningDelta() | RefusalDelta():
                texts[type(event)].append(event.text)
                if isinstance(event, TextDelta):
                    logprobs.extend(event.logprobs or ())
            case ToolCallStart():
                calls[event.index] = (event, [])
            case ToolCallDelta():
                calls[event.index][1].append(event.arguments)
            case UsageUpdate():
                usage, timings = event.usage or usage, event.timings or timings
            case Finish():
                finish = event.reason
            case _:
                pass
    parts: list[Part] = []
    for kind, make in ((ReasoningDelta, Reasoning), (TextDelta, Text), (RefusalDelta, Refusal)):
        if texts[kind]:
            parts.append(make("".join(texts[kind])))
    parts += [ToolCall(opened.id, opened.name, "".join(pieces)) for opened, pieces in calls.values()]
    return Answer(
        parts,
        finish=finish,
        usage=usage,
        timings=timings,
        logprobs=tuple(logprobs) or None,
        id=start.id,
        model=start.model,
        created=start.created,
    )
