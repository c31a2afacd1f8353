"""Who is measured: nginx twice, and ollamux by each of its ways; a lane is a server, a route and whom it stands beside.

Rule: a lane is compared with an nginx that carries the same bytes upstream.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from bench.configs import ALL, DEFAULTS, Setup
from bench.harness import Rig
from bench.process import Server
from bench.rounds import Options
from bench.traffic import OLLAMA, OPENAI, Route

__all__ = ("TWINS", "Lane", "request_lanes", "stream_lanes")

TWINS = ("nginx", "nginx again")


class Lane(NamedTuple):
    """`start` gives the server: a new one, or the one that other lanes share."""

    name: str
    start: Callable[[], Server]
    route: Route
    base: tuple[str, ...]


def _once(start: Callable[[], Server]) -> Callable[[], Server]:
    held: list[Server] = []

    def first_or_held() -> Server:
        if not held:
            held.append(start())
        return held[0]

    return first_or_held


def request_lanes(
    rig: Rig,
    options: Options,
    *,
    setup: Setup = DEFAULTS,
    openai: Route = OPENAI,
    ollama: Route = OLLAMA,
    by_ollama: bool = True,
) -> list[Lane]:
    """Lanes for whole answers; those of ollamux that need the same server share it. Nothing is started yet."""
    nginx = partial(rig.nginx, tls=setup.tls)
    found = [Lane(name, _once(nginx), openai, TWINS) for name in TWINS]
    if options.ollamux:
        front = _once(partial(rig.ollamux, setup=setup))
        found.append(Lane("ollamux, OpenAI passed through", front, openai, TWINS))
        found.append(Lane("ollamux, Ollama to OpenAI", front, ollama, TWINS))
        if by_ollama:
            behind = _once(partial(rig.ollamux, "ollama", setup))
            found.append(Lane("ollamux, Ollama passed through", behind, ollama, TWINS))
    return found


def stream_lanes(
    rig: Rig, options: Options, *, ndjson: bool = True, streams: int = 2000, all_on: bool = False
) -> list[Lane]:
    """Lanes for so many streams at once, each with a server of its own; `ndjson`: with NDJSON that passes through, and
    an nginx for it; `all_on`: with ollamux a second time, with everything that a deployment has switched on. Every
    `start` is a new server."""
    lines = ("nginx, NDJSON",)
    # One in sixteen has to stay free: with fewer, nginx hangs up on clients that have not asked yet.
    nginx = partial(rig.nginx, connections=2 * streams + streams // 4 + 500)
    found = [Lane(name, nginx, OPENAI, TWINS) for name in TWINS]
    if ndjson:
        found.append(Lane(lines[0], nginx, OLLAMA, lines))
    if options.ollamux:
        found.append(Lane("ollamux, SSE passed through", rig.ollamux, OPENAI, TWINS))
        found.append(Lane("ollamux, SSE to NDJSON", rig.ollamux, OLLAMA, TWINS))
        if all_on:
            front = partial(rig.ollamux, setup=ALL)
            found.append(Lane("ollamux, everything on, SSE passed through", front, OPENAI, TWINS))
            found.append(Lane("ollamux, everything on, SSE to NDJSON", front, OLLAMA, TWINS))
        if ndjson:
            found.append(Lane("ollamux, NDJSON passed through", partial(rig.ollamux, "ollama"), OLLAMA, lines))
        if ndjson and all_on:
            behind = partial(rig.ollamux, "ollama", ALL)
            found.append(Lane("ollamux, everything on, NDJSON passed through", behind, OLLAMA, lines))
    return found
