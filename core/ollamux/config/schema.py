"""The configuration as the rest of the program sees it: immutable values, every default written once.

Units are seconds, bytes and counts. A limit of 0 is no limit. A secret is a `Secret`: it shows itself nowhere but where
`reveal()` is called, and what holds secrets in plain text (headers, a proxy's URL) is kept out of `repr`.
"""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

import msgspec

from ollamux.config.machine import HeatConfig, ThermalConfig, VramConfig
from ollamux.config.pacing import Backoff, BreakerSettings, Rate

__all__ = (
    "BackendConfig",
    "BackendLimits",
    "BackendTls",
    "Capability",
    "Characteristics",
    "Config",
    "Efficiency",
    "Fallback",
    "HealthConfig",
    "HeatConfig",
    "HedgingConfig",
    "KeyConfig",
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
    "Strategy",
    "ThermalConfig",
    "Timeouts",
    "VramConfig",
)


Strategy: TypeAlias = Literal[
    "balanced",
    "capability_based",
    "cost_optimized",
    "fastest_response",
    "least_loaded",
    "model_based",
    "power_efficient",
    "prefix_affinity",
    "round_robin",
]
Fallback: TypeAlias = Literal["none", "next_available", "retry_same", "best_alternative"]
Efficiency: TypeAlias = Literal["Performance", "Balanced", "Efficiency", "Quiet", "UltraEfficiency", "Auto"]


