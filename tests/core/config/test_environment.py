"""Environment variables, through `load` where they meet the files."""

from __future__ import annotations

from typing import Any

import pytest

from ollamux.config import BackendConfig, Config, ConfigError, Layer, RoutingConfig, Secret, load
from ollamux.config.environment import NAMED, extra_files, listen
from ollamux.config.types import VENDORS


def _load(env: dict[str, str], **data: Any) -> Config:
    return load([Layer("f", data)], env)


def _problems(env: dict[str, str], **data: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        _load(env, **data)
    return caught.value.problems


def _backends(env: dict[str, str], **data: Any) -> tuple[BackendConfig, ...]:
    found = _load(env, **data).backends
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("1.2.3.4", "1.2.3.4", None),
        (":1234", "0.0.0.0", 1234),
        ("1.2.3.4:1234", "1.2.3.4", 1234),
        ("example.com", "example.com", None),
        ("example.com:1234", "example.com", 1234),
        (":0", "0.0.0.0", 0),
        (":66000", "0.0.0.0", None),
        (":-1", "0.0.0.0", None),
        ("1.2.3.4:abc", "1.2.3.4", None),
        ("1.2.3.4:", "1.2.3.4", None),
        ("[::1]", "::1", None),
        ("[::]", "::", None),
        ("::1", "::1", None),
        ("[::1]:1337", "::1", 1337),
        (" 1.2.3.4 ", "1.2.3.4", None),
        ('"1.2.3.4"', "1.2.3.4", None),
        ('" 1.2.3.4 "', "1.2.3.4", None),
        ("'1.2.3.4'", "1.2.3.4", None),
        ("http://1.2.3.4", "1.2.3.4", 80),
        ("http://1.2.3.4:5000", "1.2.3.4", 5000),
        ("https://1.2.3.4", "1.2.3.4", 443),
        ("https://1.2.3.4:5000", "1.2.3.4", 5000),
        ("https://1.2.3.4:66000", "1.2.3.4", 443),
        ("https://example.com/ollama", "example.com", 443),
        ("https://example.com:5000/ollama", "example.com", 5000),
        ("http://", "127.0.0.1", 80),
        ("tcp://1.2.3.4", "1.2.3.4", None),
    ],
)
def test_ollama_host_is_read_as_ollama_reads_it(text: str, host: str, port: int | None) -> None:
    assert listen(text) == (host, port)


@pytest.mark.parametrize("text", ["", "  ", '""', "' '"])
def test_an_ollama_host_with_nothing_in_it_says_nothing(text: str) -> None:
    assert listen(text) is None


def test_host_and_port_win_over_ollama_host_and_that_over_the_file() -> None:
    server = _load({"OLLAMA_HOST": "1.2.3.4:5"}, server={"host": "::1", "port": 80}).server
    assert (server.host, server.port, server.port_given) == ("1.2.3.4", 5, True)
    server = _load({"OLLAMA_HOST": "1.2.3.4", "PORT": "6"}).server
    assert (server.host, server.port, server.port_given) == ("1.2.3.4", 6, True)
    server = _load({"OLLAMA_HOST": "1.2.3.4:5", "HOST": "127.0.0.1"}).server
    assert (server.host, server.port) == ("127.0.0.1", 5)
    assert _load({"OLLAMA_HOST": "1.2.3.4"}).server.port_given is False


def test_every_plain_name_sets_its_key() -> None:
    values = {
        "HOST": "0.0.0.0",
        "PORT": "80",
        "OLLAMA_ORIGINS": "https://a, https://b",
        "OLLAMA_MAX_QUEUE": "9",
        "MAX_QUEUE_SIZE": "10",
        "MAX_CONCURRENT_REQUESTS": "4",
        "ENABLE_PRIORITIZATION": "false",
        "HEALTH_CHECK_INTERVAL": "60",
        "ROUTING_STRATEGY": "least_loaded",
        "FALLBACK_STRATEGY": "best_alternative",
        "ENABLE_LOAD_BALANCING": "False",
        "LOG_LEVEL": "ERROR",
    }
    assert set(values) == set(NAMED)
    config = _load(values)
    assert (config.server.host, config.server.port) == ("0.0.0.0", 80)
    assert config.server.origins == ("https://a", "https://b")
    assert (config.queue.size, config.queue.concurrency) == (10, 4)
    assert config.health.interval == 60
    assert config.queue.prioritise is False
    assert config.routing == RoutingConfig(strategy="least_loaded", fallback="best_alternative", load_balancing=False)
    assert config.logging.level == "error"


