"""Configurations that people have written for other gateways, as files: each one loads as it stands."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from ollamux.config import BackendConfig, Characteristics, Config, Secret, load, parse_document, parse_dotenv
from ollamux.config import resolve_keys as resolve

Read = Callable[[str], str]


@pytest.fixture
def read(root: Path) -> Read:
    """The text of a file in tests/data/config."""
    return lambda name: (root / "tests/data/config" / name).read_text(encoding="utf-8")


def _loaded(text: str, env: dict[str, str] | None = None, name: str = "f.yaml") -> Config:
    env = env or {}
    return resolve(load([parse_document(text.encode(), name)], env), env, lambda path: path)


def _only(config: Config) -> BackendConfig:
    (backend,) = _backends(config)
    return backend


def _backends(config: Config) -> tuple[BackendConfig, ...]:
    assert config.backends is not None
    return config.backends


def test_a_backend_of_openai_loads_with_all_that_is_known_of_it(read: Read) -> None:
    backend = _only(_loaded(read("openai.yaml"), {"OPENAI_API_KEY": "k"}))
    assert (backend.id, backend.type, backend.name, backend.hardware) == (
        "openai-gpt4", "openai", "OpenAI GPT-4", "cloud",
    )  # fmt: skip
    assert backend.api_key == Secret("k") and backend.key_missing is None
    assert backend.characteristics == Characteristics(
        power_watts=0, avg_latency_ms=500, max_tokens_per_second=50, priority=8
    )
    assert backend.priority == 8
    assert backend.model_capability.supported_model_patterns == ("gpt-*", "o1-*")
    assert backend.model_capability.preferred_models == ("gpt-4-turbo", "gpt-4", "gpt-3.5-turbo")


@pytest.mark.parametrize(
    ("file", "type_", "missing"),
    [
        ("openai.yaml", "openai", "OPENAI_API_KEY is not set in the environment"),
        ("anthropic.yaml", "anthropic", "ANTHROPIC_API_KEY is not set in the environment"),
        ("google.yaml", "google", "GOOGLE_AI_API_KEY is not set in the environment"),
        ("huggingface.yaml", "huggingface", "HF_TOKEN is not set in the environment"),
        ("together.yaml", "together", "TOGETHER_API_KEY is not set in the environment"),
        ("vllm.yaml", "vllm", None),
    ],
)
def test_a_backend_whose_key_is_missing_loads_and_names_the_variable(
    read: Read, file: str, type_: str, missing: str | None
) -> None:
    text = read(file)
    if not text.startswith("backends:"):
        text = "backends:\n" + textwrap.indent(text, "  ")
    backend = _only(_loaded(text))
    assert (backend.type, backend.key_missing) == (type_, missing)


def test_local_and_cloud_backends_stand_beside_one_another(read: Read) -> None:
    npu, nvidia, openai, anthropic = _backends(_loaded(read("mixed.yaml"), {"OPENAI_API_KEY": "k"}))
    assert [npu.hardware, nvidia.hardware] == ["npu", "nvidia"] and nvidia.endpoint == "http://localhost:11436"
    assert (openai.priority, anthropic.priority) == (7, 8)
    assert openai.key_missing is None and anthropic.key_missing == "ANTHROPIC_API_KEY is not set in the environment"


def test_the_higher_priority_stands_first(read: Read) -> None:
    local, cloud = _backends(_loaded(read("local_first.yaml")))
    assert (local.id, local.priority, cloud.id, cloud.priority) == ("ollama-nvidia", 10, "openai-gpt4", 8)


def test_a_type_is_left_out_where_the_id_begins_with_one(read: Read) -> None:
    assert [backend.type for backend in _backends(_loaded(read("by_size.yaml")))] == ["ollama", "ollama", "openai"]


def test_a_block_of_variables_for_seven_vendors_makes_seven_backends(read: Read) -> None:
    env = parse_dotenv(read("many_vendors.env"))
    config = resolve(load([], env), env, lambda path: path)
    assert [(backend.type, backend.priority) for backend in _backends(config)] == [
        ("openrouter", 99), ("openai", 98), ("anthropic", 97), ("google", 96), ("azure", 95), ("aws_bedrock", 94),
        ("ollama", 93),
    ]  # fmt: skip
    assert {backend.timeout for backend in _backends(config)} == {300}
    assert [backend.key_missing for backend in _backends(config)] == [None] * 7
    azure, bedrock = _backends(config)[4:6]
    assert azure.endpoint == "https://your-resource.openai.azure.com" and azure.api_key == Secret("your_azure_key")
    assert (bedrock.access_key, bedrock.secret_key) == (Secret("your_aws_access_key"), Secret("your_aws_secret_key"))
    assert bedrock.region == "us-east-1"
    assert (config.server.host, config.server.port, config.logging.format) == ("0.0.0.0", 11434, "json")
    assert config.health.interval == 60 and config.notes == ()


def test_keys_alone_are_enough(read: Read) -> None:
    config = load([], parse_dotenv(read("keys_alone.env")))
    assert [backend.type for backend in _backends(config)] == ["openrouter", "openai", "anthropic", "google"]
    assert [backend.endpoint for backend in _backends(config)] == [None] * 4


def test_limits_of_a_vendor_are_variables_too(read: Read) -> None:
    keys = {"OPENAI_API_KEY": "k", "ANTHROPIC_API_KEY": "k", "GOOGLE_API_KEY": "k"}
    config = load([], {**keys, **parse_dotenv(read("limits.env"))})
    assert [backend.max_concurrent_requests for backend in _backends(config)] == [50, 30, 40]
    assert (config.queue.size, config.queue.concurrency) == (1000, 100)


def test_a_registry_of_models_needs_no_backends_beside_the_variables(read: Read) -> None:
    env = parse_dotenv(read("azure_and_anthropic.env"))
    config = _loaded(read("models.yaml"), env)
    azure_last = sorted(_backends(config), key=lambda backend: backend.type == "azure")
    anthropic, azure = azure_last
    assert (anthropic.type, azure.type) == ("anthropic", "azure")
    assert (azure.deployment_name, azure.api_version) == ("gpt-5", "2025-04-01-preview")
    model = config.models["my-new-model"]
    assert (model.backend, model.api_model, model.max_tokens) == ("anthropic", "claude-sonnet-4.5-20250514", 8192)


def test_a_model_of_a_vendor_without_a_key_loads_and_its_backend_says_what_is_missing(read: Read) -> None:
    backend = _only(_loaded(read("models.yaml")))
    assert backend.type == "anthropic"
    assert backend.key_missing == "ANTHROPIC_API_KEY is not set in the environment"


MODEL = """\
models:
  gpt-high:
    backend: azure
    api_model: gpt-5
    reasoning_effort: high
    deployment_name: mine
    summary_level: detailed
    verbosity_level: low
    truncation_strategy: auto
  gemini-pro:
    backend: gemini
    api_model: gemini-pro
