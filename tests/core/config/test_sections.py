"""What each section of a configuration may say, through `load`."""

from __future__ import annotations

from typing import Any

import pytest

from ollamux.config import (
    Config,
    ConfigError,
    HealthConfig,
    Layer,
    Limits,
    LoggingConfig,
    ModelConfig,
    QueueConfig,
    ResponseOptimization,
    ResponsesConfig,
    RoutingConfig,
    load,
)


def _load(**data: Any) -> Config:
    return load([Layer("f", data)], {})


def _problems(**data: Any) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        _load(**data)
    return caught.value.problems


def test_nothing_at_all_is_a_configuration() -> None:
    assert load([], {}) == Config()
    assert Config().backends is None


def test_the_server_is_read() -> None:
    server = _load(
        server={
            "host": "0.0.0.0",
            "port": 80,
            "auth": "none",
            "origins": ["https://a.example"],
            "allowed_hosts": ["Models.LAN"],
            "decision_headers": False,
            "limits": {"body": "1MiB", "header_timeout": "1s"},
        }
    ).server
    assert (server.host, server.port, server.port_given, server.auth) == ("0.0.0.0", 80, True, "none")
    assert (server.origins, server.allowed_hosts) == (("https://a.example",), ("models.lan",))
    assert server.decision_headers is False
    assert server.limits == Limits(body=2**20, header_timeout=1.0)


def test_a_port_that_nobody_asked_for_is_known_as_such() -> None:
    assert _load(server={"host": "::1"}).server.port_given is False


def test_keys_have_scopes_and_the_lesser_one_by_themselves() -> None:
    a, b = _load(
        server={"keys": [{"name": "a", "key": "x"}, {"name": "b", "key_env": "B", "scopes": ["manage", "inference"]}]}
    ).server.keys
    assert a.scopes == frozenset({"inference"})
    assert b.scopes == frozenset({"inference", "manage"})
    assert a.key is not None
    assert a.key.reveal() == "x"


def test_a_key_needs_a_name_of_its_own_and_one_way_to_tell_it() -> None:
    assert _problems(
        server={
            "keys": [{"name": "a"}, {"name": "a", "key": "x", "key_env": "Y"}, {"key": "z"}, {"name": "b", "key": 5}]
        }
    ) == (
        "f: server.keys[2]: needs `name`",
        "f: server.keys[3].key: expected text (a key that is all digits is put in quotes)",
        "f: server.keys[0]: needs one of key, key_env, key_file, key_sha256",
        "f: server.keys[1]: needs one of key, key_env, key_file, key_sha256 and no more",
        "f: server.keys[1].name: the name a is taken by another key",
    )


def test_the_lesser_sections_are_read() -> None:
    config = _load(
        routing={"strategy": "capability_based", "fallback": "none", "load_balancing": True, "registered_only": True},
        retry={"attempts": 5, "on": ["5xx"]},
        health={"interval": "1m", "timeout": 2, "unhealthy_after": 1, "healthy_after": 2},
        queue={"size": 0, "timeout": "1s", "concurrency": 4},
        responses={"size": 5, "bytes": "1KiB", "ttl": "1m"},
        logging={"level": "WARN", "format": "json"},
        model_options={"temperature": 0.5, "stop": ["a"]},
        performance={"num_thread": 8},
        response_optimization={"stream": True, "keep_alive": "10m"},
        include=["other.yaml"],
    )
    assert config.routing == RoutingConfig(fallback="none", registered_only=True)
    assert (config.retry.attempts, len(config.retry.on)) == (5, 100)
    assert config.health == HealthConfig(interval=60.0, timeout=2.0, unhealthy_after=1, healthy_after=2)
    assert config.queue == QueueConfig(size=0, timeout=1.0, concurrency=4)
    assert config.responses == ResponsesConfig(size=5, bytes=1024, ttl=60.0)
    assert config.logging == LoggingConfig(level="warning", format="json")
    assert config.model_options == {"temperature": 0.5, "stop": ["a"]}
    assert config.performance == {"num_thread": 8}
    assert config.response_optimization == ResponseOptimization(keep_alive="10m")


def test_models_and_aliases_are_read() -> None:
    config = _load(
        backends={"up": {"type": "ollama"}},
        models={
            "a": {"backend": "up", "api_model": "b", "capabilities": ["completion", "tools"], "context_length": 100},
            "c:7b": {"model": "d", "max_tokens": 5, "options": {"top_k": 1}},
            "e": {},
        },
        aliases={"fast": "a", "faster": "fast"},
    )
    assert config.models == {
        "a": ModelConfig(backend="up", api_model="b", capabilities=("completion", "tools"), context_length=100),
        "c:7b": ModelConfig(api_model="d", max_tokens=5, options={"top_k": 1}),
        "e": ModelConfig(),
    }
    assert config.aliases == {"fast": "a", "faster": "fast"}


@pytest.mark.parametrize("name", ["gpt-4*", "a?", "[ab]"])
def test_a_pattern_for_an_alias_is_not_available_yet(name: str) -> None:
    (problem,) = _problems(aliases={name: "x"})
    assert problem.endswith("expected a plain name, for patterns are not available yet")


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        ({"routing": {"strategy": "round_robin"}}, "f: routing.strategy: round_robin is not available yet"),
        ({"routing": {"fallback": "retry_same"}}, "f: routing.fallback: retry_same is not available yet"),
        (
            {"routing": {"strategy": "random"}},
            "f: routing.strategy: expected one of capability_based, got 'random'",
        ),
        ({"features": {"x": True}}, "f: features.x is not available yet"),
        ({"features": {"x": 3}}, "f: features.x: expected true or false, got 3"),
        ({"breaker": {"failures": 4}}, "f: breaker.failures is not available yet"),
        ({"breaker": 3}, "f: breaker: expected a mapping of keys, got a number"),
        ({"thermal": {"warnin": 70}}, "f: thermal.warnin: unknown key; did you mean `warning`?"),
        ({"server": {"workers": "many"}}, "f: server.workers: expected a whole number, 1 or more, got 'many'"),
        ({"Server": {}}, "f: Server: unknown key; did you mean `server`?"),
        ({"server": "x"}, "f: server: expected a mapping of keys, got text"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(data: dict[str, Any], problem: str) -> None:
    assert _problems(**data) == (problem,)


def test_sections_that_say_their_defaults_are_accepted_though_nothing_acts_on_them_yet() -> None:
    assert (
        _load(
            breaker={"failures": 5, "window": "60s", "recovery": "1m", "successes": 3, "slow": 60},
            thermal={"warning": 70, "critical": 85, "shutdown": 95, "interval": "5s"},
            hedging={"enabled": False, "percentile": 95},
            rate_limit={"per_key": 0, "per_address": 0, "global": 0},
            retry={"base": "1s", "factor": 2, "max": "60s", "jitter": 0.2, "budget": 0.2},
            routing={"context_overflow": "reject", "efficiency": "Balanced", "regions": []},
            queue={"prioritise": True},
            server={"workers": 1, "tls": None},
            features={},
        )
        == Config()
    )
