"""Cohere: where its list of models stands, and what it tells."""

from __future__ import annotations

import json

from ollamux.config import BackendConfig
from ollamux.models import ProbeAnswer
from ollamux.providers.cohere import Cohere

BASE = "https://api.cohere.ai/compatibility/v1"


def test_its_list_of_models_stands_at_the_host_and_all_else_below_the_base() -> None:
    found, config = Cohere(), BackendConfig(id="c", type="cohere")
    (probe,) = found.probes
    assert found.url(BASE, probe.path, "", config) == "https://api.cohere.ai/v1/models?page_size=1000"
    assert found.url(BASE, "/chat/completions", "m", config) == f"{BASE}/chat/completions"


def test_its_models_are_learned_with_what_they_are_for() -> None:
    rows = [
        {"name": "command-a-03-2025", "endpoints": ["chat"], "context_length": 288000.0},
        {"name": "embed-v4.0", "endpoints": ["embed"], "context_length": 128000},
        {"name": "command-a-vision", "endpoints": ["chat"], "features": ["vision", "json_mode"]},
        {"name": "x", "endpoints": ["classify"]},
    ]
    answer = ProbeAnswer(200, json.dumps({"models": rows}).encode())
    chat, embed, vision, other = Cohere().learn({Cohere().probes[0].path: answer}).models
    assert (chat.capabilities, chat.context_length) == (frozenset({"completion", "tools"}), 288000)
    assert (embed.capabilities, embed.context_length) == (frozenset({"embedding"}), 128000)
    assert vision.capabilities == frozenset({"completion", "vision"}) and other.capabilities is None
