"""Which build runs: the compiled modules, or the same in pure Python.

It owns the table of the core's compiled modules, the importer that finds them, and the switch OLLAMUX_PURE=1, which
forces the pure build.

Strategy: the compiled modules of a package lie in one shared object, `_compiled`, which names what it holds. A finder
in front of all others answers for those names; where the file is not there, or the switch is set, there is no such
finder, and Python finds the sources. A module without a source is one that cannot be imported then: who has a
compiled twin tries to import it and does without where that fails. The finder must be in place before anything is
chosen, so each package's `__init__.py` calls `find_compiled` before it imports anything else of its own.

Rule: the environment is read here, once, when the module is imported. It is the core's only question to the outside,
for it decides which code is loaded and can therefore not be an argument of that code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.machinery import ExtensionFileLoader, ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ("EXTENSIONS", "PURE", "compiled", "describe", "find_compiled")

EXTENSIONS: tuple[str, ...] = (
    "ollamux.accounting.histogram",
    "ollamux.accounting.ledger",
    "ollamux.answer",
    "ollamux.backends",
    "ollamux.chat",
    "ollamux.clock",
    "ollamux.contract",
    "ollamux.exchange.base",
    "ollamux.exchange.calling",
    "ollamux.exchange.counting",
    "ollamux.exchange.deciding",
    "ollamux.exchange.ending",
    "ollamux.exchange.heads",
    "ollamux.exchange.hedged",
    "ollamux.exchange.machines",
    "ollamux.exchange.model",
    "ollamux.exchange.prospect",
    "ollamux.exchange.searching",
    "ollamux.exchange.sending",
    "ollamux.exchange.sharing",
    "ollamux.exchange.state",
    "ollamux.exchange.telling",
    "ollamux.exchange.trying",
    "ollamux.formats.answering",
    "ollamux.formats.asking",
    "ollamux.formats.base",
    "ollamux.formats.late",
    "ollamux.formats.ollama._plain",
    "ollamux.formats.ollama._vectors",
    "ollamux.formats.ollama.ask",
    "ollamux.formats.ollama.calling",
    "ollamux.formats.ollama.gojson",
    "ollamux.formats.ollama.gotext",
    "ollamux.formats.ollama.incoming",
    "ollamux.formats.ollama.mapping",
    "ollamux.formats.ollama.rendering",
    "ollamux.formats.ollama.serving",
    "ollamux.formats.openai_chat._passing",
    "ollamux.formats.openai_chat._plain",
    "ollamux.formats.openai_chat.building",
    "ollamux.formats.openai_chat.calling",
    "ollamux.formats.openai_chat.incoming",
    "ollamux.formats.openai_chat.reading",
    "ollamux.formats.openai_chat.route",
    "ollamux.formats.openai_chat.serving",
    "ollamux.formats.outgoing",
    "ollamux.formats.splice",
    "ollamux.formats.sse_reading",
    "ollamux.formats.telling",
    "ollamux.gate",
    "ollamux.gateway",
    "ollamux.hardware.keeping",
    "ollamux.news",
    "ollamux.premises",
    "ollamux.recurring",
    "ollamux.resilience.admission",
    "ollamux.resilience.breaker",
    "ollamux.resilience.budget",
    "ollamux.resilience.circuits",
    "ollamux.resilience.guards",
    "ollamux.resilience.health",
    "ollamux.resilience.limits",
    "ollamux.resilience.quota",
    "ollamux.routes",
    "ollamux.routing.ask",
    "ollamux.routing.catalog",
    "ollamux.routing.fleet",
    "ollamux.routing.plan",
    "ollamux.routing.score",
    "ollamux.routing.standing",
    "ollamux.routing.station",
    "ollamux.routing.strategies.balanced",
    "ollamux.routing.strategies.base",
    "ollamux.routing.strategies.capability_based",
    "ollamux.routing.strategies.cost_optimized",
    "ollamux.routing.strategies.fastest_response",
    "ollamux.routing.strategies.least_loaded",
    "ollamux.routing.strategies.model_based",
    "ollamux.routing.strategies.power_efficient",
    "ollamux.routing.strategies.prefix_affinity",
    "ollamux.routing.strategies.round_robin",
    "ollamux.routing.walking",
    "ollamux.streaming._chunk",
    "ollamux.streaming._lane",
    "ollamux.streaming._shape",
    "ollamux.streaming._skeleton",
    "ollamux.streaming._template",
    "ollamux.streaming.framing",
    "ollamux.streaming.mending",
    "ollamux.streaming.ndjson_relay",
    "ollamux.streaming.sse_relay",
    "ollamux.streaming.translator",
    "ollamux.usage",
)
"""Dotted names of the core's extension modules, sorted; a test holds them against the sources."""

PURE: bool = os.environ.get("OLLAMUX_PURE", "").strip().lower() not in ("", "0", "false", "no")
"""Whether OLLAMUX_PURE asked for the pure build."""


class _Loader(ExtensionFileLoader):
    """Loads one module of a shared object that holds many."""

    def __init__(self, name: str, native: Any) -> None:
        super().__init__(name, native.__file__)
        self._native = native

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        made: ModuleType = self._native.create(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        self._native.execute(module)


class _Finder:
    """Finds the modules of one shared object, and nothing else."""

    def __init__(self, native: Any) -> None:
        self._native = native
        self._names = frozenset(native.names)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in self._names:
            return None
        spec = ModuleSpec(fullname, _Loader(fullname, self._native), origin=self._native.__file__)
        spec.has_location = True
        return spec


def find_compiled(package: str) -> None:
    """Let the compiled modules of a package be found, where they are there and wished."""
    if PURE:
        return
    try:
        native = import_module(f"{package}._compiled")
    except ImportError:
        return
    sys.meta_path.insert(0, _Finder(native))


def _loaded(modules: Iterable[str]) -> list[bool]:
    """For each module, whether it is there and is an extension."""
    found: list[bool] = []
    for name in modules:
        try:
            spec = import_module(name).__spec__
        except ImportError:
            found.append(False)
        else:
            found.append(spec is not None and isinstance(spec.loader, ExtensionFileLoader))
    return found


def compiled(modules: Iterable[str] = EXTENSIONS) -> bool:
    """Whether every one of the modules runs compiled; False where there is none."""
    found = _loaded(modules)
    return bool(found) and all(found)


def describe(modules: Iterable[str] = EXTENSIONS) -> str:
    """`compiled`, `pure`, or how many of the modules are compiled, for `ollamux version` and bug reports."""
    found = _loaded(modules)
    if not any(found):
        return "pure"
    return "compiled" if all(found) else f"compiled in part ({sum(found)} of {len(found)} modules)"
