"""Requests that pass through to a server that cannot take them as they are."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.errors import InvalidRequest
from ollamux.formats.base import Dialect
from ollamux.formats.openai_chat import CALLING
from ollamux.formats.openai_chat.completions import read_completion
from ollamux.formats.openai_chat.incoming import read_route
from ollamux.formats.openai_chat.passing import with_usage

USER = {"role": "user", "content": "hi"}
TOOLS = [{"type": "function", "function": {"name": name}} for name in "fgh"]
ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [TOOLS[0], TOOLS[2]]}}


def passed(dialect: Dialect, **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    body = json.dumps({"model": "m", "messages": [USER], **fields}).encode()
    outgoing = CALLING.passthrough(read_route(body), "m", {}, dialect)
    return json.loads(outgoing.body), outgoing.warnings


def plain(dialect: Dialect, **fields: Any) -> dict[str, Any]:
    """What is sent, where nothing is lost."""
    body, warnings = passed(dialect, **fields)
    assert warnings == ()
    return body


# Usage.


def test_usage_is_asked_for_at_the_end_of_a_stream() -> None:
    body = b' {"model":"m","stream":true}'
    assert with_usage(body) == b'{"stream_options":{"include_usage":true},"model":"m","stream":true}'
    assert CALLING.passthrough(read_route(body), "m", {}, Dialect()).body == with_usage(body)


@pytest.mark.parametrize("told", [None, {}, {"include_usage": False}, {"include_usage": None}])
def test_other_wishes_for_a_stream_are_kept_beside_it(told: dict[str, Any] | None) -> None:
    sent = plain(
        Dialect(), stream=True, stream_options=told if told is None else {"include_obfuscation": False, **told}
    )
    assert sent["stream_options"] == ({"include_obfuscation": False} if told is not None else {}) | {
        "include_usage": True
    }


def test_a_server_that_refuses_stream_options_is_not_asked_for_usage() -> None:
    body = b'{"model":"m","stream":true}'
    assert CALLING.passthrough(read_route(body), "m", {}, Dialect(stream_options=False)).body is body
    asked = b'{"model":"m","stream":true,"stream_options":{"include_usage":true}}'
    assert CALLING.passthrough(read_route(asked), "m", {}, Dialect()).body is asked
    refusing = Dialect(stream_options=False, refuses=frozenset({"stream_options"}))
    sent, warnings = passed(refusing, stream=True, stream_options={"include_usage": True})
    assert "stream_options" not in sent and warnings == ("the backend does not take these: stream_options",)


def test_usage_of_a_completions_stream_is_asked_for_as_well() -> None:
    incoming = read_completion(b'{"model":"m","prompt":"x","stream":true}')
    sent = json.loads(CALLING.passthrough(incoming, "m", {}, Dialect()).body)
    assert sent["stream_options"] == {"include_usage": True}


def test_without_a_stream_nothing_is_asked() -> None:
    body = b'{"model":"m","stream":false,"stream_options":null}'
    assert CALLING.passthrough(read_route(body), "m", {}, Dialect()).body is body


# Limits and refused members.


def test_a_reasoning_model_is_told_its_limit_under_its_own_name_and_no_temperature() -> None:
    reasoning = Dialect(max_tokens="max_completion_tokens", refuses=frozenset({"temperature"}))
    sent, warnings = passed(reasoning, max_tokens=5, temperature=0.5)
    assert sent == {"model": "m", "messages": [USER], "max_completion_tokens": 5}
    assert warnings == ("the backend does not take these: temperature",)
    assert plain(reasoning, max_tokens=5, max_completion_tokens=3)["max_completion_tokens"] == 3


def test_a_server_that_refuses_the_new_name_of_the_limit_is_told_the_old_one() -> None:
    old = Dialect(refuses=frozenset({"max_completion_tokens"}))
    assert plain(old, max_completion_tokens=5) == {"model": "m", "messages": [USER], "max_tokens": 5}
    assert plain(Dialect(), max_completion_tokens=5)["max_completion_tokens"] == 5


def test_completions_keep_the_name_that_they_have_always_had() -> None:
    incoming = read_completion(b'{"model":"m","prompt":"x","max_tokens":5}')
    out = CALLING.passthrough(incoming, "m", {"num_predict": 3}, Dialect(max_tokens="max_completion_tokens"))
    assert json.loads(out.body) == {"model": "m", "prompt": "x", "max_tokens": 5}


# Tools.


def test_allowed_tools_become_the_only_tools_where_the_server_knows_no_such_choice() -> None:
    sent = plain(Dialect(), tools=TOOLS, tool_choice=ALLOWED)
    assert (sent["tools"], sent["tool_choice"]) == ([TOOLS[0], TOOLS[2]], "required")
    knows = Dialect(tool_choice=frozenset({"auto", "none", "required", "named", "allowed"}))
    assert plain(knows, tools=TOOLS, tool_choice=ALLOWED)["tool_choice"] == ALLOWED


@pytest.mark.parametrize(
    ("modes", "choice", "tools", "sent_choice", "lost"),
    [
        ({"auto"}, "none", None, None, False),
        ({"auto"}, "required", TOOLS, None, True),
        ({"auto"}, TOOLS[1], [TOOLS[1]], None, True),
        ({"auto", "required"}, TOOLS[1], [TOOLS[1]], "required", False),
        (set[str](), "auto", TOOLS, None, False),
        ({"auto", "none", "required"}, "none", TOOLS, "none", False),
    ],
)
def test_a_choice_that_a_server_does_not_know_is_said_in_another_way(
    modes: set[str], choice: Any, tools: Any, sent_choice: Any, lost: bool
) -> None:
    sent, warnings = passed(Dialect(tool_choice=frozenset(modes)), tools=TOOLS, tool_choice=choice)
    assert (sent.get("tools"), sent.get("tool_choice")) == (tools, sent_choice)
    assert warnings == (("the backend cannot be made to call a tool",) if lost else ())


# The form of the answer.


def test_a_schema_is_lost_on_a_server_that_knows_only_json() -> None:
    schema = {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}}
    sent, warnings = passed(Dialect(json_schema=False), response_format=schema)
    assert sent["response_format"] == {"type": "json_object"} and len(warnings) == 1
    text = {"type": "text"}
    assert plain(Dialect(json_schema=False), response_format=text)["response_format"] == text


# Messages.


def test_a_developer_is_the_system_for_servers_that_know_none() -> None:
    turns: list[dict[str, Any]] = [{"role": "developer", "content": 'say "developer"', "x": 1.5}, USER]
    assert plain(Dialect(developer=False), messages=turns)["messages"] == [{**turns[0], "role": "system"}, USER]
    assert plain(Dialect(), messages=turns)["messages"] == turns


def test_a_body_in_which_nothing_has_to_change_goes_as_it_came() -> None:
    body = b'{ "model":"m", "messages":[ {"role":"user", "content":"a \\"developer\\""} ], "unknown":[1.50] }'
    picky = Dialect(developer=False, strict=True, json_schema=False, image_urls=False)
    assert CALLING.passthrough(read_route(body), "m", {}, picky).body is body


@pytest.mark.parametrize("part", [{"image_url": {"url": "https://x/a.png"}}, {"image_url": "http://x"}])
def test_a_picture_by_its_address_is_refused_where_only_data_is_taken(part: dict[str, Any]) -> None:
    turn = {"role": "user", "content": [{"type": "text", "text": "?"}, {"type": "image_url", **part}]}
    with pytest.raises(InvalidRequest, match="data: URIs"):
        passed(Dialect(image_urls=False), messages=[turn])
    assert plain(Dialect(), messages=[turn])["messages"] == [turn]
    data = {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]}
    assert plain(Dialect(image_urls=False), messages=[data])["messages"] == [data]


def test_what_clients_echo_is_left_out_for_strict_servers() -> None:
    call: dict[str, Any] = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    said: dict[str, Any] = {"role": "assistant", "content": None, "tool_calls": [call]}
    noisy: dict[str, Any] = {
        **said,
        "reasoning_content": "hm",
        "provider_specific_fields": {},
        "tool_calls": [{"index": 0, **call}],
    }
    result = {"role": "tool", "tool_call_id": "c", "content": "42", "name": "f"}
    assert plain(Dialect(strict=True), messages=[USER, noisy, result])["messages"] == [USER, said, result]


def test_thinking_is_given_back_to_servers_that_want_it() -> None:
    """An empty one where nobody knows it any more, beside a call."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    turns = [
        USER,
        {"role": "assistant", "content": "a", "reasoning": "hm"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "42"},
        {"role": "assistant", "content": "b"},
    ]
    sent = plain(Dialect(reasoning_echo="reasoning_content", echo_wanted=True), messages=turns)["messages"]
    assert [turn.get("reasoning_content") for turn in sent] == [None, "hm", "", None, None]


@pytest.mark.parametrize("messages", [None, 5, [5, None], [{"role": "developer"}], [{"tool_calls": [5], "role": "x"}]])
def test_what_is_no_history_is_for_the_server_to_refuse(messages: Any) -> None:
    picky = Dialect(
        developer=False, strict=True, image_urls=False, reasoning_echo="reasoning_content", echo_wanted=True
    )
    assert "messages" in passed(picky, messages=messages, x='"developer"')[0]
