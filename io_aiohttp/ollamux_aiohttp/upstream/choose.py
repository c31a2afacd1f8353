"""Chooses a client for a backend's settings, and holds one for each backend."""

from __future__ import annotations

import asyncio

from ollamux.contract import Call

from .interface import BackendTransport, Listener, Transfer, UpstreamClient
from .lean import LeanClient

__all__ = ("Upstreams", "client_for")


def client_for(settings: BackendTransport) -> UpstreamClient:
    """The client that suits a backend: the lean one, or aiohttp's where there is a proxy. ValueError where the
    settings cannot be used."""
    if settings.proxy is None:
        return LeanClient(settings)
    from .aiohttp_client import AiohttpClient

    return AiohttpClient(settings)


class Upstreams:
    """One client for each backend. A backend that was never configured is called with the default settings."""

    def __init__(self) -> None:
        self._clients: dict[str, UpstreamClient] = {}
        self._settings: dict[str, BackendTransport] = {}
        self._retired: list[UpstreamClient] = []

    def configure(self, backend_id: str, settings: BackendTransport) -> None:
        """Call a backend with these settings from now on. Calls that run go on as they are. ValueError where the
        settings cannot be used; then nothing has changed."""
        if self._settings.get(backend_id) == settings and backend_id in self._clients:
            return
        client = client_for(settings)
        self.remove(backend_id)
        self._clients[backend_id] = client
        self._settings[backend_id] = settings

    def use(self, backend_id: str, client: UpstreamClient) -> None:
        """Call a backend through this client from now on."""
        self.remove(backend_id)
        self._clients[backend_id] = client

    def remove(self, backend_id: str) -> None:
        """Forget a backend; its running calls go on."""
        client = self._clients.pop(backend_id, None)
        self._settings.pop(backend_id, None)
        if client is not None:
            client.retire()
            self._retired.append(client)

    def start(self, call: Call, listener: Listener) -> Transfer:
        """Begin a call to `call.backend`."""
        client = self._clients.get(call.backend)
        if client is None:
            self.configure(call.backend, BackendTransport())
            client = self._clients[call.backend]
        if type(client) is LeanClient:
            lean: LeanClient = client  # the usual one, called as what it is
            return lean.start(call, listener)
        return client.start(call, listener)

    async def close(self) -> None:
        """Cancel every call and close every connection."""
        clients = [*self._clients.values(), *self._retired]
        self._clients.clear()
        self._settings.clear()
        self._retired.clear()
        await asyncio.gather(*(client.close() for client in clients))
