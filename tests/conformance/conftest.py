"""The recorded cases, and one ollamux that answers all of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.llama_like import llama_like
from tests.support.running import Running, running

_CASES = Path(__file__).parent.parent / "data" / "ollama_cases.jsonl"
_CAPABILITIES = {
    "tiny": ["completion"],
    "tinychat": ["completion"],
    "tinytools": ["completion", "tools", "thinking"],
    "tinyembed": ["embedding"],
}


def recorded() -> list[dict[str, Any]]:
    """What a real Ollama 0.33 was asked and answered, in front of a backend as `llama_like` is."""
    return [json.loads(line) for line in _CASES.read_text(encoding="utf-8").splitlines()]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" in metafunc.fixturenames:
        metafunc.parametrize("case", recorded(), ids=lambda case: case["name"])


@pytest.fixture(scope="package")
def whole() -> Iterator[Running]:
    """A whole ollamux in front of the scripted backend."""
    with llama_like() as upstream:
        settings = {
            "backends": [{"id": "llama", "type": "llama_cpp", "endpoint": upstream.url}],
            "models": {name: {"backend": "llama", "capabilities": able} for name, able in _CAPABILITIES.items()},
        }
        with running(settings) as found:
            yield found
