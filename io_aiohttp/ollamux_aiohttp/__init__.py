"""ollamux on aiohttp and uvloop: the server, the clients for backends, the command line.

A thin pump around the `ollamux` core: it decides nothing, it carries.
"""

from __future__ import annotations

__all__ = ("EXTENSIONS",)

EXTENSIONS: tuple[str, ...] = (
    "ollamux_aiohttp._heads",
    "ollamux_aiohttp.connection",
    "ollamux_aiohttp.deadlines",
    "ollamux_aiohttp.lane",
    "ollamux_aiohttp.pump",
    "ollamux_aiohttp.upstream.choose",
    "ollamux_aiohttp.upstream.lean",
    "ollamux_aiohttp.upstream.parser",
    "ollamux_aiohttp.upstream.pool",
)
"""Dotted names of the compiled modules of this package, sorted."""
