"""Keys: where they are told, how they are read, and whether a server may start without any.

Rules: a key for clients that cannot be read is an error, for without it a door would stand open or shut that was meant
otherwise; a backend's key that cannot be read is told when that backend is called, and the rest works.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping

import msgspec

from ollamux.config.schema import BackendConfig, Config, KeyConfig, Secret
from ollamux.errors import ConfigError

__all__ = ("bind_problem", "is_loopback", "resolve_keys")


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server bound there."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def bind_problem(config: Config) -> str | None:
    """Why a server must not be started with this configuration, and what to do; None where it may."""
    server = config.server
    if server.keys or server.auth == "none" or is_loopback(server.host):
        return None
    return (
        f"{server.host} can be reached from other machines, and no key is configured. Set SERVICE_API_KEY or "
        "`server.keys`, or listen on 127.0.0.1; OLLAMUX_SERVER__AUTH=none (`server.auth: none`) lets everybody in."
    )


def resolve_keys(config: Config, env: Mapping[str, str], read_file: Callable[[str], str]) -> Config:
    """The configuration with every key read that stands in a variable or a file. `read_file` takes a path and may raise
    OSError or ValueError. Raises ConfigError where a key for clients cannot be read."""
    problems: list[str] = []

    def found(name: str | None, path: str | None) -> tuple[Secret | None, str]:
        text = ""
        if name is not None:
            text, why = env.get(name, "").strip(), f"{name} is not set in the environment"
        else:
            path = path or ""
            why = f"{path} is empty"
            try:
                text = read_file(path).strip()
            except OSError as error:
                why = f"{path} cannot be read: {error.strerror or type(error).__name__}"
            except ValueError:
                why = f"{path} is not text"
        if text and not (text.isascii() and text.isprintable()):
            text, why = "", f"{name or path} holds no key of visible ASCII characters"
        return (Secret(text), "") if text else (None, why)

    def of_client(key: KeyConfig) -> KeyConfig:
        if key.key_env is None and key.key_file is None:
            return key
        secret, why = found(key.key_env, key.key_file)
        if secret is None:
            problems.append(f"server.keys: {key.name}: {why}")
        return msgspec.structs.replace(key, key=secret)

    def of_backend(backend: BackendConfig) -> BackendConfig:
        if backend.api_key is not None or (backend.api_key_env is None and backend.api_key_file is None):
            return backend
        secret, why = found(backend.api_key_env, backend.api_key_file)
        return msgspec.structs.replace(backend, api_key=secret, key_missing=why or None)

    server = msgspec.structs.replace(config.server, keys=tuple(map(of_client, config.server.keys)))
    backends = None if config.backends is None else tuple(map(of_backend, config.backends))
    if problems:
        raise ConfigError(*problems)
    return msgspec.structs.replace(config, server=server, backends=backends)
