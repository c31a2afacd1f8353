"""Wire formats, one folder each, discovered: a folder with `SERVING` or `CALLING` in its `__init__` is one.

A side of a format is loaded when somebody asks for it: a server that calls one kind of backend needs no other, and a
format with `ROUTES` in its `__init__` is not loaded for its clients before one comes.
Rule: a format's name is its folder's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

from ollamux.formats.base import Calling, Serving
from ollamux.formats.late import LateServing

__all__ = ("calling", "callings", "part", "served_late", "servings")


def part(folder: str, name: str, kinds: Mapping[str, str]) -> object:
    """What a folder's `__getattr__` gives for a name that it has not made yet: an object of the class that `kinds`
    tells for it, from the module called as the name is, in small letters. Raises AttributeError for any other name."""
    if name not in kinds:
        raise AttributeError(f"module {folder!r} has no attribute {name!r}")
    made: object = getattr(import_module(f"{folder}.{name.lower()}"), kinds[name])()
    setattr(import_module(folder), name, made)
    return made


@cache
def _folders() -> Mapping[str, Any]:
    return {
        module.name: import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__) if module.ispkg
    }


@cache
def servings() -> tuple[Serving, ...]:
    """Every format that clients may speak."""
    return tuple(
        served_late(name, partial(getattr, folder, "SERVING")) if "ROUTES" in folder.__all__ else folder.SERVING
        for name, folder in _folders().items()
        if "SERVING" in folder.__all__
    )


def served_late(name: str, make: Callable[[], Serving]) -> LateServing:
    """The client's side of a format with `ROUTES`, made when its first request is there."""
    return LateServing(name, _folders()[name].ROUTES, make)


@cache
def callings() -> tuple[Calling, ...]:
    """Every format that backends may speak."""
    return tuple(folder.CALLING for folder in _folders().values() if "CALLING" in folder.__all__)


@cache
def calling(name: str) -> Calling:
    """The calling side of the format with this name. Raises KeyError where there is none."""
    folder = _folders()[name]
    if "CALLING" not in folder.__all__:
        raise KeyError(name)
    side: Calling = folder.CALLING
    return side
