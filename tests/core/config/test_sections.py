"""What each section of a configuration may say, through `load`."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from ollamux.config import (
    Config,
    ConfigError,
    HealthConfig,
    HedgingConfig,
    Layer,
    Limits,
    LoggingConfig,
    ModelConfig,
    PicturesConfig,
    QueueConfig,
    RateLimitConfig,
    ResponseOptimization,
    ResponsesConfig,
    RetryConfig,
    RoutingConfig,
    ThermalConfig,
    load,
)
from ollamux.config.schema import Efficiency, Fallback, Strategy
from ollamux.hardware.efficiency import AUTO, MODES
from ollamux.hardware.thermal import ThermalLimits
from ollamux.resilience.breaker import BreakerSettings
from ollamux.resilience.fallback import Mode
from ollamux.resilience.limits import Rate
from ollamux.routing.strategies import names


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
        routing={
            "strategy": "balanced",
            "fallback": "none",
            "load_balancing": False,
            "registered_only": True,
            "regions": ["eu-1", "eu-2"],
            "context_overflow": "warn",
            "efficiency": "Quiet",
        },
        retry={"attempts": 5, "on": ["5xx"]},
        health={"interval": "1m", "timeout": 2, "unhealthy_after": 1, "healthy_after": 2},
        queue={"size": 0, "timeout": "1s", "concurrency": 4, "prioritise": False},
        pictures={"fetch": "never", "count": 2, "size": 1000, "timeout": "1s"},
        responses={"size": 5, "bytes": "1KiB", "ttl": "1m"},
        logging={"level": "WARN", "format": "json"},
        model_options={"temperature": 0.5, "stop": ["a"]},
        performance={"num_thread": 8},
        response_optimization={"stream": True, "keep_alive": "10m"},
        include=["other.yaml"],
    )
    assert config.routing == RoutingConfig(
        strategy="balanced",
        fallback="none",
        load_balancing=False,
        registered_only=True,
        regions=("eu-1", "eu-2"),
        context_overflow="warn",
        efficiency="Quiet",
    )
    assert (config.retry.attempts, len(config.retry.on)) == (5, 100)
    assert config.health == HealthConfig(interval=60.0, timeout=2.0, unhealthy_after=1, healthy_after=2)
    assert config.queue == QueueConfig(size=0, timeout=1.0, concurrency=4, prioritise=False)
    assert config.pictures == PicturesConfig(fetch="never", count=2, size=1000, timeout=1.0)
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


def test_an_alias_may_be_a_pattern() -> None:
    aliases = {"gpt-4*": "big", "*-mini": "small", "[ab]?": "auto:fast"}
    assert _load(aliases=aliases).aliases == aliases


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (
            {"routing": {"strategy": "random"}},
            "f: routing.strategy: expected one of balanced, capability_based, cost_optimized, fastest_response, "
            "least_loaded, model_based, power_efficient, prefix_affinity, round_robin, got 'random'",
        ),
        (
            {"routing": {"fallback": "any"}},
            "f: routing.fallback: expected one of none, next_available, retry_same, best_alternative, got 'any'",
        ),
        (
            {"routing": {"efficiency": "quiet"}},
            "f: routing.efficiency: expected one of Performance, Balanced, Efficiency, Quiet, UltraEfficiency, Auto, "
            "got 'quiet'",
        ),
        ({"retry": {"jitter": 2}}, "f: retry.jitter: expected a share from 0 to 1, got 2"),
        ({"retry": {"factor": 0.5}}, "f: retry.factor: expected a number, 1 or more, got 0.5"),
        ({"breaker": {"failures": -1}}, "f: breaker.failures: expected a whole number, 0 or more, got -1"),
        ({"breaker": {"window": 0}}, "f: breaker.window: expected a duration above 0, got 0"),
        (
            {"hedging": {"percentile": 100}},
            "f: hedging.percentile: expected a percentage above 0 and below 100, got 100",
        ),
        (
            {"rate_limit": {"per_key": 600}},
            "f: rate_limit.per_key: expected a rate (5/s, 600/min, 1000/h, or 0 for no limit), got 600",
        ),
        (
            {"thermal": {"warning": 90}},
            "f: thermal: `warning` must be below `critical`, and `critical` not above `shutdown`",
        ),
        ({"features": {"x": True}}, "f: features.x: unknown key; there is none in this version"),
        ({"features": {"x": False}}, "f: features.x: unknown key; there is none in this version"),
        ({"features": True}, "f: features: expected a mapping of keys, got a truth value"),
        ({"response_optimization": {"stream": 3}}, "f: response_optimization.stream: expected true or false, got 3"),
        ({"server": {"tls": {"key": "k.pem"}}}, "f: server.tls: needs `cert`"),
        ({"server": {"tls": True}}, "f: server.tls: expected a mapping of keys, got a truth value"),
        ({"breaker": 3}, "f: breaker: expected a mapping of keys, got a number"),
        (
            {"thermal": {"hardware": {"npu": {"warning": 90}}}},
            "f: thermal.hardware.npu: `warning` must be below `critical`, and `critical` not above `shutdown`",
        ),
        (
            {"thermal": {"hardware": {"tpu": {"warning": 60}}}},
            "f: thermal.hardware.tpu: expected one of amd, cpu, igpu, npu, nvidia",
        ),
        ({"vram": {"threshold": 101}}, "f: vram.threshold: expected a percentage from 0 to 100, got 101"),
        ({"thermal": {"warnin": 70}}, "f: thermal.warnin: unknown key; did you mean `warning`?"),
        ({"server": {"workers": "many"}}, "f: server.workers: expected a whole number, 1 or more, got 'many'"),
        ({"Server": {}}, "f: Server: unknown key; did you mean `server`?"),
        ({"server": "x"}, "f: server: expected a mapping of keys, got text"),
    ],
)
def test_what_cannot_be_is_told_with_its_place(data: dict[str, Any], problem: str) -> None:
    assert _problems(**data) == (problem,)


def test_what_is_written_down_as_the_default_changes_nothing() -> None:
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


def test_the_sections_about_trouble_are_read() -> None:
    config = _load(
        breaker={"failures": 2, "window": "10s", "recovery": "5s", "successes": 1, "slow": 0},
        thermal={"warning": 60, "critical": 70, "shutdown": 70, "interval": "1s"},
        hedging={"enabled": True, "percentile": 90},
        rate_limit={"per_key": "600/min", "per_address": "5/s", "global": "1000/h"},
        retry={"base": "100ms", "factor": 3, "max": "10s", "jitter": 0, "budget": 0},
    )
    assert config.breaker == BreakerSettings(failures=2, window=10.0, recovery=5.0, successes=1, slow=0.0)
    assert config.thermal == ThermalConfig(warning=60.0, critical=70.0, shutdown=70.0, interval=1.0)
    assert config.hedging == HedgingConfig(enabled=True, percentile=90.0)
    assert config.rate_limit == RateLimitConfig(per_key=Rate(600, 60), per_address=Rate(5, 1), overall=Rate(1000, 3600))
    assert config.retry == RetryConfig(base=0.1, factor=3.0, max=10.0, jitter=0.0, budget=0.0)


def test_every_strategy_fallback_and_mode_that_there_is_can_be_chosen() -> None:
    assert get_args(Strategy) == names()
    assert get_args(Fallback) == get_args(Mode)
    assert get_args(Efficiency) == (*MODES, AUTO)


def test_the_defaults_of_heat_are_those_of_the_hardware() -> None:
    config, limits = ThermalConfig(), ThermalLimits()
    assert (config.warning, config.critical, config.shutdown) == (limits.warning, limits.critical, limits.shutdown)
