"""Which client a configured backend is called with."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.driving import driven

from ollamux_aiohttp.upstream import choose, configured
from ollamux_aiohttp.upstream.interface import BackendTransport


def transports(monkeypatch: pytest.MonkeyPatch, **backend: Any) -> BackendTransport:
    """The settings that the one backend is called with."""
    found: list[BackendTransport] = []
    monkeypatch.setattr(choose, "client_for", found.append)
    configured.upstreams_of(driven(a={"type": "vllm", **backend}).gateway)
    (settings,) = found
    return settings


def test_connections_and_certificates_are_those_of_the_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = transports(monkeypatch, pool={"size": 7, "idle": "9s"}, tls={"verify": False})
    assert settings == BackendTransport(keepalive=7, expiry=9.0, verify=False)


def test_a_proxy_of_the_environment_is_the_one_for_the_backends_scheme(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:3128")
    monkeypatch.delenv("http_proxy", raising=False)
    assert transports(monkeypatch, proxy="environment").proxy == "http://127.0.0.1:3128"
    assert transports(monkeypatch).proxy is None
