"""The backends of a configuration: their keys, and what must agree among them.

Rules: a `type` may be left out where the id begins with one, or the endpoint is a vendor's; `connect_timeout` and
`timeout` are short for two of the `timeouts`, which win over them; what its `retry` leaves out is as in the global one;
a backend that is not enabled is read as strictly, but may ask for what does not exist yet."""

from __future__ import annotations

from msgspec.structs import replace

from ollamux.config.kinds import (
    amount,
    auth,
    choice,
    duration,
    flag,
    header_value,
    is_header_name,
    loose_text,
    number,
    positive,
    proxy,
    rate,
    secret,
    secrets,
    text,
    texts,
    url,
    variable,
    weight,
)
from ollamux.config.read import Section, Table, read_keys
from ollamux.config.schema import (
    BackendConfig,
    BackendLimits,
    BackendTls,
    Capability,
    Characteristics,
    OAuth2Config,
    Pool,
    RetryConfig,
    Timeouts,
)
from ollamux.config.sections import OPTIONS, RETRY
from ollamux.config.tree import Branch, Node, Problems
from ollamux.config.types import TYPES, is_type, type_at, type_called, type_in

__all__ = ("BACKEND", "TYPES", "read_backends", "type_called", "type_of")

_WITHOUT_ENDPOINT = frozenset({"demo", "gguf"})
_ENDPOINT_NEEDED = frozenset({"azure", "openai_compatible", "vertex"})


def _type(node: Node) -> str:
    word = type_called(text(node))
    if not is_type(word):
        raise ValueError(f"one of {', '.join(TYPES)}")
    return word


def type_of(name: str, node: Node) -> str | None:
    """The provider of the backend called `name`, as far as its keys or its name tell."""
    keys = node.branch or {}
    told = keys.get("type")
    word = type_called(name if told is None else str(told.word))
    if is_type(word) or told is not None:
        return word if is_type(word) else None
    place = keys.get("endpoint")
    return (type_at(str(place.word)) if place is not None else None) or type_in(name)


_TIMEOUTS = Section(dict, {"connect": duration, "first_byte": duration, "idle": duration, "total": duration})

BACKEND = Section(
    dict,
    {
        "type": _type,
        "name": text,
        "enabled": flag,
        "endpoint": url,
        "api_key": secret,
        "api_key_env": variable,
        "api_key_file": text,
        "api_keys": secrets,
        "access_key": secret,
        "access_key_env": variable,
        "access_key_file": text,
        "secret_key": secret,
        "secret_key_env": variable,
        "secret_key_file": text,
        "session_token": secret,
        "session_token_env": variable,
        "session_token_file": text,
        "auth": auth,
        "oauth2": Section(
            OAuth2Config,
            {
                "token_url": url,
                "client_id": text,
                "client_secret": secret,
                "client_secret_env": variable,
                "client_secret_file": text,
                "scope": text,
                "audience": text,
            },
            needed=("token_url", "client_id"),
        ),
        "headers": Table(header_value, is_header_name, "a header's name that a backend can be sent"),
        "hardware": choice("npu", "igpu", "nvidia", "amd", "cpu", "cloud", "custom"),
        "region": text,
        "api_version": text,
        "deployment_name": text,
        "characteristics": Section(
            Characteristics,
            {"power_watts": amount, "avg_latency_ms": amount, "max_tokens_per_second": amount, "priority": number},
        ),
        "model_capability": Section(
            Capability,
            {
                "max_model_size_gb": amount,
                "supported_model_patterns": texts,
                "preferred_models": texts,
                "excluded_patterns": texts,
            },
        ),
        "model_prefix": loose_text,
        "priority": number,
        "weight": weight,
        "rate_limit": Section(BackendLimits, {"requests": rate, "tokens": rate}),
        "retry": Section(dict, RETRY),
        "timeout": duration,
        "timeouts": _TIMEOUTS,
        "connect_timeout": duration,
        "pool": Section(Pool, {"size": positive, "idle": duration}),
        "max_concurrent_requests": positive,
        "models": texts,
        "options": OPTIONS,
        "tls": Section(BackendTls, {"verify": flag, "ca": text}),
        "proxy": proxy,
        "file": text,
    },
)


def read_backends(node: Node, problems: Problems, retry: RetryConfig | None = None) -> tuple[BackendConfig, ...]:
    """All that could be read, in the order in which they were first named. `retry` is the global one, which a backend's
    own refines."""
    if node.branch is None:
        problems.add(node, "expected a list of backends, or a mapping from their ids")
        return ()
    common = retry or RetryConfig()
    found = (_read(name, item, problems, common) for name, item in node.branch.items())
    return tuple(backend for backend in found if backend is not None)


def _read(name: str, node: Node, problems: Problems, common: RetryConfig) -> BackendConfig | None:
    keys = node.branch
    if keys is None:
        problems.add(node, "expected a mapping of keys, such as `type:` and `endpoint:`")
        return None
    found = read_keys(BACKEND, node, problems) or {}
    kind = type_of(name, node)
    if "type" not in keys and kind is None:
        problems.add(node, f"needs a `type`, one of {', '.join(TYPES)}")
    _agree(kind, node, keys, problems)
    told: dict[str, float] = found.pop("timeouts", {})
    short: dict[str, float] = {}
    if "timeout" in found:
        short["first_byte"] = found["timeout"]
    if "connect_timeout" in found:
        short["connect"] = found.pop("connect_timeout")
    if "retry" in found:
        found["retry"] = replace(common, **found["retry"])
    told_of: Characteristics = found.get("characteristics", Characteristics())
    if told_of.priority is not None:
        found.setdefault("priority", told_of.priority)
    found["type"] = kind or ""
    found.setdefault("name", name)
    return BackendConfig(id=name, timeouts=Timeouts(**{**short, **told}), source=node.place, **found)


def _agree(kind: str | None, node: Node, keys: Branch, problems: Problems) -> None:
    """What a type needs, and what means nothing to it."""
    if kind in _ENDPOINT_NEEDED and "endpoint" not in keys:
        problems.add(node, f"a backend of type {kind} needs an `endpoint`")
    if kind in _WITHOUT_ENDPOINT and "endpoint" in keys:
        problems.add(keys["endpoint"], f"a backend of type {kind} has no endpoint of its own")
    if ("oauth2" in keys) != (_word(keys, "auth") == "oauth2"):
        problems.add(node, "`auth: oauth2` and the keys of `oauth2` belong together")
    if kind == "gguf" and "file" not in keys:
        problems.add(node, "a backend of type gguf needs a `file`, the path of the model")
    if kind is not None and kind != "gguf" and "file" in keys:
        problems.add(keys["file"], "only a backend of type gguf has a file")


def _word(keys: Branch, name: str) -> object:
    node = keys.get(name)
    return node.word if node is not None else None
