"""Who is called: one file for each provider, discovered. A module below with a `PROVIDERS` tuple is one.

A provider says which format a backend of its kind speaks and in which dialect, how its endpoint is read, what to ask to
learn its models and its health, and whether it manages models as Ollama does.

Other packages bring providers as entry points of the group `ollamux.providers`, and backends that are Python code as
those of the group `ollamux.backends`, each called as its type. They are loaded when a configuration names them; a type
of ours cannot be replaced, and a provider wins over a backend of the same name.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from ollamux.config.types import CODE, PLUGINS
from ollamux.errors import ConfigError
from ollamux.providers.base import Provider
from ollamux.providers.local import local

__all__ = ("Provider", "all_providers", "provider")

_NEEDED: tuple[str, ...] = (
    "type", "format", "other_formats", "dialect", "default_endpoint", "version_path", "fixed", "manages_models",
    "probes", "learn",
)  # fmt: skip


@cache
def all_providers() -> dict[str, Provider]:
    """Every provider of ours by its type."""
    found: dict[str, Provider] = {}
    for module in iter_modules(__path__):
        for entry in getattr(import_module(f"{__name__}.{module.name}"), "PROVIDERS", ()):
            found[entry.type] = entry
    return found


def provider(type_: str) -> Provider:
    """The provider of this type, ours or a plug-in's. Raises KeyError where there is none, and ConfigError where a
    plug-in cannot be loaded or is no provider."""
    found = all_providers().get(type_)
    return found if found is not None else _plugged(type_)


@cache
def _plugged(type_: str) -> Provider:
    from importlib.metadata import entry_points

    for entry in entry_points(group=PLUGINS, name=type_):
        brought: Provider = _loaded(entry)
        missing = [name for name in _NEEDED if not hasattr(brought, name)]
        if missing or brought.type != type_:
            told = f"has no {', '.join(missing)}" if missing else f"is of type {brought.type}, not {type_}"
            raise ConfigError(f"the plug-in {entry.value} is no provider: it {told}")
        return brought
    for entry in entry_points(group=CODE, name=type_):
        try:
            return local(type_, _loaded(entry))
        except ValueError as error:
            raise ConfigError(f"the plug-in {entry.value} is no backend: {error}") from error
    raise KeyError(type_)


def _loaded(entry: Any) -> Any:
    """What an entry point names; a class is called without arguments."""
    try:
        made = entry.load()
        return made() if isinstance(made, type) else made
    except Exception as error:  # whatever the package does wrong, its name is what the operator needs
        raise ConfigError(f"the plug-in {entry.value} cannot be loaded: {type(error).__name__}: {error}") from error
