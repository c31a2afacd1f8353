"""The neutral model: counters and values."""

from __future__ import annotations

import pytest

from ollamux.conversation import Message, Sampling, Text, Usage


@pytest.mark.parametrize(
    ("usage", "read", "written"),
    [
        (Usage(), None, None),
        (Usage(input_uncached=0), 0, None),
        (Usage(input_uncached=3, cache_read=2, cache_write=1, output_text=4, reasoning=5), 6, 9),
        (Usage(reasoning=5), None, 5),
    ],
)
def test_sums_are_of_what_was_told_and_none_where_nothing_was(
    usage: Usage, read: int | None, written: int | None
) -> None:
    assert (usage.input, usage.output) == (read, written)


def test_the_knobs_of_one_request_are_not_those_of_another() -> None:
    one, other = Sampling(), Sampling()
    one.other["num_ctx"] = 1
    assert other.other == {}


def test_values_are_equal_where_they_say_the_same() -> None:
    assert Message("user", [Text("a")]) == Message("user", [Text("a")])
