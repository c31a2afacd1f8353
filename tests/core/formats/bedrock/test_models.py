"""What a model's id tells."""

from __future__ import annotations

import pytest

from ollamux.formats.bedrock.models import model_of


@pytest.mark.parametrize(
    ("id_", "vendor", "thinking", "samples"),
    [
        ("anthropic.claude-v2:1", "anthropic", "", True),
        ("anthropic.claude-instant-v1", "anthropic", "", True),
        ("anthropic.claude-3-haiku-20240307-v1:0", "anthropic", "", True),
        ("us.anthropic.claude-3-7-sonnet-20250219-v1:0", "anthropic", "budget", True),
        ("anthropic.claude-sonnet-4-20250514-v1:0", "anthropic", "budget", True),
        ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", "anthropic", "budget", True),
        ("global.anthropic.claude-opus-4-6-v1", "anthropic", "adaptive", True),
        ("global.anthropic.claude-opus-4-8-20260601-v1:0", "anthropic", "adaptive", False),
        ("us.anthropic.claude-sonnet-5", "anthropic", "adaptive", False),
        (
            "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-20250514-v1:0",
            "anthropic",
            "budget",
            True,
        ),
        ("arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3", "", "adaptive", True),
        ("us.amazon.nova-pro-v1:0", "amazon", "", True),
        ("us.amazon.nova-2-lite-v1:0", "amazon", "nova", True),
        ("amazon.titan-embed-text-v2:0", "amazon", "", True),
        ("openai.gpt-oss-120b-1:0", "openai", "effort", True),
        ("moonshotai.kimi-k2.5", "moonshotai", "", True),
        ("mistral.mistral-large-2407-v1:0", "mistral", "", True),
    ],
)
def test_an_id_tells_whose_model_it_is_and_how_it_thinks(id_: str, vendor: str, thinking: str, samples: bool) -> None:
    model = model_of(id_)
    assert (model.vendor, model.thinking, model.samples) == (vendor, thinking, samples)


def test_a_model_that_nobody_names_may_be_a_claude() -> None:
    assert model_of("arn:aws:bedrock:us-east-1:123456789012:provisioned-model/abc").claude
    assert not model_of("meta.llama3-8b-instruct-v1:0").claude
    assert model_of("us.amazon.nova-lite-v1:0").caches and not model_of("deepseek.r1-v1:0").caches
