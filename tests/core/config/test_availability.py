"""The table of what does not exist yet."""

from __future__ import annotations

from typing import Any

import pytest

from ollamux.config.availability import LATER, asks_for_nothing, keys_below


def test_the_keys_below_a_path_are_told_for_hints() -> None:
    assert set(keys_below("server")) == {"workers", "tls"}
    assert {"server", "features"} <= set(keys_below(""))
    assert keys_below("features") == ()


@pytest.mark.parametrize(
    ("path", "value", "nothing"),
    [
        ("server.workers", 1, True),
        ("server.workers", 2, False),
        ("server.tls", {}, True),
        ("server.tls", {"cert": "x"}, False),
        ("response_optimization.stream", True, True),
        ("response_optimization.stream", False, False),
        ("features.*", False, True),
        ("features.*", 0, False),
    ],
)
def test_a_value_that_asks_for_nothing_is_one_of_the_row_or_empty(path: str, value: Any, nothing: bool) -> None:
    assert asks_for_nothing(LATER[path], value) is nothing
