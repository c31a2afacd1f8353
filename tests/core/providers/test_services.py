"""The table of services."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.chat import ChatRequest
from ollamux.config.types import type_at
from ollamux.conversation import Sampling
from ollamux.formats import calling
from ollamux.formats.base import Outgoing
from ollamux.models import ModelInfo, ProbeAnswer
from ollamux.providers import provider
from ollamux.providers.services import PROVIDERS


def built(type_: str, sampling: Sampling, **more: Any) -> Outgoing:
    found = provider(type_)
    return calling(found.format).build(ChatRequest("m", [], sampling=sampling, **more), "m", found.dialect)


def only(type_: str, **row: Any) -> ModelInfo:
    body = json.dumps({"data": [{"id": "m", **row}]}).encode()
    return provider(type_).learn({"/models": ProbeAnswer(200, body)}).models[0]


@pytest.mark.parametrize("found", PROVIDERS, ids=lambda found: found.type)
def test_a_service_is_known_by_its_address(found: Any) -> None:
    assert type_at(found.default_endpoint) in (found.type, None)
    assert type_at(found.default_endpoint) == found.type or found.type == "litellm"


def test_mistral_calls_a_seed_by_another_name_and_is_not_asked_for_usage() -> None:
    body = json.loads(built("mistral", Sampling(seed=7), stream=True).body)
    assert body["random_seed"] == 7 and "seed" not in body and "stream_options" not in body


def test_openrouter_takes_the_knobs_of_open_models_and_a_models_own_effort() -> None:
    body = json.loads(built("openrouter", Sampling(repeat_penalty=1.5, other={"reasoning_effort": "high"})).body)
    assert body["repetition_penalty"] == 1.5 and body["reasoning_effort"] == "high"


def test_mistral_tells_with_flags_what_a_model_can_do() -> None:
    flags = {"completion_chat": True, "function_calling": True, "vision": False}
    model = only("mistral", capabilities=flags, max_context_length=131072)
    assert (model.capabilities, model.context_length) == (frozenset({"completion", "tools"}), 131072)


def test_openrouter_tells_it_with_parameters_and_modalities() -> None:
    model = only(
        "openrouter",
        context_length=400000,
        supported_parameters=["max_tokens", "reasoning", "tools"],
        architecture={"input_modalities": ["text", "image"]},
    )
    assert model.capabilities == frozenset({"completion", "thinking", "tools", "vision"})
    assert model.context_length == 400000


def test_together_tells_which_models_embed_and_groq_how_long_their_window_is() -> None:
    rows = b'[{"id":"e","type":"embedding"},{"id":"c","type":"chat"}]'
    embedding, chat = provider("together").learn({"/models": ProbeAnswer(200, rows)}).models
    assert (embedding.capabilities, chat.capabilities) == (frozenset({"embedding"}), None)
    assert only("groq", context_window=131072).context_length == 131072


def test_a_routers_model_has_the_widest_of_its_services_windows() -> None:
    services = [{"context_length": 8192}, {"context_length": 32768}, {"provider": "c"}]
    assert only("huggingface", providers=services).context_length == 32768


@pytest.mark.parametrize("row", [{"capabilities": 7}, {"supported_parameters": "x"}, {"type": []}, {"providers": [1]}])
def test_what_makes_no_sense_says_nothing(row: dict[str, Any]) -> None:
    model = only("openrouter", **row)
    assert model.capabilities is None and model.context_length is None
