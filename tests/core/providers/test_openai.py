"""OpenAI's models and what each of them takes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.chat import ChatRequest
from ollamux.conversation import ReasoningOptions, Sampling
from ollamux.formats import calling
from ollamux.providers.openai import OpenAi, dialect_of

REASONING = [
    "gpt-5",
    "gpt-5-mini",
    "gpt-5.4",
    "GPT-6.1-sol",
    "o1",
    "o3-mini",
    "o4-mini-2025-04-16",
    "codex-mini-latest",
]
OTHERS = ["gpt-4o", "gpt-4.1-mini", "gpt-4-turbo", "gpt-3.5-turbo", "gpt-5-chat-latest", "ft:gpt-4o:mine", "anything"]


def built(model: str, **request: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    made = calling("openai_chat").build(ChatRequest(model, [], **request), model, OpenAi().dialect_for(model))
    return json.loads(made.body), made.warnings


@pytest.mark.parametrize("model", REASONING)
def test_a_model_that_reasons_has_its_limit_under_the_new_name_and_takes_no_temperature(model: str) -> None:
    dialect = dialect_of(model)
    assert dialect.max_tokens == "max_completion_tokens" and dialect.think == "reasoning_effort"
    assert {"temperature", "top_p", "presence_penalty"} <= dialect.refuses
    body, _ = built(model, sampling=Sampling(max_tokens=5))
    assert body["max_completion_tokens"] == 5 and "max_tokens" not in body


@pytest.mark.parametrize("model", OTHERS)
def test_another_model_takes_them_and_knows_no_effort(model: str) -> None:
    body, warnings = built(
        model, sampling=Sampling(max_tokens=5, temperature=0.5), reasoning=ReasoningOptions(effort="high")
    )
    assert body["max_tokens"] == 5 and body["temperature"] == 0.5
    assert "reasoning_effort" not in body and warnings == ("the backend has no switch for thinking",)


def test_a_models_own_effort_goes_out_where_the_request_says_none() -> None:
    told = Sampling(other={"reasoning_effort": "high", "verbosity_level": "low"})
    body, _ = built("gpt-5", sampling=told)
    assert (body["reasoning_effort"], body["verbosity"]) == ("high", "low")
    body, _ = built("gpt-5", sampling=told, reasoning=ReasoningOptions(effort="low"))
    assert body["reasoning_effort"] == "low"


def test_it_speaks_responses_beside_chat() -> None:
    assert OpenAi().format == "openai_chat" and OpenAi().other_formats == ("openai_responses",)
