"""Which build runs: the compiled converters, or the same in pure Python.

It owns the table of the core's compiled modules and the switch OLLAMUX_PURE=1, which forces the pure build.

Strategy: a module that has a compiled twin simply tries to import it and does without where that fails. The switch
therefore acts on the import system alone: a finder in front of all others answers for an extension with the Python
source of the same name, or with ModuleNotFoundError where there is none. It must be in place before anything is
chosen, so `ollamux/__init__.py` imports this module before every other one.

Rule: the environment is read here, once, when the module is imported. It is the core's only question to the outside,
for it decides which code is loaded and can therefore not be an argument of that code.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from importlib import import_module
from importlib.machinery import (
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    PathFinder,
    SourceFileLoader,
)
from types import ModuleType

__all__ = ("EXTENSIONS", "PURE", "compiled", "describe")

EXTENSIONS: tuple[str, ...] = (
    "ollamux.accounting.histogram",
    "ollamux.accounting.ledger",
    "ollamux.answer",
    "ollamux.backends",
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
    "ollamux.exchange.state",
    "ollamux.exchange.trying",
    "ollamux.formats.answering",
    "ollamux.formats.asking",
    "ollamux.formats.ollama._plain",
    "ollamux.formats.ollama._vectors",
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
    "ollamux.news",
    "ollamux.premises",
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
    "ollamux.streaming._chunk",
    "ollamux.streaming._lane",
    "ollamux.streaming._skeleton",
    "ollamux.streaming._template",
    "ollamux.streaming.framing",
    "ollamux.streaming.mending",
    "ollamux.streaming.sse_relay",
    "ollamux.streaming.translator",
    "ollamux.usage",
)
"""Dotted names of the core's extension modules, sorted; a test holds them against the sources."""

PURE: bool = os.environ.get("OLLAMUX_PURE", "").strip().lower() not in ("", "0", "false", "no")
"""Whether OLLAMUX_PURE asked for the pure build."""

_PACKAGES = ("ollamux", "ollamux_aiohttp")


class _PureFinder:
    """Finds what is ours without its extension modules."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in _PACKAGES:
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not isinstance(spec.loader, ExtensionFileLoader):
            return spec
        for entry in path or ():
            source = FileFinder(entry, (SourceFileLoader, SOURCE_SUFFIXES)).find_spec(fullname)
            if source is not None and source.loader is not None:
                return source
        raise ModuleNotFoundError(f"{fullname} is compiled, and OLLAMUX_PURE asks for the pure build", name=fullname)


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


if PURE:
    sys.meta_path.insert(0, _PureFinder())
