"""HTTP clients for backends: an interface, a lean client for nearly all of them, and aiohttp's for what is rare."""

from __future__ import annotations

from .choose import Upstreams, client_for
from .interface import BackendTransport, Listener, Transfer, UpstreamClient

__all__ = ("BackendTransport", "Listener", "Transfer", "UpstreamClient", "Upstreams", "client_for")