"""


def test_every_setting_of_a_model_is_read() -> None:
    config = _loaded(MODEL, {"AZURE_API_KEY": "k", "AZURE_BASE_URL": "https://a.openai.azure.com"})
    high = config.models["gpt-high"]
    assert (high.reasoning_effort, high.summary_level, high.verbosity_level) == ("high", "detailed", "low")
    assert (high.truncation_strategy, high.deployment_name, high.api) == ("auto", "mine", None)
    assert [backend.type for backend in _backends(config)] == ["google", "azure"]


@pytest.mark.parametrize(
    ("file", "type_", "endpoint"),
    [
        ("ollama", "ollama", "http://localhost:11434"),
        ("llama_cpp", "llama_cpp", "http://localhost:8080"),
        ("openai", "openai", "https://api.openai.com/v1"),
        ("openrouter", "openrouter", "https://openrouter.ai/api/v1"),
        ("together", "together", "https://api.together.xyz/v1"),
    ],
)
def test_one_backend_for_all_is_told_by_its_own_variables(read: Read, file: str, type_: str, endpoint: str) -> None:
    env = parse_dotenv(read(f"router_{file}.env"))
    config = resolve(load([], env), env, lambda path: path)
    backend = _only(config)
    assert (backend.type, backend.endpoint, backend.key_missing, config.notes) == (type_, endpoint, None, ())
    assert (backend.api_key is not None) is (type_ not in ("ollama", "llama_cpp"))


def test_a_mapping_of_backends_in_json_loads_with_its_global_sections(read: Read) -> None:
    sections = """{"model_options": {"temperature": 0.5, "top_p": 0.9, "max_tokens": 512},
        "performance": {"num_thread": 8, "num_gpu": 1},
        "response_optimization": {"stream": true, "keep_alive": "5m"},"""
    config = _loaded(read("backends.json").replace("{", sections, 1), name="config.json")
    ollama, llama = _backends(config)
    assert ollama.endpoint == "http://localhost:11434"
    assert (ollama.timeouts.first_byte, ollama.timeouts.connect) == (600, 45)
    assert (llama.id, llama.type, llama.api_key) == ("llama-cpp-local", "llama_cpp", None)
    assert config.model_options["max_tokens"] == 512 and config.response_optimization.keep_alive == "5m"


def test_variables_override_the_backends_of_a_file(read: Read) -> None:
    env = {"OLLAMA_URL": "http://a", "OLLAMA_TIMEOUT": "9", "OLLAMA_API_KEY": "k", "LLAMA_CPP_URL": "http://b"}
    ollama, llama = _backends(_loaded(read("backends.json"), {**env, "LLAMA_CPP_API_KEY": "l"}, "config.json"))
    assert (ollama.endpoint, ollama.timeout, ollama.api_key) == ("http://a", 9, Secret("k"))
    assert (llama.endpoint, llama.api_key) == ("http://b", Secret("l"))
