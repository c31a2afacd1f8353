"""What an answer cost."""

from __future__ import annotations

import pytest

from ollamux.usage import Usage, total


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


def test_the_cost_of_several_is_summed_counter_by_counter() -> None:
    assert total([Usage(1, None, None, 4), None, Usage(2, 5)]) == Usage(3, 5, None, 4, None)
    assert total([None, None]) is None and total([]) is None


def test_the_same_cost_is_the_same_and_another_is_not() -> None:
    assert Usage(1, output_text=2) == Usage(1, None, None, 2) != Usage(1, None, None, 0)
