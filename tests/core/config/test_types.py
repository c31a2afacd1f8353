"""The table of types and vendors."""

from __future__ import annotations

import pytest

from ollamux.config.types import TYPES, VENDORS, is_type, type_at, type_called, type_in


def test_every_vendor_is_a_type_and_no_two_share_a_variable() -> None:
    assert set(VENDORS) <= set(TYPES)
    prefixes = [vendor.prefix for vendor in VENDORS.values()]
    assert len(set(prefixes)) == len(prefixes)


@pytest.mark.parametrize(
    ("endpoint", "type_"),
    [
        ("https://api.openai.com/v1", "openai"),
        ("https://eu.api.openai.com", "openai"),
        ("mine.openai.azure.com", "azure"),
        ("https://bedrock-runtime.eu-central-1.amazonaws.com", "aws_bedrock"),
        ("https://europe-west1-aiplatform.googleapis.com/v1/x", "vertex"),
        ("https://api.openai.com.evil.example", None),
        ("http://127.0.0.1:8000", None),
        ("http://[", None),
    ],
)
def test_an_address_says_whose_it_is(endpoint: str, type_: str | None) -> None:
    assert type_at(endpoint) == type_


def test_the_longest_type_that_a_name_begins_with_is_meant() -> None:
    assert type_in("openai-compatible-1") == "openai_compatible" and type_in("openai") == "openai"
    assert type_in("openainess") is None and type_in("my-openai") is None


def test_names_that_people_use_lead_to_types() -> None:
    assert [type_called(name) for name in ("gemini", "bedrock", "custom")] == [
        "google",
        "aws_bedrock",
        "openai_compatible",
    ]
    assert is_type("vllm") and not is_type("gemini") and not is_type("teapot")
