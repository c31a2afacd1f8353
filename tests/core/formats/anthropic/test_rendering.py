"""Answers as this format writes them, checked against the types of its official client."""

from __future__ import annotations

import json
from typing import Any

import pytest
from anthropic import types
from hypothesis import given
from hypothesis import strategies as st
from tests.support.frames import written

from ollamux.clock import Clock
from ollamux.conversation import (
    Answer,
    Event,
    Finish,
    FinishReason,
    Opaque,
    Reasoning,
    ReasoningDelta,
    RedactedDelta,
    RedactedReasoning,
    Refusal,
    RefusalDelta,
    Start,
    Text,
    TextDelta,
    ToolCall,
    ToolCallDelta,
    ToolCallStart,
    Usage,
    UsageUpdate,
)
from ollamux.errors import BackendError, BackendUnavailable, Busy, NotSupported
from ollamux.formats.anthropic.rendering import AnthropicRenderer
from ollamux.formats.anthropic.signatures import UNSIGNED, carried, carried_for_call
from ollamux.formats.base import RenderContext

TYPES: dict[str, Any] = {
    "message_start": types.RawMessageStartEvent,
    "content_block_start": types.RawContentBlockStartEvent,
    "content_block_delta": types.RawContentBlockDeltaEvent,
    "content_block_stop": types.RawContentBlockStopEvent,
    "message_delta": types.RawMessageDeltaEvent,
    "message_stop": types.RawMessageStopEvent,
}


def renderer(**how: Any) -> AnthropicRenderer:
    return AnthropicRenderer(RenderContext("m", Clock(), 1.5), **how)


def read(out: bytes) -> list[dict[str, Any]]:
    """The events, each of them as the client's own types have it."""
    assert out.endswith(b"\n\n")
    found: list[dict[str, Any]] = []
    for block in out.decode().split("\n\n")[:-1]:
        name, data = block.split("\n")
        event = json.loads(data.removeprefix("data: "))
        assert name == f"event: {event['type']}"
        TYPES[event["type"]].model_validate(event, strict=True)
        found.append(event)
    return found


def stream(*events: Event, **how: Any) -> list[dict[str, Any]]:
    made = renderer(**how)
    return read(made.events(list(events), 1.0) + made.end(2.0))


