"""The processes: a scripted upstream, nginx, ollamux and peers in front of it, started for a benchmark and ended after.

Strategy: everything lives within one `Rig`, a context with a folder of its own for configurations and logs. Where the
machine has two cores and taskset, the servers under test share the first core and the upstream and the load share the
last one, so that a server never competes with what drives it. A server is ready when it passes a request on. The
upstream speaks no TLS: where a case wants it, an nginx beside the upstream, on its core, does.
"""

from __future__ import annotations

import json
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.configs import DEFAULTS, KEY, Setup, nginx_config, ollamux_config, terminator_config
from bench.load import BenchError, Load, program, run_load
from bench.peers import Peer
from bench.process import ROOT, Server, cpu_us, environment, free_port, get, pins
from bench.traffic import Route

__all__ = ("SERVE", "Rig")

SERVE = "{python} -m ollamux_aiohttp serve --config {config}"
"""How ollamux is started unless told otherwise; `{python}` is this interpreter, `{config}` the configuration."""

_TLS = ROOT / "tests" / "data" / "tls"
_PEER_PATIENCE = 120.0
_PLACES = "/usr/sbin:/usr/local/sbin:/opt/homebrew/bin"


def _program_of_nginx() -> str:
    found = shutil.which("nginx") or shutil.which("nginx", path=_PLACES)
    if found is None:
        raise BenchError("nginx is not installed: it is what ollamux is measured against")
    return found


class Rig:
    """A scripted upstream that serves `models`, and whatever servers are put in front of it; `cores` are for each of
    the two sides."""

    def __init__(self, models: Sequence[str], *, serve: str = SERVE, cores: int = 1) -> None:
        self._models, self._serve = tuple(models), serve
        self._stack = ExitStack()
        self._server_pin, self._load_pin = pins(cores)
        self._count = 0
        self._behind: list[int] = []
        self._tls_port = 0
        self.upstream_port = 0

    def __enter__(self) -> Self:
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        command = [*self._load_pin, str(program("upstream")), "0", *self._models]
        upstream = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, env=environment())
        self._stack.callback(upstream.wait)
        self._stack.callback(upstream.terminate)
        assert upstream.stdout is not None
        with upstream.stdout as said:
            line = said.readline()
        if not line:
            self._stack.close()
            raise BenchError("the upstream does not start")
        self.upstream_port = int(line)
        self._behind = [upstream.pid]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(
        self,
        name: str,
        command: Callable[[Path, int], Sequence[str]],
        ready: Callable[[int], bool],
        *,
        pin: Sequence[str] | None = None,
        headers: tuple[str, ...] = (),
        variables: Mapping[str, str] | None = None,
        patience: float = 30.0,
    ) -> Server:
        self._count += 1
        folder, port = self._folder / str(self._count), free_port()
        folder.mkdir()
        whole = [*(self._server_pin if pin is None else pin), *command(folder, port)]
        server = Server(name, whole, folder, port, ready, headers=headers, variables=variables, patience=patience)
        self._stack.callback(server.close)
        return server

    def nginx(self, *, tls: bool = False, connections: int = 4500) -> Server:
        """A reverse proxy with one worker for so many connections on both sides together, upstream keep-alive and no
        buffering. Raises BenchError without nginx."""
        found = _program_of_nginx()
        upstream = self._terminator() if tls else self.upstream_port

        def command(folder: Path, port: int) -> Sequence[str]:
            config = folder / "nginx.conf"
            ca = _TLS / "ca.pem" if tls else None
            config.write_text(nginx_config(folder, port, upstream, ca=ca, connections=connections))
            return [found, "-p", str(folder), "-e", "stderr", "-c", str(config)]

        return self._start("nginx", command, lambda port: get(port, "/health")[0] == 200)

    def _terminator(self) -> int:
        """The port where the upstream is reached over TLS."""
        if self._tls_port:
            return self._tls_port
        found = _program_of_nginx()

        def command(folder: Path, port: int) -> Sequence[str]:
            config = folder / "nginx.conf"
            certificate, key = _TLS / "server.pem", _TLS / "server.key"
            said = terminator_config(folder, port, self.upstream_port, certificate=certificate, key=key)
            config.write_text(said)
            return [found, "-p", str(folder), "-e", "stderr", "-c", str(config)]

        server = self._start("TLS", command, lambda port: get(port, "/health")[0] == 400, pin=self._load_pin)
        self._behind += server.pids
        self._tls_port = server.port
        return server.port

    def ollamux(self, kind: str = "openai_compatible", setup: Setup = DEFAULTS) -> Server:
        """ollamux with backends of this type, `openai_compatible` or `ollama`, and what `setup` switches on."""
        upstream = self._terminator() if setup.tls else self.upstream_port
        headers = (f"Authorization: Bearer {KEY}",) if setup.key else ()

        def command(folder: Path, port: int) -> Sequence[str]:
            config = folder / "ollamux.json"
            config.write_text(ollamux_config(port, upstream, kind, setup, ca=_TLS / "ca.pem"))
            return [part.format(python=sys.executable, config=config) for part in shlex.split(self._serve)]

        def ready(port: int) -> bool:
            return self._lists_models(port, headers)

        return self._start(f"ollamux ({kind})", command, ready, headers=headers)

    def _lists_models(self, port: int, headers: tuple[str, ...]) -> bool:
        if get(port, "/")[0] != 200:
            return False
        status, body = get(port, "/api/tags", headers=headers)
        if status != 200:
            return False
        listed = {str(model["name"]).removesuffix(":latest") for model in json.loads(body).get("models") or ()}
        return listed.issuperset(self._models)

    def peer(self, peer: Peer, folder: Path) -> Server:
        """Another gateway, installed in `folder`. Raises BenchError where it does not start."""

        def command(own: Path, port: int) -> Sequence[str]:
            return peer.command(folder, own, port, self.upstream_port, self._models)

        return self._start(
            peer.name,
            command,
            lambda port: get(port, peer.health)[0] == 200,
            headers=peer.headers(self.upstream_port),
            variables=peer.variables,
            patience=_PEER_PATIENCE,
        )

    def load(
        self,
        server: Server,
        route: Route,
        model: str,
        *,
        stream: bool,
        connections: int,
        requests: int,
        ramp_ms: int = 0,
        window_ms: tuple[int, int] | None = None,
        abandon: bool = False,
        timeout_s: float = 60,
        seed: int = 1,
    ) -> Load:
        """One run of the load generator against one server, with this server's CPU and memory in the answer, and the
        CPU of what drives it."""
        before = cpu_us(self._behind)
        load = run_load(
            port=server.port,
            path=route.path,
            body=route.body(model, stream=stream),
            headers=server.headers,
            terminal=route.terminal if stream else "",
            pids=server.pids,
            connections=connections,
            requests=requests,
            ramp_ms=ramp_ms,
            window_ms=window_ms,
            abandon=abandon,
            timeout_s=timeout_s,
            seed=seed,
            pin=self._load_pin,
        )
        return load.driven(cpu_us(self._behind) - before)
