"""Names are taken apart, spelled out and filed as Ollama does it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.formats.ollama.names import NameConflict, Source, canonical_key, parse_name, split_source

_LONG = "8" * 80


@pytest.mark.parametrize(
    ("text", "full", "display"),
    [
        ("tiny", "registry.ollama.ai/library/tiny:latest", "tiny:latest"),
        (" TINY ", "registry.ollama.ai/library/TINY:latest", "TINY:latest"),
        ("me/nope:1b", "registry.ollama.ai/me/nope:1b", "me/nope:1b"),
        ("Registry.Ollama.AI/Library/tiny", "Registry.Ollama.AI/Library/tiny:latest", "tiny:latest"),
        ("hf.co/me/tiny:Q4_K_M", "hf.co/me/tiny:Q4_K_M", "hf.co/me/tiny:Q4_K_M"),
        ("host:5000/library/tiny", "host:5000/library/tiny:latest", "host:5000/library/tiny:latest"),
        ("https://host/n/m:t", "host/n/m:t", "host/n/m:t"),
        ("_why/_the/_lucky:_stiff", "_why/_the/_lucky:_stiff", "_why/_the/_lucky:_stiff"),
        (
            f"{'3' * 350}/{_LONG}/{_LONG}:{_LONG}",
            f"{'3' * 350}/{_LONG}/{_LONG}:{_LONG}",
            f"{'3' * 350}/{_LONG}/{_LONG}:{_LONG}",
        ),
    ],
)
def test_a_name_is_spelled_in_full_and_in_short(text: str, full: str, display: str) -> None:
    name = parse_name(text)
    assert name is not None
    assert (name.full(), name.display()) == (full, display)


@pytest.mark.parametrize(
    "text",
    [
        "", "  ", "a b", "a:", ":a", "a/", "/a", "a//b", "//", "a/b/c/d", "tiny@sha256:abc", "<b>&nope", "-a", ".a",
        "n.s/m", "n/m:-t", "a:b:c", "é", "8" * 81, "a:" + "8" * 81, "3" * 351 + "/n/m", "http://a", "h/name:space/m:t",
    ],
)  # fmt: skip
def test_a_name_that_breaks_the_rules_is_none(text: str) -> None:
    assert parse_name(text) is None


@pytest.mark.parametrize(
    ("text", "base", "source"),
    [
        ("tiny", "tiny", None),
        ("gpt-oss:20b:cloud", "gpt-oss:20b", "cloud"),
        ("gpt-oss:20b-cloud", "gpt-oss:20b", "cloud"),
        ("gpt-oss:20B-Cloud", "gpt-oss:20B", "cloud"),
        ("qwen3:cloud", "qwen3", "cloud"),
        ("qwen3:8b:local", "qwen3:8b", "local"),
        (" tiny:LOCAL ", "tiny", "local"),
        ("my-cloud-model", "my-cloud-model", None),
        ("my-cloud", "my-cloud", None),
        ("foo:bar-cloud/baz", "foo:bar-cloud/baz", None),
    ],
)
def test_a_suffix_says_where_a_model_is_to_run(text: str, base: str, source: Source | None) -> None:
    assert split_source(text) == (base, source)


@pytest.mark.parametrize("text", ["x:cloud:local", "x:local:cloud", "x:a-cloud:local", "x:local:local"])
def test_two_suffixes_are_a_conflict(text: str) -> None:
    with pytest.raises(NameConflict) as caught:
        split_source(text)
    assert str(caught.value) == f'use either :local or :cloud, not both: "{text}"'


def test_every_spelling_of_a_model_has_one_key() -> None:
    spellings = ("tiny", " tiny ", "TINY:latest", "library/Tiny", "registry.ollama.ai/library/tiny:LATEST")
    assert {canonical_key(text) for text in spellings} == {"tiny:latest"}


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("openai/gpt-oss:20b", "openai/gpt-oss:20b"),
        ("meta-llama/Llama-3.1-8B-Instruct", "meta-llama/llama-3.1-8b-instruct:latest"),
        ("a/b/c/D", "a/b/c/d:latest"),
        (" My Model ", "my model:latest"),
        ("anthropic.claude-v1:0", "anthropic.claude-v1:0"),
        ("us.anthropic/claude:v1:0", "us.anthropic/claude:v1:0"),
    ],
)
def test_a_name_from_elsewhere_has_a_key_as_well(text: str, key: str) -> None:
    assert canonical_key(text) == key


@given(st.text("aB0_-./: é", max_size=30))
def test_a_key_is_the_key_of_itself(text: str) -> None:
    key = canonical_key(text)
    assert canonical_key(key) == key
    name = parse_name(text)
    if name is not None:
        assert parse_name(name.full()) == name
        assert canonical_key(name.full()) == key
