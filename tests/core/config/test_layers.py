"""Where the layers meet."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ollamux.config import BackendConfig, Config, ConfigError, Layer, load, parse_document
from ollamux.config.backends import TYPES
from ollamux.config.environment import NAMED
from ollamux.config.sections import ROOT


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
