"""Sampling, thinking, and Ollama's extensions of OpenAI's API."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.chat import ChatRequest
from ollamux.conversation import ReasoningOptions
from ollamux.errors import InvalidRequest
from ollamux.formats import calling
from ollamux.formats.base import Dialect, Served
from ollamux.formats.openai_chat.incoming import OpenAIChatIncoming, read_route

SERVED = Served("m", "m", frozenset())
LLAMA = Dialect(sampling={"top_k": "top_k"}, think="chat_template_kwargs")


def read(**fields: Any) -> OpenAIChatIncoming:
    return read_route(json.dumps({"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}).encode())


def neutral(**fields: Any) -> ChatRequest:
    return read(**fields).neutral(SERVED, {"temperature": 0.7, "num_predict": 9})


def passed(dialect: Dialect = LLAMA, **fields: Any) -> tuple[dict[str, Any], tuple[str, ...]]:
    outgoing = calling("openai_chat").passthrough(read(**fields), "m", {}, dialect)
    body: dict[str, Any] = json.loads(outgoing.body)
    del body["messages"], body["model"]
    return body, outgoing.warnings


def test_options_win_over_the_members_beside_them_and_these_over_what_is_configured() -> None:
    options = {"top_p": 0.1, "num_ctx": 8, "stop": ["x"], "num_predict": 3, "seed": None, "use_mmap": False}
    sampling = neutral(options=options, top_p=0.9, max_tokens=5, stop="y", temperature=0, num_ctx=4, seed=2).sampling
    assert (sampling.top_p, sampling.max_tokens, sampling.stop) == (0.1, 3, ("x",))
    assert (sampling.temperature, sampling.seed) == (0, 2)
    assert sampling.other == {"num_ctx": 8, "use_mmap": False}


def test_a_limit_below_zero_is_none() -> None:
    assert neutral(max_tokens=-1).sampling.max_tokens is None
    assert neutral(options={"num_predict": -2}, max_tokens=5).sampling.max_tokens is None
    assert neutral().sampling.max_tokens == 9 and neutral(max_tokens=0).sampling.max_tokens == 0


@pytest.mark.parametrize(
    ("told", "seconds"),
    [(5, 5.0), (0, 0.0), (-1, math.inf), ("-1", math.inf), ("0", 0.0), ("5m", 300.0), ("1h1.5m", 3690.0),
     ("250ms", 0.25), ("-1s", math.inf), (1.5, 1.5)],
)  # fmt: skip
def test_how_long_a_model_is_to_be_kept(told: Any, seconds: float) -> None:
    assert read(keep_alive=told).keep_alive == seconds == neutral(keep_alive=told).keep_alive


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"think": True}, ReasoningOptions(True)),
        ({"think": False}, ReasoningOptions(False)),
        ({"think": "high"}, ReasoningOptions(True, "high")),
        ({"think": True, "reasoning_effort": "low"}, ReasoningOptions(True, "low")),
        ({"think": True, "reasoning": {"enabled": False}}, ReasoningOptions(False)),
        ({"reasoning": {"max_tokens": 100}}, ReasoningOptions(True, budget=100)),
        ({"reasoning": {}}, None),
    ],
)
def test_whether_to_think(fields: dict[str, Any], expected: ReasoningOptions | None) -> None:
    assert neutral(**fields).reasoning == expected


@pytest.mark.parametrize(
    "fields",
    [
        {"options": 5}, {"options": {"temperature": "hot"}}, {"options": {"stop": "x"}}, {"num_ctx": "8"},
        {"num_ctx": True}, {"keep_alive": "soon"}, {"keep_alive": ""}, {"keep_alive": True}, {"keep_alive": []},
        {"think": "maybe"}, {"think": 1},
    ],
)  # fmt: skip
def test_an_extension_that_cannot_be_read_is_refused_by_its_name(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        read(**fields)
    assert caught.value.param == next(iter(fields))


def test_extensions_are_told_to_ollama_in_its_own_members() -> None:
    request = neutral(options={"num_ctx": 8}, keep_alive="5m", think=False, max_completion_tokens=4)
    body = json.loads(calling("ollama").build(request, "up", Dialect()).body)
    assert body["options"] == {"num_ctx": 8, "temperature": 0.7, "num_predict": 4}
    assert (body["keep_alive"], body["think"]) == (300.0, False)


def test_extensions_are_told_to_other_servers_in_their_members_and_named_where_they_have_none() -> None:
    body, warnings = passed(options={"top_k": 3, "num_ctx": 8, "num_predict": 4}, keep_alive=5, max_tokens=9, top_k=1)
    assert body == {"top_k": 3, "max_tokens": 4}
    assert warnings == ("the backend does not take these options: keep_alive, num_ctx",)
    assert passed(think=True) == ({"chat_template_kwargs": {"enable_thinking": True}}, ())
    assert passed(think="low", reasoning_effort="high") == ({"reasoning_effort": "high"}, ())
    assert passed(Dialect(), think=True) == ({}, ("the backend does not take these options: think",))
    assert passed(Dialect(think="reasoning_effort"), think=False) == ({"reasoning_effort": "none"}, ())


def test_null_is_no_extension() -> None:
    incoming = read(options=None, keep_alive=None, num_ctx=None, think=None)
    assert incoming.plain and incoming.extensions is None


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ("options", "keep_alive", "num_ctx", "think", "stop", "seed", "reasoning", "max_tokens"),
            st.sampled_from([None, True, -1, 0.5, "5m", "x", [], ["x"], {}, {"stop": ["a"]}, {"seed": 2}, 10**30]),
        ),
    )
)
def test_nothing_that_a_client_sets_is_more_than_refused(fields: dict[str, Any]) -> None:
    try:
        assert neutral(**fields).model == "m"
        passed(**fields)
    except InvalidRequest:
        pass
