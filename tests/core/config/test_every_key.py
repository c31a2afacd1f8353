"""The example file and the description of the configuration say the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from ollamux.config import (
    Config,
    HealthConfig,
    HedgingConfig,
    Limits,
    LoggingConfig,
    MetricsConfig,
    PicturesConfig,
    Pool,
    QueueConfig,
    RateLimitConfig,
    ResponsesConfig,
    RetryConfig,
    RoutingConfig,
    ServerConfig,
    ThermalConfig,
    Timeouts,
    VramConfig,
    load,
    parse_document,
    resolve_keys,
)
from ollamux.config.backends import BACKEND
from ollamux.config.read import Items, Section, Spec, Table
from ollamux.config.sections import ROOT
from ollamux.resilience.breaker import BreakerSettings

EXAMPLE = "ollamux.example.yaml"
SWITCHED_OFF = re.compile(r"^#(?=[a-z_]+:|  )", re.MULTILINE)


@pytest.fixture
def text(root: Path) -> str:
    return (root / EXAMPLE).read_text(encoding="utf-8")


def _load(text: str) -> Config:
    return load([parse_document(text.encode(), EXAMPLE)], {})


def _keys(spec: Spec) -> Iterator[str]:
    if isinstance(spec, Section):
        for key, below in spec.keys.items():
            yield key
            yield from _keys(below)
    elif isinstance(spec, Items):
        yield from _keys(spec.item)
    elif isinstance(spec, Table):
        yield from _keys(spec.value)


def test_the_example_loads_as_it_stands_and_needs_no_key(text: str) -> None:
    config = resolve_keys(_load(text), {}, lambda path: path)
    assert [backend.id for backend in config.backends or () if backend.enabled] == ["ollama", "workstation"]


def test_the_example_says_the_defaults(text: str) -> None:
    config = _load(text)
    assert config.server == ServerConfig(port_given=True)
    assert config.server.limits == Limits()
    assert config.routing == RoutingConfig()
    assert config.retry == RetryConfig()
    assert config.health == HealthConfig()
    assert config.queue == QueueConfig()
    assert config.breaker == BreakerSettings()
    assert config.rate_limit == RateLimitConfig()
    assert config.thermal == ThermalConfig()
    assert config.vram == VramConfig()
    assert config.hedging == HedgingConfig()
    assert config.pictures == PicturesConfig()
    assert config.responses == ResponsesConfig()
    assert config.logging == LoggingConfig()
    assert config.metrics == MetricsConfig()
    assert config.backends is not None
    workstation = config.backends[1]
    assert workstation.timeouts == Timeouts()
    assert workstation.pool == Pool()
    assert workstation.priority == 50


def test_the_example_writes_every_default_down(text: str) -> None:
    data = parse_document(text.encode(), EXAMPLE).data
    for section, struct in {
        "routing": RoutingConfig,
        "retry": RetryConfig,
        "breaker": BreakerSettings,
        "thermal": ThermalConfig,
        "vram": VramConfig,
        "hedging": HedgingConfig,
        "health": HealthConfig,
        "queue": QueueConfig,
        "pictures": PicturesConfig,
        "responses": ResponsesConfig,
        "logging": LoggingConfig,
        "metrics": MetricsConfig,
    }.items():
        assert set(data[section]) == set(struct.__struct_fields__)
    assert set(data["rate_limit"]) == {"per_key", "per_address", "global"}
    assert set(data["server"]["limits"]) == set(Limits.__struct_fields__)


def test_the_example_loads_with_all_its_settings_switched_on(text: str) -> None:
    config = _load(re.sub(r"^    tls: \{verify: true\}\n", "", SWITCHED_OFF.sub("", text), flags=re.MULTILINE))
    assert [key.name for key in config.server.keys] == ["laptop", "phone", "admin", "test"]
    assert config.models["writer"].api_model == "qwen3-8b"
    assert config.aliases == {"fast": "writer", "gpt-4*": "writer"}
    assert config.backends is not None
    assert config.backends[2].tls.ca == "/etc/ssl/own-ca.pem"


def test_the_example_names_every_key_that_there_is(text: str) -> None:
    written = set(re.findall(r"([a-z_0-9]+):", text))
    wanted = {*_keys(ROOT), *_keys(BACKEND), "id"}
    ways = {  # a secret is told in one of three ways
        key: {key, f"{key}_env", f"{key}_file"}
        for key in ("api_key", "access_key", "secret_key", "session_token", "client_secret")
    }
    assert wanted - written - set().union(*ways.values()) == set()
    assert all(told & written for told in ways.values())
    assert "api_key_file" in text


def test_every_section_that_is_made_knows_its_keys() -> None:
    for spec in (ROOT, BACKEND):
        for key, below in spec.keys.items():
            if isinstance(below, Section) and isinstance(below.make, type) and issubclass(below.make, msgspec.Struct):
                assert set(below.keys) <= set(below.make.__struct_fields__), key