def test_a_variable_is_refused_as_a_key_of_a_file_is() -> None:
    assert _problems({"PORT": "abc", "ROUTING_STRATEGY": "roundrobin", "OLLAMUX_SERVER__WORKERS": "0"}) == (
        "PORT: server.port: expected a port from 0 to 65535, got 'abc'",
        "OLLAMUX_SERVER__WORKERS: server.workers: expected a whole number, 1 or more, got '0'",
        "ROUTING_STRATEGY: routing.strategy: expected one of balanced, capability_based, cost_optimized, "
        "fastest_response, least_loaded, model_based, power_efficient, prefix_affinity, round_robin, got 'roundrobin'",
    )


def test_a_variable_that_is_empty_says_nothing() -> None:
    env = dict.fromkeys([*NAMED, "OLLAMA_HOST", "OLLAMA_URL", "OLLAMA_KEEP_ALIVE", "SERVICE_API_KEY"], " ")
    assert _load({**env, "OLLAMUX_SERVER__PORT": "", "OLLAMUX_SERVER__AUTH": "null"}) == Config()


def test_production_means_json_unless_somebody_says_otherwise() -> None:
    assert _load({"ENVIRONMENT": "Production"}).logging.format == "json"
    assert _load({"ENVIRONMENT": "production"}, logging={"format": "text"}).logging.format == "text"
    assert _load({"ENVIRONMENT": "development"}).logging.format == "text"


def test_the_service_key_is_one_with_both_scopes_beside_the_others() -> None:
    other, service = _load({"SERVICE_API_KEY": "k"}, server={"keys": [{"name": "a", "key": "b"}]}).server.keys
    assert other.name == "a"
    assert (service.name, service.key, service.scopes) == ("service", Secret("k"), frozenset({"inference", "manage"}))


def test_a_service_key_that_no_header_can_carry_is_refused_unseen() -> None:
    assert _problems({"SERVICE_API_KEY": "hüsh"}) == ("SERVICE_API_KEY: expected a key of visible ASCII characters",)


def test_keep_alive_is_kept_as_ollama_spells_it() -> None:
    assert _load({"OLLAMA_KEEP_ALIVE": '"10m"'}).keep_alive == "10m"
    assert _load({"OLLAMA_KEEP_ALIVE": "-1"}).keep_alive == "-1"
    assert _problems({"OLLAMA_KEEP_ALIVE": "long"}) == (
        "OLLAMA_KEEP_ALIVE: expected a duration such as 5m or 1h30m, or a number of seconds",
    )


def test_ollamas_url_makes_a_backend_where_none_is_configured() -> None:
    (backend,) = _backends(
        {"OLLAMA_BASE_URL": "h:1", "OLLAMA_TIMEOUT": "300", "OLLAMA_PRIORITY": "7", "OLLAMA_API_KEY": "0123"}
    )
    assert (backend.id, backend.type, backend.endpoint) == ("ollama", "ollama", "http://h:1")
    assert (backend.timeout, backend.timeouts.first_byte, backend.priority) == (300, 300, 93)
    assert backend.api_key == Secret("0123")
    assert backend.source == "OLLAMA_BASE_URL: backends.ollama"


def test_the_shorter_name_of_a_url_wins() -> None:
    (backend,) = _backends({"OLLAMA_BASE_URL": "http://a", "OLLAMA_URL": "http://b"})
    assert backend.endpoint == "http://b"


def test_each_provider_with_a_url_is_a_backend() -> None:
    found = _backends({f"{vendor.prefix}URL": "http://h" for vendor in VENDORS.values()})
    assert tuple(backend.type for backend in found) == tuple(VENDORS)


