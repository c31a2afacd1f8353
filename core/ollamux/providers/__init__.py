"""Who is called: one file for each provider, discovered. A module below with a `PROVIDERS` tuple is one.

A provider says which format a backend of its kind speaks and in which dialect, how its endpoint is read, what to ask to
learn its models and its health, and whether it manages models as Ollama does.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ollamux.providers.base import Provider

__all__ = ("Provider", "all_providers", "provider")


@cache
def all_providers() -> dict[str, Provider]:
    """Every provider by its type."""
    found: dict[str, Provider] = {}
    for module in iter_modules(__path__):
        for entry in getattr(import_module(f"{__name__}.{module.name}"), "PROVIDERS", ()):
            found[entry.type] = entry
    return found


def provider(type_: str) -> Provider:
    """The provider of this type. Raises KeyError where there is none."""
    return all_providers()[type_]
