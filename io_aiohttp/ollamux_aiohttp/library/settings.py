"""What a program may hand over as the configuration: a mapping, a file, a `Config`, or nothing.

Strategy: a mapping is read as a file's contents would be, variables over it; nothing means what a server would find:
its files and variables, and where those name no backend, what runs on this machine. The one old form, `timeouts` with
`ollama_timeout` and no `backends`, is a single Ollama.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias, cast

from ollamux.config import Config, Layer, load, resolve_keys
from ollamux_aiohttp.settings import read_settings

__all__ = ("Told", "config_of")

Told: TypeAlias = Config | Mapping[str, Any] | str | Path | None


def config_of(told: Told, env: Mapping[str, str] | None = None) -> Config:
    """The configuration. Raises ConfigError with everything that is wrong in it."""
    if isinstance(told, Config):
        return told
    variables = os.environ if env is None else env
    if told is None or isinstance(told, str | Path):
        return read_settings(str(told) if told is not None else None, environ=variables).config
    layer = Layer("config", _modern(told))
    return resolve_keys(load([layer], variables), variables, lambda path: Path(path).read_text(encoding="utf-8"))


def _modern(told: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping, with the old way to tell a timeout in today's words."""
    found = dict(told)
    old = found.pop("timeouts", None)
    if not isinstance(old, Mapping) or "backends" in found:
        return found
    timeouts = cast(Mapping[str, Any], old)
    ollama: dict[str, Any] = {"type": "ollama"}
    if timeouts.get("ollama_timeout") is not None:
        ollama["timeout"] = timeouts["ollama_timeout"]
    return {**found, "backends": {"ollama-local": ollama}}
