"""How models are asked to think."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.aws import checked

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    Message,
    Opaque,
    Part,
    Reasoning,
    ReasoningOptions,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from ollamux.formats.base import Dialect
from ollamux.formats.bedrock.building import build_chat

NEW, FIRST, OLD = (
    "anthropic.claude-opus-4-7-v1",
    "anthropic.claude-opus-4-6-v1",
    "anthropic.claude-haiku-4-5-20251001-v1:0",
)
GPT, NOVA, LLAMA = "openai.gpt-oss-20b-1:0", "us.amazon.nova-2-lite-v1:0", "meta.llama3-8b-instruct-v1:0"
ASKED = [Message("user", [Text("x")])]


def built(model: str, **rest: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    outgoing = build_chat(ChatRequest("m", rest.pop("messages", ASKED), **rest), model, Dialect())
    return checked(outgoing, model), outgoing.warnings


def asked(model: str, *options: Any, **rest: Any) -> tuple[Any, Any, tuple[str, ...]]:
    """What goes into the additional fields, the effort, the warnings."""
    body, warnings = built(model, reasoning=ReasoningOptions(*options), **rest)
    return body.get("additionalModelRequestFields"), body.get("outputConfig", {}).get("effort"), warnings


@pytest.mark.parametrize(
    ("effort", "told"),
    [(None, None), ("minimal", "low"), ("low", "low"), ("medium", "medium"), ("xhigh", "xhigh"), ("max", "max")],
)
def test_a_new_claude_decides_how_long_and_is_told_an_effort(effort: str | None, told: str | None) -> None:
    assert asked(NEW, True, effort) == ({"thinking": {"type": "adaptive"}}, told, ())


def test_an_effort_alone_asks_for_thinking() -> None:
    assert asked(NEW, None, "low") == ({"thinking": {"type": "adaptive"}}, "low", ())


def test_a_model_that_lacks_the_second_highest_effort_gets_the_highest() -> None:
    assert asked(FIRST, True, "xhigh")[1] == "max"


@pytest.mark.parametrize("model", [NEW, OLD, GPT, NOVA, LLAMA])
@pytest.mark.parametrize("options", [(False,), (None, "none"), (False, "high"), (True, "none")])
def test_no_thinking_is_nothing_said_of_it(model: str, options: tuple[Any, ...]) -> None:
    assert asked(model, *options) == (None, None, ())


def test_nothing_asked_is_nothing_said() -> None:
    assert built(NEW)[0] == {"messages": [{"role": "user", "content": [{"text": "x"}]}]}


@pytest.mark.parametrize(
    ("options", "limit", "budget"),
    [
        ((True,), None, 8192),
        ((None, "minimal"), None, 1024),
        ((True, "high"), None, 16384),
        ((True, "high"), 4096, 4095),
        ((True, None, 5000), 100, 5000),  # what the client says itself is the client's
    ],
)
def test_an_old_claude_is_told_a_budget_below_the_limit(options: Any, limit: int | None, budget: int) -> None:
    told = asked(OLD, *options, sampling=Sampling(max_tokens=limit))
    assert told == ({"thinking": {"type": "enabled", "budget_tokens": budget}}, None, ())


def test_an_old_claude_does_not_think_where_there_is_no_room_for_it() -> None:
    fields, _, warnings = asked(OLD, True, sampling=Sampling(max_tokens=1000))
    assert fields is None and warnings == ("the limit of tokens leaves no room for thinking",)


@pytest.mark.parametrize(("budget", "effort"), [(1, "low"), (2048, "low"), (4000, "medium"), (99999, "max")])
def test_a_budget_is_an_effort_to_a_new_claude(budget: int, effort: str) -> None:
    assert asked(NEW, True, None, budget) == ({"thinking": {"type": "adaptive"}}, effort, ())
    assert asked(NEW, True, "high", budget)[1] == "high"


@pytest.mark.parametrize(("summary", "display"), [("omitted", "omitted"), ("auto", "summarized")])
def test_what_is_to_be_shown_of_it_is_said(summary: str, display: str) -> None:
    assert asked(NEW, True, None, None, summary)[0]["thinking"]["display"] == display


@pytest.mark.parametrize(("effort", "told"), [(None, "medium"), ("minimal", "low"), ("high", "high"), ("max", "high")])
def test_other_makers_models_are_asked_in_their_own_words(effort: str | None, told: str) -> None:
    assert asked(GPT, True, effort) == ({"reasoning_effort": told}, None, ())
    assert asked(NOVA, True, effort)[0] == {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": told}}


@pytest.mark.parametrize("model", [LLAMA, "anthropic.claude-3-haiku-20240307-v1:0", "us.amazon.nova-pro-v1:0"])
def test_a_model_without_a_switch_is_left_as_it_is_with_a_warning(model: str) -> None:
    fields, effort, warnings = asked(model, True, "high")
    assert (fields, effort) == (None, None)
    assert warnings == ("the model has no switch for thinking that is known",)


def test_what_the_configuration_says_of_a_model_is_weaker_than_the_request() -> None:
    configured = Sampling(other={"reasoning_effort": "high"})
    assert built(NEW, sampling=configured)[0]["outputConfig"] == {"effort": "high"}
    assert asked(NEW, True, sampling=configured)[1] == "high"
    assert asked(NEW, True, "low", sampling=configured)[1] == "low"
    assert asked(NEW, False, sampling=configured) == (None, None, ())


def test_a_tool_that_must_be_called_leaves_no_room_for_thinking() -> None:
    tools, forced = (Tool("f"),), ToolChoice("required")
    fields, _, warnings = asked(NEW, True, "low", tools=tools, tool_choice=forced)
    assert fields is None and warnings == ("the model does not think where it must call a tool",)
    assert asked(NEW, True, tools=tools, tool_choice=ToolChoice("auto"))[0] == {"thinking": {"type": "adaptive"}}


def test_a_thinking_claude_samples_as_it_likes() -> None:
    body, warnings = built(
        FIRST, reasoning=ReasoningOptions(True), sampling=Sampling(temperature=0.5, top_k=3, top_p=0.5)
    )
    assert "inferenceConfig" not in body and body["additionalModelRequestFields"] == {"thinking": {"type": "adaptive"}}
    assert warnings == ("the backend does not take these options: temperature, top_k, top_p",)
    body, _ = built(FIRST, reasoning=ReasoningOptions(True), sampling=Sampling(top_p=0.95))
    assert body["inferenceConfig"] == {"topP": 0.95}


def with_history(*thoughts: Part) -> list[Message]:
    call = Message("assistant", [*thoughts, ToolCall("c", "f", "{}")])
    return [*ASKED, call, Message("tool", [ToolResult("c", [Text("1")])])]


def test_a_turn_whose_thoughts_are_lost_is_not_thought_on_by_a_model_that_wants_them() -> None:
    fields, _, warnings = asked(OLD, True, messages=with_history())
    assert fields is None and "earlier thoughts are not there" in warnings[0]
    thought = Reasoning("hm", Opaque("anthropic", "s"))
    assert asked(OLD, True, messages=with_history(thought))[0]["thinking"]["type"] == "enabled"
    assert asked(NEW, True, messages=with_history())[0] == {"thinking": {"type": "adaptive"}}
