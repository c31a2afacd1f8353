"""Wire formats, one folder each, discovered: a folder with `SERVING` or `CALLING` in its `__init__` is one."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from ollamux.formats.base import Calling, Serving

__all__ = ("calling", "callings", "servings")


@cache
def _folders() -> tuple[object, ...]:
    return tuple(import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__) if module.ispkg)


@cache
def servings() -> tuple[Serving, ...]:
    """Every format that clients may speak."""
    return tuple(getattr(folder, "SERVING") for folder in _folders() if hasattr(folder, "SERVING"))  # noqa: B009


@cache
def callings() -> tuple[Calling, ...]:
    """Every format that backends may speak."""
    return tuple(getattr(folder, "CALLING") for folder in _folders() if hasattr(folder, "CALLING"))  # noqa: B009


@cache
def calling(name: str) -> Calling:
    """The calling side of the format with this name. Raises KeyError where there is none."""
    return {side.name: side for side in callings()}[name]
