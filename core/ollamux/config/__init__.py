"""The configuration: from files, variables and flags, already read, to one immutable `Config`.

::

    layers = [parse_document(text, "ollamux.yaml")]
    config = resolve_keys(load(layers, env, {"server.port": 8080}), env, read_file)

`schema` is what comes out and every default, `sections` and `backends` what may be written, `environment` the
variables. Whatever is wrong is one ConfigError with all of it. Each module is loaded when something of it is asked for:
who makes a `Config` of values needs nothing of what reads one, and who only names its types needs none of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from ollamux.errors import ConfigError

if TYPE_CHECKING:
    from ollamux.config.document import Layer, includes_of, parse_document, parse_dotenv
    from ollamux.config.environment import extra_files
    from ollamux.config.keys import bind_problem, is_loopback, resolve_keys
    from ollamux.config.layers import load
    from ollamux.config.schema import (
        BackendConfig,
        BackendLimits,
        BackendTls,
        Capability,
        Characteristics,
        Config,
        HealthConfig,
        HedgingConfig,
        KeyConfig,
        Limits,
        LoggingConfig,
        MetricsConfig,
        ModelConfig,
        OAuth2Config,
        PicturesConfig,
        Pool,
        Price,
        QueueConfig,
        RateLimitConfig,
        ResponseOptimization,
        ResponsesConfig,
        RetryConfig,
        RoutingConfig,
        Secret,
        ServerConfig,
        ServerTls,
        ThermalConfig,
        Timeouts,
        VramConfig,
    )

__all__ = (
    "BackendConfig",
    "BackendLimits",
    "BackendTls",
    "Capability",
    "Characteristics",
    "Config",
    "ConfigError",
    "HealthConfig",
    "HedgingConfig",
    "KeyConfig",
    "Layer",
    "Limits",
    "LoggingConfig",
    "MetricsConfig",
    "ModelConfig",
    "OAuth2Config",
    "PicturesConfig",
    "Pool",
    "Price",
    "QueueConfig",
    "RateLimitConfig",
    "ResponseOptimization",
    "ResponsesConfig",
    "RetryConfig",
    "RoutingConfig",
    "Secret",
    "ServerConfig",
    "ServerTls",
    "ThermalConfig",
    "Timeouts",
    "VramConfig",
    "bind_problem",
    "extra_files",
    "includes_of",
    "is_loopback",
    "load",
    "parse_document",
    "parse_dotenv",
    "resolve_keys",
)

_IN = {
    "document": ("Layer", "includes_of", "parse_document", "parse_dotenv"),
    "environment": ("extra_files",),
    "keys": ("bind_problem", "is_loopback", "resolve_keys"),
    "layers": ("load",),
}
"""The names that are in no module but these; all others are in `schema`."""


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = next((module for module, names in _IN.items() if name in names), "schema")
    found: object = getattr(import_module(f"{__name__}.{module}"), name)
    globals()[name] = found
    return found
