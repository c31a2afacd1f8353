"""Requests to backends of this format."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    CompletionRequest,
    JsonFormat,
    Message,
    Opaque,
    Reasoning,
    ReasoningOptions,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.anthropic.building import as_chat, build_chat, tool_names
from ollamux.formats.base import Dialect, Outgoing

HI = [Message("user", [Text("hi")])]
TOOLS = (Tool("f", "does", msgspec.Raw(b'{"type":"object"}')), Tool("g"))
PLAIN = Dialect()
OLD = "claude-sonnet-4-5-20250929"
NEW = "claude-opus-4-6"


def build(model: str = "up", dialect: Dialect = PLAIN, **fields: Any) -> Outgoing:
    return build_chat(ChatRequest("m", **{"messages": HI, **fields}), model, dialect)


def body(model: str = "up", dialect: Dialect = PLAIN, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(build(model, dialect, **fields).body)
    return found


def thought(**fields: Any) -> ReasoningOptions:
    return ReasoningOptions(**fields)


def test_a_plain_request_is_plain() -> None:
    found = build()
    assert (found.path, found.warnings, found.headers) == ("/messages", (), ())
    assert json.loads(found.body) == {
        "model": "up",
        "max_tokens": 4096,
        "messages": [{"role": "user", "content": "hi"}],
    }
    assert body(stream=True)["stream"] is True


def test_a_system_prompt_is_text_or_marked_blocks() -> None:
    assert body(messages=[Message("system", [Text("s")]), *HI])["system"] == "s"
    marked = body(messages=[Message("system", [Text("s", "1h")]), *HI])["system"]
    assert marked == [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]


@pytest.mark.parametrize(
    ("model", "limit", "extra", "found"),
    [
        ("up", None, {}, 4096),
        (NEW, None, {}, 32000),
        (NEW, None, {"max_tokens": 64}, 64),
        (NEW, 7, {"max_tokens": 64}, 7),
        (NEW, 0, {}, 0),
        (NEW, -1, {}, 32000),
    ],
)
def test_a_limit_of_tokens_is_always_there(model: str, limit: int | None, extra: dict[str, Any], found: int) -> None:
    assert body(model, Dialect(extra=extra), sampling=Sampling(max_tokens=limit))["max_tokens"] == found


def test_tools_go_out_with_their_schemas_as_they_came() -> None:
    schema = msgspec.Raw(b'{ "type":"object", "n":1.50 }')
    tools = (Tool("f", "does", schema, True, "1h"), Tool("g", strict=False))
    out = build(tools=tools)
    assert b'"input_schema":{ "type":"object", "n":1.50 }' in out.body
    one, two = json.loads(out.body)["tools"]
    assert (one["strict"], one["cache_control"]) == (True, {"type": "ephemeral", "ttl": "1h"})
    assert two == {"name": "g", "input_schema": {"type": "object", "properties": {}}}


@pytest.mark.parametrize(
    ("choice", "parallel", "told"),
    [
        (None, None, None),
        (ToolChoice("auto"), True, None),
        (ToolChoice("auto"), False, {"type": "auto", "disable_parallel_tool_use": True}),
        (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice("required"), None, {"type": "any"}),
        (ToolChoice("named", "g"), False, {"type": "tool", "name": "g", "disable_parallel_tool_use": True}),
        (ToolChoice("none"), False, {"type": "none"}),
    ],
)
def test_the_choice_among_tools(choice: ToolChoice | None, parallel: bool | None, told: Any) -> None:
    assert body(tools=TOOLS, tool_choice=choice, parallel_tool_calls=parallel).get("tool_choice") == told


def test_only_allowed_tools_go_out() -> None:
    found = body(tools=TOOLS, tool_choice=ToolChoice("required", allowed=("g",)))
    assert [tool["name"] for tool in found["tools"]] == ["g"] and found["tool_choice"] == {"type": "any"}


def test_a_history_of_calls_without_tools_has_its_tools_made_again_and_may_call_none() -> None:
    messages = [*HI, Message("assistant", [ToolCall("x", "f", "{}")]), Message("tool", [ToolResult("x", [Text("r")])])]
    found = body(messages=messages)
    assert [tool["name"] for tool in found["tools"]] == ["f"] and found["tool_choice"] == {"type": "none"}
    assert "tools" not in body(tool_choice=ToolChoice("required"))


def test_a_name_with_dots_or_too_long_is_changed_alike_everywhere_and_found_again() -> None:
    long = "n" * 70
    request = ChatRequest(
        "m",
        [*HI, Message("assistant", [ToolCall("x", "a.b", "{}")]), Message("tool", [ToolResult("x", [])])],
        tools=(Tool("a.b"), Tool(long)),
        tool_choice=ToolChoice("named", "a.b"),
    )
    found = json.loads(build_chat(request, "up", Dialect()).body)
    alias, short = (tool["name"] for tool in found["tools"])
    assert alias == found["messages"][1]["content"][0]["name"] == found["tool_choice"]["name"] != "a.b"
    assert len(short) == 64
    names = tool_names(request)
    assert (names.back(alias), names.back(short)) == ("a.b", long)


@pytest.mark.parametrize("effort", ["low", "medium", "high", "xhigh", "max"])
def test_an_effort_is_adaptive_thinking_of_that_effort(effort: str) -> None:
    found = body(NEW, reasoning=thought(effort=effort))
    assert (found["thinking"], found["output_config"]) == ({"type": "adaptive"}, {"effort": effort})


def test_minimal_effort_is_low_and_none_is_no_thinking_at_all() -> None:
    assert body(NEW, reasoning=thought(enabled=True, effort="minimal"))["output_config"] == {"effort": "low"}
    none = body(NEW, reasoning=thought(enabled=False, effort="none"))
    assert "thinking" not in none and "output_config" not in none


def test_thinking_is_switched_on_and_off() -> None:
    assert body(NEW, reasoning=thought(enabled=True))["thinking"] == {"type": "adaptive"}
    assert body(NEW, reasoning=thought(enabled=False))["thinking"] == {"type": "disabled"}
    assert "thinking" not in body(NEW) and "thinking" not in body(NEW, reasoning=thought(summary="auto"))
    shown = body(NEW, reasoning=thought(enabled=True, summary="omitted"))["thinking"]
    assert shown == {"type": "adaptive", "display": "omitted"}
    assert body(NEW, reasoning=thought(enabled=True, summary="detailed"))["thinking"]["display"] == "summarized"


@pytest.mark.parametrize(
    ("asked", "limit", "budget"),
    [
        (thought(enabled=True), None, 8192),
        (thought(effort="low"), None, 2048),
        (thought(effort="max"), 9000, 8999),
        (thought(enabled=True, budget=5000), None, 5000),
        (thought(enabled=True, budget=5000), 4000, 3999),
        (thought(enabled=True, budget=5), None, 1024),
    ],
)
def test_an_older_model_thinks_within_a_budget(asked: ReasoningOptions, limit: int | None, budget: int) -> None:
    found = body(OLD, reasoning=asked, sampling=Sampling(max_tokens=limit))
    assert found["thinking"] == {"type": "enabled", "budget_tokens": budget} and "output_config" not in found


@pytest.mark.parametrize(
    ("budget", "effort"), [(500, "low"), (2048, "low"), (8192, "medium"), (20000, "xhigh"), (90000, "max")]
)
def test_a_newer_model_is_told_an_effort_for_a_budget(budget: int, effort: str) -> None:
    found = body(NEW, reasoning=thought(enabled=True, budget=budget))
    assert (found["thinking"], found["output_config"]) == ({"type": "adaptive"}, {"effort": effort})


def test_a_tool_that_must_be_called_excludes_thinking() -> None:
    for choice in (ToolChoice("required"), ToolChoice("named", "f")):
        out = build(NEW, tools=TOOLS, tool_choice=choice, reasoning=thought(enabled=True))
        assert "thinking" not in json.loads(out.body)
        assert out.warnings == ("there is no thinking where a tool must be called",)


def test_a_result_whose_call_came_without_signed_thinking_excludes_thinking_in_that_turn() -> None:
    def asked(*before: Any) -> Outgoing:
        call = Message("assistant", [*before, ToolCall("x", "f", "{}")])
        messages = [*HI, call, Message("tool", [ToolResult("x", [Text("r")])])]
        return build(NEW, messages=messages, tools=TOOLS, reasoning=thought(effort="high"))

    bare = asked()
    assert "thinking" not in json.loads(bare.body) and "thinking before its tool call" in bare.warnings[0]
    signed = json.loads(asked(Reasoning("t", Opaque("anthropic", "s"))).body)
    assert signed["thinking"] == {"type": "adaptive"}
    assert [block["type"] for block in signed["messages"][1]["content"]] == ["thinking", "tool_use"]


def test_a_model_that_cannot_think_and_a_limit_that_leaves_no_room_exclude_thinking() -> None:
    out = build("claude-3-5-haiku-20241022", reasoning=thought(enabled=True))
    assert "thinking" not in json.loads(out.body) and out.warnings == ("this model cannot think",)
    assert "thinking" not in body("claude-3-5-haiku-20241022", reasoning=thought(enabled=False))
    tight = build(OLD, reasoning=thought(enabled=True), sampling=Sampling(max_tokens=1000))
    assert "thinking" not in json.loads(tight.body) and tight.warnings


def test_a_configured_effort_is_weaker_than_the_requests_own() -> None:
    configured = Sampling(other={"reasoning_effort": "low", "summary_level": "x"})
    out = build(NEW, sampling=configured)
    assert json.loads(out.body)["output_config"] == {"effort": "low"} and out.warnings == ()
    assert body(NEW, sampling=configured, reasoning=thought(effort="high"))["output_config"] == {"effort": "high"}
    assert body(NEW, sampling=configured, reasoning=thought(enabled=True))["output_config"] == {"effort": "low"}
    assert body(NEW, sampling=configured, reasoning=thought(enabled=False))["thinking"] == {"type": "disabled"}


def test_sampling_is_sent_as_the_api_takes_it_and_the_rest_is_named() -> None:
    knobs = Sampling(
        temperature=1.7, top_p=0.9, top_k=0, stop=("END", " ", ""), seed=1, min_p=0.1, other={"num_ctx": 4096}
    )
    out = build(sampling=knobs)
    found = json.loads(out.body)
    assert (found["temperature"], found["top_p"], found["top_k"]) == (1.0, 0.9, 0)
    assert found["stop_sequences"] == ["END"]
    assert out.warnings == ("the backend does not take these options: min_p, num_ctx, seed",)
    assert "stop_sequences" not in body(sampling=Sampling(stop=(" ",)))


def test_temperature_and_top_p_exclude_each_other_on_newer_models() -> None:
    out = build(NEW, sampling=Sampling(temperature=0.5, top_p=0.9))
    assert "top_p" not in json.loads(out.body) and "top_p" in out.warnings[0]
    assert body(NEW, sampling=Sampling(top_p=0.9))["top_p"] == 0.9


@pytest.mark.parametrize(
    ("dialect", "asked"),
    [
        (Dialect(extra={"anthropic-version": "2026-10-21"}), None),
        (Dialect(), thought(enabled=True)),
        (Dialect(sampling={"temperature": None, "top_k": None}), None),
    ],
)
def test_sampling_gives_way_to_the_version_to_thinking_and_to_the_dialect(
    dialect: Dialect, asked: ReasoningOptions | None
) -> None:
    out = build(NEW, dialect, sampling=Sampling(temperature=0.5, top_k=3), reasoning=asked)
    assert not {"temperature", "top_k", "anthropic-version"} & set(json.loads(out.body))
    assert out.warnings == ("the backend does not take these options: temperature, top_k",)


def test_a_dialect_pins_the_version_and_adds_what_it_wants() -> None:
    out = build(dialect=Dialect(extra={"anthropic-version": "2026-10-21", "speed": "fast", "model": "no"}))
    assert out.headers == (("anthropic-version", "2026-10-21"),)
    assert json.loads(out.body)["speed"] == "fast" and json.loads(out.body)["model"] == "up"


def test_the_shape_of_an_answer_is_asked_for() -> None:
    schema = msgspec.Raw(b'{ "type":"object","properties":{},"additionalProperties":false }')
    out = build(output=JsonFormat(schema), reasoning=thought(effort="low"))
    assert b'"format":{"type":"json_schema","schema":' + bytes(schema) in out.body
    assert json.loads(out.body)["output_config"]["effort"] == "low"
    loose = build(output=JsonFormat())
    assert "output_config" not in json.loads(loose.body) and loose.warnings


def test_an_answers_schema_loses_its_bounds_which_is_told_and_may_be_any_of_several() -> None:
    schema = msgspec.Raw(b'{"oneOf":[{"type":"integer","minimum":1,"maximum":2},{"type":"null"}]}')
    out = build(output=JsonFormat(schema))
    held = json.loads(out.body)["output_config"]["format"]["schema"]
    assert held == {"anyOf": [{"type": "integer"}, {"type": "null"}]}
    assert out.warnings == ("the backend does not hold an answer to maximum, minimum",)


def test_who_asks_and_the_tier_are_told() -> None:
    found = body(user="u", service_tier="default")
    assert (found["metadata"], found["service_tier"]) == ({"user_id": "u"}, "standard_only")
    assert build(service_tier="flex").warnings == ("the backend has no service tier 'flex'",)
    assert build(logprobs=True).warnings == ("the backend tells no log probabilities",)


def test_a_plain_prompt_is_what_a_user_says_and_a_gap_is_refused() -> None:
    request = CompletionRequest("m", "Once", stream=True, sampling=Sampling(seed=1))
    assert as_chat(request) == ChatRequest("m", [Message("user", [Text("Once")])], True, sampling=Sampling(seed=1))
    assert tool_names(request).back("f") == "f"
    with pytest.raises(InvalidRequest):
        as_chat(CompletionRequest("m", "a", "b"))
