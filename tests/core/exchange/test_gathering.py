"""Events of a stream, put together."""

from __future__ import annotations

from ollamux.conversation import (
    Finish,
    LogProb,
    Reasoning,
    ReasoningDelta,
    Refusal,
    RefusalDelta,
    Start,
    StreamFault,
    Text,
    TextDelta,
    Timings,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageUpdate,
)
from ollamux.exchange.gathering import gathered


def test_pieces_become_parts_in_the_order_thinking_text_refusal_calls() -> None:
    answer = gathered(
        [
            Start(id="i", model="m", created=7),
            TextDelta("a", (LogProb("a", -1.0),)),
            ToolCallStart(0, "c0", "f"),
            ToolCallStart(1, "c1", "g"),
            ToolCallDelta(1, '{"x":'),
            ReasoningDelta("why"),
            ToolCallDelta(0, "{}"),
            ToolCallDelta(1, "1}"),
            TextDelta("b", (LogProb("b", -2.0),)),
            RefusalDelta("no"),
            Finish("tool_calls"),
        ]
    )
    assert answer.parts == [
        Reasoning("why"),
        Text("ab"),
        Refusal("no"),
        ToolCall("c0", "f", "{}"),
        ToolCall("c1", "g", '{"x":1}'),
    ]
    assert (answer.id, answer.model, answer.created, answer.finish) == ("i", "m", 7, "tool_calls")
    assert answer.logprobs is not None and [one.token for one in answer.logprobs] == ["a", "b"]


def test_a_later_usage_replaces_what_it_names() -> None:
    usage, timings = Usage(output_text=2), Timings(prompt_ns=1)
    answer = gathered([UsageUpdate(Usage(output_text=1), timings), UsageUpdate(usage), StreamFault("ignored here")])
    assert (answer.usage, answer.timings) == (usage, timings)


def test_nothing_makes_an_empty_answer() -> None:
    answer = gathered([])
    assert (answer.parts, answer.finish, answer.usage, answer.logprobs) == ([], None, None, None)
