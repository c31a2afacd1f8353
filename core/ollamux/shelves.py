"""From the configuration to the catalog: what each backend is taken to have, and the names that people gave.

Strategy: patterns and tables become predicates here, once; the catalog asks them without knowing where they come from.

Rules: what a model's configuration sets beside the options of a request goes with them, under its own name; formats
that know it use it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from ollamux.backends import Backend
from ollamux.config.types import type_called
from ollamux.formats.ollama.names import canonical_key
from ollamux.routing.catalog import Catalog, Registered, Shelf
from ollamux.routing.patterns import PatternTable, vendors_of

if TYPE_CHECKING:
    from ollamux.config import BackendConfig, Capability, Config, ModelConfig

__all__ = ("catalog_of", "deployments")

_SETTINGS = ("reasoning_effort", "summary_level", "verbosity_level", "truncation_strategy")
"""What a model's configuration may say that goes with each of its requests."""

_ONLY_RESPONSES = ("summary_level", "verbosity_level", "truncation_strategy")
"""Those of them for which the Responses API is needed, where a vendor has it."""

_GIGABYTE = 1e9

_RESOURCE = r"(?i)@[^@/]+\.openai\.azure\.com$"
"""Where a deployment is, behind its name."""

_PLACES = {"": frozenset[str](), "ollama": frozenset({"reasoning_effort"})}
"""Formats that have no place for all of them, and those that they have one for."""


def catalog_of(config: Config, backends: Iterable[Backend]) -> Catalog:
    """The catalog before any backend has told anything."""
    backends = tuple(backends)
    resources = {_host(backend) for backend in backends if backend.endpoint}
    return Catalog(
        [_shelf(backend, resources) for backend in backends],
        [_registered(name, model) for name, model in config.models.items()],
        key=canonical_key,
        aliases=config.aliases,
        options=_limited({**config.performance, **config.model_options}),
        registered_only=config.routing.registered_only,
    )


def deployments(config: Config, backend: BackendConfig) -> dict[str, str]:
    """What the vendor calls the models that go by other names at this backend."""
    found: dict[str, str] = {}
    for name, model in config.models.items():
        deployed = model.deployment_name or backend.deployment_name
        if deployed and (model.backend is None or model.backend == backend.id or _type(model) == backend.type):
            found.setdefault(deployed, model.api_model or name)
    return found


def _shelf(backend: Backend, resources: Collection[str]) -> Shelf:
    from ollamux.routing import well_known

    config, kind = backend.config, backend.provider.type
    claims = config.models
    if not claims and config.deployment_name:
        claims = (config.deployment_name,)
    wanted = config.model_capability
    return Shelf(
        backend=backend.id,
        provider=kind,
        priority=config.priority,
        prefix=config.model_prefix,
        claims=claims,
        expected=backend.files.model(config.file or "") if backend.files is not None else "",
        expects=_expects(backend, resources),
        claimed=_claimed(backend, resources),
        upstream=_deployment if getattr(backend.provider, "deploys", False) else str,
        admits=_admits(wanted),
        largest=(wanted.max_model_size_gb or 0.0) * _GIGABYTE,
        facts=partial(well_known.facts, kind) if kind in well_known.PROVIDERS else None,
        deploys=getattr(backend.provider, "deploys", False),
        deployment=config.deployment_name or "",
        settings=_settings(backend),
        options=_limited(_request_options(backend)),
    )


def _settings(backend: Backend) -> frozenset[str]:
    """The settings of a model that this backend can be told. One that has no words for them is told none of them."""
    provider = backend.provider
    if provider.format == "openai_chat" and "openai_responses" not in backend.others:
        return frozenset(_SETTINGS) & provider.dialect.sampling.keys()
    return _PLACES.get(provider.format, frozenset(_SETTINGS))


def _admits(wanted: Capability) -> Callable[[str], bool] | None:
    """Whether a model is one that this backend is for."""
    if not wanted.supported_model_patterns and not wanted.excluded_patterns:
        return None
    names = _table(wanted.supported_model_patterns or ("*",))
    excluded = _table(wanted.excluded_patterns)
    return lambda name: name in names and name not in excluded


def _claimed(backend: Backend, resources: Collection[str]) -> Callable[[str], bool] | None:
    """Whether a backend whose list is empty has a model: by its patterns; where it deploys, also by a name that has its
    host behind an @, be it any host of its vendor's that no other backend is at."""
    wanted = backend.config.model_capability
    patterns = _admits(wanted) if wanted.supported_model_patterns else None
    if not getattr(backend.provider, "deploys", False):
        return patterns
    own = _host(backend)

    def claimed(name: str) -> bool:
        host = name.lower().rpartition("@")[2] if re.search(_RESOURCE, name) else ""
        return (bool(host) and (host == own or host not in resources)) or (patterns is not None and patterns(name))

    return claimed


def _deployment(name: str) -> str:
    """The deployment of a name that has a host behind it."""
    return re.sub(_RESOURCE, "", name)


def _host(backend: Backend) -> str:
    return urlsplit(backend.base).hostname or ""


def _expects(backend: Backend, resources: Collection[str]) -> Callable[[str], bool] | None:
    """Whether a backend that has told nothing may have a model: by its patterns, else by what its vendor is known
    for."""
    from ollamux.routing import well_known

    kind, wanted = backend.provider.type, backend.config.model_capability
    admits = _admits(wanted)
    claimed = _claimed(backend, resources)
    if wanted.supported_model_patterns and admits is not None:
        return admits
    if kind not in well_known.PROVIDERS:
        return None

    def expects(name: str) -> bool:
        if re.search(_RESOURCE, name):
            return claimed is not None and claimed(name)
        vendors = vendors_of(name)  # a name that says whose it is is nobody else's
        known = kind in vendors if vendors else well_known.facts(kind, name) is not None
        return known and (admits is None or admits(name))

    return expects


def _table(patterns: Iterable[str]) -> PatternTable[bool]:
    return PatternTable((pattern, True) for pattern in patterns)


def _registered(name: str, model: ModelConfig) -> Registered:
    needs_responses = any(getattr(model, setting) is not None for setting in _ONLY_RESPONSES)
    return Registered(
        name=name,
        upstream=model.api_model or name,
        deployment=model.deployment_name or "",
        backend=model.backend,
        provider=_type(model),
        capabilities=frozenset(model.capabilities) if model.capabilities is not None else None,
        context_length=model.context_length,
        options=_model_options(model),
        settings={name: value for name in _SETTINGS if (value := getattr(model, name)) is not None},
        api=model.api or ("responses" if needs_responses else ""),
        price=model.price,
    )


def _type(model: ModelConfig) -> str:
    """The provider that a model's `backend` names, where it is no id."""
    return type_called(model.backend) if model.backend is not None else ""


def _request_options(backend: Backend) -> dict[str, Any]:
    """The configured options that go with each request; a server that loads a file was started with the others."""
    taken = backend.files.options if backend.files is not None else frozenset[str]()
    return {name: value for name, value in backend.config.options.items() if name not in taken}


def _model_options(model: ModelConfig) -> dict[str, Any]:
    limit = {"num_predict": model.max_tokens} if model.max_tokens is not None else {}
    return {**limit, **_limited(model.options)}


def _limited(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with `max_tokens`, as many people call it, under Ollama's name."""
    found = dict(options)
    limit = found.pop("max_tokens", None)
    if limit is not None:
        found.setdefault("num_predict", limit)
    return found
