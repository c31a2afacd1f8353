"""Backends that are Python code: an object of another package takes the calls, with whatever it needs for that.

It owns what such an object says of itself, and what holds where it says nothing; running it is the I/O layer's.

Rules: the code speaks one of the formats that backends may speak; nothing of it is run here but `learn` and the like,
which work on what they are given.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ollamux.contract import Target
from ollamux.formats import callings
from ollamux.formats.base import Dialect
from ollamux.models import Inventory, Probe, ProbeAnswer

__all__ = ("Local", "local")

_HOOKS = ("auth", "dialect_for", "headers", "service", "url")
"""What a provider may have beside, and is taken over as it is."""


class Local:
    """The provider of a backend whose calls `code` takes. Its models are those that the configuration names, unless it
    has `probes` and reads them."""

    target: Target = "local"
    fixed = False
    manages_models = False

    def __init__(self, type_: str, code: Any) -> None:
        self.type = type_
        self.code = code
        self.format: str = code.format
        self.other_formats: tuple[str, ...] = tuple(getattr(code, "other_formats", ()))
        self.dialect: Dialect = getattr(code, "dialect", Dialect())
        self.default_endpoint: str | None = getattr(code, "default_endpoint", f"local://{type_}")
        self.version_path: str = getattr(code, "version_path", "")
        self.probes: tuple[Probe, ...] = tuple(getattr(code, "probes", ()))
        self._learn: Callable[[Mapping[str, ProbeAnswer]], Inventory] | None = getattr(code, "learn", None)
        for name in _HOOKS:
            if hasattr(code, name):
                setattr(self, name, getattr(code, name))

    def learn(self, answers: Mapping[str, ProbeAnswer]) -> Inventory:
        return Inventory() if self._learn is None else self._learn(answers)


def local(type_: str, code: Any) -> Local:
    """The provider of this type around a plug-in's object. Raises ValueError where it cannot be one."""
    missing = [name for name in ("format", "call") if not hasattr(code, name)]
    if missing:
        raise ValueError(f"it has no {' and no '.join(missing)}")
    known = sorted(side.name for side in callings())
    wrong = [name for name in (code.format, *getattr(code, "other_formats", ())) if name not in known]
    if wrong:
        raise ValueError(f"it speaks {wrong[0]}, which is none of {', '.join(known)}")
    if getattr(code, "probes", ()) and not hasattr(code, "learn"):
        raise ValueError("it has probes and no learn")
    return Local(type_, code)
