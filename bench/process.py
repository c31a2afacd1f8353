"""One server process: started in a folder of its own, waited for, read (CPU, memory) and ended with its children.

Rules: free ports on loopback; processes are ended by their own pid; a server inherits nothing of the environment that
could configure it, and ollamux runs from this checkout, for the checkout's commit is what a report names.
"""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from bench.load import BenchError

__all__ = ("ROOT", "Server", "cpu_us", "environment", "free_port", "get", "pins", "tree")

ROOT = Path(__file__).parent.parent

_READY_S = 30.0
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "OLLAMUX_PURE", "TMPDIR", "VIRTUAL_ENV")


def environment(folder: Path | None = None) -> dict[str, str]:
    """What a server is started with; `folder` takes whatever it would keep for its user."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    kept["PYTHONPATH"] = os.pathsep.join(str(ROOT / name) for name in ("core", "io_aiohttp"))
    for name in ("CACHE", "CONFIG", "DATA", "STATE") if folder is not None else ():
        kept[f"XDG_{name}_HOME"] = str(folder)
    return kept


def pins(each: int = 1) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Command prefixes for the servers and for what drives them, with so many cores each; both empty where nothing can
    be pinned."""
    cores = [str(core) for core in sorted(os.sched_getaffinity(0))]
    taskset = shutil.which("taskset")
    if taskset is None or len(cores) < 2 * each:
        return (), ()
    return (taskset, "-c", ",".join(cores[:each])), (taskset, "-c", ",".join(cores[-each:]))


def free_port() -> int:
    """A port that was free just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def tree(pid: int) -> list[int]:
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


def cpu_us(pids: Iterable[int]) -> float:
    """What the scheduler has given to all threads of these processes so far, in microseconds."""
    total = 0
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            try:
                total += int((thread / "schedstat").read_text().split()[0])
            except OSError:
                continue  # a thread that has just ended
    return total / 1000


def get(port: int, path: str, headers: Sequence[str] = ()) -> tuple[int, bytes]:
    """Status and body; 0 where nothing answered. A header is a line, `Name: value`."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path, headers=dict(line.split(": ", 1) for line in headers))
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


class Server:
    """One server process with the port it answers on; `pids` are its process and its children, `headers` what a client
    has to send so that it is let in."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        port: int,
        ready: Callable[[int], bool],
        *,
        headers: tuple[str, ...] = (),
        variables: Mapping[str, str] | None = None,
        patience: float = _READY_S,
    ) -> None:
        self.name, self.port, self.headers = name, port, headers
        self._log = folder / "log"
        started = time.monotonic()
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**environment(folder), **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        try:
            while not ready(port):
                if self._process.poll() is not None:
                    raise BenchError(f"{name} ended with status {self._process.returncode}:\n{self._said()}")
                if time.monotonic() - started > patience:
                    raise BenchError(f"{name} is not ready after {patience:.0f} s:\n{self._said()}")
                time.sleep(0.002)
        except BaseException:
            self.close()
            raise
        self.start_ms = (time.monotonic() - started) * 1000
        self.pids = tree(self._process.pid)

    @property
    def running(self) -> bool:
        """Whether the process is still there."""
        return self._process.poll() is None

    def _said(self) -> str:
        return self._log.read_text(errors="replace")[-2000:].strip() or "(it said nothing)"

    def cpu_us(self) -> float:
        """What its processes have used since they were started."""
        return cpu_us(self.pids)

    def memory(self, field: str) -> int:
        """Bytes of all its processes together: `Rss` counts what they share for each of them, `Pss` once."""
        total = 0
        for pid in tree(self._process.pid):
            for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                if line.startswith(f"{field}:"):
                    total += int(line.split()[1]) * 1024
        return total

    def close(self) -> None:
        """Ends the process and waits for it; one that does not listen is killed, with its children."""
        if self._process.poll() is not None:
            return
        members = tree(self._process.pid)
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
