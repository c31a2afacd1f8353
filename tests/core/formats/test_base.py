"""The values that pass between formats and the exchange."""

from __future__ import annotations

from typing import Any

import pytest

from ollamux.clock import Clock
from ollamux.errors import NotSupported
from ollamux.formats.base import Calling, Dialect, Outgoing, RenderContext, Served, Serving, ServingRoute


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
    ("told", "cues"),
    [
        ({"sampling": {"a": "b"}, "files": True, "dimensions": True, "completions": False}, ()),
        ({"developer": False}, (b'"developer"',)),
        ({"image_urls": False}, (b'"image_url"',)),
        ({"json_schema": False}, (b'"json_schema"',)),
        ({"strict": True}, (b'"assistant"',)),
        ({"refuses": frozenset({"top_p", "temperature"})}, (b'"temperature"', b'"top_p"')),
        ({"reasoning_echo": "reasoning_content"}, ()),
        ({"reasoning_echo": "reasoning_content", "echo_wanted": True}, (b'"assistant"',)),
        ({"max_tokens": "max_completion_tokens"}, (b'"max_tokens"',)),
        ({"tool_choice": frozenset({"auto"})}, (b'"tool_choice"',)),
    ],
)
def test_a_dialect_knows_by_itself_by_what_a_body_shows_that_it_may_have_to_change(
    told: dict[str, Any], cues: tuple[bytes, ...]
) -> None:
    assert Dialect(**told).cues == cues
    assert Dialect(**told).having(strict=True).cues == tuple(sorted({*cues, b'"assistant"'}))
    in_messages = told.keys() & {"developer", "image_urls"}
    assert Dialect(**told).beside == (() if in_messages else cues)


def test_a_dialect_is_equal_to_one_that_spells_the_same() -> None:
    assert Dialect(extra={"a": 1}) == Dialect(extra={"a": 1})
    assert Dialect(extra={"a": 1}) != Dialect(strict=True, extra={"a": 1})


def test_a_side_that_does_not_do_something_says_so() -> None:
    serving, calling = Serving("x", (), "text/plain"), Calling("x", (), ("stop",))
    assert (serving.name, serving.routes, serving.whole_type) == ("x", (), "text/plain")
    assert (calling.name, calling.text_markers, calling.finishes) == ("x", (), frozenset({"stop"}))
    assert not serving.opens(b"")
    with pytest.raises(NotSupported, match="read requests"):
        serving.read(ServingRoute("POST", "/a", "a"), b"", {})
    with pytest.raises(NotSupported, match="read errors"):
        calling.failure(500, {}, b"")
