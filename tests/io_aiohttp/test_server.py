"""The server as a whole: its targets, its times, many clients at once."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from tests.support.dialogues import ALL, OLLAMA, OPENAI, backends, says
from tests.support.raw import eventually, post, raw
from tests.support.running import Running, running
from tests.support.scripted import Asked, Backend, Wire, backend

from ollamux.config import Layer, load
from ollamux_aiohttp.server import Server


@pytest.fixture(scope="module")
def only() -> Iterator[Backend]:
    with backend(says("Hello")) as found:
        yield found


@pytest.fixture(scope="module")
def server(only: Backend) -> Iterator[Running]:
    with running({"backends": backends(only)}) as found:
        yield found


def test_it_tells_where_it_listens(server: Running) -> None:
    assert server.host == "127.0.0.1"
    assert server.port > 0
    assert server.ask("GET", "/").body == b"Ollama is running"


@pytest.mark.parametrize(
    ("method", "path", "status", "body"),
    [
        ("GET", "/healthz", 200, b"ok"),
        ("GET", "/readyz", 200, b"ready: 1/1 backends healthy"),
        ("GET", "/nowhere", 404, b"404 page not found"),
        ("PUT", "/api/chat", 405, b"405 method not allowed"),
        ("GET", "/api/chat", 405, b"405 method not allowed"),
        ("POST", "/api/tags", 405, b"405 method not allowed"),
        ("GET", "/%61pi/version", 200, b'{"version":"0.33.0"}'),
        ("GET", "/api/../api/version", 404, b"404 page not found"),
        ("GET", "/%ff%fe", 404, b"404 page not found"),
        ("PATCH", "/api/version", 405, b"405 method not allowed"),
    ],
)
def test_every_target_has_its_answer(server: Running, method: str, path: str, status: int, body: bytes) -> None:
    answer = server.ask(method, path)
    assert (answer.status, answer.body) == (status, body)


def test_a_target_may_be_a_whole_url_or_a_star(server: Running) -> None:
    for target in (b"http://localhost/api/version", b"*", b"//", b"/api/version#x"):
        with raw(server) as client:
            client.send(b"GET %b HTTP/1.1\r\nHost: localhost\r\n\r\n" % target)
            assert client.answer().status in (200, 301, 400, 404)
    assert server.ask("GET", "/api/version").status == 200


def test_times_are_those_of_the_wall_with_its_offset(server: Running) -> None:
    before = datetime.now(UTC) - timedelta(seconds=2)
    told = datetime.fromisoformat(OLLAMA.ask(server).lines[0]["created_at"].replace("Z", "+00:00"))
    assert before < told < before + timedelta(seconds=30)


def test_many_are_served_at_once_and_none_waits_for_another() -> None:
    together = threading.Barrier(40)

    def all_together(asked: Asked, wire: Wire) -> None:
        together.wait(10)
        says("Hello")(asked, wire)

    with backend(all_together) as only, running({"backends": backends(only)}) as server:
        clients = [raw(server, 15) for _ in range(40)]
        opened = [client.__enter__() for client in clients]
        for n, client in enumerate(opened):
            dialect = ALL[n % 4]
            client.send(post(dialect.path, dialect.body()))
        for n, client in enumerate(opened):
            assert ALL[n % 4].text(client.answer()) == "Hello"
            client.sock.close()


def test_the_first_request_may_come_before_the_backends_were_asked() -> None:
    with backend(says("Hello")) as only, running({"backends": backends(only)}, refreshed=False) as server:
        assert OLLAMA.text(OLLAMA.ask(server)) == "Hello"


def test_without_any_backend_it_serves_and_says_so() -> None:
    with running({"backends": []}) as server:
        assert server.ask("GET", "/api/tags").json == {"models": []}
        assert server.ask("GET", "/readyz").status == 503
        for dialect in ALL:
            answer = dialect.ask(server)
            assert answer.status == 404
            assert dialect.error(answer)


def test_a_refresh_asks_every_backend_anew(server: Running, only: Backend) -> None:
    before = len(only.asked)
    server.refresh()
    assert len(only.asked) == before + 1


def test_a_server_that_never_started_can_be_stopped_and_refreshed() -> None:
    async def stop() -> None:
        server = Server(load([Layer("test", {"backends": []})], {}))
        await server.refresh(0.1)
        await server.stop(0.1)

    asyncio.run(stop())


def test_a_backend_may_be_reached_through_a_proxy_that_the_environment_names(
    monkeypatch: pytest.MonkeyPatch, only: Backend
) -> None:
    seen: list[bytes] = []

    def one(sock: socket.socket) -> None:
        with sock:
            head = sock.recv(65536)
            seen.append(head.split(b"\r\n", 1)[0])
            body = b'{"data":[{"id":"far"}]}'
            sock.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=one, args=(sock,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{listener.getsockname()[1]}")
        far = {"id": "far", "type": "openai_compatible", "endpoint": "http://far.example:8000", "proxy": "environment"}
        with running({"backends": [far, *backends(only)]}) as server:
            assert any(row["name"].startswith("far") for row in server.ask("GET", "/api/tags").json["models"])
        assert seen[0] == b"GET http://far.example:8000/v1/models HTTP/1.1"


def test_a_client_that_floods_does_not_starve_the_others(server: Running) -> None:
    stop = threading.Event()

    def flood() -> None:
        with raw(server) as client:
            try:
                while not stop.is_set():
                    client.send(post("/v1/chat/completions", b"{}") * 20)
                    for _ in range(20):
                        client.answer()
            except (OSError, ValueError):
                pass

    threads = [threading.Thread(target=flood) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        assert OPENAI.text(OPENAI.ask(server)) == "Hello"
    stop.set()
    for thread in threads:
        thread.join(5)


def test_no_task_is_left_when_all_requests_have_ended() -> None:
    with backend(says("Hello")) as only, running({"backends": backends(only)}) as server:

        def tasks() -> int:
            async def count() -> int:
                return len(asyncio.all_tasks())

            return server.do(count)

        before = tasks()
        for dialect in ALL:
            dialect.ask(server)
        with raw(server) as client:
            client.send(b"GET / HTTP/1.1\r\nHo")
        assert eventually(lambda: tasks() <= before)
