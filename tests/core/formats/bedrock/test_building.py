"""Requests to Converse."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.aws import checked

from ollamux.chat import ChatRequest
from ollamux.conversation import (
    CompletionRequest,
    JsonFormat,
    Message,
    Sampling,
    Text,
    Tool,
    ToolCall,
    ToolChoice,
    ToolResult,
)
from ollamux.errors import InvalidRequest
from ollamux.formats.base import Dialect, Outgoing
from ollamux.formats.bedrock.building import build_chat, build_completion, path_of
from ollamux.formats.bedrock.turns import names_of

CLAUDE, LLAMA = "anthropic.claude-sonnet-4-5-20250929-v1:0", "meta.llama3-70b-instruct-v1:0"
PLAIN = Dialect()
ASKED = [Message("user", [Text("x")])]
HISTORY = [
    *ASKED,
    Message("assistant", [ToolCall("c", "look.up", '{"a":1}')]),
    Message("tool", [ToolResult("c", [Text("1")])]),
]


def sent(model: str = CLAUDE, dialect: Dialect = PLAIN, **rest: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    outgoing = build_chat(ChatRequest("m", rest.pop("messages", ASKED), **rest), model, dialect)
    return checked(outgoing, model), outgoing.warnings


def test_a_plain_chat_says_nothing_that_was_not_asked() -> None:
    outgoing = build_chat(ChatRequest("m", ASKED), CLAUDE, PLAIN)
    assert outgoing == Outgoing(
        "/model/anthropic.claude-sonnet-4-5-20250929-v1%3A0/converse",
        b'{"messages":[{"role":"user","content":[{"text":"x"}]}]}',
    )


def test_a_stream_has_a_path_of_its_own() -> None:
    outgoing = build_chat(ChatRequest("m", ASKED, stream=True), CLAUDE, PLAIN)
    assert outgoing.path.endswith("/converse-stream")
    checked(outgoing, CLAUDE, "ConverseStream")


def test_an_arn_is_one_segment_of_the_path() -> None:
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3"
    outgoing = build_chat(ChatRequest("m", ASKED), arn, PLAIN)
    assert outgoing.path == path_of(arn, "converse") and outgoing.path.count("/") == 3
    checked(outgoing, arn)


# Tools ----------------------------------------------------------------------------------------------------------------


def test_tools_keep_the_bytes_of_their_parameters() -> None:
    schema = b'{ "type":"object", "x": 1.50 }'
    tools = (Tool("f", "d", msgspec.Raw(schema), False), Tool("g", " "))
    outgoing = build_chat(ChatRequest("m", ASKED, tools=tools), CLAUDE, PLAIN)
    assert schema in outgoing.body
    specs = [tool["toolSpec"] for tool in checked(outgoing, CLAUDE)["toolConfig"]["tools"]]
    assert specs[0] | {"inputSchema": 0} == {"name": "f", "description": "d", "inputSchema": 0, "strict": False}
    assert specs[1] == {"name": "g", "inputSchema": {"json": {"type": "object", "properties": {}}}}


def test_a_cache_may_end_behind_a_tool() -> None:
    body, _ = sent(tools=(Tool("f", cache="5m"), Tool("g")))
    assert [next(iter(tool)) for tool in body["toolConfig"]["tools"]] == ["toolSpec", "cachePoint", "toolSpec"]


LONG = "mcp__some_server__" + "x" * 60


@pytest.mark.parametrize("name", [LONG, "look.up", "sp ace", "\u00fcber", ""])
def test_a_name_that_is_too_long_or_has_other_signs_gets_an_alias_that_leads_back(name: str) -> None:
    call = Message("assistant", [ToolCall("c", name, "{}")])
    messages = [*ASKED, call, Message("tool", [ToolResult("c", [])])]
    request = ChatRequest("m", messages, tools=(Tool(name), Tool("f")), tool_choice=ToolChoice("named", name or "f"))
    body = checked(build_chat(request, CLAUDE, PLAIN), CLAUDE)
    alias = body["toolConfig"]["tools"][0]["toolSpec"]["name"]
    assert alias not in (name, "f") and names_of(request).back(alias) == name
    assert body["messages"][1]["content"][0]["toolUse"]["name"] == alias
    if name:
        assert body["toolConfig"]["toolChoice"] == {"tool": {"name": alias}}


def test_tools_are_made_of_the_history_where_the_request_has_none() -> None:
    """A conversation with calls is refused without tools."""
    body, warnings = sent(messages=HISTORY)
    (tool,) = body["toolConfig"]["tools"]
    assert tool["toolSpec"]["name"] == body["messages"][1]["content"][0]["toolUse"]["name"]
    assert "toolChoice" not in body["toolConfig"] and warnings == ()


def test_no_tools_are_to_be_called() -> None:
    """Without calls in the history there need be no tools at all; with some there must be."""
    none = ToolChoice("none")
    assert "toolConfig" not in sent(tools=(Tool("f"),), tool_choice=none)[0]
    body, warnings = sent(messages=HISTORY, tools=(Tool("look.up"), Tool("g")), tool_choice=none)
    assert len(body["toolConfig"]["tools"]) == 2 and "toolChoice" not in body["toolConfig"]
    assert warnings == ("the backend cannot keep the model from calling tools that it has called before",)
    body, warnings = sent(messages=HISTORY, tool_choice=none)
    assert len(body["toolConfig"]["tools"]) == 1 and warnings == ()


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        (None, None),
        (ToolChoice("auto"), None),
        (ToolChoice("required"), {"any": {}}),
        (ToolChoice("named", "g"), {"tool": {"name": "g"}}),
    ],
)
def test_which_tool_is_to_be_called_is_said(choice: ToolChoice | None, told: Any) -> None:
    assert sent(tools=(Tool("f"), Tool("g")), tool_choice=choice)[0]["toolConfig"].get("toolChoice") == told


def test_a_choice_among_some_tools_offers_only_these() -> None:
    body, _ = sent(tools=(Tool("f"), Tool("g"), Tool("h")), tool_choice=ToolChoice("required", allowed=("h", "f")))
    assert [tool["toolSpec"]["name"] for tool in body["toolConfig"]["tools"]] == ["f", "h"]
    assert body["toolConfig"]["toolChoice"] == {"any": {}}


def test_a_tool_that_must_be_called_must_be_there() -> None:
    with pytest.raises(InvalidRequest, match="'h' that must be called is not among the tools"):
        sent(tools=(Tool("f"),), tool_choice=ToolChoice("named", "h"))


def test_one_call_at_a_time_cannot_be_asked_for() -> None:
    assert sent(tools=(Tool("f"),), parallel_tool_calls=True)[1] == ()
    assert "several tools at once" in sent(tools=(Tool("f"),), parallel_tool_calls=False)[1][0]


# Sampling -------------------------------------------------------------------------------------------------------------


def test_the_knobs_that_all_models_have_go_into_the_inference_configuration() -> None:
    knobs = Sampling(max_tokens=7, temperature=0.5, top_p=0.25, stop=("a", "b"))
    assert sent(LLAMA, sampling=knobs)[0]["inferenceConfig"] == {
        "maxTokens": 7,
        "temperature": 0.5,
        "topP": 0.25,
        "stopSequences": ["a", "b"],
    }


@pytest.mark.parametrize(("asked", "told"), [(0.0, 0.0), (1.5, 1.0), (2, 1.0), (-1.0, 0.0), (1, 1)])
def test_a_temperature_is_held_between_nought_and_one(asked: float, told: float) -> None:
    assert sent(sampling=Sampling(temperature=asked))[0]["inferenceConfig"] == {"temperature": told}
    assert sent(sampling=Sampling(top_p=asked))[0]["inferenceConfig"] == {"topP": told}


def test_a_newer_claude_takes_a_temperature_or_a_top_p_but_not_both() -> None:
    body, warnings = sent(sampling=Sampling(temperature=0.5, top_p=0.25))
    assert body["inferenceConfig"] == {"temperature": 0.5}
    assert warnings == ("the backend does not take these options: top_p",)
    assert sent(sampling=Sampling(top_p=0.25))[0]["inferenceConfig"] == {"topP": 0.25}


def test_no_tokens_at_all_is_one() -> None:
    body, warnings = sent(sampling=Sampling(max_tokens=0))
    assert body["inferenceConfig"] == {"maxTokens": 1} and warnings == ("the backend writes one token at least",)


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (CLAUDE, {"top_k": 5}),
        ("us.amazon.nova-pro-v1:0", {"inferenceConfig": {"topK": 5}}),
        ("cohere.command-r-v1:0", {"k": 5}),
        ("mistral.mistral-large-2407-v1:0", {"top_k": 5}),
    ],
)
def test_top_k_has_the_makers_own_name(model: str, fields: dict[str, Any]) -> None:
    assert sent(model, sampling=Sampling(top_k=5))[0]["additionalModelRequestFields"] == fields


def test_what_a_model_does_not_take_is_left_out_with_a_warning() -> None:
    knobs = Sampling(top_k=5, seed=1, min_p=0.1, other={"num_ctx": 1, "summary_level": "auto"})
    body, warnings = sent(LLAMA, sampling=knobs)
    assert set(body) == {"messages"}
    assert warnings == ("the backend does not take these options: min_p, num_ctx, seed, top_k",)


def test_a_claude_that_takes_no_sampling_gets_none() -> None:
    body, warnings = sent(
        "anthropic.claude-opus-4-7-v1", sampling=Sampling(max_tokens=5, temperature=1.0, top_p=0.9, top_k=1)
    )
    assert body["inferenceConfig"] == {"maxTokens": 5} and "additionalModelRequestFields" not in body
    assert warnings == ("the backend does not take these options: temperature, top_k, top_p",)


def test_a_dialect_may_name_knobs_for_the_additional_fields_or_take_them_away() -> None:
    dialect = Dialect(sampling={"seed": "seed", "temperature": None}, extra={"guardrailConfig": {"trace": "enabled"}})
    body, warnings = sent(LLAMA, dialect, sampling=Sampling(seed=7, temperature=0.5))
    assert body["additionalModelRequestFields"] == {"seed": 7} and "inferenceConfig" not in body
    assert body["guardrailConfig"] == {"trace": "enabled"}
    assert warnings == ("the backend does not take these options: temperature",)


def test_stop_sequences_that_would_be_refused_are_left_out() -> None:
    body, warnings = sent(sampling=Sampling(stop=("a", "", "\n")))
    assert body["inferenceConfig"] == {"stopSequences": ["a"]} and "stop sequences" in warnings[0]
    assert sent(LLAMA, sampling=Sampling(stop=("a", "", "\n")))[0]["inferenceConfig"] == {"stopSequences": ["a", "\n"]}
    assert "inferenceConfig" not in sent(sampling=Sampling(stop=("",)))[0]


# What else a request says ---------------------------------------------------------------------------------------------


def test_a_schema_goes_as_text() -> None:
    schema = '{"type": "object", "properties": {"\u00e4": {}}, "additionalProperties": false}'
    body, warnings = sent(output=JsonFormat(msgspec.Raw(schema.encode()), "answer", True, "what it is"))
    assert body["outputConfig"]["textFormat"] == {
        "type": "json_schema",
        "structure": {"jsonSchema": {"schema": schema, "name": "answer", "description": "what it is"}},
    }
    assert warnings == ()


def test_bounds_that_an_answer_is_not_held_to_are_named() -> None:
    schema = msgspec.Raw(b'{"type":"array","items":{"type":"integer","minimum":1}}')
    strict = Tool("f", parameters=msgspec.Raw(b'{"type":"object","properties":{"a":{"maxLength":3}}}'), strict=True)
    body, warnings = sent(output=JsonFormat(schema), tools=(strict,))
    sent_schema = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"]
    assert json.loads(sent_schema) == {"type": "array", "items": {"type": "integer"}}
    assert body["toolConfig"]["tools"][0]["toolSpec"]["inputSchema"]["json"]["properties"] == {"a": {}}
    assert warnings == ("the backend does not hold JSON to these: maxLength, minimum",)


def test_json_of_any_kind_cannot_be_asked_for() -> None:
    body, warnings = sent(output=JsonFormat())
    assert "outputConfig" not in body and warnings == ("the backend cannot be held to JSON without a schema",)


def test_metadata_goes_as_far_as_it_is_allowed() -> None:
    assert sent(metadata={"team": "a b"}, user="u-1")[0]["requestMetadata"] == {"team": "a b", "user": "u-1"}
    assert sent(metadata={"user": "mine"}, user="u-1")[0]["requestMetadata"] == {"user": "mine"}
    body, warnings = sent(user='{"device_id":"x"}')
    assert "requestMetadata" not in body and warnings == ("the backend does not take all of the metadata",)
    body, warnings = sent(metadata={str(n): "v" for n in range(20)} | {"": "x"})
    assert len(body["requestMetadata"]) == 16 and len(warnings) == 1


@pytest.mark.parametrize(("tier", "told"), [("flex", {"type": "flex"}), ("auto", None), (None, None)])
def test_a_service_tier_that_there_is_goes_along(tier: str | None, told: Any) -> None:
    body, warnings = sent(service_tier=tier)
    assert body.get("serviceTier") == told and warnings == ()


def test_a_service_tier_that_there_is_not_is_named() -> None:
    assert sent(service_tier="standard_only")[1] == ("the backend has no service tier 'standard_only'",)


def test_log_probabilities_are_not_to_be_had() -> None:
    assert sent(logprobs=True)[1] == ("the backend does not take these: log probabilities",)


def test_a_completion_is_the_first_turn_of_a_chat() -> None:
    outgoing = build_completion(CompletionRequest("m", "once", sampling=Sampling(max_tokens=3)), CLAUDE, PLAIN)
    body = checked(outgoing, CLAUDE)
    assert body["messages"] == [{"role": "user", "content": [{"text": "once"}]}]
    assert body["inferenceConfig"] == {"maxTokens": 3}
    assert outgoing.warnings == ("the backend takes the prompt for a message of a chat",)
    with pytest.raises(InvalidRequest, match="fill in the middle"):
        build_completion(CompletionRequest("m", "a", "b"), CLAUDE, PLAIN)


texts = st.text(max_size=8)
names = st.sampled_from(["f", "g", "look.up", LONG])
knobs = st.builds(
    Sampling,
    max_tokens=st.none() | st.integers(0, 9),
    temperature=st.none() | st.floats(-1, 3),
    top_p=st.none() | st.floats(-1, 3),
    top_k=st.none() | st.integers(0, 500),
    seed=st.none() | st.integers(),
    stop=st.none() | st.lists(texts, max_size=3).map(tuple),
)
choices = st.none() | st.builds(ToolChoice, st.sampled_from(["auto", "none", "required"]))


@st.composite
def conversations(draw: st.DrawFn) -> list[Message]:
    messages: list[Message] = []
    for turn in range(draw(st.integers(1, 4))):
        messages.append(Message(draw(st.sampled_from(["user", "system"])), [Text(draw(texts))]))
        called = draw(st.lists(names, max_size=3))
        calls = [
            ToolCall(f"{turn}.{at}" * draw(st.integers(1, 30)), name, '{"a":[]}') for at, name in enumerate(called)
        ]
        messages.append(Message("assistant", [Text(draw(texts)), *calls]))
        for call in draw(st.permutations(calls)):
            messages.append(Message("tool", [ToolResult(call.id, [Text(draw(texts))], call.name, draw(st.booleans()))]))
    return [*messages, Message("user", [Text("go")])]


@settings(max_examples=60)
@given(
    conversations(), st.lists(names, max_size=3, unique=True), knobs, choices, st.sampled_from([CLAUDE, LLAMA]),
    st.booleans(), texts, st.dictionaries(texts, texts, max_size=3),
)  # fmt: skip
def test_every_conversation_makes_a_body_that_the_service_takes(
    messages: list[Message],
    tools: list[str],
    sampling: Sampling,
    choice: ToolChoice | None,
    model: str,
    stream: bool,
    user: str,
    metadata: dict[str, str],
) -> None:
    offered = tuple(Tool(name, name) for name in tools)
    request = ChatRequest(
        "m", messages, stream, offered, choice, sampling=sampling, user=user, metadata=metadata,
        output=JsonFormat(msgspec.Raw(b'{"type":"object"}')),
    )  # fmt: skip
    body = checked(build_chat(request, model, PLAIN), model, "ConverseStream" if stream else "Converse")
    roles = [turn["role"] for turn in body["messages"]]
    assert all(one != other for one, other in pairwise(roles))
    assert roles[-1] == "user" and '"toolUse":' not in json.dumps(body["messages"][-1])
    assert "toolConfig" in body or '"toolUse":' not in json.dumps(body["messages"])
