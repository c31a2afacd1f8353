"""What the servers under test are configured with: nginx as a plain reverse proxy, ollamux with what a case asks for.

Rule: whatever is not named by a `Setup` is at its default; `BARE` alone switches off what a server has by itself.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

__all__ = ("ALL", "BARE", "DEFAULTS", "KEY", "Setup", "nginx_config", "ollamux_config", "terminator_config")

KEY = "sk-bench-0123456789abcdef"
"""The key of `Setup.key`."""

_CONNECTIONS = 4500
_KEPT = 1024
"""Connections to the upstream that nginx and ollamux alike keep between requests."""
_ENOUGH = "1000000000/min"

_NGINX = """\
daemon off;
worker_processes 1;
worker_rlimit_nofile {files};
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections {connections}; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    client_max_body_size 256m;
    client_body_buffer_size 2m;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream scripted {{
        server 127.0.0.1:{upstream};
        keepalive {kept};
        keepalive_requests 100000000;
        keepalive_timeout 600s;
    }}
    server {{
        listen 127.0.0.1:{port}{tls} backlog=4096;
        {certificate}
        location / {{
            proxy_pass {scheme}://scripted;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 600s;
            {trust}
        }}
    }}
}}
"""


class Setup(msgspec.Struct, frozen=True, kw_only=True):
    """What is switched on: keys, ten backends in place of one, rate limits, metrics that are read, a line of log for
    each request, a backend behind TLS, and how many processes share the port."""

    key: bool = False
    ten: bool = False
    limit: bool = False
    metrics: bool = True
    log: bool = False
    tls: bool = False
    workers: int = 1


DEFAULTS = Setup()
BARE = Setup(metrics=False)
ALL = Setup(key=True, ten=True, limit=True, metrics=True)


def nginx_config(
    folder: Path, port: int, upstream: int, *, ca: Path | None = None, connections: int = _CONNECTIONS
) -> str:
    """A reverse proxy with one worker for so many connections, on both sides together, keep-alive and no buffering;
    `ca`: over TLS, verified by it."""
    trust = (
        f"proxy_ssl_trusted_certificate {ca}; proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_server_name on;"
        if ca is not None
        else ""
    )
    return _NGINX.format(
        folder=folder,
        port=port,
        upstream=upstream,
        connections=connections,
        kept=_KEPT,
        files=connections + 100,
        tls="",
        certificate="",
        scheme="https" if ca is not None else "http",
        trust=trust,
    )


def terminator_config(folder: Path, port: int, upstream: int, *, certificate: Path, key: Path) -> str:
    """TLS in front of the scripted upstream, which speaks none itself."""
    return _NGINX.format(
        folder=folder,
        port=port,
        upstream=upstream,
        connections=_CONNECTIONS,
        kept=_KEPT,
        files=_CONNECTIONS + 100,
        tls=" ssl",
        certificate=f"ssl_certificate {certificate}; ssl_certificate_key {key};",
        scheme="http",
        trust="",
    )


def ollamux_config(port: int, upstream: int, kind: str, setup: Setup, *, ca: Path | None = None) -> str:
    """A configuration file, in JSON; `kind` is the type of its backends: `openai_compatible` or `ollama`."""
    scheme, host = ("https", "localhost") if setup.tls else ("http", "127.0.0.1")
    endpoint = f"{scheme}://{host}:{upstream}" + ("" if kind == "ollama" else "/v1")
    backend: dict[str, Any] = {"type": kind, "endpoint": endpoint, "pool": {"size": _KEPT}}
    if setup.tls:
        backend["tls"] = {"verify": True, "ca": str(ca)}
    ids = [f"up{n}" for n in range(10)] if setup.ten else ["up"]
    config: dict[str, Any] = {
        "server": {"host": "127.0.0.1", "port": port, "workers": setup.workers},
        "backends": [{"id": name, **backend} for name in ids],
        "metrics": {"enabled": setup.metrics},
    }
    if setup.key:
        config["server"]["keys"] = [{"name": "bench", "key": KEY, "scopes": ["inference", "manage"]}]
    if setup.limit:
        config["rate_limit"] = {"per_key": _ENOUGH, "per_address": _ENOUGH, "global": _ENOUGH}
    if setup.log:
        config["logging"] = {"level": "debug"}
    return json.dumps(config, indent=1)
