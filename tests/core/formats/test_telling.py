"""Tokens that an answer tells of, read from its bytes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.conversation import Usage
from ollamux.formats import servings
from ollamux.formats.telling import usage_told

FULL = Usage(input_uncached=6, cache_read=4, output_text=5, reasoning=2)
TOLD: dict[str, tuple[Any, Usage]] = {
    "openai_chat": (
        {
            "choices": [{"message": {"content": "usage"}}],
            "usage": {
                "prompt_tokens": 10,
                "completion_tokens": 7,
                "total_tokens": 17,
                "prompt_tokens_details": {"cached_tokens": 4, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 2},
            },
        },
        FULL,
    ),
    "openai_responses": (
        {
            "output": [],
            "usage": {
                "input_tokens": 10,
                "output_tokens": 7,
                "input_tokens_details": {"cached_tokens": 4},
                "output_tokens_details": {"reasoning_tokens": 2},
            },
        },
        FULL,
    ),
    "anthropic": (
        {
            "content": [],
            "usage": {
                "input_tokens": 6,
                "output_tokens": 7,
                "cache_read_input_tokens": 4,
                "cache_creation_input_tokens": 3,
            },
        },
        Usage(input_uncached=6, cache_read=4, cache_write=3, output_text=7),
    ),
    "gemini": (
        {
            "candidates": [],
            "usageMetadata": {
                "promptTokenCount": 10,
                "cachedContentTokenCount": 4,
                "candidatesTokenCount": 5,
                "thoughtsTokenCount": 2,
            },
        },
        FULL,
    ),
    "ollama": ({"message": {}, "prompt_eval_count": 10, "eval_count": 7}, Usage(input_uncached=10, output_text=7)),
}


@pytest.mark.parametrize("name", TOLD)
def test_each_formats_sums_are_taken_apart(name: str) -> None:
    body, usage = TOLD[name]
    assert usage_told(name, json.dumps(body).encode()) == usage


def test_every_format_that_clients_speak_is_known() -> None:
    assert {serving.name for serving in servings()} == set(TOLD)


@pytest.mark.parametrize("name", TOLD)
@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b'{"usage":7,"usageMetadata":7,"eval_count":"x"}'])
def test_what_cannot_be_read_tells_nothing(name: str, body: bytes) -> None:
    assert usage_told(name, body) is None


def test_what_went_into_a_cache_is_no_part_of_what_did_not() -> None:
    details = {"cached_tokens": 4, "cache_write_tokens": 3}
    body = {"usage": {"prompt_tokens": 10, "completion_tokens": 1, "prompt_tokens_details": details}}
    assert usage_told("openai_chat", json.dumps(body).encode()) == Usage(3, 4, 3, 1)


def test_an_answer_without_counters_tells_nothing() -> None:
    assert usage_told("openai_chat", b'{"usage":null}') is None
    assert usage_told("ollama", b"{}") == Usage()
    assert usage_told("bedrock", b"{}") is None


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_part_larger_than_its_sum_leaves_nothing_and_never_less(whole: int, part: int) -> None:
    body = {"usage": {"prompt_tokens": whole, "prompt_tokens_details": {"cached_tokens": part}}}
    usage = usage_told("openai_chat", json.dumps(body).encode())
    assert usage is not None and usage.input_uncached == max(whole - part, 0)


@pytest.mark.parametrize(
    "end", ["", ',"prompt_eval_count":7', ',"a":[[1]],"prompt_eval_count":7', ',"a":"]]","eval_count":2']
)
@pytest.mark.parametrize("begin", ["", '"prompt_eval_count":9,'])
def test_what_vectors_cost_is_told_before_or_behind_them(begin: str, end: str) -> None:
    vectors = "[" + ",".join(["[0.25,0.5]"] * 500) + "]"
    body = f'{{{begin}"embeddings":{vectors}{end}}}'.encode()
    told = json.loads(body)
    usage = usage_told("ollama", body)
    assert usage == Usage(told.get("prompt_eval_count"), None, None, told.get("eval_count"))


def test_two_brackets_in_a_text_are_not_the_end_of_vectors() -> None:
    for text in (']],"prompt_eval_count":7}', "]]", "]],", ']]}"'):
        body = json.dumps({"response": "a" * 2000 + text, "prompt_eval_count": 3, "eval_count": 4}).encode()
        assert usage_told("ollama", body) == Usage(3, None, None, 4)
    body = json.dumps({"a": "x" * 2000, "message": {"m": [[1]], "prompt_eval_count": 7}, "eval_count": 4}).encode()
    assert usage_told("ollama", body) == Usage(None, None, None, 4)
