"""`ollamux serve --workers 2`, as its clients meet it: real processes, real sockets."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from tests.support.dialogues import says
from tests.support.running import Answered
from tests.support.scripted import Asked, Backend, Wire, backend, chunk, sse, stream_head

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="connections are spread by Linux alone")

CHAT = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": False}
SERVED = re.compile(rb'ollamux_worker_requests_total\{worker="(\d)"\} (\d+)')


class Several:
    """The processes, and a client of them."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port
        self.open = ExitStack()

    @property
    def workers(self) -> list[int]:
        """The processes that serve."""
        text = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in text.split()]

    def connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answered:
        """One request on a connection of its own."""
        connection = self.connection()
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            return Answered(answer.status, [(k.lower(), v) for k, v in answer.getheaders()], answer.read())
        finally:
            connection.close()

    def on(self, worker: int) -> http.client.HTTPConnection:
        """A connection that this process has accepted."""
        while True:
            connection = self.connection()
            connection.connect()
            if self.owner(connection.sock) == worker:
                self.open.callback(connection.close)
                return connection
            connection.close()

    def owner(self, sock: socket.socket) -> int:
        """The process that has the other end of a connection."""
        ours = f"{sock.getsockname()[1]:04X}"
        until = time.monotonic() + 10
        while time.monotonic() < until:
            rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
            inodes = [row[9] for row in rows if row[1].endswith(f":{self.port:04X}") and row[2].endswith(f":{ours}")]
            for pid in self.workers:
                if any(f"socket:[{inode}]" in _descriptors(pid) for inode in inodes):
                    return pid
            time.sleep(0.01)
        raise AssertionError("nobody has accepted the connection")


def _descriptors(pid: int) -> set[str]:
    found: set[str] = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found.add(os.readlink(entry))
        except OSError:
            pass
    return found


