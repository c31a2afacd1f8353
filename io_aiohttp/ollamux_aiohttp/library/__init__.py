"""Every configured backend from Python, without a server: the calls of a backend manager.

`BackendManager` is for programs with an event loop, `BackendManagerSync` for those without, `OllamaAPI` is the latter
with the shape of a client for a single Ollama. All are the same gateway that serves the network.
"""

from __future__ import annotations

from ollamux_aiohttp.library.answers import GenerationResponse, ModelInfo
from ollamux_aiohttp.library.blocking import BackendManagerSync, OllamaAPI
from ollamux_aiohttp.library.failing import (
    BackendConnectionError,
    BackendError,
    BackendTimeoutError,
    ModelNotFoundError,
)
from ollamux_aiohttp.library.manager import BackendManager, GenerationStream

__all__ = (
    "BackendConnectionError",
    "BackendError",
    "BackendManager",
    "BackendManagerSync",
    "BackendTimeoutError",
    "GenerationResponse",
    "GenerationStream",
    "ModelInfo",
    "ModelNotFoundError",
    "OllamaAPI",
)