def blocks(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The content blocks that a client gathers; fails where two are open at once or one is not closed."""
    found: list[dict[str, Any]] = []
    is_open = False
    for event in events:
        match event["type"]:
            case "content_block_start":
                assert not is_open and event["index"] == len(found)
                is_open = True
                found.append(dict(event["content_block"]))
                if found[-1]["type"] == "tool_use":
                    found[-1]["input"] = ""
            case "content_block_delta":
                assert is_open and event["index"] == len(found) - 1
                delta = event["delta"]
                match delta["type"]:
                    case "text_delta":
                        found[-1]["text"] += delta["text"]
                    case "thinking_delta":
                        found[-1]["thinking"] += delta["thinking"]
                    case "signature_delta":
                        found[-1]["signature"] = delta["signature"]
                    case _:
                        found[-1]["input"] += delta["partial_json"]
            case "content_block_stop":
                assert is_open and event["index"] == len(found) - 1
                is_open = False
            case _:
                assert not is_open
    assert not is_open
    return found


def test_a_text_is_a_block_between_the_beginning_and_the_end_of_a_message() -> None:
    usage = Usage(input_uncached=7, cache_read=9000, cache_write=100, output_text=4, reasoning=1)
    found = stream(Start("msg_1"), TextDelta("hel"), TextDelta("lo"), UsageUpdate(usage), Finish("stop"))
    assert [event["type"] for event in found] == [
        "message_start", "content_block_start", "content_block_delta", "content_block_delta", "content_block_stop",
        "message_delta", "message_stop",
    ]  # fmt: skip
    assert found[0]["message"] == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "stop_details": None,
        "usage": {"input_tokens": 0, "output_tokens": 0},
    }
    assert found[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None, "stop_details": None}
    assert found[-2]["usage"] == {
        "input_tokens": 7,
        "cache_creation_input_tokens": 100,
        "cache_read_input_tokens": 9000,
        "output_tokens": 5,
        "output_tokens_details": {"thinking_tokens": 1},
    }


def test_nothing_goes_out_before_the_first_content() -> None:
    made = renderer()
    assert (
        made.events([Start("x"), UsageUpdate(Usage(input_uncached=3)), ReasoningDelta(""), TextDelta("")], 1.0) == b""
    )
    first = read(made.events([TextDelta("a")], 1.0))
    assert first[0]["message"]["usage"]["input_tokens"] == 3


def test_an_answer_of_nothing_is_a_message_all_the_same() -> None:
    found = stream(Start(), Finish("stop"))
    assert [event["type"] for event in found] == ["message_start", "message_delta", "message_stop"]
    assert found[0]["message"]["id"] == "msg_59682f00"


def test_the_frame_of_a_text_is_there_only_while_its_block_is_open() -> None:
    made = renderer()
    assert made.frame(TextDelta("a")) is None
    made.events([TextDelta("a")], 1.0)
    frame = made.frame(TextDelta("a"))
    assert frame is not None
    assert written(frame, b"x") == made.events([TextDelta("x")], 1.0)
    made.events([ToolCallStart(0, "c", "f")], 1.0)
    assert made.frame(TextDelta("a")) is None


def test_thinking_has_a_block_and_its_signature_comes_before_the_block_ends() -> None:
    signature = Opaque("anthropic", "EqQ=")
    found = stream(ReasoningDelta("hm"), ReasoningDelta("", signature), TextDelta("a"), Finish("stop"))
    kinds = [event.get("delta", {}).get("type") for event in found]
    assert kinds.index("thinking_delta") < kinds.index("signature_delta") < kinds.index("text_delta")
    assert blocks(found) == [
        {"type": "thinking", "thinking": "hm", "signature": "EqQ="},
        {"type": "text", "text": "a"},
    ]


def test_each_signed_thought_is_a_block_of_its_own() -> None:
    one, two = Opaque("anthropic", "one"), Opaque("bedrock", "two")
    found = stream(ReasoningDelta("a", one), ReasoningDelta("", None), ReasoningDelta("b"), ReasoningDelta("", two))
    assert [(block["thinking"], block["signature"]) for block in blocks(found)] == [("a", "one"), ("b", carried(two))]


def test_a_thought_that_is_only_a_signature_is_a_block() -> None:
    assert blocks(stream(ReasoningDelta("", Opaque("anthropic", "s"))))[0]["signature"] == "s"


def test_a_thought_that_nobody_signed_has_a_signature_that_we_know() -> None:
    assert blocks(stream(ReasoningDelta("hm"), TextDelta("a")))[0]["signature"] == UNSIGNED


def test_thinking_is_shown_as_far_as_the_client_wants_it() -> None:
    thought: list[Event] = [ReasoningDelta("hm"), RedactedDelta(Opaque("anthropic", "x")), TextDelta("a")]
    assert [block["type"] for block in blocks(stream(*thought))] == ["thinking", "redacted_thinking", "text"]
    quiet = blocks(stream(*thought, quiet=True))
    assert quiet[0] == {"type": "thinking", "thinking": "", "signature": UNSIGNED}
    assert [block["type"] for block in blocks(stream(*thought, shows_thinking=False))] == ["text"]


def test_a_call_is_a_block_with_its_arguments_in_pieces() -> None:
    found = stream(
        TextDelta("a"),
        ToolCallStart(0, "c", "f"),
        ToolCallDelta(0, '{"x"'),
        ToolCallDelta(0, ":1}"),
        Finish("tool_calls"),
    )
    assert blocks(found)[1] == {"type": "tool_use", "id": "c", "name": "f", "input": '{"x":1}'}
    assert found[-2]["delta"]["stop_reason"] == "tool_use"


def test_a_call_without_arguments_stays_without() -> None:
    found = blocks(stream(ToolCallStart(0, "c", "f"), ToolCallStart(1, "d", "g"), Finish("tool_calls")))
    assert [(block["id"], block["input"]) for block in found] == [("c", ""), ("d", "")]


def test_a_signature_of_a_call_rides_in_front_of_it() -> None:
    signature = Opaque("gemini", "sig")
    found = blocks(stream(ToolCallStart(0, "c", "f", signature), ToolCallDelta(0, "{}")))
    assert found[0] == {"type": "thinking", "thinking": "", "signature": carried_for_call(signature)}
    assert found[1]["id"] == "c"
    assert len(blocks(stream(ToolCallStart(0, "c", "f", signature), shows_thinking=False))) == 1


def test_interleaved_arguments_never_land_on_another_call() -> None:
    made = renderer()
    first = made.events([ToolCallStart(0, "a", "f"), ToolCallDelta(0, '{"x":')], 1.0)
    second = made.events([ToolCallStart(1, "b", "g"), ToolCallDelta(1, '{"y":')], 1.0)
    assert second == b""
    third = made.events([ToolCallDelta(0, "1}"), ToolCallDelta(1, "2}"), Finish("tool_calls")], 1.0)
    found = blocks(read(first + third + made.end(2.0)))
    assert [(block["id"], block["input"]) for block in found] == [("a", '{"x":1}'), ("b", '{"y":2}')]


def test_calls_that_come_one_after_the_other_are_not_held_back() -> None:
    made = renderer()
    made.events([ToolCallStart(0, "a", "f"), ToolCallDelta(0, "{}")], 1.0)
    assert b'"id":"b"' in made.events([ToolCallStart(1, "b", "g")], 1.0)


def test_what_waits_for_a_call_that_never_ends_comes_at_the_end() -> None:
    found = blocks(stream(ToolCallStart(0, "a", "f"), ToolCallDelta(0, '{"x'), TextDelta("t"), Finish("length")))
    assert [block["type"] for block in found] == ["tool_use", "text"]


@given(count=st.integers(1, 4), random=st.randoms(use_true_random=False), after=st.sampled_from(["", "text"]))
def test_however_calls_are_interleaved_each_has_its_own_arguments(count: int, random: Any, after: str) -> None:
    calls = [json.dumps({"n": place, "x": {"{": "}"}}) for place in range(count)]
    cut: list[list[str]] = []
    for whole in calls:
        at = sorted(random.sample(range(1, len(whole)), 2))
        cut.append([whole[: at[0]], whole[at[0] : at[1]], whole[at[1] :]])
    order = [place for place, pieces in enumerate(cut) for _ in pieces]
    random.shuffle(order)
    events: list[Event] = [ToolCallStart(place, f"c{place}", "f") for place in range(len(cut))]
    taken = [0] * len(cut)
    for place in order:
        events.append(ToolCallDelta(place, cut[place][taken[place]]))
        taken[place] += 1
    if after:
        events.append(TextDelta(after))
    found = [block for block in blocks(stream(*events, Finish("tool_calls"))) if block["type"] == "tool_use"]
    assert [(block["id"], block["input"]) for block in found] == [
        (f"c{place}", whole) for place, whole in enumerate(calls)
    ]


@pytest.mark.parametrize(
    ("reason", "word"),
    [
        ("stop", "end_turn"),
        ("stop_sequence", "stop_sequence"),
        ("length", "max_tokens"),
        ("context_exceeded", "model_context_window_exceeded"),
        ("tool_calls", "tool_use"),
        ("content_filter", "refusal"),
        ("refusal", "refusal"),
        ("pause", "pause_turn"),
        ("load", "end_turn"),
    ],
)
def test_every_reason_to_stop_has_a_word(reason: FinishReason, word: str) -> None:
    assert stream(TextDelta("a"), Finish(reason))[-2]["delta"]["stop_reason"] == word
    whole = json.loads(renderer().whole(Answer([Text("a")], reason), 1.0))
    assert whole["stop_reason"] == word and (whole["stop_details"] is not None) == (word == "refusal")


def test_a_stop_sequence_is_named() -> None:
    assert stream(TextDelta("a"), Finish("stop_sequence", "", "END"))[-2]["delta"]["stop_sequence"] == "END"
    whole = Answer([Text("a")], "stop_sequence", stop_sequence="END")
    assert json.loads(renderer().whole(whole, 1.0))["stop_sequence"] == "END"


def test_a_refusal_is_its_text_and_says_that_it_is_one() -> None:
    found = stream(RefusalDelta("I can"), RefusalDelta("not"), Finish("stop"))
    details = {"type": "refusal", "category": None, "explanation": "I cannot"}
    assert blocks(found) == [{"type": "text", "text": "I cannot"}]
    assert (found[-2]["delta"]["stop_reason"], found[-2]["delta"]["stop_details"]) == ("refusal", details)
    whole = json.loads(renderer().whole(Answer([Refusal("I cannot")], "stop"), 1.0))
    assert (whole["stop_reason"], whole["stop_details"]) == ("refusal", details)


def test_a_malformed_answer_is_an_error() -> None:
    made = renderer()
    out = made.events([TextDelta("a"), Finish("malformed")], 1.0) + made.end(1.0)
    assert out.endswith(renderer().fault(BackendError("the model's answer was malformed", status=502)))
    assert b"message_stop" not in out
    with pytest.raises(BackendError):
        renderer().whole(Answer([], "malformed"), 1.0)


def test_a_stream_that_broke_ends_with_an_error_and_no_end() -> None:
    out = renderer().fault(BackendUnavailable("gone"))
    assert out.startswith(b"event: error\ndata: ") and out.endswith(b"\n\n") and b"api_error" in out
    assert b"overloaded_error" in renderer().fault(Busy("later"))


def test_a_sign_of_life_is_a_ping() -> None:
    assert renderer().keepalive(1.0) == b'event: ping\ndata: {"type":"ping"}\n\n'


def test_a_whole_message_has_the_shape_of_the_clients_types() -> None:
    answer = Answer(
        [
            Reasoning("hm", Opaque("anthropic", "s")),
            Reasoning("hm"),
            RedactedReasoning(Opaque("anthropic", "r")),
            Text("a"),
            Text(""),
            ToolCall("c", "f", '{ "n":1.50 }'),
            ToolCall("d", "g", "", Opaque("gemini", "sig")),
            ToolCall("e", "h", '{"n":'),
        ],
        "tool_calls",
        Usage(input_uncached=7, cache_read=9000, cache_write=100, output_text=4),
        id="msg_1",
    )
    out = renderer().whole(answer, 1.0)
    message = types.Message.model_validate_json(out, strict=True)
    assert b'"input":{ "n":1.50 }' in out
    assert [block.model_dump(exclude_none=True) for block in message.content] == [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "thinking", "thinking": "hm", "signature": UNSIGNED},
        {"type": "redacted_thinking", "data": "r"},
        {"type": "text", "text": "a"},
        {"type": "tool_use", "id": "c", "name": "f", "input": {"n": 1.5}},
        {"type": "thinking", "thinking": "", "signature": carried_for_call(Opaque("gemini", "sig"))},
        {"type": "tool_use", "id": "d", "name": "g", "input": {}},
        {"type": "tool_use", "id": "e", "name": "h", "input": {"_raw": '{"n":'}},
    ]
    assert (message.id, message.model, message.stop_reason) == ("msg_1", "m", "tool_use")
    assert (message.usage.input_tokens, message.usage.cache_read_input_tokens, message.usage.output_tokens) == (
        7,
        9000,
        4,
    )
    hidden = json.loads(renderer(shows_thinking=False).whole(answer, 1.0))
    assert [block["type"] for block in hidden["content"]] == ["text", "tool_use", "tool_use", "tool_use"]
    quiet = json.loads(renderer(quiet=True).whole(answer, 1.0))
    assert quiet["content"][0] == {"type": "thinking", "thinking": "", "signature": "s"}


def test_a_count_is_a_number_of_tokens() -> None:
    assert types.MessageTokensCount.model_validate_json(renderer().counted(7, 1.0)).input_tokens == 7


def test_a_load_is_an_empty_message_and_vectors_there_are_none() -> None:
    assert json.loads(renderer().loaded("load", 1.0))["content"] == []
    with pytest.raises(NotSupported):
        renderer().embedded(None, 1.0)  # type: ignore[arg-type]
