"""What a request says beside its conversation."""

from __future__ import annotations

import math
from typing import Any

import msgspec
import pytest

from ollamux.conversation import JsonFormat, ReasoningOptions, Sampling, Tool, ToolChoice
from ollamux.errors import InvalidRequest
from ollamux.formats.anthropic import options
from ollamux.formats.anthropic.schema import Extensions, OutputConfig, Request, ToolChoiceIn, ToolIn


def asked(**fields: Any) -> Request:
    return msgspec.convert({"messages": [], **fields}, Request)


def sampling(defaults: dict[str, Any] | None = None, **fields: Any) -> Sampling:
    return options.sampling_of(asked(**fields), defaults or {})


def reasoning(**fields: Any) -> ReasoningOptions | None:
    request = asked(**fields)
    return options.reasoning_of(request.thinking, request.output_config, request)


def test_the_knobs_of_the_format_are_read() -> None:
    found = sampling(max_tokens=5, temperature=0, top_p=0.5, top_k=3, stop_sequences=["a", "b"])
    assert found == Sampling(max_tokens=5, temperature=0.0, top_p=0.5, top_k=3, stop=("a", "b"))
    assert sampling(stop_sequences=[]) == Sampling()


def test_ollamas_options_are_taken_and_are_stronger_and_what_is_configured_is_weaker() -> None:
    found = sampling(
        {"num_predict": 1, "temperature": 0.1, "seed": 7, "num_ctx": 1},
        max_tokens=5,
        options={"num_predict": 9, "num_ctx": 3, "stop": "x", "seed": None},
        num_ctx=2,
    )
    assert found == Sampling(max_tokens=9, temperature=0.1, seed=7, stop=("x",), other={"num_ctx": 3})
    assert sampling({}, options={"num_predict": -1}) == Sampling()


@pytest.mark.parametrize("told", [{"temperature": "hot"}, {"seed": 1.5}, {"stop": [1]}, {"num_predict": "x"}])
def test_an_option_of_the_wrong_type_is_refused_by_its_name(told: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="options"):
        sampling({}, options=told)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [(None, None), (5, 5), (0, 0), (-1, math.inf), ("5m", 300), ("1h30m", 5400), ("-1m", math.inf), ("1.5s", 1.5)],
)
def test_a_keep_alive_is_read_as_ollama_reads_it(value: Any, seconds: float | None) -> None:
    assert options.keep_alive_of(value) == seconds


@pytest.mark.parametrize("value", ["", "m", "5", "5 m", "1.2.3s", "5d"])
def test_a_keep_alive_that_is_no_duration_is_refused(value: str) -> None:
    with pytest.raises(InvalidRequest, match="keep_alive"):
        options.keep_alive_of(value)


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, None),
        ({"thinking": {"type": "adaptive"}}, ReasoningOptions(True)),
        (
            {"thinking": {"type": "adaptive", "display": "omitted"}, "output_config": {"effort": "xhigh"}},
            ReasoningOptions(True, "xhigh", None, "omitted"),
        ),
        (
            {"thinking": {"type": "enabled", "budget_tokens": 5, "display": "summarized"}},
            ReasoningOptions(True, None, 5, "auto"),
        ),
        ({"thinking": {"type": "disabled"}}, ReasoningOptions(False)),
        ({"thinking": {"type": "between_tools"}}, ReasoningOptions(False)),
        ({"output_config": {"effort": "low"}}, ReasoningOptions(None, "low")),
        ({"think": True}, ReasoningOptions(True)),
        ({"think": False}, ReasoningOptions(False)),
        ({"think": "high"}, ReasoningOptions(True, "high")),
        ({"think": False, "thinking": {"type": "adaptive"}}, ReasoningOptions(True)),
    ],
)
def test_thinking_is_read(fields: dict[str, Any], found: ReasoningOptions | None) -> None:
    assert reasoning(**fields) == found


@pytest.mark.parametrize(
    "fields",
    [
        {"thinking": {"type": "enabled"}},
        {"thinking": {"type": "maybe"}},
        {"output_config": {"effort": "extreme"}},
    ],
)
def test_thinking_of_no_known_kind_is_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        reasoning(**fields)


def test_the_clients_own_tools_are_read_and_the_vendors_named() -> None:
    left_out: set[str] = set()
    tools = msgspec.json.decode(
        b'[{"name":"f","input_schema":{ "a":1 },"strict":true,"cache_control":{"type":"ephemeral"},'
        b'"eager_input_streaming":true},{"type":"custom","name":"g","description":"d"},'
        b'{"type":"web_search_20250305","name":"web_search"}]',
        type=list[ToolIn],
    )
    assert options.tools_of(tools, left_out) == (
        Tool("f", None, msgspec.Raw(b'{ "a":1 }'), True, "5m"),
        Tool("g", "d"),
    )
    assert left_out == {"web_search_20250305"}
    with pytest.raises(InvalidRequest, match=r"tools\.0\.custom\.name"):
        options.tools_of([ToolIn()], left_out)


def test_a_choice_among_tools_is_read() -> None:
    tools = (Tool("f"),)

    def chosen(**fields: Any) -> ToolChoice | None:
        return options.choice_of(msgspec.convert(fields, ToolChoiceIn), tools)

    assert options.choice_of(None, tools) is None
    assert [chosen(type=kind) for kind in ("auto", "any", "none")] == [
        ToolChoice("auto"),
        ToolChoice("required"),
        ToolChoice("none"),
    ]
    assert chosen(type="tool", name="f") == ToolChoice("named", "f")
    for wrong in ({"type": "tool"}, {"type": "tool", "name": "g"}, {"type": "every"}):
        with pytest.raises(InvalidRequest, match="tool_choice"):
            chosen(**wrong)


def test_the_shape_of_an_answer_is_read() -> None:
    request = asked(output_config={"effort": "low"})
    assert options.output_of(request.output_config) is None and options.output_of(None) is None
    config = msgspec.json.decode(b'{"format":{"type":"json_schema","schema":{ "a":1 }}}', type=OutputConfig)
    assert options.output_of(config) == JsonFormat(msgspec.Raw(b'{ "a":1 }'))
    for wrong in ({"type": "json_object"}, {"type": "json_schema"}):
        with pytest.raises(InvalidRequest, match="output_config"):
            options.output_of(asked(output_config={"format": wrong}).output_config)


def test_the_service_tier_has_a_common_word() -> None:
    assert [options.tier_of(word) for word in (None, "auto", "standard_only")] == [None, "auto", "default"]


def test_the_extensions_are_fields_of_every_request() -> None:
    assert set(Extensions.__struct_fields__) == {"keep_alive", "num_ctx", "options", "think"}
