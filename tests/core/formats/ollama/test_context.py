"""A conversation as a list of integers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.conversation import Role
from ollamux.formats.ollama.context import Turn, pack, unpack

ROLES: list[Role] = ["system", "user", "assistant"]
TURNS = st.lists(st.tuples(st.sampled_from(ROLES), st.text(st.characters(codec="utf-8"))), max_size=5)


@given(TURNS)
def test_what_was_packed_comes_back(turns: list[Turn]) -> None:
    numbers = pack(turns)
    assert unpack(numbers) == turns
    assert all(0 <= number < 1 << 31 for number in numbers)


@given(st.lists(st.integers()))
def test_other_integers_are_no_context_of_ours(numbers: list[int]) -> None:
    assert unpack(numbers) is None


@given(TURNS, st.integers(1), st.integers())
def test_a_context_that_was_tampered_with_never_raises(turns: list[Turn], place: int, number: int) -> None:
    numbers = pack(turns)
    numbers[place % len(numbers)] = number
    unpack(numbers)
    unpack(numbers[: place % len(numbers)])


@pytest.mark.parametrize("numbers", [[], [0x6F6C7801], [0x6F6C7801, 2], [0x6F6C7801, 9, 1], [0x6F6C7801, 1, 1, 1]])
def test_a_context_of_the_wrong_length_is_none(numbers: list[int]) -> None:
    assert unpack(numbers) is None