class Secret:
    """A text that must not be shown. `repr` and `str` give stars, encoders refuse it."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself, for the header that carries it and for a comparison in constant time."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return "Secret('***')"


class KeyConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A key that clients may show. One of the four ways to tell it is set; `key_sha256` is 64 hexadecimal digits."""

    name: str
    key: Secret | None = None
    key_env: str | None = None
    key_file: str | None = None
    key_sha256: str | None = None
    scopes: frozenset[str] = frozenset({"inference"})


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What a client may send: bytes of body and head, seconds for the head and between two bytes of a body."""

    body: int = 256 * 1024 * 1024
    header_bytes: int = 64 * 1024
    header_timeout: float = 10.0
    body_timeout: float = 60.0


class ServerTls(msgspec.Struct, frozen=True, kw_only=True):
    """With what clients are served over TLS: PEM files. `key` None is in the same file as `cert`; with `client_ca` only
    clients with a certificate of one of these authorities are served."""

    cert: str
    key: str | None = None
    client_ca: str | None = None


class ServerConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Where clients come in. `port_given` tells whether anybody asked for this port; `workers` is how many processes
    serve; `tls` None is plain HTTP."""

    host: str = "127.0.0.1"
    port: int = 11434
    port_given: bool = False
    workers: int = 1
    auth: Literal["keys", "none"] = "keys"
    keys: tuple[KeyConfig, ...] = ()
    origins: tuple[str, ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    decision_headers: bool = True
    tls: ServerTls | None = None
    limits: Limits = Limits()


class Timeouts(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds to connect, to the answer's head, between two bytes of it, and for all of it. 0 is no limit."""

    connect: float = 5.0
    first_byte: float = 600.0
    idle: float = 120.0
    total: float = 0.0


class Pool(msgspec.Struct, frozen=True, kw_only=True):
    """Connections kept alive between requests: how many, and for how many seconds."""

    size: int = 100
    idle: float = 60.0


class BackendTls(msgspec.Struct, frozen=True, kw_only=True):
    """How a backend's certificate is checked. `ca` is the path of a file of certificates."""

    verify: bool = True
    ca: str | None = None


class OAuth2Config(msgspec.Struct, frozen=True, kw_only=True):
    """Client credentials: where tokens are given, and to whom."""

    token_url: str
    client_id: str
    client_secret: Secret | None = None
    client_secret_env: str | None = None
    client_secret_file: str | None = None
    scope: str = ""
    audience: str = ""


class Characteristics(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator knows of a backend: watts, milliseconds to an answer, tokens a second, and a priority."""

    power_watts: float | None = None
    avg_latency_ms: float | None = None
    max_tokens_per_second: float | None = None
    priority: float | None = None


class Capability(msgspec.Struct, frozen=True, kw_only=True):
    """Which models a backend is for: patterns (`*` for anything) of those that it serves and of those that it does not,
    those that it prefers, and the largest in gigabytes."""

    max_model_size_gb: float | None = None
    supported_model_patterns: tuple[str, ...] = ()
    preferred_models: tuple[str, ...] = ()
    excluded_patterns: tuple[str, ...] = ()


class RetryConfig(Backoff, frozen=True, kw_only=True):
    """All calls of one request over all backends, the statuses after which another one is made, how long is waited
    before a call is repeated, and how many repeats there are, as a share of the requests."""

    attempts: int = 3
    on: frozenset[int] = frozenset({429, 500, 502, 503, 504})
    budget: float = 0.2


class BackendLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests, and how many tokens, a backend may be asked. None is no limit of ours."""

    requests: Rate | None = None
    tokens: Rate | None = None


class BackendConfig(msgspec.Struct, frozen=True, kw_only=True):
    """One endpoint. `type` is a provider's own name; `endpoint` None is the provider's default; `auth` None is how the
    provider wants its key; `timeout` is the key of that name, already in `timeouts.first_byte`;
    `max_concurrent_requests` None is what the backend tells, else no limit; `retry` is complete, None where it is the
    global one; `key_missing` says why the key that is
    wanted could not be read; `source` is where it is configured."""

    id: str
    type: str
    name: str = ""
    enabled: bool = True
    endpoint: str | None = None
    api_key: Secret | None = None
    api_key_env: str | None = None
    api_key_file: str | None = None
    api_keys: tuple[Secret, ...] = ()
    access_key: Secret | None = None
    access_key_env: str | None = None
    access_key_file: str | None = None
    secret_key: Secret | None = None
    secret_key_env: str | None = None
    secret_key_file: str | None = None
    session_token: Secret | None = None
    session_token_env: str | None = None
    session_token_file: str | None = None
    key_missing: str | None = None
    auth: str | None = None
    oauth2: OAuth2Config | None = None
    headers: dict[str, str] = {}
    hardware: str | None = None
    region: str | None = None
    api_version: str | None = None
    deployment_name: str | None = None
    characteristics: Characteristics = Characteristics()
    model_capability: Capability = Capability()
    model_prefix: str = ""
    priority: float = 50.0
    weight: float = 1.0
    rate_limit: BackendLimits = BackendLimits()
    retry: RetryConfig | None = None
    timeout: float | None = None
    timeouts: Timeouts = Timeouts()
    pool: Pool = Pool()
    max_concurrent_requests: int | None = None
    models: tuple[str, ...] = ()
    options: dict[str, Any] = {}
    tls: BackendTls = BackendTls()
    proxy: str | None = None
    file: str | None = None
    source: str = ""

    def __repr__(self) -> str:
        return f"BackendConfig(id={self.id!r}, type={self.type!r}, endpoint={self.endpoint!r}, enabled={self.enabled})"


class Price(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars for a million tokens. None is not told."""

    input: float | None = None
    output: float | None = None
    cached_input: float | None = None


class ModelConfig(msgspec.Struct, frozen=True, kw_only=True):
    """A name that clients may ask for. `backend` is a backend's id, else a provider's name; `api_model` is the name
    upstream, None where it is the same; `deployment_name` is what a provider with deployments calls it. `api` is chat
    or responses, None where the other settings decide. None is not told."""

    backend: str | None = None
    api_model: str | None = None
    deployment_name: str | None = None
    api: str | None = None
    reasoning_effort: str | None = None
    summary_level: str | None = None
    verbosity_level: str | None = None
    truncation_strategy: str | None = None
    capabilities: tuple[str, ...] | None = None
    context_length: int | None = None
    max_tokens: int | None = None
    price: Price | None = None
    fallbacks: tuple[str, ...] = ()
    options: dict[str, Any] = {}


class ResponseOptimization(msgspec.Struct, frozen=True, kw_only=True):
    """What a request that says nothing gets. `keep_alive` as Ollama spells it: a Go duration, or seconds. `stream` is
    for those whose format streams where nothing is said, which is Ollama's."""

    keep_alive: str | float | None = None
    stream: bool = True


class PicturesConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Pictures that a client names by their address, where a backend takes bytes alone: from where they are fetched
    (the open internet, anywhere, nowhere), how many for one request, bytes of each, and seconds for all of them."""

    fetch: Literal["public", "anywhere", "never"] = "public"
    count: int = 16
    size: int = 20 * 1024 * 1024
    timeout: float = 15.0


class ResponsesConfig(msgspec.Struct, frozen=True, kw_only=True):
    """The responses that clients of OpenAI's Responses may come back to: how many, in how many bytes, and for how many
    seconds. 0 of any keeps none."""

    size: int = 1000
    bytes: int = 64 * 1024 * 1024
    ttl: float = 6 * 3600.0


class RoutingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How a plan is made. Without `load_balancing` those that could do it go by priority and the order in which they
    are configured, whatever the strategy and the load. `registered_only` serves only what `models` names; `regions`
    empty is anywhere; `kwh_price` is in US dollars."""

    strategy: Strategy = "capability_based"
    fallback: Fallback = "next_available"
    resume: bool = False
    load_balancing: bool = True
    registered_only: bool = False
    regions: tuple[str, ...] = ()
    context_overflow: Literal["reject", "larger_model", "warn"] = "reject"
    efficiency: Efficiency = "Balanced"
    kwh_price: float = 0.0


class HealthConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Probes: seconds between and for one, how many bad ones and good ones change a backend's health."""

    interval: float = 30.0
    timeout: float = 5.0
    unhealthy_after: int = 3
    healthy_after: int = 1


class QueueConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests wait, for how many seconds, how many run at once (0: no limit of our own), and whether those of
    a higher priority go first."""

    size: int = 512
    timeout: float = 300.0
    concurrency: int = 0
    prioritise: bool = True


class RateLimitConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How many requests are let in for each key, for each address, and in all (`global`). None is no limit."""

    per_key: Rate | None = None
    per_address: Rate | None = None
    overall: Rate | None = None


class HedgingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a second attempt is made where the first takes longer than this percentage of others did."""

    enabled: bool = False
    percentile: float = 95.0


class LoggingConfig(msgspec.Struct, frozen=True, kw_only=True):
    """How much is logged, and as what."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["text", "json"] = "text"


class MetricsConfig(msgspec.Struct, frozen=True, kw_only=True):
    """Whether GET /metrics is there."""

    enabled: bool = True


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Everything. `backends` None is nothing configured, so what runs on this machine is looked for, but for the types
    in `switched_off`; `keep_alive` is OLLAMA_KEEP_ALIVE; `notes` are lines for the log about what had no effect."""

    server: ServerConfig = ServerConfig()
    backends: tuple[BackendConfig, ...] | None = None
    models: dict[str, ModelConfig] = {}
    aliases: dict[str, str] = {}
    model_options: dict[str, Any] = {}
    performance: dict[str, Any] = {}
    response_optimization: ResponseOptimization = ResponseOptimization()
    pictures: PicturesConfig = PicturesConfig()
    responses: ResponsesConfig = ResponsesConfig()
    routing: RoutingConfig = RoutingConfig()
    retry: RetryConfig = RetryConfig()
    breaker: BreakerSettings = BreakerSettings()
    health: HealthConfig = HealthConfig()
    queue: QueueConfig = QueueConfig()
    rate_limit: RateLimitConfig = RateLimitConfig()
    thermal: ThermalConfig = ThermalConfig()
    vram: VramConfig = VramConfig()
    hedging: HedgingConfig = HedgingConfig()
    logging: LoggingConfig = LoggingConfig()
    metrics: MetricsConfig = MetricsConfig()
    keep_alive: str | None = None
    switched_off: frozenset[str] = frozenset()
    notes: tuple[str, ...] = ()
