"""Opaque values on their way through a client."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.conversation import Opaque
from ollamux.formats.anthropic.signatures import UNSIGNED, carried, carried_for_call, is_ours, of_call, restored

WORDS = st.text(st.characters(codec="utf-8"), min_size=1)


def test_what_this_format_signed_goes_out_as_it_is() -> None:
    assert carried(Opaque("anthropic", "EqQB/+==")) == "EqQB/+=="
    assert restored("EqQB/+==") == Opaque("anthropic", "EqQB/+==") and not is_ours("EqQB/+==")


@given(value=WORDS, family=st.text(st.characters(codec="utf-8")))
def test_what_another_format_signed_comes_back_with_its_origin(value: str, family: str) -> None:
    opaque = Opaque("gemini", value, family)
    for text in (carried(opaque), carried_for_call(opaque)):
        assert restored(text) == opaque and is_ours(text)
    assert of_call(carried_for_call(opaque)) and not of_call(carried(opaque))


@pytest.mark.parametrize(
    "text", [None, "", UNSIGNED, "ollamux:", "ollamux:part:", "ollamux:part:x", "ollamux:part:x:y"]
)
def test_a_signature_that_means_nothing_is_dropped(text: str | None) -> None:
    assert restored(text) is None


def test_thinking_without_a_signature_gets_one_that_is_recognised() -> None:
    assert carried(None) == UNSIGNED and is_ours(UNSIGNED)
