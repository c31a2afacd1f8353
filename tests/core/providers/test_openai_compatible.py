"""What servers with a list of models tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ollamux.models import ProbeAnswer
from ollamux.providers import provider

if TYPE_CHECKING:
    from tests.core.providers.conftest import Told


def test_vllm_tells_the_context_and_has_what_it_lists_in_memory(told: Told) -> None:
    inventory = provider("vllm").learn({"/models": told("vllm_models")})
    assert [(model.name, model.context_length) for model in inventory.models] == [
        ("Qwen/Qwen3-8B", 40960),
        ("my-lora", None),
    ]
    assert [loaded.name for loaded in inventory.loaded] == ["Qwen/Qwen3-8B", "my-lora"]
    assert inventory.slots is None and inventory.models[0].capabilities is None


def test_lm_studio_tells_names_and_not_what_is_in_memory(told: Told) -> None:
    inventory = provider("lm_studio").learn({"/models": told("lm_studio_models")})
    assert inventory.models[0].name == "qwen2.5-7b-instruct"
    assert inventory.loaded == () and inventory.models[0].modified is None


@pytest.mark.parametrize("body", [b'[{"id":"m"}]', b'{"data":[{"id":"m"},{"id":7},3]}'])
def test_a_bare_list_will_do_and_odd_rows_are_left_out(body: bytes) -> None:
    inventory = provider("openai_compatible").learn({"/models": ProbeAnswer(200, body)})
    assert [model.name for model in inventory.models] == ["m"]


def test_null_is_an_empty_list() -> None:
    assert provider("localai").learn({"/models": ProbeAnswer(200, b'{"data":null}')}).models == ()


@pytest.mark.parametrize("key", ["max_model_len", "context_length", "max_context_length"])
def test_the_context_has_several_names(key: str) -> None:
    body = b'{"data":[{"id":"m","%s":8192,"created":5}]}' % key.encode()
    (model,) = provider("openai_compatible").learn({"/models": ProbeAnswer(200, body)}).models
    assert (model.context_length, model.modified) == (8192, 5.0)


@pytest.mark.parametrize("body", [b"", b"<html>", b'"x"', b'{"data":{"id":"m"}}'])
def test_what_is_no_list_is_an_error(body: bytes) -> None:
    with pytest.raises(ValueError):
        provider("openai_compatible").learn({"/models": ProbeAnswer(200, body)})
