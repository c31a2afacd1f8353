"""From the configuration to the catalog."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.driving import configured, driven

from ollamux.config import BackendConfig, Price
from ollamux.shelves import deployments

AZURE: dict[str, Any] = {"type": "azure", "endpoint": "https://a.openai.azure.com", "api_key": "k"}


def test_patterns_say_which_of_its_models_a_backend_offers() -> None:
    wanted = {"supported_model_patterns": ["llama*", "QWEN*"], "excluded_patterns": ["*:0.5b"]}
    run = driven(learn=False, up={"type": "vllm", "model_capability": wanted})
    run.learn(up=["llama3", "qwen3:8b", "qwen3:0.5b", "phi4"])
    assert [offer.name for offer in run.gateway.catalog.offers()] == ["llama3", "qwen3:8b"]


def test_before_it_tells_a_backend_is_asked_for_what_its_patterns_name() -> None:
    run = driven(learn=False, up={"type": "vllm", "model_capability": {"supported_model_patterns": ["llama*"]}})
    assert run.chat("llama3").called.json["model"] == "llama3"
    assert run.gateway.catalog.offers() == ()
    run.learn(up=["other"])
    assert run.chat("llama3").calls == []


def test_before_it_tells_a_vendor_is_asked_for_what_it_is_known_for() -> None:
    run = driven(learn=False, up={"type": "openai", "api_key": "k", "model_prefix": "x/"})
    assert run.chat("x/gpt-4o").called.json["model"] == "gpt-4o"
    assert run.gateway.catalog.find("gpt-4o") == () == run.gateway.catalog.find("x/llama3")


def test_before_it_tells_a_vendor_is_asked_for_what_is_named_as_its_models_are() -> None:
    run = driven(learn=False, up={"type": "anthropic", "api_key": "k"})
    assert run.gateway.catalog.find("claude-next-99")
    assert run.gateway.catalog.find("gpt-next") == ()


def test_what_is_publicly_known_fills_in_where_a_vendor_tells_nothing() -> None:
    run = driven(learn=False, up={"type": "openai", "api_key": "k"})
    run.learn(up=["gpt-4o", "text-embedding-3-small", "mine"])
    large, embedding, unknown = (
        run.gateway.catalog.find(name)[0] for name in ("gpt-4o", "text-embedding-3-small", "mine")
    )
    assert (large.context_length, large.max_output, large.told) == (128000, 16384, True)
    assert large.price == Price(input=2.5, cached_input=1.25, output=10.0)
    assert embedding.capabilities == frozenset({"embedding"})
    assert (unknown.context_length, unknown.told, unknown.price) == (None, False, None)


def test_the_configuration_comes_before_what_is_known() -> None:
    model = {
        "backend": "up",
        "api_model": "gpt-4o",
        "context_length": 8,
        "price": {"input": 1},
        "capabilities": ["tools"],
    }
    run = driven({"models": {"mine": model}}, up={"type": "openai", "api_key": "k"})
    (offer,) = run.gateway.catalog.find("mine")
    assert (offer.context_length, offer.price, offer.capabilities) == (8, Price(input=1), frozenset({"tools"}))


def test_what_is_known_of_a_deployment_is_that_of_its_model() -> None:
    settings = {"models": {"mine": {"backend": "azure", "api_model": "gpt-4o", "deployment_name": "prod"}}}
    (offer,) = driven(settings, up=AZURE).gateway.catalog.find("mine")
    assert (offer.upstream, offer.context_length) == ("prod", 128000)


def test_a_models_backend_may_go_by_another_name_of_its_type() -> None:
    settings = {"models": {"m": {"backend": "custom", "api_model": "real"}}}
    (offer,) = driven(settings, up={"type": "openai_compatible"}).gateway.catalog.find("m")
    assert (offer.backend, offer.upstream) == ("up", "real")


@pytest.mark.parametrize(
    ("settings", "api"),
    [
        ({}, ""),
        ({"reasoning_effort": "high"}, ""),
        ({"summary_level": "auto"}, "responses"),
        ({"verbosity_level": "low"}, "responses"),
        ({"truncation_strategy": "auto"}, "responses"),
        ({"api": "chat", "summary_level": "auto"}, "chat"),
        ({"api": "responses"}, "responses"),
    ],
)
def test_the_api_is_the_one_that_is_said_or_that_a_setting_needs(settings: dict[str, str], api: str) -> None:
    models = {"m": {"backend": "up", **settings}}
    (offer,) = driven({"models": models}, up={"type": "openai", "api_key": "k"}).gateway.catalog.find("m")
    assert offer.api == api
    assert dict(offer.options) == {name: value for name, value in settings.items() if name != "api"}


@pytest.mark.parametrize(
    ("type_", "told"),
    [
        ("ollama", {"reasoning_effort"}),
        ("llama_cpp", set()),
        ("demo", set()),
        ("vllm", {"reasoning_effort"}),
        ("openai_compatible", {"reasoning_effort"}),
        ("openai", {"reasoning_effort", "summary_level", "verbosity_level", "truncation_strategy"}),
        ("anthropic", {"reasoning_effort", "summary_level", "verbosity_level", "truncation_strategy"}),
    ],
)
def test_a_backend_is_told_the_settings_that_it_has_words_for(type_: str, told: set[str]) -> None:
    words = {"reasoning_effort": "high", "summary_level": "auto", "verbosity_level": "low"}
    models = {"m": {"backend": "up", **words, "truncation_strategy": "auto"}}
    found = driven({"models": models}, learn=False, up={"type": type_})
    assert set(found.gateway.catalog.find("m")[0].options) == told


def test_max_tokens_is_another_name_for_num_predict_wherever_options_stand() -> None:
    settings: dict[str, Any] = {"model_options": {"max_tokens": 1, "top_p": 0.5}}
    up: dict[str, Any] = {"type": "vllm", "options": {"max_tokens": 2}}
    run = driven(settings, up=up)
    assert run.gateway.catalog.find("m")[0].options == {"num_predict": 2, "top_p": 0.5}
    run = driven({**settings, "models": {"mine": {"backend": "up", "options": {"max_tokens": 3}}}}, up=up)
    assert run.gateway.catalog.find("mine")[0].options == {"num_predict": 3, "top_p": 0.5}
    run = driven({"models": {"mine": {"backend": "up", "max_tokens": 4}}}, up="vllm")
    assert run.gateway.catalog.find("mine")[0].options == {"num_predict": 4}


def test_deployments_lead_to_the_vendors_names() -> None:
    models = {
        "a": {"backend": "up", "api_model": "gpt-5", "deployment_name": "five"},
        "b": {"backend": "azure", "api_model": "o3"},
        "c": {"backend": "other", "api_model": "gpt-4o", "deployment_name": "x"},
    }
    config = configured({"backends": {"up": AZURE, "other": {"type": "vllm"}}, "models": models})
    assert config.backends is not None
    assert deployments(config, config.backends[0]) == {"five": "gpt-5"}
    named = BackendConfig(id="up", type="azure", deployment_name="three")
    assert deployments(config, named) == {"five": "gpt-5", "three": "o3"}


def test_where_a_backend_lists_nothing_its_patterns_are_what_it_serves() -> None:
    wanted = {"supported_model_patterns": ["llama*"], "excluded_patterns": ["*:70b"]}
    run = driven(learn=False, up={"type": "vllm", "model_capability": wanted})
    for chore in run.chores():
        run.tell(chore, {"error": "no list here"}, status=404)
    assert run.state("up") == ("ready", "")
    assert run.chat("llama3").called.json["model"] == "llama3"
    assert run.chat("llama3:70b").calls == [] == run.chat("phi4").calls


def test_a_deployment_is_named_with_its_host() -> None:
    run = driven(
        learn=False,
        one={**AZURE, "endpoint": "https://one.openai.azure.com"},
        two={**AZURE, "endpoint": "https://two.openai.azure.com"},
        other={"type": "openai", "api_key": "k"},
    )
    for _ in range(2):
        told = {
            name: [(called.backend, called.json["model"]) for called in run.chat(name).calls]
            for name in ("gpt-4@two.openai.azure.com", "gpt-4@else.openai.azure.com")
        }
        assert told == {
            "gpt-4@two.openai.azure.com": [("two", "gpt-4")],
            "gpt-4@else.openai.azure.com": [("one", "gpt-4")],
        }
        run.learn()


def test_a_name_that_says_whose_it_is_is_nobody_elses() -> None:
    bedrock = {"type": "aws_bedrock", "access_key": "a", "secret_key": "b", "priority": 1}
    run = driven(learn=False, c={"type": "anthropic", "api_key": "k"}, b=bedrock)
    assert run.chat("anthropic.claude-3-haiku-20240307-v1:0").asked == ["b"]
    assert run.chat("claude-3-haiku-20240307").asked == ["c"]


def test_a_model_that_is_too_large_for_a_backend_is_not_offered_there_and_one_of_unknown_size_is() -> None:
    run = driven(learn=False, up={"type": "ollama", "model_capability": {"max_model_size_gb": 2}})
    for chore in run.chores():
        rows = [{"name": "small", "size": 2 * 10**9}, {"name": "large", "size": 2 * 10**9 + 1}, {"name": "untold"}]
        run.tell(chore, {"models": rows if chore.path == "/api/tags" else []})
    assert [offer.name for offer in run.gateway.catalog.offers()] == ["small", "untold"]


def test_what_patterns_leave_nothing_of_is_not_filled_up_with_what_is_named() -> None:
    wanted = {"supported_model_patterns": ["llama*"]}
    run = driven(learn=False, up={"type": "vllm", "models": ["phi4"], "model_capability": wanted})
    run.learn(up=["phi4"])
    assert run.gateway.catalog.offers() == ()
