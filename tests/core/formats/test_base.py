"""The values that pass between formats and the exchange."""

from __future__ import annotations

from typing import Any

import pytest

from ollamux.clock import Clock
from ollamux.formats.base import Dialect, Outgoing, RenderContext, Served, ServingRoute


def test_a_dialect_that_says_nothing_spells_everything_as_its_format_does() -> None:
    dialect = Dialect()
    assert (dialect.sampling, dialect.extra, dialect.think, dialect.max_tokens) == ({}, {}, "", "max_tokens")
    assert dialect.stream_options and dialect.top_logprobs and dialect.json_schema


def test_the_tables_of_one_dialect_are_not_those_of_another() -> None:
    one = Dialect()
    one.sampling["x"] = None
    assert Dialect().sampling == {}


def test_the_rest_are_plain_values() -> None:
    assert Outgoing("/x", b"") == Outgoing("/x", b"", ())
    assert ServingRoute("POST", "/a", "a") == ServingRoute("POST", "/a", "a")
    assert Served("m", "m", frozenset()).context_length is None
    assert RenderContext("m", Clock(), 1.0).dispatched == 0.0


@pytest.mark.parametrize(
    "told",
    [
        {"developer": False},
        {"image_urls": False},
        {"json_schema": False},
        {"strict": True},
        {"refuses": frozenset({"temperature"})},
        {"reasoning_echo": "reasoning_content"},
        {"max_tokens": "max_completion_tokens"},
        {"tool_choice": frozenset({"auto"})},
    ],
)
def test_a_dialect_knows_by_itself_whether_what_passes_through_may_have_to_change(told: dict[str, Any]) -> None:
    assert Dialect(**told).adapts and not Dialect(sampling={"a": "b"}, files=True, dimensions=True).adapts
