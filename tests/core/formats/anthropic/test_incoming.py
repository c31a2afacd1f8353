"""Requests of clients that speak this format."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.chat import ChatRequest
from ollamux.conversation import Message, Operation, ReasoningOptions, Sampling, Text, Tool, ToolChoice
from ollamux.errors import InvalidRequest, ModelNotFound, RequestError
from ollamux.formats.anthropic.incoming import AnthropicIncoming, read_route
from ollamux.formats.base import Served

SERVED = Served("m", "m", frozenset({"completion", "tools", "thinking", "vision"}))
OLD: dict[str, str] = {}
NEW = {"anthropic-version": "2026-10-21"}


def body(**fields: Any) -> bytes:
    return json.dumps(
        {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}], **fields}
    ).encode()


def read(operation: Operation = "chat", headers: dict[str, str] = OLD, **fields: Any) -> AnthropicIncoming:
    return read_route(body(**fields), operation, headers)


def neutral(**fields: Any) -> ChatRequest:
    return read(**fields).neutral(SERVED, {})


def test_routing_needs_only_a_few_fields() -> None:
    found = read(stream=True, tools=[{"name": "f"}], keep_alive="5m")
    assert (found.model, found.stream, found.operation, found.keep_alive) == ("m", True, "chat", 300)
    assert found.needs == {"completion", "tools"}
    assert read(tools=[]).needs == {"completion"}
    assert read(messages=[{"role": "user", "content": [{"type": "image"}]}]).needs >= {"vision"}


def test_a_count_of_tokens_needs_no_limit_and_never_streams() -> None:
    found = read_route(b'{"model":"m","messages":[],"stream":true}', "count", OLD)
    assert (found.operation, found.stream) == ("count", False)


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "The request body is not valid JSON: it is empty"),
        (b"{", "The request body is not valid JSON: Input data was truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b'{"model":1}', "model: Expected `str | null`, got `int`"),
        (b'{"model":"m","x":"\xff"}', "The request body is not valid UTF-8"),
        (b"{}", "model: Field required"),
        (b'{"model":""}', "model: Field required"),
        (b'{"model":"m"}', "max_tokens: Field required"),
        (b'{"model":"m","max_tokens":1}', "messages: Field required"),
        (b'{"model":"m","max_tokens":"1","messages":[]}', "max_tokens: Expected `int | null`, got `str`"),
        (b'{"model":"m","max_tokens":1,"messages":[],"keep_alive":"soon"}', "keep_alive: 'soon' is no duration"),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read_route(data, "chat", OLD)
    assert caught.value.message == told


@pytest.mark.parametrize("operation", ["chat", "count"])
@pytest.mark.parametrize("knob", ["temperature", "top_p", "top_k"])
def test_the_version_of_october_2026_refuses_sampling_and_the_older_one_takes_it(
    operation: Operation, knob: str
) -> None:
    for value in (1, None):
        with pytest.raises(InvalidRequest) as caught:
            read(operation, NEW, **{knob: value})
        assert caught.value.message == f"{knob}: Extra inputs are not permitted"
        read(operation, {"anthropic-version": "2023-06-01"}, **{knob: value})
        read(operation, OLD, **{knob: value})


def test_the_headers_of_the_format_are_kept() -> None:
    found = read(headers={**NEW, "anthropic-beta": "a,b"})
    assert (found.version, found.betas, found.strict) == ("2026-10-21", "a,b", True)
    assert (read().version, read().strict) == ("2023-06-01", False)


def test_a_missing_model_is_not_found() -> None:
    error = read().not_found()
    assert isinstance(error, ModelNotFound) and (error.status, error.message) == (404, "model: m")


def test_a_model_must_be_able_to_do_what_is_asked() -> None:
    found = read(tools=[{"name": "f"}])
    found.check(Served("m", "m", frozenset()))
    found.check(SERVED)
    for can in ({"completion"}, {"embedding"}):
        with pytest.raises(InvalidRequest):
            found.check(Served("m", "m", frozenset(can)))


def test_a_whole_request_is_read() -> None:
    found = neutral(
        system=[{"type": "text", "text": "be brief"}],
        stream=True,
        tools=[{"name": "f", "input_schema": {"type": "object"}}],
        tool_choice={"type": "any", "disable_parallel_tool_use": True},
        temperature=0.5,
        stop_sequences=["x"],
        thinking={"type": "adaptive"},
        output_config={"effort": "high"},
        metadata={"user_id": "u"},
        service_tier="standard_only",
    )
    assert found.messages == [Message("system", [Text("be brief")]), Message("user", [Text("hi")])]
    assert [tool.name for tool in found.tools] == ["f"] and isinstance(found.tools[0], Tool)
    assert (found.tool_choice, found.parallel_tool_calls) == (ToolChoice("required"), False)
    assert found.sampling == Sampling(max_tokens=9, temperature=0.5, stop=("x",))
    assert found.reasoning == ReasoningOptions(True, "high")
    assert (found.user, found.service_tier, found.stream) == ("u", "default", True)


def test_what_is_absent_stays_absent() -> None:
    assert neutral(tools=[], stop_sequences=[]) == ChatRequest(
        "m", [Message("user", [Text("hi")])], sampling=Sampling(max_tokens=9)
    )


@pytest.mark.parametrize(("told", "parallel"), [({}, None), ({"disable_parallel_tool_use": False}, True)])
def test_parallel_calls_are_as_the_client_says(told: dict[str, Any], parallel: bool | None) -> None:
    assert neutral(tools=[{"name": "f"}], tool_choice={"type": "auto", **told}).parallel_tool_calls is parallel


def test_a_mark_on_the_whole_request_counts_for_its_last_block() -> None:
    found = neutral(cache_control={"type": "ephemeral"})
    assert found.messages[-1].parts == [Text("hi", "5m")]
    kept = [{"type": "text", "text": "hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    marked = neutral(cache_control={"type": "ephemeral"}, messages=[{"role": "user", "content": kept}])
    assert marked.messages[-1].parts == [Text("hi", "1h")]


def test_a_model_that_cannot_think_is_not_asked_to_and_the_client_is_told() -> None:
    plain = Served("m", "m", frozenset({"completion"}))
    asked = read(thinking={"type": "adaptive"})
    assert asked.neutral(plain, {}).reasoning is None and asked.warnings == ("this model cannot think",)
    off = read(thinking={"type": "disabled"})
    assert off.neutral(plain, {}).reasoning == ReasoningOptions(False) and off.warnings == ()
    assert asked.neutral(Served("m", "m", frozenset()), {}).reasoning == ReasoningOptions(True)


def test_what_no_other_format_has_is_named() -> None:
    found = read(
        container="c",
        speed="fast",
        mcp_servers=[],
        tools=[{"type": "web_search_20250305", "name": "w"}],
        messages=[{"role": "user", "content": [{"type": "text", "text": "x"}, {"type": "container_upload"}]}],
        think=True,
        num_ctx=5,
        options={},
        keep_alive=5,
    )
    found.neutral(SERVED, {})
    assert found.warnings == (
        "this model's backend cannot read blocks of type container_upload",
        "this model's backend has no tool of type web_search_20250305",
        "this model's backend does not take these fields: container, mcp_servers, speed",
    )


def test_display_decides_what_is_shown_of_thinking() -> None:
    assert (read().shows_thinking, read().quiet) == (True, False)
    assert read(thinking={"type": "adaptive", "display": "omitted"}).quiet
    assert not read(thinking={"type": "disabled"}).shows_thinking
    assert not read(thinking={"type": "between_tools"}).shows_thinking


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"messages": []}, "messages: at least one message is required"),
        ({"messages": [{"role": "user"}]}, "messages.0"),
        ({"messages": "hi"}, "messages: Expected `array`, got `str`"),
        ({"system": 5}, "system: Expected `str | array | null`, got `int`"),
        ({"options": {"seed": "x"}}, "options.seed: Expected `int | null`, got `str`"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_by_its_place(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        neutral(**fields)
    assert caught.value.message.startswith(told)


@given(data=st.binary(max_size=40) | st.text(max_size=20).map(lambda text: body(messages=text, system=text)))
def test_garbage_is_never_more_than_a_bad_request(data: bytes) -> None:
    try:
        read_route(data, "chat", OLD).neutral(SERVED, {})
    except RequestError as error:
        assert error.status == 400