def test_ollamas_variables_refine_the_one_backend_of_its_type() -> None:
    a, b = _backends(
        {"OLLAMA_URL": "http://h", "OLLAMA_API_KEY": "k"},
        backends=[
            {"id": "near", "type": "ollama", "endpoint": "http://x", "priority": 9, "api_key_env": "OLD"},
            {"id": "other", "type": "llama_cpp"},
        ],
    )
    assert (a.id, a.endpoint, a.priority, a.api_key, a.api_key_env) == ("near", "http://h", 9, Secret("k"), None)
    assert b.endpoint is None


def test_with_several_backends_of_the_type_or_none_they_are_left_alone_with_a_note() -> None:
    two = _load({"OLLAMA_URL": "http://h"}, backends=[{"id": "a", "type": "ollama"}, {"id": "b", "type": "ollama"}])
    assert [backend.endpoint for backend in two.backends or ()] == [None, None]
    assert two.notes == ("OLLAMA_URL: no effect, since several backends are of type ollama",)
    none = _load({"OLLAMA_URL": "http://h", "OLLAMA_TIMEOUT": "5"}, backends=[{"id": "demo"}])
    assert none.notes == ("OLLAMA_URL and OLLAMA_TIMEOUT: no effect, since no backend is of type ollama",)
    assert [backend.type for backend in none.backends or ()] == ["demo"]


def test_a_key_or_a_url_makes_a_vendor_a_backend() -> None:
    found = _backends({f"{vendor.prefix}API_KEY": "k" for vendor in VENDORS.values() if not vendor.needs_endpoint})
    assert [backend.type for backend in found] == [
        kind for kind, vendor in VENDORS.items() if not vendor.needs_endpoint
    ]
    (local,) = _backends({"OPENAI_BASE_URL": "http://127.0.0.1:8000/v1"})
    assert (local.type, local.api_key) == ("openai", None)


def test_a_key_for_ollama_alone_means_the_one_in_the_cloud() -> None:
    (backend,) = _backends({"OLLAMA_API_KEY": "k"})
    assert (backend.type, backend.endpoint, backend.api_key) == ("ollama", "https://ollama.com", Secret("k"))


@pytest.mark.parametrize("name", ["GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_AI_API_KEY"])
def test_googles_key_has_three_names(name: str) -> None:
    (backend,) = _backends({name: "k"})
    assert (backend.type, backend.api_key) == ("google", Secret("k"))


def test_azure_needs_its_place() -> None:
    config = _load({"AZURE_API_KEY": "k", "AZURE_DEPLOYMENT": "d"})
    assert config.backends is None
    assert config.notes == (
        "AZURE_DEPLOYMENT and AZURE_API_KEY: no effect without AZURE_URL or a backend of type azure",
    )


def test_a_hint_refines_a_backend_and_makes_none() -> None:
    assert _load({"HF_TOKEN": "k"}) == Config()
    (backend,) = _backends({"HF_TOKEN": "k"}, backends=[{"id": "hf"}])
    assert backend.api_key == Secret("k")


def test_a_vendor_that_is_switched_off_is_no_backend_though_it_has_a_key() -> None:
    config = _load({"OPENAI_API_KEY": "k", "OPENAI_ENABLED": "false"})
    assert config.backends is None and config.switched_off == frozenset({"openai"})


def test_with_backends_in_a_file_no_vendor_is_added() -> None:
    config = _load({"OPENAI_API_KEY": "k"}, backends=[{"id": "ollama"}])
    assert [backend.type for backend in config.backends or ()] == ["ollama"]
    assert config.notes == ("OPENAI_API_KEY: no effect, since no backend is of type openai",)


def test_a_type_that_nobody_knows_is_noted() -> None:
    config = _load({"ROUTER_PROVIDER": "teapot", "ROUTER_OLLAMA_URL": "http://h"})
    assert config.notes == ("ROUTER_PROVIDER: no effect, since 'teapot' is no type of backend",)


