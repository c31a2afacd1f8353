"""What a program may hand over as its configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from ollamux.config import BackendConfig, Config, ConfigError
from ollamux_aiohttp.library.settings import Told, config_of

DOCUMENT = {
    "backends": {
        "ollama-local": {
            "type": "ollama",
            "enabled": True,
            "url": "http://localhost:11434",
            "timeout": 600,
            "connect_timeout": 45,
        },
        "llama-cpp-local": {
            "type": "llama_cpp",
            "enabled": True,
            "url": "http://localhost:8080",
            "timeout": 600,
            "api_key": None,
        },
    }
}


def backends(told: Told, env: dict[str, str]) -> tuple[BackendConfig, ...]:
    """The backends that are configured."""
    found = config_of(told, env).backends
    assert found is not None
    return found


def test_the_documents_configuration_is_one() -> None:
    first, second = backends(DOCUMENT, {})
    assert (first.id, first.endpoint, first.timeout, first.timeouts.connect) == (
        "ollama-local",
        "http://localhost:11434",
        600,
        45,
    )
    assert (second.type, second.api_key) == ("llama_cpp", None)


def test_variables_are_stronger_than_what_a_program_says() -> None:
    env = {"OLLAMA_URL": "http://10.0.0.5:11434", "LLAMA_CPP_TIMEOUT": "7", "LLAMA_CPP_API_KEY": "k"}
    first, second = backends(DOCUMENT, env)
    assert first.endpoint == "http://10.0.0.5:11434" and second.timeout == 7
    assert second.api_key is not None and second.api_key.reveal() == "k"


def test_the_timeout_of_a_single_ollama_still_works() -> None:
    (backend,) = backends({"timeouts": {"ollama_timeout": 180}}, {})
    assert (backend.id, backend.type, backend.timeout) == ("ollama-local", "ollama", 180)
    (backend,) = backends({"timeouts": {}}, {"OLLAMA_URL": "http://h:1"})
    assert (backend.endpoint, backend.timeout) == ("http://h:1", None)


def test_a_file_is_read_with_its_keys(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-1\n")
    file = tmp_path / "mine.json"
    file.write_text(f'{{"backends": {{"a": {{"type": "vllm", "api_key_file": "{tmp_path}/key"}}}}}}')
    for told in (file, str(file), {"backends": {"a": {"type": "vllm", "api_key_file": f"{tmp_path}/key"}}}):
        (backend,) = backends(told, {})
        assert backend.api_key is not None and backend.api_key.reveal() == "sk-1"


def test_a_configuration_that_is_one_already_is_taken_as_it_is() -> None:
    config = Config()
    assert config_of(config) is config


def test_everything_that_is_wrong_is_told() -> None:
    with pytest.raises(ConfigError, match="nonsense"):
        config_of({"nonsense": 1}, {})
