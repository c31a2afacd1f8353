"""Requests for Gemini."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    CompletionRequest,
    EmbedRequest,
    JsonFormat,
    Message,
    ReasoningOptions,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.base import Dialect
from ollamux.formats.gemini.building import build_chat, build_completion, build_embed

MODERN, OLDER = "gemini-3-pro", "gemini-2.5-flash"


def request(**more: Any) -> ChatRequest:
    return ChatRequest("m", **{"messages": [Message("user", [Text("hi")])], **more})


def body(model: str = MODERN, dialect: Dialect | None = None, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(build_chat(request(**more), model, dialect or Dialect()).body)
    return found


def config(model: str = MODERN, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = body(model, **more).get("generationConfig", {})
    return found


def warnings(model: str = MODERN, **more: Any) -> tuple[str, ...]:
    return build_chat(request(**more), model, Dialect()).warnings


def test_the_path_names_the_model_and_a_stream_is_one_of_events() -> None:
    assert build_chat(request(), "up", Dialect()).path == "/models/up:generateContent"
    assert build_chat(request(stream=True), "tunedModels/up", Dialect()).path == (
        "/tunedModels/up:streamGenerateContent?alt=sse"
    )


def test_nothing_is_made_up() -> None:
    assert body() == {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}
    assert warnings() == ()


def test_a_tools_schema_goes_verbatim_as_json_schema() -> None:
    schema = b'{ "properties":{"default":{"exclusiveMinimum":1.0,"enum":[1,2]}},"$defs":{}, "propertyNames":{} }'
    made = build_chat(request(tools=(Tool("f", "d", msgspec.Raw(schema)), Tool("g", ""))), MODERN, Dialect()).body
    assert b'{"name":"f","description":"d","parametersJsonSchema":' + schema + b"}" in made
    assert json.loads(made)["tools"][0]["functionDeclarations"][1] == {"name": "g"}
    assert len(json.loads(made)["tools"]) == 1


def test_a_name_that_gemini_does_not_take_has_an_alias_everywhere() -> None:
    long = "x" * 80
    history = [
        Message("user", [Text("hi")]),
        Message("assistant", [ToolCall("c", long, "{}")]),
        Message("tool", [ToolResult("c", [Text("1")])]),
    ]
    made = body(messages=history, tools=(Tool(long),), tool_choice=ToolChoice("named", long))
    alias = made["tools"][0]["functionDeclarations"][0]["name"]
    assert alias != long and len(alias) <= 64
    assert made["contents"][1]["parts"][0]["functionCall"]["name"] == alias
    assert made["contents"][2]["parts"][0]["functionResponse"]["name"] == alias
    assert made["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == [alias]


@pytest.mark.parametrize(
    ("choice", "calling"),
    [
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("named", "f"), {"mode": "ANY", "allowedFunctionNames": ["f"]}),
        (ToolChoice("required", None, ("f", "g")), {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}),
        (ToolChoice("auto", None, ("f",)), {"mode": "VALIDATED", "allowedFunctionNames": ["f"]}),
        (ToolChoice("none", None, ("f",)), {"mode": "NONE"}),
    ],
)
def test_a_choice_is_a_mode(choice: ToolChoice, calling: dict[str, Any]) -> None:
    assert body(tools=(Tool("f"),), tool_choice=choice)["toolConfig"] == {"functionCallingConfig": calling}


def test_no_tools_no_choice_and_auto_is_what_there_is_anyway() -> None:
    assert "toolConfig" not in body(tool_choice=ToolChoice("required"))
    assert "toolConfig" not in body(tools=(Tool("f"),), tool_choice=ToolChoice("auto"))


def test_knobs_have_geminis_names_and_what_it_has_not_is_named() -> None:
    knobs = Sampling(
        max_tokens=5, temperature=0, top_p=0.5, top_k=3, stop=("a", ""), seed=7, presence_penalty=1, frequency_penalty=0
    )
    assert config(sampling=knobs) == {
        "maxOutputTokens": 5,
        "temperature": 0,
        "topP": 0.5,
        "topK": 3,
        "stopSequences": ["a"],
        "seed": 7,
        "presencePenalty": 1,
        "frequencyPenalty": 0,
    }
    odd = Sampling(min_p=0.1, repeat_penalty=1.1, other={"num_ctx": 5, "verbosity_level": "low"})
    assert config(sampling=odd) == {}
    assert warnings(sampling=odd) == ("the backend does not take these options: min_p, num_ctx, repeat_penalty",)


def test_a_seed_fits_and_there_are_five_stop_sequences_at_most() -> None:
    knobs = Sampling(seed=(1 << 40) + 3, stop=tuple("abcdefg"))
    assert config(sampling=knobs) == {"seed": 3, "stopSequences": ["a", "b", "c", "d", "e"]}
    assert len(warnings(sampling=knobs)) == 1
    assert config(sampling=Sampling(stop=("",))) == {}


def test_a_dialect_can_add_and_take_away() -> None:
    dialect = Dialect(sampling={"top_k": None, "min_p": "minP"}, extra={"safetySettings": [], "contents": 1})
    made = body(dialect=dialect, sampling=Sampling(top_k=1, min_p=0.5))
    assert made["generationConfig"] == {"minP": 0.5} and made["safetySettings"] == [] and made["contents"] != 1


def test_structured_output_and_log_probabilities_are_asked_for() -> None:
    schema = msgspec.Raw(b'{"type":"object"}')
    assert config(output=JsonFormat()) == {"responseMimeType": "application/json"}
    assert config(output=JsonFormat(schema, "n"))["responseJsonSchema"] == {"type": "object"}
    assert config(logprobs=True) == {"responseLogprobs": True}
    assert config(logprobs=True, top_logprobs=3) == {"responseLogprobs": True, "logprobs": 3}


@pytest.mark.parametrize(
    ("model", "asked", "thinking"),
    [
        (MODERN, ReasoningOptions(True), {"includeThoughts": True}),
        (MODERN, ReasoningOptions(True, "low"), {"includeThoughts": True, "thinkingLevel": "LOW"}),
        (
            MODERN,
            ReasoningOptions(None, "max", summary="omitted"),
            {"includeThoughts": False, "thinkingLevel": "XHIGH"},
        ),
        (MODERN, ReasoningOptions(True, "low", 64), {"includeThoughts": True, "thinkingBudget": 64}),
        (MODERN, ReasoningOptions(False), {"thinkingLevel": "MINIMAL"}),
        (MODERN, ReasoningOptions(None, "none"), {"thinkingLevel": "MINIMAL"}),
        (OLDER, ReasoningOptions(True, "medium"), {"includeThoughts": True, "thinkingBudget": 8192}),
        (OLDER, ReasoningOptions(False), {"thinkingBudget": 0}),
        ("gemini-2.5-pro", ReasoningOptions(False), {"thinkingBudget": 128}),
    ],
)
def test_thinking_is_a_level_or_for_older_models_a_budget(
    model: str, asked: ReasoningOptions, thinking: dict[str, Any]
) -> None:
    assert config(model, reasoning=asked) == {"thinkingConfig": thinking}
    least = thinking in ({"thinkingLevel": "MINIMAL"}, {"thinkingBudget": 128})
    assert len(warnings(model, reasoning=asked)) == (1 if least else 0)


def test_a_configured_effort_is_weaker_than_the_requests_own() -> None:
    knobs = Sampling(other={"reasoning_effort": "high"})
    assert config(sampling=knobs)["thinkingConfig"]["thinkingLevel"] == "HIGH"
    assert config(sampling=knobs, reasoning=ReasoningOptions(True))["thinkingConfig"]["thinkingLevel"] == "HIGH"
    assert config(sampling=knobs, reasoning=ReasoningOptions(True, "low"))["thinkingConfig"]["thinkingLevel"] == "LOW"
    assert config(sampling=knobs, reasoning=ReasoningOptions(False))["thinkingConfig"]["thinkingLevel"] == "MINIMAL"


def test_what_cannot_be_carried_is_named() -> None:
    (lost,) = warnings(user="u", metadata={"a": "b"}, service_tier="flex")
    assert "user, metadata, service_tier" in lost
    assert len(warnings(tools=(Tool("f"),), parallel_tool_calls=False)) == 1
    assert warnings(tools=(Tool("f"),), parallel_tool_calls=True) == ()


def test_a_text_to_go_on_with_is_a_chat_with_a_warning_and_a_gap_is_refused() -> None:
    outgoing = build_completion(CompletionRequest("m", "once", stream=True, sampling=Sampling(seed=1)), "up", Dialect())
    assert outgoing.path.endswith(":streamGenerateContent?alt=sse") and len(outgoing.warnings) == 1
    assert json.loads(outgoing.body)["generationConfig"] == {"seed": 1}
    with pytest.raises(InvalidRequest):
        build_completion(CompletionRequest("m", "once", suffix="end"), "up", Dialect())


def test_texts_are_embedded_in_one_batch() -> None:
    outgoing = build_embed(EmbedRequest("m", ["a", "b"], 8, truncate=False), "up", Dialect())
    assert outgoing.path == "/models/up:batchEmbedContents" and len(outgoing.warnings) == 1
    assert json.loads(outgoing.body)["requests"] == [
        {"model": "models/up", "content": {"parts": [{"text": text}]}, "outputDimensionality": 8} for text in "ab"
    ]
    assert (
        "outputDimensionality"
        not in json.loads(build_embed(EmbedRequest("m", ["a"]), "up", Dialect()).body)["requests"][0]
    )


def test_what_is_built_is_what_googles_own_types_take() -> None:
    types = pytest.importorskip("google.genai.types")
    made = body(
        messages=[
            Message("system", [Text("s")]),
            Message("user", [Text("hi")]),
            Message("assistant", [ToolCall("c", "f", '{"a":1}')]),
            Message("tool", [ToolResult("c", [Text("1")])]),
        ],
        tools=(Tool("f", "d", msgspec.Raw(b'{"type":"object"}')),),
        tool_choice=ToolChoice("named", "f"),
        sampling=Sampling(max_tokens=5, stop=("a",)),
        reasoning=ReasoningOptions(True, "low"),
    )
    for content in (*made["contents"], made["systemInstruction"]):
        types.Content.model_validate(content)
    types.Tool.model_validate(made["tools"][0])
    types.ToolConfig.model_validate(made["toolConfig"])
    types.GenerationConfig.model_validate(made["generationConfig"])


def test_vertex_predicts_vectors() -> None:
    outgoing = build_embed(EmbedRequest("m", ["a", "b"], 4, False), "text-embedding-005", Dialect(predicts=True))
    assert (outgoing.path, outgoing.warnings) == ("/models/text-embedding-005:predict", ())
    assert json.loads(outgoing.body) == {
        "instances": [{"content": "a"}, {"content": "b"}],
        "parameters": {"outputDimensionality": 4, "autoTruncate": False},
    }
    plain = build_embed(EmbedRequest("m", ["a"]), "text-embedding-005", Dialect(predicts=True))
    assert json.loads(plain.body) == {"instances": [{"content": "a"}]}
