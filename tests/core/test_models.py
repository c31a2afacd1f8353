"""What is known of models."""

from __future__ import annotations

from ollamux.models import ASSUMED_CAPABILITIES, Inventory, Loaded, ModelInfo


def test_what_nobody_told_is_none_and_neither_no_nor_zero() -> None:
    info = ModelInfo(name="m")
    assert (info.capabilities, info.context_length, info.modified, info.digest, info.title) == (None,) * 5
    assert Loaded(name="m").expires is None and Inventory().slots is None


def test_two_rounds_that_tell_the_same_are_equal() -> None:
    assert Inventory(models=(ModelInfo(name="m"),)) == Inventory(models=(ModelInfo(name="m"),))


def test_a_model_of_which_nothing_is_told_is_taken_to_chat() -> None:
    assert "completion" in ASSUMED_CAPABILITIES
