"""Gemini's words."""

from __future__ import annotations

from typing import get_args

import pytest

from ollamux.conversation import FinishReason
from ollamux.formats.gemini.vocabulary import BUDGETS, EFFORTS, FINISHES, LEVELS, STATUSES, STOPPED, finish_reason

types = pytest.importorskip("google.genai.types")


@pytest.mark.parametrize(
    ("native", "called", "reason"),
    [
        ("STOP", False, "stop"),
        ("STOP", True, "tool_calls"),
        ("MAX_TOKENS", False, "length"),
        ("MAX_TOKENS", True, "length"),
        ("SAFETY", True, "content_filter"),
        ("IMAGE_OTHER", False, "content_filter"),
        ("MODEL_ARMOR", False, "content_filter"),
        ("CONTINUATION", False, "pause"),
        ("MALFORMED_FUNCTION_CALL", True, "malformed"),
        ("TOO_MANY_TOOL_CALLS", False, "malformed"),
        ("MISSING_THOUGHT_SIGNATURE", False, "malformed"),
        ("OTHER", False, "stop"),
        ("NEVER_SEEN", True, "tool_calls"),
        ("", False, "stop"),
    ],
)
def test_a_limit_and_a_filter_win_over_calls_and_an_unknown_word_is_a_stop(
    native: str, called: bool, reason: FinishReason
) -> None:
    assert finish_reason(native, called) == reason


def test_every_word_is_one_of_googles() -> None:
    known = {reason.name for reason in types.FinishReason}
    assert set(FINISHES) <= known and set(STOPPED.values()) <= known
    assert set(STOPPED) | set(FINISHES.values()) <= set(get_args(FinishReason))
    assert set(EFFORTS) == {level.name for level in types.ThinkingLevel} - {"THINKING_LEVEL_UNSPECIFIED"}
    assert set(LEVELS.values()) <= set(EFFORTS) and set(LEVELS) == set(BUDGETS)
    assert all(400 <= status < 600 for status in STATUSES)
