"""Keys: where they are told, how they are read, and whether a server may start without any.

Rules: a key for clients that cannot be read is an error, for without it a door would stand open or shut that was meant
otherwise; a backend's key that cannot be read is told when that backend is called, and the rest works.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from ollamux.config.schema import BackendConfig, Config, KeyConfig, Secret
from ollamux.config.types import VENDORS, type_at
from ollamux.errors import ConfigError

__all__ = ("bind_problem", "is_loopback", "resolve_keys")

_SECRETS = ("api_key", "access_key", "secret_key", "session_token")
_REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")


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

    def filled(of: Any, name: str) -> tuple[dict[str, Secret | None], str]:
        """A secret under this name that stands elsewhere, and why it could not be read."""
        variable, file = getattr(of, f"{name}_env"), getattr(of, f"{name}_file")
        if getattr(of, name) is not None or (variable is None and file is None):
            return {}, ""
        secret, why = found(variable, file)
        return {name: secret}, why

    def of_backend(backend: BackendConfig) -> BackendConfig:
        read: dict[str, Any] = {}
        reasons: list[str] = []
        for name in _SECRETS:
            value, why = filled(backend, name)
            read |= value
            reasons += [why] if why else []
        if backend.oauth2 is not None:
            value, why = filled(backend.oauth2, "client_secret")
            read["oauth2"] = msgspec.structs.replace(backend.oauth2, **value)
            reasons += [why] if why else []
        if backend.type == "aws_bedrock":
            read |= _of_aws(msgspec.structs.replace(backend, **read), env)
        backend = msgspec.structs.replace(backend, **read)
        missing = reasons[0] if reasons else _missing(backend)
        return msgspec.structs.replace(backend, key_missing=missing) if missing else backend

    server = msgspec.structs.replace(config.server, keys=tuple(map(of_client, config.server.keys)))
    backends = None if config.backends is None else tuple(map(of_backend, config.backends))
    if problems:
        raise ConfigError(*problems)
    return msgspec.structs.replace(config, server=server, backends=backends)


def _of_aws(backend: BackendConfig, env: Mapping[str, str]) -> dict[str, Any]:
    """What AWS's own variables say of a backend that is told no credentials, or no region."""
    read: dict[str, Any] = {}
    told = (
        backend.api_key or backend.api_keys or backend.access_key or backend.access_key_env or backend.access_key_file
    )
    if not told and backend.auth in (None, "sigv4") and env.get("AWS_ACCESS_KEY_ID", "").strip():
        names = {"access_key": "AWS_ACCESS_KEY_ID", "secret_key": "AWS_SECRET_ACCESS_KEY"}
        names["session_token"] = "AWS_SESSION_TOKEN"
        read = {key: Secret(env[name].strip()) for key, name in names.items() if env.get(name, "").strip()}
    if backend.region is None:
        region = next((env[name].strip() for name in _REGIONS if env.get(name, "").strip()), None)
        read |= {"region": region} if region else {}
    return read


def _missing(backend: BackendConfig) -> str | None:
    """Why a backend cannot be called: its vendor wants a key, and there is none. A place of one's own needs none."""
    vendor = VENDORS.get(backend.type)
    if vendor is None or not vendor.needs_key or backend.auth == "none":
        return None
    if backend.endpoint is not None and type_at(backend.endpoint) != backend.type:
        return None
    if backend.type == "aws_bedrock" and backend.access_key is not None:
        return None if backend.secret_key is not None else f"{vendor.prefix}SECRET_KEY is not set in the environment"
    if backend.oauth2 is not None:
        return None if backend.oauth2.client_secret is not None else "`oauth2` has no client_secret"
    shown = {"authorization", "api-key", "x-api-key", "x-goog-api-key"} & {name.lower() for name in backend.headers}
    if backend.api_key is not None or backend.api_keys or shown:
        return None
    name = f"{vendor.prefix}{'ACCESS_KEY' if backend.type == 'aws_bedrock' else 'API_KEY'}"
    return f"{name} is not set in the environment"
