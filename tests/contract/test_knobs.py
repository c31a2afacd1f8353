"""How a model is to answer: what a client asks for, and what each backend is told. One table over all formats."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ollamux.chat import ChatRequest
from ollamux.conversation import JsonFormat, Message, ReasoningOptions, Sampling, Text, Tool, ToolChoice
from ollamux.formats import calling
from ollamux.providers import provider

BACKENDS = {
    "ollama": ("ollama", "ollama", "up"),
    "llama_cpp": ("llama_cpp", "openai_chat", "up"),
    "vllm": ("vllm", "openai_chat", "up"),
    "openai": ("openai", "openai_chat", "gpt-4o"),
    "responses": ("openai", "openai_responses", "gpt-4o"),
    "anthropic": ("anthropic", "anthropic", "claude-sonnet-4-0"),
    "google": ("google", "gemini", "gemini-3-pro"),
    "aws_bedrock": ("aws_bedrock", "bedrock", "anthropic.claude-3-5-sonnet-20240620-v1:0"),
}
SCHEMA = msgspec.Raw(b'{"type":"object"}')
TOOLS = (Tool("f", None, SCHEMA),)
CLOSED = {"type": "object", "additionalProperties": False}


def knob(name: str, value: Any) -> dict[str, Any]:
    return {"sampling": Sampling(**{name: value})}


def other(name: str, value: Any) -> dict[str, Any]:
    return {"sampling": Sampling(other={name: value})}


def choice(mode: Any, name: str | None = None) -> dict[str, Any]:
    return {"tools": TOOLS, "tool_choice": ToolChoice(mode, name)}


def options(name: str, value: Any) -> dict[str, Any]:
    return {"options": {name: value}}


def generation(**fields: Any) -> dict[str, Any]:
    return {"generationConfig": fields}


def inference(**fields: Any) -> dict[str, Any]:
    return {"inferenceConfig": fields}


NO: str = "does not take"
SPEC = {"tools": [{"toolSpec": {"name": "f", "inputSchema": {"json": {"type": "object"}}}}]}
FORM = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}

KNOBS: dict[str, tuple[dict[str, Any], tuple[dict[str, Any] | str, ...]]] = {
    "max_tokens": (
        knob("max_tokens", 50),
        (
            options("num_predict", 50),
            {"max_tokens": 50},
            {"max_tokens": 50},
            {"max_tokens": 50},
            {"max_output_tokens": 50},
            {"max_tokens": 50},
            generation(maxOutputTokens=50),
            inference(maxTokens=50),
        ),
    ),
    "temperature above 1": (
        knob("temperature", 1.5),
        (
            options("temperature", 1.5),
            {"temperature": 1.5},
            {"temperature": 1.5},
            {"temperature": 1.5},
            {"temperature": 1.5},
            {"temperature": 1.0},
            generation(temperature=1.5),
            inference(temperature=1.0),
        ),
    ),
    "temperature 0": (
        knob("temperature", 0.0),
        (
            options("temperature", 0.0),
            {"temperature": 0.0},
            {"temperature": 0.0},
            {"temperature": 0.0},
            {"temperature": 0.0},
            {"temperature": 0.0},
            generation(temperature=0.0),
            inference(temperature=0.0),
        ),
    ),
    "top_p": (
        knob("top_p", 0.5),
        (
            options("top_p", 0.5),
            {"top_p": 0.5},
            {"top_p": 0.5},
            {"top_p": 0.5},
            {"top_p": 0.5},
            {"top_p": 0.5},
            generation(topP=0.5),
            inference(topP=0.5),
        ),
    ),
    "top_k": (
        knob("top_k", 3),
        (
            options("top_k", 3),
            {"top_k": 3},
            {"top_k": 3},
            NO,
            NO,
            {"top_k": 3},
            generation(topK=3),
            {"additionalModelRequestFields": {"top_k": 3}},
        ),
    ),
    "min_p": (knob("min_p", 0.1), (options("min_p", 0.1), {"min_p": 0.1}, {"min_p": 0.1}, NO, NO, NO, NO, NO)),
    "typical_p": (
        knob("typical_p", 0.9),
        (options("typical_p", 0.9), {"typical_p": 0.9}, NO, NO, NO, NO, NO, NO),
    ),
    "stop": (
        knob("stop", ("x",)),
        (
            options("stop", ["x"]),
            {"stop": ["x"]},
            {"stop": ["x"]},
            {"stop": ["x"]},
            NO,
            {"stop_sequences": ["x"]},
            generation(stopSequences=["x"]),
            inference(stopSequences=["x"]),
        ),
    ),
    "seed 0": (
        knob("seed", 0),
        (options("seed", 0), {"seed": 0}, {"seed": 0}, {"seed": 0}, NO, NO, generation(seed=0), NO),
    ),
    "repeat_penalty": (
        knob("repeat_penalty", 1.1),
        (options("repeat_penalty", 1.1), {"repeat_penalty": 1.1}, {"repetition_penalty": 1.1}, NO, NO, NO, NO, NO),
    ),
    "repeat_last_n": (
        knob("repeat_last_n", 9),
        (options("repeat_last_n", 9), {"repeat_last_n": 9}, NO, NO, NO, NO, NO, NO),
    ),
    "presence_penalty": (
        knob("presence_penalty", 0.0),
        (
            options("presence_penalty", 0.0),
            {"presence_penalty": 0.0},
            {"presence_penalty": 0.0},
            {"presence_penalty": 0.0},
            NO,
            NO,
            generation(presencePenalty=0.0),
            NO,
        ),
    ),
    "frequency_penalty": (
        knob("frequency_penalty", 0.5),
        (
            options("frequency_penalty", 0.5),
            {"frequency_penalty": 0.5},
            {"frequency_penalty": 0.5},
            {"frequency_penalty": 0.5},
            NO,
            NO,
            generation(frequencyPenalty=0.5),
            NO,
        ),
    ),
    "num_ctx": (other("num_ctx", 99), (options("num_ctx", 99), NO, NO, NO, NO, NO, NO, NO)),
    "keep_alive": ({"keep_alive": 5.0}, ({"keep_alive": 5.0}, {}, {}, {}, {}, {}, {}, {})),
    "logprobs": (
        {"logprobs": True, "top_logprobs": 2},
        (
            {"logprobs": True, "top_logprobs": 2},
            {"logprobs": True, "top_logprobs": 2},
            {"logprobs": True, "top_logprobs": 2},
            {"logprobs": True, "top_logprobs": 2},
            {"top_logprobs": 2, "include": ["message.output_text.logprobs"]},
            "log probabilities",
            generation(responseLogprobs=True, logprobs=2),
            "log probabilities",
        ),
    ),
    "logit_bias": (
        other("logit_bias", {"5": 1}),
        (NO, {"logit_bias": {"5": 1}}, {"logit_bias": {"5": 1}}, {"logit_bias": {"5": 1}}, NO, NO, NO, NO),
    ),
    "JSON of any kind": (
        {"output": JsonFormat()},
        (
            {"format": "json"},
            {"response_format": {"type": "json_object"}},
            {"response_format": {"type": "json_object"}},
            {"response_format": {"type": "json_object"}},
            {"text": {"format": {"type": "json_object"}}},
            "without a schema",
            generation(responseMimeType="application/json"),
            "without a schema",
        ),
    ),
    "a schema": (
        {"output": JsonFormat(SCHEMA, "n")},
        (
            {"format": {"type": "object"}},
            {"response_format": FORM},
            {"response_format": FORM},
            {"response_format": FORM},
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {"type": "object"}}}},
            {"output_config": {"format": {"type": "json_schema", "schema": CLOSED}}},
            generation(responseMimeType="application/json", responseJsonSchema={"type": "object"}),
            {
                "outputConfig": {
                    "textFormat": {
                        "type": "json_schema",
                        "structure": {"jsonSchema": {"schema": json.dumps(CLOSED, separators=(",", ":")), "name": "n"}},
                    }
                }
            },
        ),
    ),
    "an effort": (
        {"reasoning": ReasoningOptions(effort="low")},
        (
            {"think": "low"},
            {"chat_template_kwargs": {"enable_thinking": True, "reasoning_effort": "low"}},
            {"chat_template_kwargs": {"enable_thinking": True, "reasoning_effort": "low"}},
            "no switch for thinking",
            {"reasoning": {"effort": "low"}, "include": ["reasoning.encrypted_content"]},
            {"thinking": {"type": "enabled", "budget_tokens": 2048}},
            generation(thinkingConfig={"includeThoughts": True, "thinkingLevel": "LOW"}),
            "no switch for thinking",
        ),
    ),
    "no tool": (
        choice("none"),
        (
            {"tools": None},
            {"tool_choice": "none"},
            {"tool_choice": "none"},
            {"tool_choice": "none"},
            {"tool_choice": "none"},
            {"tool_choice": {"type": "none"}},
            {"toolConfig": {"functionCallingConfig": {"mode": "NONE"}}},
            {"toolConfig": None},
        ),
    ),
    "any tool": (choice("auto"), ({}, {}, {}, {}, {}, {}, {}, {})),
    "some tool": (
        choice("required"),
        (
            "cannot be made to call",
            {"tool_choice": "required"},
            {"tool_choice": "required"},
            {"tool_choice": "required"},
            {"tool_choice": "required"},
            {"tool_choice": {"type": "any"}},
            {"toolConfig": {"functionCallingConfig": {"mode": "ANY"}}},
            {"toolConfig": {**SPEC, "toolChoice": {"any": {}}}},
        ),
    ),
    "this tool": (
        choice("named", "f"),
        (
            "cannot be made to call",
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            {"tool_choice": {"type": "function", "function": {"name": "f"}}},
            {"tool_choice": {"type": "function", "name": "f"}},
            {"tool_choice": {"type": "tool", "name": "f"}},
            {"toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["f"]}}},
            {"toolConfig": {**SPEC, "toolChoice": {"tool": {"name": "f"}}}},
        ),
    ),
    "one call at a time": (
        {"tools": TOOLS, "parallel_tool_calls": False},
        (
            "several tools at once",
            {"parallel_tool_calls": False},
            {"parallel_tool_calls": False},
            {"parallel_tool_calls": False},
            {"parallel_tool_calls": False},
            {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
            "several tools at once",
            "several tools at once",
        ),
    ),
    "who asks": (
        {"user": "u"},
        (
            "does not take: user",
            {"user": "u"},
            {"user": "u"},
            {"user": "u"},
            {"user": "u"},
            {"metadata": {"user_id": "u"}},
            "user",
            {"requestMetadata": {"user": "u"}},
        ),
    ),
    "metadata": (
        {"metadata": {"a": "b"}},
        (
            NO,
            NO,
            NO,
            {"metadata": {"a": "b"}},
            {"metadata": {"a": "b"}},
            NO,
            NO,
            {"requestMetadata": {"a": "b"}},
        ),
    ),
    "a tier of service": (
        {"service_tier": "flex"},
        (
            "service_tier",
            "service_tier",
            "service_tier",
            {"service_tier": "flex"},
            {"service_tier": "flex"},
            "no service tier 'flex'",
            "service_tier",
            {"serviceTier": {"type": "flex"}},
        ),
    ),
}
"""What is asked for, and what each backend is told, in the order of `BACKENDS`: members of its body (None: one that it
is not told), or the warning in their place. Nothing at all is for what only Ollama has a use for."""


def built(column: str, **asked: Any) -> tuple[dict[str, Any], str]:
    type_, format_, model = BACKENDS[column]
    found = provider(type_)
    hook = getattr(found, "dialect_for", None)
    dialect = hook(model) if hook is not None else found.dialect
    outgoing = calling(format_).build(ChatRequest("m", [Message("user", [Text("hi")])], **asked), model, dialect)
    return json.loads(outgoing.body), "; ".join(outgoing.warnings)


@pytest.mark.parametrize("column", BACKENDS)
@pytest.mark.parametrize("row", KNOBS)
def test_what_is_asked_for_is_told_in_the_backends_words_or_named_as_lost(row: str, column: str) -> None:
    asked, told = KNOBS[row]
    expected = told[list(BACKENDS).index(column)]
    plain, _ = built(column, **({"tools": TOOLS} if "tools" in asked else {}))
    body, warnings = built(column, **asked)
    changed = {name: body.get(name) for name in body | plain if body.get(name) != plain.get(name)}
    if isinstance(expected, str):
        assert expected in warnings and changed == {}
    else:
        assert changed == expected and warnings == ""


def test_what_nobody_asked_for_is_told_to_nobody() -> None:
    always = {"model", "messages", "contents", "input", "max_tokens", "stream", "store", "modelId"}
    for column in BACKENDS:
        body, warnings = built(column)
        assert body.keys() <= always and warnings == "", column
