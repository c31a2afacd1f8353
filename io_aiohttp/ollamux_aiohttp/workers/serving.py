"""`ollamux serve` with several workers: from a configuration whose backends are resolved to the end of all of them.

Strategy: the port is bound and every choice made before the first worker is forked; a worker then does what a single
process does, with its share of the limits. What is wanted once for the machine, the first worker does for all: it runs
the processes of model files, reads the sensors, and says the start-up screen.

Rules: all workers go by one name (`instance`), so that a request that comes back to any of them is known; a worker ends
on SIGTERM, gracefully, however often it comes.
"""

from __future__ import annotations

import asyncio
import secrets
import signal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from ollamux.config import Config
from ollamux.workers.dividing import Part
from ollamux_aiohttp.discovery import DEFAULT_PORT, SECOND_PORT
from ollamux_aiohttp.screen import Paint
from ollamux_aiohttp.serve import GRACE, Opening, allow_many_files, port_taken, run_until, wanted_ports, whoever_listens
from ollamux_aiohttp.server import BACKLOG, Server
from ollamux_aiohttp.workers.ports import Port
from ollamux_aiohttp.workers.supervisor import Start, Supervisor

__all__ = ("serve_in_several",)


def serve_in_several(
    config: Config,
    notes: tuple[str, ...],
    say: Callable[[str], None],
    paint: Paint,
    record: Path | None = None,
    *,
    run: Callable[[Coroutine[Any, Any, None]], object],
    ports: tuple[int, int] = (DEFAULT_PORT, SECOND_PORT),
) -> int:
    """Serves in `server.workers` processes until a signal comes. `run` runs a coroutine on a new event loop, in a
    worker. Returns the exit status. Raises PortTaken."""
    count = config.server.workers
    port, moved = _bound(config, ports)
    say = whoever_listens(say)
    allow_many_files()
    several = f"{count} processes serve, each with its share of the limits"
    opening = Opening(port.host, port.number, (*moved, several, *notes), say, paint, record)
    instance = secrets.token_hex(8)

    def work(start: Start) -> int:
        run(_work(config, Part(start.number, count), instance, start, opening))
        return 0

    return Supervisor(count, port, work, say).run()


def _bound(config: Config, ports: tuple[int, int]) -> tuple[Port, tuple[str, ...]]:
    """The port, and a line where it is not the usual one. Raises PortTaken."""
    host = config.server.host
    *rest, (last, why) = wanted_ports(config, ports)
    for number, _ in rest:
        try:
            return Port(host, number, BACKLOG), ()
        except OSError:
            continue
    try:
        return Port(host, last, BACKLOG), why
    except OSError as error:
        raise port_taken(host, last, error) from None


async def _work(config: Config, part: Part, instance: str, start: Start, opening: Opening) -> None:
    """One worker."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    server = Server(config, instance=instance, record=opening.record, part=part)
    await server.start(opening.host, opening.port, start.sockets)
    await server.join(start.carrier, start.left)
    if part.number == 0:
        await run_until(stop, server, opening, show=start.first)
        return
    try:
        await stop.wait()
    finally:
        await server.stop(GRACE)
