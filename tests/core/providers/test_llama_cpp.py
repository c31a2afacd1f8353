"""What llama.cpp's server tells."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from ollamux.models import Inventory, ModelInfo, ProbeAnswer
from ollamux.providers import provider

if TYPE_CHECKING:
    from tests.core.providers.conftest import Told

LLAMA = provider("llama_cpp")


def learned(models: Any, props: Any = None, type_: str = "llama_cpp") -> Inventory:
    answers = {"/v1/models": ProbeAnswer(200, json.dumps(models).encode())}
    if props is not None:
        answers["/props"] = ProbeAnswer(200, json.dumps(props).encode())
    return provider(type_).learn(answers)


def only(**told: Any) -> ModelInfo:
    row = {"id": "m", **told.pop("row", {})}
    return learned({"data": [row]}, told or None).models[0]


def test_a_real_servers_model_is_learned_from_both_answers(told: Told) -> None:
    inventory = LLAMA.learn({"/v1/models": told("llama_cpp_models"), "/props": told("llama_cpp_props")})
    (model,) = inventory.models
    assert (model.name, model.title, model.context_length, model.embedding_length) == ("scripted", None, 2048, 384)
    assert (model.parameter_count, model.parameter_size, model.quantization) == (335232, "335.23K", "F16")
    assert model.size == 672768 and model.template is not None
    assert model.capabilities == frozenset({"completion", "tools", "thinking"})
    assert inventory.slots == 2 and [loaded.name for loaded in inventory.loaded] == ["scripted"]


def test_the_moment_it_is_asked_makes_no_difference() -> None:
    first, second = (learned({"data": [{"id": "m", "created": at}]}) for at in (1, 2))
    assert first == second and first.models[0].modified is None


def test_a_router_has_several_models_and_says_which_are_in_memory(told: Told) -> None:
    inventory = LLAMA.learn({"/v1/models": told("llama_cpp_router_models"), "/props": told("llama_cpp_props")})
    assert [model.name for model in inventory.models][1] == "ggml-org/Qwen3-8B-GGUF:Q8_0"
    assert [loaded.name for loaded in inventory.loaded] == ["ggml-org/gemma-3-4b-it-GGUF:Q4_K_M"]
    assert {model.capabilities for model in inventory.models} == {None}  # /props speaks of another one


@pytest.mark.parametrize(
    ("name", "title"),
    [("/models/tiny.Q4.gguf", "tiny.Q4"), ("C:\\models\\tiny.gguf", "tiny"), ("tiny", None), ("org/tiny", None)],
)
def test_a_files_path_is_listed_as_the_files_name(name: str, title: str | None) -> None:
    assert learned({"data": [{"id": name}]}).models[0].title == title


def test_without_properties_nothing_is_said_of_abilities() -> None:
    for props in (None, ProbeAnswer(501, b"{}"), ProbeAnswer(200, b"<html>")):
        answers = {"/v1/models": ProbeAnswer(200, b'{"data":[{"id":"m"}]}')} | ({"/props": props} if props else {})
        inventory = LLAMA.learn(answers)
        assert inventory.models[0].capabilities is None and inventory.slots is None


@pytest.mark.parametrize(
    ("template", "found"),
    [
        ("{{ messages }}", frozenset({"completion"})),
        ("{% if tools %}", frozenset({"completion", "tools"})),
        ("<think>", frozenset({"completion", "thinking"})),
    ],
)
def test_the_template_says_what_a_model_can_do(template: str, found: frozenset[str]) -> None:
    assert only(chat_template=template).capabilities == found


def test_modalities_are_abilities() -> None:
    told = {"vision": True, "audio": True, "video": True}
    assert only(chat_template="", modalities=told).capabilities == frozenset({"completion", "vision", "audio"})


def test_a_supervised_child_can_embed_by_the_way_it_is_started() -> None:
    capabilities = learned({"data": [{"id": "m"}]}, {"chat_template": ""}, "gguf").models[0].capabilities
    assert capabilities is not None and "embedding" in capabilities
    assert provider("gguf").default_endpoint is None


@pytest.mark.parametrize(
    ("count", "text"),
    [(3_210_000_000, "3.2B"), (137_000_000, "137.00M"), (999, "999"), (0, ""), (None, ""), ("x", "")],
)
def test_sizes_are_written_as_ollama_does(count: object, text: str) -> None:
    assert only(row={"meta": {"n_params": count}}).parameter_size == text


@pytest.mark.parametrize("slots", [0, -1, "2", None])
def test_slots_that_are_no_number_of_places_are_none(slots: object) -> None:
    assert learned({"data": [{"id": "m"}]}, {"total_slots": slots}).slots is None


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data":{}}', b"{}"])
def test_what_is_no_list_is_an_error(body: bytes) -> None:
    with pytest.raises((ValueError, KeyError)):
        LLAMA.learn({"/v1/models": ProbeAnswer(200, body)})
