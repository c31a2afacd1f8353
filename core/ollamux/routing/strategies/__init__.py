"""Strategies, one file each, discovered: a module with a `STRATEGY` class is one.

A strategy says by which number candidates are compared first; ties go by the score, then by the order of the
configuration. Who is ready goes before who is full, and both before who is out: no strategy changes that.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ollamux.routing.strategies.base import Strategy

__all__ = ("Strategy", "make", "names")


@cache
def _found() -> dict[str, type[Strategy]]:
    modules = (import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__))
    classes: list[type[Strategy]] = [getattr(module, "STRATEGY") for module in modules if hasattr(module, "STRATEGY")]  # noqa: B009
    return {strategy.name: strategy for strategy in classes}


def names() -> tuple[str, ...]:
    """The names of all strategies, sorted."""
    return tuple(sorted(_found()))


def make() -> dict[str, Strategy]:
    """One of each, by name: some remember what they chose."""
    return {name: strategy() for name, strategy in _found().items()}
