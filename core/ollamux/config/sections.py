"""The description of the configuration: every section, its keys, and what each may be.

`ROOT` is all of it but the backends, which `backends` reads.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from ollamux.config.kinds import (
    Kind,
    amount,
    anything,
    choice,
    choices,
    count,
    duration,
    factor,
    flag,
    host,
    hosts,
    keep_alive,
    level,
    number,
    origins,
    percent,
    percentile,
    period,
    port,
    positive,
    rate,
    secret,
    sha256,
    share,
    size,
    statuses,
    text,
    texts,
    variable,
)
from ollamux.config.pacing import BreakerSettings
from ollamux.config.read import Items, Section, Table
from ollamux.config.schema import (
    Efficiency,
    Fallback,
    HealthConfig,
    HeatConfig,
    HedgingConfig,
    KeyConfig,
    Limits,
    LoggingConfig,
    MetricsConfig,
    ModelConfig,
    PicturesConfig,
    Price,
    QueueConfig,
    RateLimitConfig,
    ResponseOptimization,
    ResponsesConfig,
    RetryConfig,
    RoutingConfig,
    ServerConfig,
    ServerTls,
    Strategy,
    ThermalConfig,
    VramConfig,
)
from ollamux.config.tree import Node

__all__ = ("OPTIONS", "RETRY", "ROOT")

OPTIONS = Table(anything)
"""Options of a request, as Ollama names them; what they may be is the backend's to say."""

_SCOPES = choices("inference", "manage")


def _scopes(node: Node) -> frozenset[str]:
    return frozenset(_SCOPES(node))


def _rate_limit(**told: Any) -> RateLimitConfig:
    if "global" in told:
        told["overall"] = told.pop("global")
    return RateLimitConfig(**told)


_KEY = Section(
    KeyConfig,
    {
        "name": text,
        "key": secret,
        "key_env": variable,
        "key_file": text,
        "key_sha256": sha256,
        "scopes": _scopes,
    },
    needed=("name",),
)

RETRY: Mapping[str, Kind] = {
    "attempts": positive,
    "on": statuses,
    "base": duration,
    "factor": factor,
    "max": duration,
    "jitter": share,
}
"""The keys of `retry` that a backend may have as well."""

_SERVER = Section(
    ServerConfig,
    {
        "host": host,
        "port": port,
        "auth": choice("keys", "none"),
        "keys": Items(_KEY),
        "origins": origins,
        "allowed_hosts": hosts,
        "workers": positive,
        "decision_headers": flag,
        "tls": Section(ServerTls, {"cert": text, "key": text, "client_ca": text}, needed=("cert",)),
        "limits": Section(
            Limits,
            {"body": size, "header_bytes": size, "header_timeout": duration, "body_timeout": duration},
        ),
    },
)

_MODEL = Section(
    ModelConfig,
    {
        "backend": text,
        "api_model": text,
        "deployment_name": text,
        "api": choice("chat", "responses"),
        "reasoning_effort": choice("none", "minimal", "low", "medium", "high", "xhigh", "max"),
        "summary_level": choice("auto", "concise", "detailed"),
        "verbosity_level": choice("low", "medium", "high"),
        "truncation_strategy": choice("auto", "disabled"),
        "capabilities": choices("completion", "tools", "thinking", "vision", "embedding", "insert", "audio"),
        "context_length": positive,
        "max_tokens": positive,
        "price": Section(Price, {"input": amount, "output": amount, "cached_input": amount}),
        "fallbacks": texts,
        "options": OPTIONS,
    },
)

_HEAT: Mapping[str, Kind] = {"warning": number, "critical": number, "shutdown": number}
_HARDWARE = ("amd", "cpu", "igpu", "npu", "nvidia")
_BY_HARDWARE = Table(Section(HeatConfig, _HEAT), _HARDWARE.__contains__, f"one of {', '.join(_HARDWARE)}")

ROOT = Section(
    dict,
    {
        "server": _SERVER,
        "backends": Table(anything),  # read by `backends`; here for the hints alone
        "models": Table(_MODEL),
        "aliases": Table(text),
        "model_options": OPTIONS,
        "performance": OPTIONS,
        "response_optimization": Section(ResponseOptimization, {"keep_alive": keep_alive, "stream": flag}),
        "pictures": Section(
            PicturesConfig,
            {"fetch": choice("public", "anywhere", "never"), "count": count, "size": size, "timeout": duration},
        ),
        "responses": Section(ResponsesConfig, {"size": count, "bytes": size, "ttl": duration}),
        "routing": Section(
            RoutingConfig,
            {
                "strategy": choice(*get_args(Strategy)),
                "fallback": choice(*get_args(Fallback)),
                "resume": flag,
                "load_balancing": flag,
                "registered_only": flag,
                "regions": texts,
                "context_overflow": choice("reject", "larger_model", "warn"),
                "efficiency": choice(*get_args(Efficiency)),
                "kwh_price": amount,
            },
        ),
        "retry": Section(RetryConfig, {**RETRY, "budget": share}),
        "breaker": Section(
            BreakerSettings,
            {"failures": count, "window": period, "recovery": duration, "successes": positive, "slow": duration},
        ),
        "health": Section(
            HealthConfig,
            {"interval": duration, "timeout": duration, "unhealthy_after": positive, "healthy_after": positive},
        ),
        "queue": Section(QueueConfig, {"size": count, "timeout": duration, "concurrency": count, "prioritise": flag}),
        "rate_limit": Section(_rate_limit, {"per_key": rate, "per_address": rate, "global": rate}),
        "thermal": Section(
            ThermalConfig,
            {**_HEAT, "cooldown": duration, "interval": period, "hardware": _BY_HARDWARE},
        ),
        "vram": Section(
            VramConfig,
            {
                "unload": flag,
                "strategy": choice("lru", "largest"),
                "reserve": size,
                "pinned": texts,
                "assumed_size": size,
                "threshold": percent,
            },
        ),
        "hedging": Section(HedgingConfig, {"enabled": flag, "percentile": percentile}),
        "logging": Section(LoggingConfig, {"level": level, "format": choice("text", "json")}),
        "metrics": Section(MetricsConfig, {"enabled": flag}),
        "features": Section(dict, {}),
        "include": texts,
    },
)
"""All of a configuration; its sections' values by their names."""
