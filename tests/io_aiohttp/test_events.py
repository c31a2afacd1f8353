"""Events as they happen, for those who listen."""

from __future__ import annotations

import hashlib
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.support.raw import eventually
from tests.support.running import Running, running
from tests.support.scripted import backend

from ollamux.news import HealthChange

KEY = {"name": "k", "key_sha256": hashlib.sha256(b"s3cret").hexdigest(), "scopes": ["inference"]}
SETTINGS: dict[str, Any] = {"backends": {"demo": {"type": "demo"}}}


def sick(number: int = 0) -> HealthChange:
    return HealthChange(time.monotonic(), f"b{number}", "healthy", "unreachable", "nothing listens there")


class Listening:
    """A client of the events."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.text = b""

    def until(self, marks: bytes) -> bytes:
        """All that came, once this is among it."""
        while marks not in self.text:
            piece = self.sock.recv(65536)
            assert piece, self.text
            self.text += piece
        return self.text

    @property
    def events(self) -> list[Any]:
        return [json.loads(line[6:]) for line in self.text.split(b"\n") if line.startswith(b"data: ")]


@contextmanager
def listening(server: Running, *headers: str) -> Iterator[Listening]:
    with socket.create_connection((server.host, server.port), timeout=10) as sock:
        lines = "".join(f"{line}\r\n" for line in headers)
        sock.sendall(f"GET /api/events HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
        yield Listening(sock)


def tell(server: Running, *news: HealthChange) -> None:
    async def told() -> None:
        for each in news:
            server.server.gateway.feed.tell(each)

    server.do(told)


def heard(server: Running) -> bool:
    return server.server.gateway.feed.detailed  # the log asks for what went wrong alone


def test_a_client_hears_what_happens_from_when_it_asked() -> None:
    with running(SETTINGS) as server:
        tell(server, sick(1))
        with listening(server) as client:
            head = client.until(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200") and b"Content-Type: text/event-stream" in head
            assert b"aiohttp" not in head
            assert eventually(lambda: heard(server))
            tell(server, sick(2))
            assert b"event: health\n" in client.until(b"nothing listens there")
            (event,) = client.events
            assert event["backend"] == "b2" and (event["before"], event["state"]) == ("healthy", "unreachable")
            assert event["at"].endswith("Z")

        def left() -> bool:
            tell(server, sick())
            return not heard(server)

        assert eventually(left)


def test_a_client_that_is_too_slow_loses_the_oldest_and_is_told_how_many() -> None:
    with running(SETTINGS) as server, listening(server) as client:
        client.until(b"\r\n\r\n")
        assert eventually(lambda: heard(server))
        tell(server, *(sick(number) for number in range(300)))
        client.until(b'"b299"')
        first, *rest = client.events
        assert first == {"event": "lost", "count": 44}
        assert [event["backend"] for event in rest] == [f"b{number}" for number in range(44, 300)]


def test_a_backend_that_goes_away_is_told_when_the_probes_find_out() -> None:
    with backend(lambda asked, wire: None) as up:
        settings = {"backends": {"a": {"type": "vllm", "endpoint": f"{up.url}/v1"}}}
        with running(settings) as server, listening(server) as client:
            client.until(b"\r\n\r\n")
            assert eventually(lambda: heard(server))
            up.stop()
            for _ in range(3):
                server.refresh()
            client.until(b'"unreachable"')
            assert [event["state"] for event in client.events] == ["degraded", "unreachable"]
            assert {event["backend"] for event in client.events} == {"a"}


def test_a_circuit_that_opens_is_told() -> None:
    with backend(lambda asked, wire: wire.answer(500, {"error": {"message": "no"}})) as up:
        settings = {"backends": {"a": {"type": "vllm", "endpoint": f"{up.url}/v1", "models": ["m"]}}}
        with (
            running({**settings, "breaker": {"failures": 1}, "retry": {"attempts": 1}}) as server,
            listening(server) as client,
        ):
            client.until(b"\r\n\r\n")
            assert eventually(lambda: heard(server))
            body = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
            assert server.ask("POST", "/api/chat", body).status == 500
            client.until(b"event: decision\n")
            told = [event for event in client.events if event["event"] == "circuit"]
            assert [(event["backend"], event["model"], event["state"]) for event in told] == [
                ("a", "", "open"),
                ("a", "m", "open"),
            ]


def test_the_events_are_for_those_with_a_key() -> None:
    with running({**SETTINGS, "server": {"keys": [KEY]}}) as server:
        with listening(server) as client:
            assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 401")
        assert not heard(server)
        with listening(server, "Authorization: Bearer s3cret") as client:
            assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200")
        assert server.ask("POST", "/api/events").status == 405


def test_a_server_that_records_serves_them_as_well(tmp_path: Path) -> None:
    with running(SETTINGS, record=tmp_path) as server, listening(server) as client:
        client.until(b"\r\n\r\n")
        assert eventually(lambda: heard(server))
        tell(server, sick())
        client.until(b"nothing listens there")


def test_the_streams_end_when_the_server_stops() -> None:
    with running(SETTINGS) as server, listening(server) as client:
        client.until(b"\r\n\r\n")
        assert eventually(lambda: heard(server))
        server.do(lambda: server.server.stop(5.0))
        client.until(b"the server is stopping")
        assert not heard(server)
