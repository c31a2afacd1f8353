"""The knobs that formats share."""

from __future__ import annotations

from ollamux.sampling import NO_SAMPLING, Sampling


def test_the_knobs_of_one_request_are_not_those_of_another() -> None:
    one, other = Sampling(), Sampling()
    one.other["num_ctx"] = 1
    assert other.other == {}


def test_nothing_is_asked_for_unless_somebody_asks() -> None:
    assert Sampling() == NO_SAMPLING
    assert [name for name in Sampling.__struct_fields__ if getattr(NO_SAMPLING, name) is not None] == ["other"]
