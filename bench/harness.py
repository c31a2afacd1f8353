"""The processes: a scripted upstream, nginx and ollamux in front of it, started for a benchmark and ended after it.

Strategy: everything lives within one `Rig`, a context with a folder of its own for configurations and logs. Where the
machine has two cores and taskset, the servers under test share the first core and the upstream and the load share the
last one, so that a server never competes with what drives it. A server is ready when it passes a request on.

Rules: free ports on loopback; processes are ended by their own pid; a server inherits nothing of the environment that
could configure it, and ollamux runs from this checkout, for the checkout's commit is what a report names.
"""

from __future__ import annotations

import http.client
import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

from bench.load import BenchError, Load, program, run_load
from bench.traffic import Route

__all__ = ("ROOT", "SERVE", "Rig", "Server", "environment", "pins")

ROOT = Path(__file__).parent.parent

SERVE = "{python} -m ollamux_aiohttp serve --config {config}"
"""How ollamux is started unless told otherwise; `{python}` is this interpreter, `{config}` the configuration."""

_READY_S = 30.0
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "OLLAMUX_PURE", "TMPDIR", "VIRTUAL_ENV")

_NGINX = """\
daemon off;
worker_processes 1;
worker_rlimit_nofile 16384;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    keepalive_requests 100000000;
    keepalive_timeout 600s;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream scripted {{
        server 127.0.0.1:{upstream};
        keepalive 1024;
        keepalive_requests 100000000;
        keepalive_timeout 600s;
    }}
    server {{
        listen 127.0.0.1:{port} backlog=4096;
        location / {{
            proxy_pass http://scripted;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffering off;
            proxy_read_timeout 600s;
        }}
    }}
}}
"""

_OLLAMUX = """\
server: {{host: 127.0.0.1, port: {port}}}
backends:
  - {{id: up, type: {type}, endpoint: "http://127.0.0.1:{upstream}{base}"}}
"""

_BASES = {"openai_compatible": "/v1", "ollama": ""}


def environment(folder: Path | None = None) -> dict[str, str]:
    """What a server is started with; `folder` takes whatever it would keep for its user."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    kept["PYTHONPATH"] = os.pathsep.join(str(ROOT / name) for name in ("core", "io_aiohttp"))
    for name in ("CACHE", "CONFIG", "DATA", "STATE") if folder is not None else ():
        kept[f"XDG_{name}_HOME"] = str(folder)
    return kept


def pins() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Command prefixes for the servers and for what drives them; both empty where nothing can be pinned."""
    cores = sorted(os.sched_getaffinity(0))
    taskset = shutil.which("taskset")
    if taskset is None or len(cores) < 2:
        return (), ()
    return (taskset, "-c", str(cores[0])), (taskset, "-c", str(cores[-1]))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    parents: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                stat = (entry / "stat").read_text()
            except OSError:
                continue
            parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
    found = [pid]
    for member in found:
        found.extend(child for child, parent in parents.items() if parent == member)
    return found


def _get(port: int, path: str) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


class Server:
    """One server process with the port it answers on; `pids` are its process and its children."""

    def __init__(
        self, name: str, command: Sequence[str], folder: Path, port: int, ready: Callable[[int], bool]
    ) -> None:
        self.name, self.port = name, port
        self._log = folder / "log"
        started = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command, cwd=folder, env=environment(folder), stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        try:
            while not ready(port):
                if self._process.poll() is not None:
                    raise BenchError(f"{name} ended with status {self._process.returncode}:\n{self._said()}")
                if time.monotonic() - started > _READY_S:
                    raise BenchError(f"{name} is not ready after {_READY_S:.0f} s:\n{self._said()}")
                time.sleep(0.002)
        except BaseException:
            self.close()
            raise
        self.start_ms = (time.monotonic() - started) * 1000
        self.pids = _tree(self._process.pid)

    def _said(self) -> str:
        return self._log.read_text(errors="replace")[-2000:].strip() or "(it said nothing)"

    def memory(self, field: str) -> int:
        """Bytes of all its processes together: `Rss` counts what they share for each of them, `Pss` once."""
        total = 0
        for pid in _tree(self._process.pid):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(f"{field}:"):
                    total += int(line.split()[1]) * 1024
        return total

    def close(self) -> None:
        """Ends the process and waits for it; one that does not listen is killed, with its children."""
        if self._process.poll() is not None:
            return
        members = _tree(self._process.pid)
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            for pid in members:
                try:
                    os.kill(pid, 9)
                except ProcessLookupError:
                    continue
            self._process.wait()


class Rig:
    """A scripted upstream that serves `models`, and whatever servers are put in front of it."""

    def __init__(self, models: Sequence[str], *, serve: str = SERVE) -> None:
        self._models, self._serve = tuple(models), serve
        self._stack = ExitStack()
        self._server_pin, self._load_pin = pins()
        self._count = 0
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
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _start(self, name: str, command: Callable[[Path, int], Sequence[str]], ready: Callable[[int], bool]) -> Server:
        self._count += 1
        folder, port = self._folder / str(self._count), _free_port()
        folder.mkdir()
        server = Server(name, [*self._server_pin, *command(folder, port)], folder, port, ready)
        self._stack.callback(server.close)
        return server

    def nginx(self) -> Server:
        """A reverse proxy with one worker, upstream keep-alive and no buffering. Raises BenchError without nginx."""
        found = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/opt/homebrew/bin")
        if found is None:
            raise BenchError("nginx is not installed: it is what ollamux is measured against")
        nginx = found

        def command(folder: Path, port: int) -> Sequence[str]:
            config = folder / "nginx.conf"
            config.write_text(_NGINX.format(folder=folder, port=port, upstream=self.upstream_port))
            return [nginx, "-p", str(folder), "-e", "stderr", "-c", str(config)]

        return self._start("nginx", command, lambda port: _get(port, "/health")[0] == 200)

    def ollamux(self, backend: str = "openai_compatible") -> Server:
        """ollamux with one backend of this type: `openai_compatible` or `ollama`."""

        def command(folder: Path, port: int) -> Sequence[str]:
            config = folder / "ollamux.yaml"
            said = _OLLAMUX.format(port=port, type=backend, upstream=self.upstream_port, base=_BASES[backend])
            config.write_text(said)
            return [part.format(python=sys.executable, config=config) for part in shlex.split(self._serve)]

        return self._start(f"ollamux ({backend})", command, self._lists_models)

    def _lists_models(self, port: int) -> bool:
        if _get(port, "/")[0] != 200:
            return False
        status, body = _get(port, "/api/tags")
        if status != 200:
            return False
        listed = {str(model["name"]).removesuffix(":latest") for model in json.loads(body).get("models") or ()}
        return listed.issuperset(self._models)

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
        """One run of the load generator against one server, with this server's CPU and memory in the answer."""
        return run_load(
            port=server.port,
            path=route.path,
            body=route.body(model, stream=stream),
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
