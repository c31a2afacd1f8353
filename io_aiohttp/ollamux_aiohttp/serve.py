"""`ollamux serve`: from a configuration to a running server, and to its end.

Strategy: find the backends, bind, begin to read the machine's sensors, start the children that run model files, look at
every backend once for as long as a person waits gladly, show the screen, and wait for a signal. A backend that is slow
is seen later and holds up nothing.

Rules: a port that was asked for is used or the start fails; one that nobody asked for gives way to an Ollama. The first
signal lets running requests end, the second one ends at once; no child survives either.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import re
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from ollamux.config import BackendConfig, Config
from ollamux_aiohttp.discovery import DEFAULT_PORT, PORTS, SECOND_PORT, discover, port_problem
from ollamux_aiohttp.llama_supervisor import LOADING, LlamaSupervisor
from ollamux_aiohttp.screen import LoadNews, Paint, start_screen
from ollamux_aiohttp.sensors.sensors import Sensors
from ollamux_aiohttp.sensors.watch import Readable, SensorWatch
from ollamux_aiohttp.server import Server

__all__ = (
    "GRACE",
    "Opening",
    "PortTaken",
    "allow_many_files",
    "listen",
    "port_taken",
    "resolve",
    "run_until",
    "serve",
    "wanted_ports",
    "whoever_listens",
)

GRACE = 5.0
"""Seconds that running requests have when a server stops."""

_log = logging.getLogger("ollamux")
_PATIENCE = 0.6
_PROBE = 10.0


class PortTaken(Exception):
    """The server cannot listen there; the text says where and why."""


async def resolve(
    config: Config, files: tuple[str, ...] = (), *, ports: tuple[tuple[int, str], ...] = PORTS
) -> tuple[Config, tuple[str, ...]]:
    """The configuration with its backends, found on this machine where none is configured, and notes about that.
    `files` are GGUF files to serve beside what is configured, `ports` where to look."""
    extra = _of_files(files, {backend.id for backend in config.backends or ()})
    if config.backends is not None or extra:
        return msgspec.structs.replace(config, backends=(*(config.backends or ()), *extra)), ()
    found = await discover(ports, switched_off=config.switched_off)
    return msgspec.structs.replace(config, backends=found.backends), found.notes


async def listen(
    config: Config, *, ports: tuple[int, int] = (DEFAULT_PORT, SECOND_PORT), record: Path | None = None
) -> tuple[Server, str, int, tuple[str, ...]]:
    """A server that is bound: where it was asked for, else to the first of the ports, else to the second. Returns it
    with its address, and a line where the port is the second. Raises PortTaken."""
    *rest, (last, why) = wanted_ports(config, ports)
    for port, _ in rest:
        try:
            return (*await _bound(config, port, record), ())
        except PortTaken:
            continue
    return (*await _bound(config, last, record), why)


def wanted_ports(config: Config, ports: tuple[int, int]) -> list[tuple[int, tuple[str, ...]]]:
    """The ports to try, the first choice first, each with a line that says why, where it is not the usual one."""
    if config.server.port_given:
        return [(config.server.port, ())]
    first, second = ports
    why = port_problem(config.backends or ())
    if why is not None:
        return [(second, (f"{why}, so ollamux is on {second}",))]
    return [(first, ()), (second, (f"port {first} is taken, so ollamux is on {second}",))]


def allow_many_files() -> None:
    """Raises the limit on open files as far as the system lets it: a stream takes two, and the ordinary limit of 1,024
    is met by 500 streams."""
    if sys.platform == "win32":
        return
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # some systems tell more than they allow
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def serve(
    config: Config,
    notes: tuple[str, ...],
    say: Callable[[str], None],
    paint: Paint,
    record: Path | None = None,
    sensors: Readable | None = None,
) -> None:
    """Serves a configuration whose backends are resolved until a signal comes, and writes exchanges down in the folder
    `record`. `sensors` stand for the machine's own. Raises PortTaken."""
    say = whoever_listens(say)
    stop = _signals(say)
    allow_many_files()
    server, host, port, moved = await listen(config, record=record)
    await run_until(stop, server, Opening(host, port, (*moved, *notes), say, paint, record), sensors)


class Opening(msgspec.Struct, frozen=True):
    """What the screen tells when a server begins: where it listens, notes, and where exchanges are written down."""

    host: str
    port: int
    notes: tuple[str, ...]
    say: Callable[[str], None]
    paint: Paint
    record: Path | None = None


