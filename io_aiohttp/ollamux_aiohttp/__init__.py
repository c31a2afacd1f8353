"""ollamux on aiohttp and uvloop: the server, the clients for backends, the command line, and the library.

A thin pump around the `ollamux` core: it decides nothing, it carries. What programs import from here comes from
`library`, loaded when it is asked for, since a server needs none of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ollamux._build import find_compiled

if TYPE_CHECKING:
    from ollamux_aiohttp.library import (
        BackendConnectionError,
        BackendError,
        BackendManager,
        BackendManagerSync,
        BackendTimeoutError,
        GenerationResponse,
        GenerationStream,
        ModelInfo,
        ModelNotFoundError,
        OllamaAPI,
    )

__all__ = (
    "EXTENSIONS",
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

EXTENSIONS: tuple[str, ...] = (
    "ollamux_aiohttp._clock",
    "ollamux_aiohttp._heads",
    "ollamux_aiohttp.answer_heads",
    "ollamux_aiohttp.bursts",
    "ollamux_aiohttp.client",
    "ollamux_aiohttp.connection",
    "ollamux_aiohttp.deadlines",
    "ollamux_aiohttp.driver",
    "ollamux_aiohttp.lane",
    "ollamux_aiohttp.pump",
    "ollamux_aiohttp.upstream.choose",
    "ollamux_aiohttp.upstream.interface",
    "ollamux_aiohttp.upstream.lean",
    "ollamux_aiohttp.upstream.parser",
    "ollamux_aiohttp.upstream.pool",
)
"""Dotted names of the compiled modules of this package, sorted."""

find_compiled(__name__)  # before any of them is imported


def __getattr__(name: str) -> Any:
    if name in __all__:
        from ollamux_aiohttp import library

        return getattr(library, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
