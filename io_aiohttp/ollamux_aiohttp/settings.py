"""Reads what the configuration is made of: files, `.env`, the environment; and has it made into a `Config`.

Strategy: the configuration file is the one that is named (`--config`, OLLAMUX_CONFIG), else `ollamux.yaml`, `.yml` or
`.json` in the working directory, else `config.yaml` in the user's own folder (`~/.config/ollamux`). What a file
includes comes before it, so that the file itself is stronger. Variables of the process are stronger than `.env`.

Rules: everything that is wrong is a ConfigError whose lines a person can act on; a file that is named and cannot be
read is an error, one that merely might be there is not. Texts of keys are never shown.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ollamux.config import (
    Config,
    ConfigError,
    Layer,
    extra_files,
    includes_of,
    load,
    parse_document,
    parse_dotenv,
    resolve_keys,
)
from ollamux_aiohttp.tls import server_context
from ollamux_aiohttp.upstream.tls import client_context

__all__ = ("Settings", "read_settings")

_HERE = ("ollamux.yaml", "ollamux.yml", "ollamux.json")
_HOME = ("config.yaml", "config.yml", "config.json")


class Settings(msgspec.Struct, frozen=True):
    """The configuration, and the files that it was read from, as they were named."""

    config: Config
    files: tuple[str, ...]


def read_settings(
    named: str | None = None,
    flags: Mapping[str, Any] | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    directory: Path | None = None,
) -> Settings:
    """The configuration for this process. `named` is the file that a flag names, `flags` dotted paths and values,
    `environ` and `directory` stand for the process's own. Raises ConfigError with everything that is wrong."""
    folder = directory or Path.cwd()
    env = {**_dotenv(folder), **(os.environ if environ is None else environ)}
    layers: list[Layer] = []
    for path in (*extra_files(env), *_chosen(named, env, folder)):
        layers += _with_includes(path, folder, ())
    config = resolve_keys(load(layers, env, flags), env, lambda path: _text(_resolve(path, folder)))
    _check_certificates(config)
    files = (*((".env",) if (folder / ".env").is_file() else ()), *dict.fromkeys(layer.source for layer in layers))
    return Settings(config, files)


def _check_certificates(config: Config) -> None:
    """A file of certificates that cannot be used would leave its backend without any way to be called, or clients
    without any way in."""
    problems: list[str] = []
    if config.server.tls is not None:
        try:
            server_context(config.server.tls)
        except ValueError as error:
            problems.append(f"server.tls.{error}")
    for backend in config.backends or ():
        if backend.enabled and backend.tls.ca is not None:
            try:
                client_context(backend.tls.verify, backend.tls.ca)
            except ValueError as error:
                problems.append(f"{backend.source}.tls.ca: {backend.tls.ca}: {error}")
    if problems:
        raise ConfigError(*problems)


def _dotenv(folder: Path) -> dict[str, str]:
    try:
        return parse_dotenv(_text(folder / ".env"))
    except (FileNotFoundError, IsADirectoryError):
        return {}
    except OSError as error:
        raise ConfigError(f".env: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(".env: this is not UTF-8") from None


def _chosen(named: str | None, env: Mapping[str, str], folder: Path) -> tuple[str, ...]:
    """The configuration file, by the name that errors show; empty where there is none."""
    name = named or env.get("OLLAMUX_CONFIG", "").strip()
    if name:
        return (name,)
    for candidate in _HERE:
        if (folder / candidate).is_file():
            return (candidate,)
    base = env.get("XDG_CONFIG_HOME", "").strip()
    home = Path(base) if base else Path(env.get("HOME") or Path.home()) / ".config"
    return tuple(str(home / "ollamux" / name) for name in _HOME if (home / "ollamux" / name).is_file())[:1]


def _with_includes(name: str, folder: Path, within: tuple[Path, ...]) -> list[Layer]:
    """The layers of a file: those that it includes, relative to its own place, then itself."""
    path = _resolve(name, folder)
    try:
        text = path.read_bytes()
        there = path.resolve()
    except FileNotFoundError:
        raise ConfigError(f"{name}: there is no such file{_included_by(within)}") from None
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror}{_included_by(within)}") from None
    if there in within:
        raise ConfigError(f"{name}: includes itself{_included_by(within)}")
    layer = parse_document(text, name)
    layers: list[Layer] = []
    for other in includes_of(layer):
        layers += _with_includes(other, path.parent, (*within, there))
    return [*layers, layer]


def _included_by(within: tuple[Path, ...]) -> str:
    return f" (included by {within[-1]})" if within else ""


def _resolve(name: str, folder: Path) -> Path:
    return folder / Path(name).expanduser()


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
