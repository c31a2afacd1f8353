"""Ollama's own fields in a foreign body."""

from __future__ import annotations

import math
from typing import Any

import pytest

from ollamux.conversation import ReasoningOptions, Sampling
from ollamux.errors import InvalidRequest
from ollamux.formats.openai_responses.extensions import keep_alive_of, sampling_of, thinking_of


@pytest.mark.parametrize(
    ("told", "seconds"),
    [(None, None), ("5m", 300.0), (0, 0.0), ("0", 0.0), (-1, math.inf), ("-1m", math.inf)],
)
def test_keep_alive_is_a_duration_or_for_ever(told: Any, seconds: float | None) -> None:
    assert keep_alive_of(told) == seconds


def test_a_keep_alive_that_is_none_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="keep_alive"):
        keep_alive_of("soon")


def test_thinking_is_switched_or_given_an_effort() -> None:
    assert thinking_of(None) is None
    assert thinking_of(False) == ReasoningOptions(False)
    assert thinking_of("high") == ReasoningOptions(True, "high") and thinking_of("none") == ReasoningOptions(
        False, "none"
    )
    with pytest.raises(InvalidRequest, match="think"):
        thinking_of("hard")


def test_options_are_stronger_than_fields_and_fields_than_the_configuration() -> None:
    found = sampling_of(
        {"temperature": 0.5, "top_p": 0.5, "max_tokens": None},
        {"temperature": 0, "num_ctx": 9, "top_k": 4.0, "seed": None, "stop": "x"},
        {"temperature": 1, "top_p": 1, "num_predict": 7, "stop": ["y"], "num_gpu": 1},
    )
    assert found == Sampling(
        max_tokens=7, temperature=0, top_p=0.5, top_k=4, stop=("x",), other={"num_ctx": 9, "num_gpu": 1}
    )


def test_a_limit_below_zero_is_none() -> None:
    assert sampling_of({}, {"num_predict": -1}, {}).max_tokens is None
    assert sampling_of({}, {"num_predict": 0}, {}).max_tokens == 0


@pytest.mark.parametrize("options", [{"temperature": "hot"}, {"top_k": True}, {"stop": 5}, {"stop": [5]}])
def test_options_of_a_wrong_type_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidRequest, match="options"):
        sampling_of({}, options, {})
