"""The table of what is publicly known."""

from __future__ import annotations

import re

import pytest

from ollamux.config.types import TYPES
from ollamux.routing.well_known import PROVIDERS, facts, rows

WORDS = {"audio", "completion", "embedding", "insert", "thinking", "tools", "vision"}


def test_every_row_names_its_source_the_day_and_providers_that_there_are() -> None:
    assert rows()
    for row in rows():
        assert re.fullmatch(r"https://\S+", row.source) and re.fullmatch(r"20\d\d-\d\d-\d\d", row.read), row
        assert row.providers and set(row.providers) <= PROVIDERS <= set(TYPES)
        assert row.capabilities and row.capabilities <= WORDS
        assert all(name == name.lower() for name in row.names)


def test_figures_make_sense() -> None:
    for row in rows():
        assert row.context_length is None or row.context_length >= 1000
        assert row.max_output is None or row.context_length is None or row.max_output <= row.context_length
        price = row.price
        if price is not None:
            assert price.input is not None and price.output is not None and 0 < price.input < price.output
            assert price.cached_input is None or price.cached_input < price.input


def test_no_row_stands_behind_one_that_takes_all_of_it() -> None:
    for row in rows():
        for provider in row.providers:
            for name in row.names:
                example = name.replace("*", "").replace("[1-9]", "1")
                first = facts(provider, example)
                assert first is not None
                assert first is row or not set(first.names) & {name}, (provider, name)


@pytest.mark.parametrize(
    ("provider", "model", "context"),
    [
        ("anthropic", "claude-opus-4-5-20251101", 200000),
        ("anthropic", "claude-opus-5", 1000000),
        ("anthropic", "claude-opus-5-5", 1000000),
        ("aws_bedrock", "eu.anthropic.claude-sonnet-4-5-20250929-v1:0", 200000),
        ("openai", "GPT-4o", 128000),
        ("azure", "gpt-5", 400000),
        ("openai", "gpt-5-chat-latest", 128000),
    ],
)
def test_a_model_is_found_by_its_name_in_any_case(provider: str, model: str, context: int) -> None:
    found = facts(provider, model)
    assert found is not None and found.context_length == context


def test_a_name_means_something_at_its_own_vendor_alone() -> None:
    assert facts("anthropic", "gpt-4o") is None and facts("ollama", "gpt-4o") is None and facts("openai", "x") is None


def test_a_price_of_one_model_is_not_that_of_its_smaller_sister() -> None:
    large, small, other = (facts("openai", name) for name in ("gpt-4o", "gpt-4o-mini", "gpt-4o-audio-preview"))
    assert large is not None and small is not None and other is not None
    assert large.price is not None and small.price is not None and other.price is None
    assert large.price.input == 2.5 and small.price.input == 0.15


@pytest.mark.parametrize(
    ("provider", "model", "thinks"),
    [
        ("anthropic", "claude-3-5-sonnet-20241022", False),
        ("anthropic", "claude-3-7-sonnet-20250219", True),
        ("anthropic", "claude-opus-4-6", True),
        ("anthropic", "claude-of-tomorrow-9", True),
        ("aws_bedrock", "us.anthropic.claude-3-5-sonnet-20240620-v1:0", False),
        ("aws_bedrock", "anthropic.claude-v2:1", False),
        ("aws_bedrock", "eu.anthropic.claude-sonnet-4-20250514-v1:0", True),
        ("google", "gemini-1.5-pro", False),
        ("google", "gemini-2.0-flash-001", False),
        ("google", "gemini-2.5-flash-image", False),
        ("vertex", "gemini-2.5-flash", True),
        ("google", "gemini-4-pro", True),
    ],
)
def test_claudes_and_geminis_think_but_for_the_older_ones(provider: str, model: str, thinks: bool) -> None:
    found = facts(provider, model)
    assert found is not None and found.capabilities is not None and ("thinking" in found.capabilities) is thinks
