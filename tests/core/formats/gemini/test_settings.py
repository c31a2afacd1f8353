"""`generationConfig`, tools, `toolConfig` and our own extensions."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from ollamux.conversation import JsonFormat, ReasoningOptions, Sampling, ToolChoice
from ollamux.errors import InvalidRequest
from ollamux.formats.gemini.fields import Fields, root
from ollamux.formats.gemini.settings import (
    choice_of,
    keep_alive_of,
    output_of,
    sampling_of,
    thinking_of,
    tools_of,
)


def body(**members: Any) -> Fields:
    return root(json.dumps(members).encode())


def config(**members: Any) -> Fields | None:
    return body(generationConfig=members).fields("generationConfig")


def sampling(defaults: dict[str, Any] | None = None, ours: dict[str, Any] | None = None, **members: Any) -> Sampling:
    return sampling_of(body(**(ours or {})), config(**members), defaults or {}, [])


def test_every_knob_has_its_name_in_both_spellings() -> None:
    camel: dict[str, Any] = {
        "topP": 0.5,
        "topK": 3.0,
        "maxOutputTokens": 9,
        "stopSequences": ["a"],
        "presencePenalty": 1,
    }
    snake: dict[str, Any] = {
        "top_p": 0.5,
        "top_k": 3,
        "max_output_tokens": "9",
        "stop_sequences": "a",
        "presence_penalty": 1,
    }
    wanted = Sampling(top_p=0.5, top_k=3, max_tokens=9, stop=("a",), presence_penalty=1.0, seed=0, temperature=0.0)
    assert sampling(**camel, seed=0, temperature=0) == sampling(**snake, seed=0, temperature=0) == wanted


def test_configured_options_are_weaker_and_our_options_stronger_than_the_clients_fields() -> None:
    defaults = {"temperature": 0.1, "top_k": 1, "num_predict": 5, "num_gpu": 2}
    ours = {"options": {"temperature": 0.9, "num_ctx": 1024}, "num_ctx": 7}
    found = sampling(defaults, ours, temperature=0.5, maxOutputTokens=50)
    assert found == Sampling(temperature=0.9, top_k=1, max_tokens=50, other={"num_gpu": 2, "num_ctx": 1024})
    assert sampling(None, {"options": {"num_predict": 3, "stop": "x"}}, maxOutputTokens=50) == Sampling(
        max_tokens=3, stop=("x",)
    )
    assert sampling(None, {"options": {"num_predict": -1}}, maxOutputTokens=50) == Sampling()
    assert sampling(None, {"num_ctx": 512}) == Sampling(other={"num_ctx": 512})


def test_what_merely_tunes_is_named_as_left_out() -> None:
    dropped: list[str] = []
    sampling_of(body(), config(mediaResolution="LOW", speech_config={}, thinkingConfig={}), {}, dropped)
    assert dropped == ["generationConfig.mediaResolution", "generationConfig.speechConfig"]


@pytest.mark.parametrize(
    "members",
    [
        {"responseModalities": ["TEXT", "IMAGE"]},
        {"temperature": "warm"},
        {"topK": 1.5},
        {"stopSequences": [1]},
    ],
)
def test_what_would_change_the_meaning_or_makes_no_sense_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        sampling(**members)


@pytest.mark.parametrize("options", [7, {"temperature": "x"}, {"stop": 5}, {"top_k": "x"}])
def test_options_that_make_no_sense_are_refused(options: Any) -> None:
    with pytest.raises(InvalidRequest, match="options"):
        sampling(None, {"options": options})


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5m", 300.0),
        ("1h30m", 5400.0),
        (60, 60.0),
        ("0", 0.0),
        (-1, math.inf),
        ("-1", math.inf),
        ("-5s", math.inf),
        (None, None),
    ],
)
def test_keep_alive_is_a_duration_and_below_zero_for_ever(value: Any, seconds: float | None) -> None:
    assert keep_alive_of(body(keep_alive=value)) == seconds


@pytest.mark.parametrize("value", ["soon", True, [], "5x"])
def test_a_keep_alive_that_is_none_is_refused(value: Any) -> None:
    with pytest.raises(InvalidRequest):
        keep_alive_of(body(keep_alive=value))


@pytest.mark.parametrize(
    ("thinking", "wanted"),
    [
        ({"thinkingLevel": "LOW"}, ReasoningOptions(True, "low")),
        ({"thinking_level": "high", "include_thoughts": True}, ReasoningOptions(True, "high")),
        ({"thinkingBudget": 100, "includeThoughts": False}, ReasoningOptions(True, None, 100, "omitted")),
        ({"thinking_budget": 0}, ReasoningOptions(False)),
        ({"thinkingBudget": -1}, ReasoningOptions(True)),
        ({"includeThoughts": True}, ReasoningOptions(True)),
        ({"includeThoughts": False}, None),
        ({}, None),
    ],
)
def test_thinking_is_asked_for_by_level_or_budget(thinking: dict[str, Any], wanted: ReasoningOptions | None) -> None:
    assert thinking_of(body(), config(thinkingConfig=thinking)) == wanted


@pytest.mark.parametrize(
    ("think", "wanted"),
    [
        (True, ReasoningOptions(True)),
        (False, ReasoningOptions(False)),
        ("high", ReasoningOptions(True, "high")),
        ("none", ReasoningOptions(False, "none")),
        ("max", ReasoningOptions(True, "max")),
    ],
)
def test_our_think_is_stronger(think: Any, wanted: ReasoningOptions) -> None:
    assert thinking_of(body(think=think), config(thinkingConfig={"thinkingLevel": "LOW"})) == wanted
    with pytest.raises(InvalidRequest):
        thinking_of(body(think="hard"), None)


def test_an_answer_can_be_asked_to_be_json_with_either_kind_of_schema() -> None:
    json_ = {"responseMimeType": "application/json"}
    assert output_of(None) is output_of(config()) is output_of(config(responseMimeType="text/plain")) is None
    assert output_of(config(**json_)) == JsonFormat()
    plain = output_of(config(**json_, response_json_schema={"type": "OBJECT", "my_own": 1}))
    assert plain is not None and json.loads(bytes(plain.schema or b"")) == {"type": "OBJECT", "my_own": 1}
    googles = output_of(config(**json_, responseSchema={"type": "OBJECT", "property_ordering": []}))
    assert googles is not None and json.loads(bytes(googles.schema or b"")) == {"type": "object"}


@pytest.mark.parametrize(
    "members",
    [
        {"responseMimeType": "text/x.enum", "responseSchema": {"enum": ["a"]}},
        {"responseMimeType": "image/png"},
        {"responseSchema": {"type": "OBJECT"}},
        {"responseMimeType": "application/json", "responseSchema": "x"},
    ],
)
def test_another_form_of_answer_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        output_of(config(**members))


def test_functions_come_with_their_schema_as_it_is_or_as_google_means_it() -> None:
    """A JSON schema stays verbatim."""
    schema = b'{ "type": "object", "properties": {"properties": {"exclusiveMinimum": 1.0}} }'
    text = b'{"tools":[{"function_declarations":[{"name":"f","description":"d","parameters_json_schema":%b},' % schema
    first, second, third = tools_of(
        root(
            text
            + b'{"name":"g","parameters":{"type":"STRING","nullable":true}}]},{"functionDeclarations":[{"name":"h"}]}]}'
        )
    )
    assert (first.name, first.description, bytes(first.parameters or b"")) == ("f", "d", schema)
    assert json.loads(bytes(second.parameters or b"")) == {"type": ["string", "null"]}
    assert (third.name, third.parameters) == ("h", None)


@pytest.mark.parametrize(
    "tool", [{"googleSearch": {}}, {"functionDeclarations": [{}]}, {"functionDeclarations": [], "code_execution": {}}]
)
def test_tools_that_run_at_google_are_refused(tool: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        tools_of(body(tools=[tool]))


@pytest.mark.parametrize(
    ("calling", "choice"),
    [
        ({"mode": "AUTO"}, ToolChoice("auto")),
        ({}, ToolChoice("auto")),
        ({"mode": "none"}, ToolChoice("none")),
        ({"mode": "ANY"}, ToolChoice("required")),
        ({"mode": "ANY", "allowed_function_names": ["f"]}, ToolChoice("named", "f")),
        ({"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, ToolChoice("required", None, ("f", "g"))),
        ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, ToolChoice("auto", None, ("f",))),
    ],
)
def test_modes_say_whether_a_function_must_be_called(calling: dict[str, Any], choice: ToolChoice) -> None:
    assert choice_of(body(tool_config={"function_calling_config": calling})) == choice


def test_a_mode_that_nobody_knows_is_refused_and_no_mode_is_none() -> None:
    assert choice_of(body()) is choice_of(body(toolConfig={})) is None
    with pytest.raises(InvalidRequest):
        choice_of(body(toolConfig={"functionCallingConfig": {"mode": "SOME"}}))
