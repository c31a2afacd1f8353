"""The neutral model: counters and values."""

from __future__ import annotations

from ollamux.conversation import Message, Sampling, Text


def test_the_knobs_of_one_request_are_not_those_of_another() -> None:
    one, other = Sampling(), Sampling()
    one.other["num_ctx"] = 1
    assert other.other == {}


def test_values_are_equal_where_they_say_the_same() -> None:
    assert Message("user", [Text("a")]) == Message("user", [Text("a")])
