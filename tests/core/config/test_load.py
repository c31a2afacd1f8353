"""Where the layers meet."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.config import BackendConfig, Config, ConfigError, Layer, load, parse_document, parse_dotenv
from ollamux.config.backends import TYPES
from ollamux.config.environment import NAMED
from ollamux.config.sections import ROOT

BLOCK = """\
# Basic settings
HOST=0.0.0.0
PORT=11434
ENVIRONMENT=production
LOG_LEVEL=info

ROUTING_STRATEGY=capability_based  # round_robin, least_loaded
FALLBACK_STRATEGY=next_available   # none, next_available
ENABLE_LOAD_BALANCING=true
HEALTH_CHECK_INTERVAL=60

OPENAI_ENABLED=true
OPENAI_API_KEY=your_openai_key
OPENAI_BASE_URL=https://api.openai.com/v1
OPENAI_TIMEOUT=300
OPENAI_PRIORITY=2

OLLAMA_ENABLED=true
OLLAMA_BASE_URL=http://localhost:11434
OLLAMA_TIMEOUT=300
OLLAMA_PRIORITY=7

MAX_QUEUE_SIZE=1000
MAX_CONCURRENT_REQUESTS=100
ENABLE_PRIORITIZATION=true
"""


def _backends(config: Config) -> tuple[BackendConfig, ...]:
    assert config.backends is not None
    return config.backends


def _problems(*files: Layer, env: dict[str, str] | None = None, flags: dict[str, Any] | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(files, env or {}, flags)
    return caught.value.problems


def test_flags_win_over_variables_and_those_over_files_and_a_later_file_over_an_earlier_one() -> None:
    files = [Layer("a", {"queue": {"size": 1, "timeout": 1, "concurrency": 1}, "health": {"interval": 1}})]
    files.append(Layer("b", {"queue": {"size": 2, "timeout": 2, "concurrency": 2}}))
    env = {"MAX_QUEUE_SIZE": "3", "MAX_CONCURRENT_REQUESTS": "3"}
    config = load(files, env, {"queue.concurrency": 4})
    assert (config.health.interval, config.queue.timeout) == (1, 2)
    assert (config.queue.size, config.queue.concurrency) == (3, 4)


def test_flags_are_dotted_or_nested_and_none_is_absent() -> None:
    config = load(
        [],
        {},
        {
            "server.port": "8080",
            "server.host": None,
            "logging": {"level": "debug", "format": None},
            "backends": {"small": {"type": "gguf", "file": "a ${b}.gguf"}},
        },
    )
    assert (config.server.port, config.server.port_given, config.logging.level) == (8080, True, "debug")
    (backend,) = _backends(config)
    assert (backend.id, backend.file, backend.source) == ("small", "a ${b}.gguf", "--backends: backends.small")


def test_backends_from_flags_stand_beside_those_of_files_and_variables() -> None:
    flags = {"backends": {"small": {"type": "gguf", "file": "a"}}}
    config = load([Layer("f", {"backends": [{"id": "a", "type": "ollama"}]})], {}, flags)
    assert [backend.id for backend in _backends(config)] == ["a", "small"]
    config = load([], {"OLLAMA_URL": "http://h"}, flags)
    assert [backend.id for backend in _backends(config)] == ["ollama", "small"]


def test_a_problem_in_a_flag_names_the_flag() -> None:
    assert _problems(flags={"server.port": "x", "queue.header_x": 1}) == (
        "--port: server.port: expected a port from 0 to 65535, got 'x'",
        "--header-x: queue.header_x: unknown key; expected one of concurrency, prioritise, size, timeout",
    )


def test_all_problems_of_all_layers_come_together() -> None:
    problems = _problems(
        Layer("a.yaml", {"server": {"prot": 1}, "backends": [{"id": "x", "type": "ollama"}, {"endpont": "y"}]}),
        Layer("b.yaml", {"retry": {"attempts": 0}}),
        env={"PORT": "x"},
        flags={"server.host": "a b"},
    )
    assert problems == (
        "a.yaml: backends[1]: every backend needs an `id`",
        "a.yaml: server.prot: unknown key; did you mean `port`?",
        "PORT: server.port: expected a port from 0 to 65535, got 'x'",
        "--host: server.host: expected a host's name or address, without a scheme or a port, got 'a b'",
        "b.yaml: retry.attempts: expected a whole number, 1 or more, got 0",
        "a.yaml: backends[1].endpont: unknown key; did you mean `endpoint`?",
        f"a.yaml: backends[1]: needs a `type`, one of {', '.join(TYPES)}",
    )


def test_a_models_backend_is_an_id_or_a_provider_that_is_there() -> None:
    backends = [{"id": "a", "type": "ollama"}, {"id": "b", "type": "custom", "url": "http://h"}]
    for name in ("a", "ollama", "custom", "openai_compatible"):
        load([Layer("f", {"backends": backends, "models": {"m": {"backend": name}}})], {})
    assert _problems(Layer("f", {"backends": backends, "models": {"m": {"backend": "azure"}}})) == (
        "f: models.m.backend: no backend has the id or the type azure",
    )
    assert load([Layer("f", {"models": {"m": {"backend": "a"}}})], {}).models["m"].backend == "a"


def test_an_alias_hides_no_model_and_does_not_lead_back_to_itself() -> None:
    assert _problems(
        Layer("f", {"models": {"m": {}}, "aliases": {"m": "x", "a": "b", "b": "c", "c": "a", "d": "a", "e": "e"}})
    ) == (
        "f: aliases.m: m is the name of a model as well",
        "f: aliases.a: leads back to itself",
        "f: aliases.b: leads back to itself",
        "f: aliases.c: leads back to itself",
        "f: aliases.e: leads back to itself",
    )


def test_references_are_put_in_before_values_are_read() -> None:
    file = parse_document(b"server: {port: '${P}', host: '${H:-::1}'}\nqueue: {size: '${NONE:-}'}\n", "f")
    server = load([file], {"P": "80"}).server
    assert (server.port, server.host) == (80, "::1")
    assert _problems(file) == ("f: server.port: P is not set in the environment, and ${P} has no default",)


def test_a_block_of_variables_for_many_providers_starts_with_those_that_there_are() -> None:
    config = load([], parse_dotenv(BLOCK))
    (backend,) = _backends(config)
    assert (backend.id, backend.endpoint, backend.priority) == ("ollama", "http://localhost:11434", 93)
    assert (config.server.host, config.logging.format) == ("0.0.0.0", "json")
    assert (config.queue.size, config.queue.concurrency, config.health.interval) == (1000, 100, 60)


def test_a_mapping_of_backends_in_json_loads() -> None:
    text = b"""{"backends": {
        "ollama-local": {"type": "ollama", "enabled": true, "url": "http://localhost:11434", "timeout": 600,
                         "connect_timeout": 45},
        "llama-cpp-local": {"type": "llama_cpp", "enabled": true, "url": "http://localhost:8080", "api_key": null}}}"""
    first, second = _backends(load([parse_document(text, "config.json")], {}))
    assert (first.timeouts.first_byte, first.timeouts.connect) == (600, 45)
    assert (second.id, second.api_key) == ("llama-cpp-local", None)


_LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.just("${A}")
_NAMES = st.sampled_from(
    (*ROOT.keys, "id", "type", "host", "port", "keys", "name", "key", "limits", "url", "endpoint", "api_key", "breaker")
) | st.text(max_size=6)
_VALUES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_NAMES, inner, max_size=4), max_leaves=12
)


@given(
    st.dictionaries(_NAMES, _VALUES, max_size=5),
    st.dictionaries(
        st.sampled_from((*NAMED, "OLLAMA_HOST", "OLLAMA_URL", "OLLAMUX_SERVER__KEYS", "OLLAMUX_BACKENDS__0__TYPE")),
        st.text(max_size=12),
    ),
)
def test_whatever_is_written_there_is_a_configuration_or_a_list_of_problems(
    data: dict[str, Any], env: dict[str, str]
) -> None:
    try:
        assert isinstance(load([Layer("f", data)], env), Config)
    except ConfigError as error:
        assert error.problems
        assert all(problem and "\n" not in problem for problem in error.problems)
