"""Requests of clients of OpenAI's Responses."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.core.formats.openai_responses.conftest import SERVED, Client

from ollamux.conversation import Answer, JsonFormat, Message, Reasoning, ReasoningOptions, Text, ToolCall, ToolChoice
from ollamux.errors import InvalidRequest, ModelNotFound
from ollamux.formats.base import Served
from ollamux.formats.openai_responses.incoming import read_route
from ollamux.formats.openai_responses.store import StoredResponses

TOOL: dict[str, Any] = {"type": "function", "name": "f", "parameters": {"type": "object"}}


def test_an_input_is_a_text_or_items(client: Client) -> None:
    assert client.neutral(input="hi").messages == [Message("user", [Text("hi")])]
    assert client.neutral(input=[{"role": "user", "content": "hi"}]).messages == [Message("user", [Text("hi")])]


def test_instructions_come_first(client: Client) -> None:
    told = client.neutral(input="hi", instructions="be brief").messages
    assert told == [Message("system", [Text("be brief")]), Message("user", [Text("hi")])]
    items = [{"role": "developer", "content": "a"}, {"role": "user", "content": "b"}]
    assert [message.role for message in client.neutral(input="hi", instructions=items).messages] == [
        "system",
        "user",
        "user",
    ]


def test_every_setting_is_read(client: Client) -> None:
    found = client.neutral(
        input="hi",
        stream=True,
        tools=[TOOL],
        tool_choice="required",
        parallel_tool_calls=False,
        max_output_tokens=5,
        temperature=0,
        top_p=0.5,
        reasoning={"effort": "high", "summary": "detailed"},
        text={"format": {"type": "json_schema", "name": "n", "schema": {}, "strict": True}, "verbosity": "low"},
        include=["message.output_text.logprobs"],
        top_logprobs=2,
        truncation="auto",
        metadata={"a": "b"},
        user="u",
        service_tier="flex",
        keep_alive="5m",
    )
    assert found.stream and [tool.name for tool in found.tools] == ["f"]
    assert found.tool_choice == ToolChoice("required") and found.parallel_tool_calls is False
    assert (found.sampling.max_tokens, found.sampling.temperature, found.sampling.top_p) == (5, 0, 0.5)
    assert found.sampling.other == {"verbosity_level": "low"}
    assert found.reasoning == ReasoningOptions(True, "high", summary="detailed")
    assert found.output is not None and found.output.name == "n" and found.output.strict is True
    assert (found.logprobs, found.top_logprobs, found.truncate) == (True, 2, True)
    assert (found.metadata, found.user, found.service_tier, found.keep_alive) == ({"a": "b"}, "u", "flex", 300.0)


def test_what_is_absent_or_null_stays_absent(client: Client) -> None:
    names = ("tools", "tool_choice", "max_output_tokens", "temperature", "reasoning", "text", "include", "truncation")
    for asked in ({}, dict.fromkeys((*names, "options", "think", "keep_alive", "previous_response_id", "metadata"))):
        found = client.neutral(input="hi", **asked)
        assert found.tools == () and found.tool_choice is None and found.output is None and found.reasoning is None
        assert found.sampling.max_tokens is None and found.sampling.temperature is None
        assert found.truncate is None and found.metadata is None
    assert client.neutral(input="hi", tools=[], tool_choice="auto").tool_choice is None


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"reasoning": {"effort": "none"}}, ReasoningOptions(False, "none")),
        ({"reasoning": {"effort": "minimal"}}, ReasoningOptions(True, "minimal")),
        ({"reasoning": {"summary": "auto"}}, ReasoningOptions(None, None, summary="auto")),
        ({"reasoning": {}}, None),
        ({"think": True}, ReasoningOptions(True)),
        ({"think": "low"}, ReasoningOptions(True, "low")),
        ({"think": False, "reasoning": {"effort": "high"}}, ReasoningOptions(True, "high")),
    ],
)
def test_thinking_is_asked_for_in_openais_words_or_in_ollamas(
    client: Client, asked: dict[str, Any], found: ReasoningOptions | None
) -> None:
    """54."""
    assert client.neutral(input="hi", **asked).reasoning == found


@pytest.mark.parametrize(
    ("form", "found"), [({"type": "text"}, None), ({"type": "json_object"}, JsonFormat()), (None, None)]
)
def test_every_form_of_text_is_read(client: Client, form: Any, found: Any) -> None:
    assert client.neutral(input="hi", text={"format": form}).output == found


def test_ollamas_options_are_accepted_at_the_top(client: Client) -> None:
    found = client.neutral(input="hi", options={"temperature": 0.1, "num_predict": 3}, temperature=1, num_ctx=99)
    assert (found.sampling.temperature, found.sampling.max_tokens) == (0.1, 3)
    assert found.sampling.other == {"num_ctx": 99}


def test_configured_options_are_weaker_than_the_request(client: Client) -> None:
    incoming = client.read(input="hi", temperature=0)
    found = incoming.neutral(SERVED, {"temperature": 1, "top_k": 5, "num_predict": 7})
    assert (found.sampling.temperature, found.sampling.top_k, found.sampling.max_tokens) == (0, 5, 7)


def test_tools_that_nobody_can_run_are_dropped_with_a_warning_and_need_nothing(client: Client) -> None:
    incoming = client.read(input="hi", tools=[{"type": "web_search"}, {"type": "mcp"}], tool_choice="auto")
    assert "tools" not in incoming.needs and not incoming.warnings
    assert incoming.neutral(SERVED, {}).tools == () and "mcp, web_search" in incoming.warnings[0]
    incoming.neutral(SERVED, {})
    assert len(incoming.warnings) == 1  # a second attempt does not say it twice


def test_what_no_backend_takes_is_told(client: Client) -> None:
    incoming = client.read(input="hi", max_tool_calls=3, moderation={"model": "x"}, prompt_cache_key="k")
    incoming.neutral(SERVED, {})
    assert incoming.warnings == ("this model's backend does not take: max_tool_calls, moderation",)


@pytest.mark.parametrize(
    ("asked", "param"),
    [
        ({"background": True}, "background"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"previous_response_id": "resp_x"}, "previous_response_id"),
        ({"text": {"format": {"type": "xml"}}}, "text.format"),
        ({"text": {"format": {"type": "json_schema"}}}, "text.format"),
        ({"tools": [TOOL], "tool_choice": {"type": "mcp"}}, "tool_choice"),
        ({"input": []}, "input"),
        ({"input": None}, "input"),
        ({"input": [{"type": "item_reference", "id": "msg_x"}]}, "input[0]"),
        ({"input": [{"id": "msg_x"}]}, "input[0]"),
    ],
)
def test_what_would_change_the_meaning_is_refused(client: Client, asked: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.neutral(**{"input": "hi", **asked})
    assert caught.value.param == param


@pytest.mark.parametrize("asked", [{"input": 5}, {"input": [5]}, {"temperature": "hot"}, {"tools": [5]}, {"text": "x"}])
def test_a_field_of_a_wrong_type_is_the_clients_fault(client: Client, asked: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest):
        client.neutral(**{"input": "hi", **asked})


def test_an_unknown_earlier_response_is_named_as_openai_does(client: Client) -> None:
    with pytest.raises(InvalidRequest) as caught:
        client.neutral(input="hi", previous_response_id="resp_x")
    assert caught.value.code == "previous_response_not_found" and "resp_x" in caught.value.message


def answered(client: Client, text: str, **asked: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(client.renderer(**asked).whole(Answer([Text(text)], "stop"), client.now))
    return found


def test_a_conversation_goes_on_from_the_response_that_is_named(client: Client) -> None:
    one = answered(client, "ho", input="hi", instructions="be brief")
    two = answered(client, "hu", input="ha", previous_response_id=one["id"])
    found = client.neutral(input="he", previous_response_id=two["id"], instructions="be long")
    said = [(message.role, message.parts) for message in found.messages]
    assert said == [
        ("system", [Text("be long")]),
        ("user", [Text("hi")]),
        ("assistant", [Text("ho")]),
        ("user", [Text("ha")]),
        ("assistant", [Text("hu")]),
        ("user", [Text("he")]),
    ]
    assert two["previous_response_id"] == one["id"]


def test_a_conversation_belongs_to_the_key_that_began_it(client: Client) -> None:
    mine, other = {"authorization": "Bearer a"}, {"authorization": "Bearer b"}
    incoming = client.read(mine, input="hi")
    incoming.keep("resp_1", b"{}", [], 1.0)
    assert client.read(mine, input="x", previous_response_id="resp_1").neutral(SERVED, {}).messages[0].parts == [
        Text("hi")
    ]
    for headers in (other, {}):
        with pytest.raises(InvalidRequest):
            client.read(headers, input="x", previous_response_id="resp_1").neutral(SERVED, {})


def test_a_reference_is_replaced_by_the_item_that_it_names(client: Client) -> None:
    """34."""
    calls = Answer([Reasoning("hm"), ToolCall("c1", "f", "{}")], "tool_calls")
    first = json.loads(client.renderer().whole(calls, client.now))
    thought, call = first["output"]
    items = [
        {"type": "item_reference", "id": thought["id"]},
        {"id": call["id"]},
        {"type": "function_call_output", "call_id": "c1", "output": "x"},
    ]
    found = client.neutral(input=items)
    assert found.messages[0].parts == [Reasoning("hm"), ToolCall("c1", "f", "{}")]


def test_a_chain_survives_the_loss_of_its_beginning(client: Client) -> None:
    client.serving.responses = StoredResponses(most=1)
    one = answered(client, "ho", input="hi")
    two = answered(client, "hu", input="ha", previous_response_id=one["id"])
    assert len(client.neutral(input="he", previous_response_id=two["id"]).messages) == 5


def test_a_model_is_checked_for_what_is_asked_of_it(client: Client) -> None:
    incoming = client.read(input=[{"role": "user", "content": [{"type": "input_image"}]}], tools=[TOOL])
    assert incoming.needs == {"completion", "tools", "vision"}
    incoming.check(Served("m", "m", frozenset({"completion", "tools"})))
    for capabilities in ({"embedding"}, {"completion"}):
        with pytest.raises(InvalidRequest):
            incoming.check(Served("m", "m", frozenset(capabilities)))
    assert isinstance(incoming.not_found(), ModelNotFound)


def test_a_request_nested_too_deeply_is_an_error_of_the_request() -> None:
    deep = b'{"model":"m","input":[' + b'{"content":' * 20_000 + b"1" + b"}" * 20_000 + b"]}"
    with pytest.raises((InvalidRequest, RecursionError)):
        read_route(deep, StoredResponses()).neutral(SERVED, {})