async def run_until(
    stop: asyncio.Event, server: Server, opening: Opening, sensors: Readable | None = None, *, show: bool = True
) -> None:
    """Runs what belongs to a server that has started (children, sensors, the screen) until the event, and stops all."""
    config, record = server.config, opening.record
    children = _Children(server, config, opening.say)
    watch = SensorWatch(sensors or Sensors(), server.gateway.sensed, config.thermal.interval)
    told = (f"every exchange is written into {record}",) if record is not None else ()
    try:
        watch.start()
        await children.start()
        await server.refresh(_PATIENCE)
        reports = server.gateway.report(asyncio.get_running_loop().time())
        screen = start_screen(
            reports,
            opening.host,
            opening.port,
            guarded=bool(config.server.keys),
            notes=(*told, *opening.notes),
            paint=opening.paint,
            tls=config.server.tls,
        )
        if show:
            opening.say(screen)
            for line in config.notes:
                _log.warning("%s", line)
        children.speak()
        await stop.wait()
    finally:
        await server.stop(GRACE)
        await children.stop()
        await watch.close()


class _Children:
    """The supervised children of a server."""

    def __init__(self, server: Server, config: Config, say: Callable[[str], None]) -> None:
        self._server = server
        self._say = say
        self._quiet = True
        self._looks: set[asyncio.Task[None]] = set()
        self._settled = asyncio.Event()
        self._waiting: set[str] = set()
        self._news: list[LoadNews] = []
        self._supervisors = [
            LlamaSupervisor(backend.id, backend.file or "", backend.options, self._watch(backend))
            for backend in config.backends or ()
            if backend.enabled and backend.type == "gguf"
        ]

    async def start(self) -> None:
        """Starts them all, and waits a little for those that are quick."""
        for supervisor in self._supervisors:
            supervisor.start()
        if self._waiting:
            try:
                await asyncio.wait_for(self._settled.wait(), _PATIENCE)
            except TimeoutError:
                pass

    async def stop(self) -> None:
        """Ends them all."""
        for news in self._news:
            news.stop()
        for look in self._looks:
            look.cancel()
        await asyncio.gather(
            *self._looks, *(supervisor.stop() for supervisor in self._supervisors), return_exceptions=True
        )

    def speak(self) -> None:
        """From here on news is told: until then the screen will say it."""
        self._quiet = False

    def _tell(self, text: str) -> None:
        if not self._quiet:
            self._say(text)

    def _watch(self, backend: BackendConfig) -> Callable[[str | None, str], None]:
        loop = asyncio.get_running_loop()
        news = LoadNews(backend.name or backend.id, self._tell, loop.call_later, loop.time)
        self._news.append(news)
        self._waiting.add(backend.id)

        def report(endpoint: str | None, reason: str) -> None:
            self._server.gateway.locate(backend.id, endpoint, reason, loading=reason == LOADING)
            news.reported(endpoint, reason)
            if endpoint is not None:
                look = loop.create_task(self._server.refresh(_PROBE))
                self._looks.add(look)
                look.add_done_callback(self._looks.discard)
            if reason != LOADING:
                self._waiting.discard(backend.id)
                if not self._waiting:
                    self._settled.set()

        return report


async def _bound(config: Config, port: int, record: Path | None) -> tuple[Server, str, int]:
    server = Server(config, record=record)
    try:
        return server, *await server.start(config.server.host, port)
    except OSError as error:
        await server.stop(0.0)
        raise port_taken(config.server.host, port, error) from None


def port_taken(host: str, port: int, error: OSError) -> PortTaken:
    """Why the server cannot listen there."""
    taken = error.errno == errno.EADDRINUSE
    reason = "is taken: something else listens there" if taken else f"cannot be used: {error.strerror or error}"
    return PortTaken(f"{host} port {port} {reason}")


def whoever_listens(say: Callable[[str], None]) -> Callable[[str], None]:
    """This, but that nothing ends or goes on for ever because nobody reads what is printed."""

    def told(text: str) -> None:
        try:
            say(text)
        except OSError:
            pass

    return told


def _signals(say: Callable[[str], None]) -> asyncio.Event:
    """An event that the first interrupt or request to end sets; the second one ends the process."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def came(number: int) -> None:
        if stop.is_set():
            logging.shutdown()  # what waits to be written
            os._exit(128 + number)
        stop.set()
        say("Stopping; once more to stop at once.")

    for each in (signal.SIGINT, signal.SIGTERM):
        if sys.platform == "win32":
            signal.signal(each, lambda number, _: loop.call_soon_threadsafe(came, number))
        else:
            loop.add_signal_handler(each, came, int(each))
    return stop


def _of_files(files: tuple[str, ...], taken: set[str]) -> list[BackendConfig]:
    """A backend for each GGUF file, with an id from its name."""
    backends: list[BackendConfig] = []
    for file in files:
        stem = Path(file).stem
        base = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._") or "gguf"
        ids = (base, *(f"{base}-{number}" for number in range(2, len(files) + len(taken) + 3)))
        id_ = next(name for name in ids if name not in taken and name not in {backend.id for backend in backends})
        backends.append(BackendConfig(id=id_, type="gguf", name=stem, file=file, source="--gguf"))
    return backends