def test_any_server_that_speaks_openai_may_be_the_one_for_all() -> None:
    (backend,) = _backends({"ROUTER_OPENAI_BASE_URL": "http://h:8000/v1", "ROUTER_MODEL_PREFIX": "x/"})
    assert (backend.type, backend.endpoint, backend.model_prefix) == ("openai_compatible", "http://h:8000/v1", "x/")


def test_what_needs_a_url_is_noted_without_one() -> None:
    config = _load({"OLLAMA_TIMEOUT": "5"})
    assert config.backends is None
    assert config.notes == ("OLLAMA_TIMEOUT: no effect without OLLAMA_URL or a backend of type ollama",)


def test_a_provider_that_is_switched_off_is_not_looked_for() -> None:
    config = _load({"OLLAMA_ENABLED": "false", "OLLAMA_URL": "http://h"})
    assert config.backends is None
    assert config.switched_off == frozenset({"ollama"})
    assert _load({"OLLAMA_ENABLED": "true"}).switched_off == frozenset()


def test_the_variables_of_other_programs_do_no_harm() -> None:
    env = {
        "OPENAI_ORGANIZATION": "x",
        "HF_TOKEN": "x",
        "AZURE_API_VERSION": "x",
        "AWS_ACCESS_KEY_ID": "x",
        "OLLAMUX_KEY": "x",
        "OLLAMUX_PORT": "tcp://10.0.0.1:80",
        "OLLAMA_MODELS": "x",
    }
    assert _load(env) == Config()


def test_every_key_is_a_variable() -> None:
    config = _load(
        {
            "OLLAMUX_SERVER__AUTH": "none",
            "OLLAMUX_SERVER__ALLOWED_HOSTS": "ollamux",
            "OLLAMUX_SERVER__ORIGINS": "[https://a, https://b]",
            "OLLAMUX_SERVER__LIMITS__HEADER_BYTES": "1KiB",
            "OLLAMUX_QUEUE": "{size: 3}",
            "OLLAMUX_QUEUE__TIMEOUT": "5s",
            "OLLAMUX_ALIASES__FAST": "slow",
            "OLLAMUX_LOGGING__LEVEL": "debug",
            "LOG_LEVEL": "error",
        },
        server={"limits": {"body": 5, "header_bytes": 6}},
    )
    assert (config.server.auth, config.server.allowed_hosts) == ("none", ("ollamux",))
    assert config.server.origins == ("https://a", "https://b")
    assert (config.server.limits.body, config.server.limits.header_bytes) == (5, 1024)
    assert (config.queue.size, config.queue.timeout) == (3, 5)
    assert config.aliases == {"fast": "slow"}
    assert config.logging.level == "debug"


def test_a_path_finds_a_backend_by_its_id_or_by_its_number() -> None:
    env = {
        "OLLAMUX_BACKENDS__MY_BOX_1__URL": "http://h",
        "OLLAMUX_BACKENDS__1__API_KEY": "0123",
        "OLLAMUX_BACKENDS__NEW__TYPE": "demo",
    }
    a, b, c = _backends(env, backends=[{"id": "My-box.1", "type": "ollama"}, {"id": "b", "type": "ollama"}])
    assert (a.id, a.endpoint) == ("My-box.1", "http://h")
    assert (b.id, b.api_key) == ("b", Secret("0123"))
    assert (c.id, c.type) == ("new", "demo")


def test_a_path_that_is_no_key_is_an_error() -> None:
    assert _problems({"OLLAMUX_SERVER__AUHT": "none", "OLLAMUX_SERVR__AUTH": "none", "OLLAMUX_SERVER____X": "1"}) == (
        "OLLAMUX_SERVER____X: a part between the underscores is empty",
        "OLLAMUX_SERVER__AUHT: server.auht: unknown key; did you mean `auth`?",
        "OLLAMUX_SERVR__AUTH: servr: unknown key; did you mean `server`?",
    )


def test_a_file_with_models_can_be_named() -> None:
    assert extra_files({"MODEL_CONFIG_PATH": "models.yaml"}) == ("models.yaml",)
    assert extra_files({"MODEL_CONFIG_PATH": " "}) == ()
    assert extra_files({}) == ()
