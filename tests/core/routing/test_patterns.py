"""Patterns of model names, against the standard library's own reading of them."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.config.types import TYPES
from ollamux.routing.patterns import VENDORS, PatternTable, vendors_of

_PIECES = ["gpt", "-4", "llama", "3", ":", "7b", "a", "b", "*", "*", "?", "[ab]", "[!a]", "[", "]", "[]a]", "!", "A"]
PATTERNS = st.lists(st.sampled_from(_PIECES), max_size=6).map("".join)
NAMES = st.lists(st.sampled_from(["gpt", "-4", "llama", "3", ":", "7b", "a", "b", "[", "]", "!", "B"]), max_size=6).map(
    "".join
)


def fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name.lower(), pattern.lower())


@given(st.lists(PATTERNS, max_size=8), NAMES)
def test_a_table_finds_something_exactly_where_one_of_its_patterns_fits(patterns: list[str], name: str) -> None:
    table = PatternTable((pattern, pattern) for pattern in patterns)
    found = table.find(name)
    assert (found is not None) == any(fits(name, pattern) for pattern in patterns) == (name in table)
    assert found is None or fits(name, found)


@given(st.lists(PATTERNS, max_size=8), NAMES)
def test_what_is_found_is_the_most_specific_of_all_that_fit(patterns: list[str], name: str) -> None:
    found = PatternTable((pattern, pattern) for pattern in patterns).find(name)
    alone = [pattern for pattern in patterns if PatternTable([(pattern, 0)]).find(name) is not None]
    if name.lower() in {pattern.lower() for pattern in alone if not set(pattern) & set("*?[")}:
        assert found is not None and found.lower() == name.lower()
    for other in alone:
        assert found is not None
        assert PatternTable([(found, found), (other, other)]).find(name) == found  # of equals the one given first


@given(st.lists(st.tuples(PATTERNS, st.integers(1)), max_size=8), NAMES)
def test_the_order_of_unlike_patterns_is_no_matter_where_one_has_more_letters(
    pairs: list[tuple[str, int]], name: str
) -> None:
    letters = {pattern.lower(): sum(map(str.isalnum, pattern)) for pattern, _ in pairs if "[" not in pattern}
    plain = [pair for pair in pairs if pair[0].lower() in letters]
    one = PatternTable(plain).match(name)
    other = PatternTable(reversed(plain)).match(name)
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert len(one[0].replace("*", "").replace("?", "")) == len(other[0].replace("*", "").replace("?", ""))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpt-4o", "exact"),
        ("gpt-4o-mini", "gpt-4o*"),
        ("gpt-4-turbo", "gpt-4*"),
        ("llama3:70b", "*:70b"),
        ("qwen2.5:0.5b", "*:0.5b"),
        ("my-coder-x", "*coder*"),
        ("codellama:70b", "codellama:*"),
        ("anything", "*"),
        ("GPT-4O", "exact"),
        ("a1c", "a[0-9]c"),
    ],
)
def test_the_most_specific_pattern_wins_in_whichever_order_they_stand(name: str, expected: str) -> None:
    pairs = [
        ("*", "*"), ("*coder*", "*coder*"), ("gpt-4*", "gpt-4*"), ("gpt-4o", "exact"), ("gpt-4o*", "gpt-4o*"),
        ("*:0.5b", "*:0.5b"), ("*:70b", "*:70b"), ("codellama:*", "codellama:*"), ("a[0-9]c", "a[0-9]c"),
    ]  # fmt: skip
    assert PatternTable(pairs).find(name) == PatternTable(reversed(pairs)).find(name) == expected


def test_of_equal_patterns_the_first_counts_and_the_pattern_is_told_as_it_was_given() -> None:
    table = PatternTable([("GPT-*", 1), ("gpt-*", 2)])
    assert table.match("gpt-5") == ("GPT-*", 1)
    assert len(table) == 1


def test_a_value_that_is_nothing_in_itself_is_found_all_the_same() -> None:
    table = PatternTable([("a*", 0)])
    assert table.find("ab") == 0 and "ab" in table and "b" not in table and 3 not in table


def test_an_empty_table_finds_nothing() -> None:
    assert PatternTable[int]([]).match("x") is None


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("gpt-4o-mini", "openai"),
        ("gpt-5", "openai"),
        ("o3-mini", "openai"),
        ("gpt-oss:20b", "ollama"),
        ("claude-sonnet-4-5", "anthropic"),
        ("claude-sonnet-4-5@20250929", "vertex"),
        ("eu.anthropic.claude-sonnet-4-5-20250929-v1:0", "aws_bedrock"),
        ("anthropic.claude-3-haiku-20240307-v1:0", "aws_bedrock"),
        ("amazon.titan-text-express-v1", "aws_bedrock"),
        ("meta.llama3-70b-instruct-v1:0", "aws_bedrock"),
        ("gpt-4@mine.openai.azure.com", "azure"),
        ("gemini-2.5-pro", "google"),
        ("llama3.2:3b", "ollama"),
        ("mistral", "ollama"),
        ("mistral:7b", "ollama"),
        ("mistral-large-latest", "mistral"),
        ("deepseek-r1:14b", "ollama"),
        ("deepseek-chat", "deepseek"),
        ("meta-llama/llama-3.3-70b-instruct", "openrouter"),
        ("hf.co/bartowski/Llama-3.2-1B-Instruct-GGUF", "ollama"),
        ("grok-4", "xai"),
        ("text-embedding-3-small", "openai"),
    ],
)
def test_a_name_that_nobody_lists_says_who_would_have_it(name: str, first: str) -> None:
    assert vendors_of(name)[0] == first


def test_a_name_that_says_nothing_belongs_to_nobody() -> None:
    assert vendors_of("my-own-model") == ()


def test_vendors_are_providers_that_there_are() -> None:
    assert {vendor for _, vendors in VENDORS for vendor in vendors} <= set(TYPES)
    assert len({pattern for pattern, _ in VENDORS}) == len(VENDORS)
