"""What Anthropic's list of models says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.models import Inventory, ProbeAnswer
from ollamux.providers.anthropic import Anthropic
from ollamux.providers.base import root_of


def learnt(*rows: Any) -> Inventory:
    provider = Anthropic()
    body = json.dumps({"data": rows, "has_more": False, "first_id": None, "last_id": None}).encode()
    return provider.learn({provider.probes[0].path: ProbeAnswer(200, body)})


def supports(**found: bool) -> dict[str, Any]:
    return {name: {"supported": value} for name, value in found.items()}


def test_a_model_is_learnt_with_its_context_and_what_it_can_do() -> None:
    (model,) = learnt(
        {
            "type": "model",
            "id": "claude-x",
            "display_name": "Claude X",
            "created_at": "2026-02-04T00:00:00Z",
            "max_input_tokens": 200000,
            "max_tokens": 64000,
            "lifecycle": "active",
            "capabilities": supports(image_input=True, thinking=True, batch=True),
        }
    ).models
    assert (model.name, model.context_length) == ("claude-x", 200000)
    assert model.capabilities == frozenset({"completion", "tools", "vision", "thinking"})
    assert model.modified == 1770163200.0


def test_what_is_not_told_is_not_made_up() -> None:
    (model,) = learnt({"id": "m", "created_at": "1970-01-01T00:00:00Z", "max_input_tokens": None}).models
    assert (model.capabilities, model.context_length, model.modified) == (None, None, None)
    (blind,) = learnt({"id": "m", "capabilities": supports(image_input=False)}).models
    assert blind.capabilities == frozenset({"completion", "tools"})


@pytest.mark.parametrize("created", [5, None, "soon", "0000-01-01"])
def test_a_date_that_is_none_is_not_told(created: Any) -> None:
    assert learnt({"id": "m", "created_at": created}).models[0].modified is None


def test_a_retired_model_is_left_out() -> None:
    found = learnt({"id": "old", "lifecycle": "retired"}, {"id": "going", "lifecycle": "deprecated"}, {"id": 5}, "x")
    assert [model.name for model in found.models] == ["going"]


def test_the_endpoint_is_read_with_and_without_its_version() -> None:
    provider = Anthropic()
    for endpoint in ("https://api.anthropic.com", "https://api.anthropic.com/v1/"):
        root, base = root_of(endpoint, provider.version_path, fixed=provider.fixed)
        assert (root + provider.probes[0].path, base + "/messages") == (
            "https://api.anthropic.com/v1/models?limit=1000",
            "https://api.anthropic.com/v1/messages",
        )


def test_its_key_has_a_header_of_its_own_and_the_version_is_pinned() -> None:
    assert Anthropic().auth == "header:x-api-key"
    assert Anthropic().headers == (("anthropic-version", "2023-06-01"),)
