"""The clients that a gateway's backends are called with, as the configuration says."""

from __future__ import annotations

import os

from ollamux.config import BackendConfig
from ollamux.gateway import Gateway
from ollamux.providers.local import Local
from ollamux_aiohttp.upstream.choose import Upstreams
from ollamux_aiohttp.upstream.interface import BackendTransport
from ollamux_aiohttp.upstream.local import LocalClient

__all__ = ("upstreams_of",)


def upstreams_of(gateway: Gateway) -> Upstreams:
    """A client for each backend, those that are Python code among them. ValueError where settings cannot be used."""
    found = Upstreams()
    for backend in gateway.config.backends or ():
        found.configure(backend.id, _transport(backend))
    for called in gateway.backends():
        if isinstance(called.provider, Local):
            found.use(called.id, LocalClient(called.provider.code.call, called.config))
    return found


def _transport(backend: BackendConfig) -> BackendTransport:
    proxy = backend.proxy
    if proxy == "environment":
        scheme = (backend.endpoint or "").partition("://")[0]
        proxy = os.environ.get(f"{scheme}_proxy") or os.environ.get(f"{scheme.upper()}_PROXY")
    return BackendTransport(
        keepalive=backend.pool.size,
        expiry=backend.pool.idle,
        verify=backend.tls.verify,
        ca=backend.tls.ca,
        proxy=proxy,
    )
