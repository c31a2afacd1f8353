"""A stream's events put together into the whole answer that they make."""

from __future__ import annotations

from collections.abc import Iterable

from ollamux.conversation import (
    Answer,
    Event,
    Finish,
    LogProb,
    Part,
    Reasoning,
    ReasoningDelta,
    RedactedDelta,
    RedactedReasoning,
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
    """The answer that these events stream. Parts come in the order thinking, text, refusal, calls; a piece of thinking
    ends with its signature."""
    start = Start()
    thoughts: list[Part] = []
    thought: list[str] = []
    texts: dict[type, list[str]] = {TextDelta: [], RefusalDelta: []}
    calls: dict[int, tuple[ToolCallStart, list[str]]] = {}
    logprobs: list[LogProb] = []
    finish = Finish("stop")
    finished = False
    usage: Usage | None = None
    timings: Timings | None = None
    for event in events:
        match event:
            case Start():
                start = event
            case ReasoningDelta(text, signature):
                thought.append(text)
                if signature is not None:
                    thoughts.append(Reasoning("".join(thought), signature))
                    thought = []
            case RedactedDelta(content):
                thoughts.append(RedactedReasoning(content))
            case TextDelta() | RefusalDelta():
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
                finish, finished = event, True
            case _:
                pass
    if any(thought):
        thoughts.append(Reasoning("".join(thought)))
    parts = thoughts
    if texts[TextDelta]:
        parts.append(Text("".join(texts[TextDelta])))
    if texts[RefusalDelta]:
        parts.append(Refusal("".join(texts[RefusalDelta])))
    parts += [ToolCall(opened.id, opened.name, "".join(got), opened.signature) for opened, got in calls.values()]
    return Answer(
        parts,
        finish=finish.reason if finished else None,
        usage=usage,
        timings=timings,
        logprobs=tuple(logprobs) or None,
        id=start.id,
        model=start.model,
        created=start.created,
        native=finish.native,
        stop_sequence=finish.stop_sequence,
    )
