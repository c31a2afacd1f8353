"""The names most like one that nobody has."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ollamux.routing.nearest import nearest

NAMES = ["zephyr", "llama3.2:3b", "qwen2.5-coder:7b", "gpt-4o", "meta-llama/Llama-3.1-8B", "gpt-4o-mini"]


def test_the_nearest_names_come_first() -> None:
    assert nearest("gpt-4", NAMES)[:2] == ("gpt-4o", "gpt-4o-mini")
    assert nearest("LLAMA3", NAMES)[0] == "llama3.2:3b"
    assert nearest("coder", NAMES)[0] == "qwen2.5-coder:7b"


def test_names_that_are_alike_nothing_keep_their_order_and_are_told_once() -> None:
    assert nearest("@", ["b", "a", "b", "c"]) == ("b", "a", "c")


def test_no_more_are_told_than_a_person_reads() -> None:
    assert len(nearest("m", [f"m{n}" for n in range(5000)])) == 8
    assert nearest("m", []) == ()


@given(st.text(max_size=300), st.lists(st.text(max_size=20), max_size=10))
def test_what_is_told_is_there(name: str, names: list[str]) -> None:
    assert set(nearest(name, names)) <= set(names)
