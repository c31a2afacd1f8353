"""The guide for programs, and the document that it answers: their examples run as they stand there."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from tests.support.library import as_ollama, as_openai
from tests.support.scripted import backend

import ollamux_aiohttp
from ollamux_aiohttp import BackendManager, BackendManagerSync, GenerationResponse, ModelInfo, OllamaAPI

MODEL, PROMPT = "llama3.2", "Why is the sky blue?"
HISTORY = [{"role": "user", "content": "Hello"}]


@pytest.fixture
def text(root: Path) -> str:
    return (root / "docs/python.md").read_text(encoding="utf-8")


@pytest.fixture
def blocks(text: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", text, re.DOTALL)


def _placed(code: str, ollama: str, other: str) -> str:
    """The code with the backends at these addresses."""
    return code.replace("http://localhost:11434", ollama).replace("http://localhost:8080", other)


def test_the_guides_examples_run_as_they_stand(blocks: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    script = as_ollama("It ", "scatters.")
    with backend(script, MODEL, style="ollama") as one, backend(as_openai("Yes"), "q") as two:
        names: dict[str, Any] = {}
        for code in blocks:
            exec(compile(_placed(code, one.url, two.url), "docs/python.md", "exec"), names)
    said = capsys.readouterr().out
    assert f"{MODEL} (ollama-local)\nq (llama-cpp-local)\n" in said
    assert "It scatters. ollama-local 20.0\n" in said
    assert f"['{MODEL}', 'q']\n" in said
    assert said.endswith("It scatters.\nIt scatters.")


def test_the_guide_names_everything_that_can_be_imported_and_every_field(text: str) -> None:
    names = {*ollamux_aiohttp.__all__} - {"EXTENSIONS"}
    fields = {*GenerationResponse.__struct_fields__, *ModelInfo.__struct_fields__}
    calls = {name for name in vars(BackendManager) if not name.startswith("_")}
    assert [name for name in sorted(names | fields | calls) if not re.search(rf"\b{name}\b", text)] == []


def test_the_documents_asynchronous_usage_works() -> None:
    with backend(as_ollama("Hi"), MODEL, style="ollama") as up:
        config = {"backends": {"ollama-local": {"type": "ollama", "enabled": True, "url": up.url, "timeout": 180}}}

        async def main() -> None:
            manager = BackendManager(config, env={})
            await manager.initialize()
            models = await manager.get_all_models()
            assert [f"{model.name} ({model.backend_id})" for model in models] == [f"{MODEL} (ollama-local)"]
            assert (await manager.generate_response(MODEL, PROMPT)).content == "Hi"
            response = await manager.generate_response(MODEL, PROMPT, HISTORY)
            assert response.response_time_ms >= 0 and response.tokens_per_second == 20.0
            assert (response.actual_tokens, response.prompt_tokens) == (10, 7)

        asyncio.run(main())


def test_the_documents_synchronous_usage_works() -> None:
    with backend(as_ollama("Hi"), MODEL, style="ollama") as up:
        config = {"backends": {"ollama-local": {"type": "ollama", "enabled": True, "url": up.url}}}
        manager = BackendManagerSync(config, env={})
        assert manager.get_models() == [MODEL]
        assert manager.generate_response(MODEL, PROMPT, HISTORY).content == "Hi"
        manager.close()


def test_the_documents_original_usage_still_works() -> None:
    with backend(as_ollama("Hi"), MODEL, style="ollama") as up:
        api = OllamaAPI({"timeouts": {"ollama_timeout": 180}}, env={"OLLAMA_URL": up.url})
        assert api.get_models() == [MODEL]
        assert str(api.generate_response(MODEL, PROMPT)) == "Hi"
        assert str(api.generate_response(MODEL, PROMPT, HISTORY)) == "Hi"
        api.close()


def test_the_documents_validation_steps_work() -> None:
    with backend(as_ollama("Hi"), "a", "b", "c", style="ollama") as up:
        config = {"backends": {"ollama-local": {"type": "ollama", "enabled": True, "url": up.url}}}
        BackendManager(config, env={}).validate_config()

        async def main() -> dict[str, Any]:
            manager = BackendManager(config, env={})
            await manager.initialize()
            return await manager.get_backend_status()

        status = asyncio.run(main())
    assert status["ollama-local"]["info"] == {
        "backend_id": "ollama-local",
        "backend_type": "ollama",
        "base_url": up.url,
    }
    health = status["ollama-local"]["health"]
    assert (health["status"], health["models_available"]) == ("healthy", 3)
    assert isinstance(health["response_time_ms"], int) and isinstance(health["last_checked"], float)
