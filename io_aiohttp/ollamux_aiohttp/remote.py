"""Asks the ollamux that runs on this machine, as a client does: for commands about a server that is there already.

Strategy: the configuration says where it listens and which keys it knows. Where it names no port, the two that a server
chooses by itself are tried, and one on which something else listens is passed over: only ollamux has such pages.

Rules: an address that stands for all of the machine's is asked on loopback; a key is shown to that server alone.
"""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from typing import Any, cast

import msgspec

from ollamux.config import Config
from ollamux_aiohttp.discovery import DEFAULT_PORT, SECOND_PORT

__all__ = ("NotThere", "Refused", "ask")

_PATIENCE = 5.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}
_NOT_OLLAMUX = (404, 405)
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class NotThere(Exception):
    """No ollamux answers; the text says where it was looked for."""


class Refused(Exception):
    """It answered, and with an error; the text is the server's."""


def ask(
    config: Config, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """The answer of the server that this configuration is for, as the object that it is. `body` is sent as JSON, with
    these headers. Raises NotThere and Refused."""
    host = _EVERYWHERE.get(config.server.host, config.server.host)
    ports = (config.server.port,) if config.server.port_given else (DEFAULT_PORT, SECOND_PORT)
    why = ""
    for port in ports:
        try:
            connection = _connection(config, host, port)
            status, answer = _exchange(connection, method, path, body, {**_headers(config), **(headers or {})})
        except (OSError, http.client.HTTPException) as error:
            why = why or getattr(error, "strerror", None) or type(error).__name__
            continue
        if answer is not None and (status not in _NOT_OLLAMUX or _speaks_of_a_model(answer)):
            if status >= 400:
                raise Refused(_told(answer, status))
            return answer
        why = "something else listens there"
    raise NotThere(f"no ollamux answers at {host} port {' or '.join(map(str, ports))}: {why}")


def _headers(config: Config) -> dict[str, str]:
    """The first key of those that may do everything, else of any."""
    known = [key for key in config.server.keys if key.key is not None]
    known.sort(key=lambda key: "manage" not in key.scopes)
    secret = known[0].key if known else None
    shown = {"Authorization": f"Bearer {secret.reveal()}"} if secret is not None else {}
    return {"Content-Type": "application/json", **shown}


def _connection(config: Config, host: str, port: int) -> http.client.HTTPConnection:
    """A way to it."""
    tls = config.server.tls
    if tls is None:
        return http.client.HTTPConnection(host, port, timeout=_PATIENCE)
    from ollamux_aiohttp.tls import own_context

    return http.client.HTTPSConnection(host, port, timeout=_PATIENCE, context=own_context(tls))


def _exchange(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any, headers: dict[str, str]
) -> tuple[int, dict[str, Any] | None]:
    try:
        connection.request(method, path, None if body is None else msgspec.json.encode(body), headers)
        response = connection.getresponse()
        text = response.read()
    finally:
        connection.close()
    try:
        return response.status, _decode(text)
    except ValueError:
        return response.status, None


def _speaks_of_a_model(answer: dict[str, Any]) -> bool:
    """Whether a 404 is about a model, and so no missing page."""
    return str(answer.get("error")).startswith("model ")


def _told(answer: dict[str, Any], status: int) -> str:
    error: Any = answer.get("error")
    message: Any = cast("dict[str, Any]", error).get("message") if isinstance(error, dict) else error
    return str(message or f"it answered with status {status}")