@contextmanager
def serving(folder: Path, settings: dict[str, Any]) -> Iterator[Several]:
    """A server of two workers with this configuration."""
    file = folder / "ollamux.json"
    file.write_text(json.dumps({**settings, "server": {"port": 0, **settings.get("server", {})}}))
    paths = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
    process = subprocess.Popen(
        [sys.executable, "-m", "ollamux_aiohttp", "serve", "--config", str(file), "--workers", "2"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": paths, "HOME": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        found = re.fullmatch(r"ollamux listens on http://127\.0\.0\.1:(\d+)\n", line := process.stdout.readline())
        assert found is not None, line + process.stdout.read()
        several = Several(process, int(found[1]))
        with several.open:
            yield several
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)  # workers hold the pipes open, too
        process.communicate()


def configured(*found: Backend, **more: Any) -> dict[str, Any]:
    return {
        "backends": [
            {"id": f"up{n}", "type": "vllm", "endpoint": f"{each.url}/v1", "models": ["m"]}
            for n, each in enumerate(found)
        ],
        **more,
    }


@pytest.fixture(scope="module")
def only() -> Iterator[Backend]:
    with backend(says("Hello")) as found:
        yield found


@pytest.fixture(scope="module")
def server(only: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Several]:
    with serving(tmp_path_factory.mktemp("several"), configured(only)) as found:
        yield found


def test_both_workers_answer_and_figures_are_those_of_both_whichever_is_asked(server: Several) -> None:
    one, other = server.workers
    for worker, count in ((one, 3), (other, 5)):
        connection = server.on(worker)
        for _ in range(count):
            connection.request("POST", "/api/chat", json.dumps(CHAT))
            assert json.loads(connection.getresponse().read())["message"]["content"] == "Hello"
    for worker in (one, other):
        connection = server.on(worker)
        told: dict[str, Any] = {}
        for path in ("/metrics", "/api/providers/up0/stats", "/health/detailed", "/backends"):
            connection.request("GET", path)
            told[path] = connection.getresponse().read()
        assert sorted(int(count) for _, count in SERVED.findall(told["/metrics"])) == [3, 5]
        assert b'ollamux_requests_total{error="",format="ollama"} 8.0' in told["/metrics"]
        assert json.loads(told["/api/providers/up0/stats"])["requests"] == 8
        assert json.loads(told["/health/detailed"])["metrics"]["total_requests"] == 8


def test_a_response_is_found_gone_on_from_and_deleted_from_either_worker(server: Several, only: Backend) -> None:
    one, other = server.workers
    first, second = server.on(one), server.on(other)

    def asked(connection: http.client.HTTPConnection, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        connection.request(method, path, None if body is None else json.dumps(body))
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())

    _, told = asked(first, "POST", "/v1/responses", {"model": "m", "input": "My name is Ada."})
    where = f"/v1/responses/{told['id']}"
    status, found = asked(second, "GET", where)
    assert (status, found["id"]) == (200, told["id"])
    status, _ = asked(second, "POST", "/v1/responses", {"model": "m", "input": "?", "previous_response_id": told["id"]})
    assert status == 200
    assert only.calls[-1].json["messages"][0]["content"] == "My name is Ada."
    assert asked(second, "DELETE", where)[1]["deleted"] is True
    assert asked(first, "GET", where)[0] == asked(second, "GET", where)[0] == 404


def test_what_is_switched_while_it_runs_is_switched_everywhere(server: Several) -> None:
    assert server.ask("POST", "/efficiency", {"mode": "Quiet"}).json["current_mode"] == "Quiet"
    for worker in server.workers:
        connection = server.on(worker)
        connection.request("GET", "/efficiency")
        assert json.loads(connection.getresponse().read())["current_mode"] == "Quiet"


def test_a_limit_is_divided_so_that_all_workers_together_keep_it(only: Backend, tmp_path: Path) -> None:
    with serving(tmp_path, configured(only, rate_limit={"global": "10/h"})) as found:
        for worker in found.workers:
            connection = found.on(worker)
            statuses: list[int] = []
            for _ in range(8):
                connection.request("POST", "/api/chat", json.dumps(CHAT))
                answer = connection.getresponse()
                answer.read()
                statuses.append(answer.status)
            assert statuses == [200] * 5 + [429] * 3


class Held:
    """A backend's script whose streams wait, after their first word, until the test lets them go on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()

    def __call__(self, asked: Asked, wire: Wire) -> None:
        wire.send(stream_head() + chunk(sse("Hel")))
        self.go_on.wait(30)
        wire.send(chunk(sse("lo")) + chunk(sse(finish="stop")) + chunk(b"data: [DONE]\n\n") + b"0\r\n\r\n")


def begun(found: Several, worker: int) -> http.client.HTTPResponse:
    """A stream of this worker's, of which the first word has come."""
    connection = found.on(worker)
    connection.request("POST", "/api/chat", json.dumps({**CHAT, "stream": True}))
    answer = connection.getresponse()
    found.open.callback(answer.close)
    assert b"Hel" in answer.readline()
    return answer


def test_a_worker_that_is_killed_is_replaced_and_nothing_at_the_other_one_is_harmed(tmp_path: Path) -> None:
    held = Held()
    with ExitStack() as stack:
        slow = stack.enter_context(backend(held))
        found = stack.enter_context(serving(tmp_path, configured(slow)))
        killed, kept = found.workers
        harmed, whole = begun(found, killed), begun(found, kept)
        os.kill(killed, signal.SIGKILL)
        with pytest.raises((http.client.HTTPException, ConnectionError)):
            harmed.read()
        held.go_on.set()
        for _ in range(20):
            assert found.ask("POST", "/api/chat", {**CHAT, "stream": True}).status == 200
        assert b'"done":true' in whole.read()
        now = found.workers
        assert killed not in now and kept in now and len(now) == 2
        assert found.on(next(pid for pid in now if pid != kept)) is not None


def test_a_stream_under_way_is_completed_when_all_are_asked_to_end(tmp_path: Path) -> None:
    held = Held()
    with ExitStack() as stack:
        slow = stack.enter_context(backend(held))
        found = stack.enter_context(serving(tmp_path, configured(slow)))
        streams = [begun(found, worker) for worker in found.workers]
        found.process.send_signal(signal.SIGTERM)
        for worker in found.workers:  # a service manager signals them as well
            os.kill(worker, signal.SIGTERM)
        until = time.monotonic() + 10
        while time.monotonic() < until:
            try:
                socket.create_connection(("127.0.0.1", found.port), timeout=5).close()
            except ConnectionError:
                break
            time.sleep(0.02)
        else:
            raise AssertionError("it still takes connections")
        held.go_on.set()
        for stream in streams:
            assert b'"done":true' in stream.read()
        assert found.process.wait(20) == 0


def test_workers_end_where_the_process_that_started_them_is_killed(only: Backend, tmp_path: Path) -> None:
    with serving(tmp_path, configured(only)) as found:
        workers = found.workers
        found.process.kill()
        found.process.wait(20)
        until = time.monotonic() + 20
        while any(Path(f"/proc/{pid}").exists() and _state(pid) != "Z" for pid in workers):
            assert time.monotonic() < until
            time.sleep(0.05)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def test_a_port_that_is_taken_is_told_before_anything_starts(only: Backend, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        settings = configured(only, server={"port": port})
        with pytest.raises(AssertionError, match=f"port {port} is taken"), serving(tmp_path, settings):
            pass
