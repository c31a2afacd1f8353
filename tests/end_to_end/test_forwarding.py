"""What manages models goes to an Ollama backend as it is, at any size, piece by piece."""

from __future__ import annotations

import hashlib
import socket
import threading
from typing import Any

import pytest
from tests.support.dialogues import ALL, OLLAMA, backends, says, speaks
from tests.support.raw import eventually, post, raw
from tests.support.running import running
from tests.support.scripted import Asked, Wire, backend, chunk, stream_head

MIB = 1 << 20


def _status(text: str) -> bytes:
    return b'{"status":"%b"}\n' % text.encode()


def test_the_progress_of_a_pull_is_told_as_it_comes() -> None:
    go = threading.Semaphore(0)
    steps = ("pulling manifest", "pulling 6e4c38e1172f", "verifying sha256 digest", "success")

    def pull(asked: Asked, wire: Wire) -> None:
        wire.send(stream_head("application/x-ndjson"))
        for step in steps:
            wire.send(chunk(_status(step)))
            go.acquire()
        wire.send(chunk(b""))

    with backend(pull, style="ollama") as only, running({"backends": backends(only)}) as server, raw(server) as client:
        body = b'{"model": "tiny", "insecure": true,  "x":1}'
        client.send(post("/api/pull", body))
        status, headers = client.head()
        assert (status, dict(headers)["content-type"]) == (200, "application/x-ndjson")
        pieces = client.chunks()
        for step in steps:
            assert next(pieces) == _status(step)
            go.release()
        assert list(pieces) == []
        assert only.calls[0].body == body
        assert only.calls[0].path == "/api/pull"


def test_a_model_that_was_pulled_is_served_at_once() -> None:
    def pull(asked: Asked, wire: Wire) -> None:
        if asked.path == "/api/pull":
            only.models = ("m", "new:latest")
            wire.answer(200, _status("success"), "application/x-ndjson")
        elif asked.path == "/api/delete":
            only.models = ("m",)
            wire.answer(200, b"")
        else:
            speaks("Hello")(asked, wire)

    with backend(pull, style="ollama") as only, running({"backends": backends(only)}) as server:
        assert server.ask("POST", "/api/pull", {"model": "new"}).status == 200
        assert OLLAMA.text(server.ask("POST", "/api/chat", OLLAMA.body("new"))) == "Hello"
        assert "new:latest" in [row["name"] for row in server.ask("GET", "/api/tags").json["models"]]
        assert server.ask("DELETE", "/api/delete", {"model": "new"}).status == 200
        assert eventually(lambda: "new:latest" not in repr(server.ask("GET", "/api/tags").json))
        assert server.ask("POST", "/api/chat", OLLAMA.body("new")).status == 404


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/pull", {"model": "x"}),
        ("POST", "/api/push", {"model": "m"}),
        ("POST", "/api/create", {"model": "x", "from": "m", "system": "caf\u00e9"}),
        ("POST", "/api/copy", {"source": "m", "destination": "x"}),
        ("DELETE", "/api/delete", {"model": "m"}),
        ("POST", "/api/show", {"model": "m", "verbose": True}),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 404, 500])
def test_a_request_and_its_answer_pass_as_they_are(method: str, path: str, body: dict[str, Any], status: int) -> None:
    told = {"error": "as it is"} if status >= 400 else {"status": "done", "details": {"b": 1, "a": 2}}

    def script(asked: Asked, wire: Wire) -> None:
        wire.answer(status, told, "application/json; charset=utf-8", "X-Inner: 1", "Set-Cookie: a=b")

    with backend(script, style="ollama") as only, running({"backends": backends(only)}) as server:
        answer = server.ask(method, path, body)
        assert (answer.status, answer.json) == (status, told)
        assert answer.header("content-type") == "application/json; charset=utf-8"
        assert answer.header("x-inner") is None and answer.header("set-cookie") is None
        asked = next(a for a in only.asked if a.path == path)
        assert (asked.method, asked.json) == (method, body)


DIGEST = "sha256:" + hashlib.sha256(b"z" * 64 * MIB).hexdigest()


def _blobs(asked: Asked, wire: Wire) -> None:
    if asked.method == "HEAD":
        status = "200 OK" if asked.path.endswith(DIGEST) else "404 Not Found"
        wire.send(f"HTTP/1.1 {status}\r\nContent-Type: text/plain\r\nContent-Length: 18\r\n\r\n".encode())
    else:
        wire.answer(201 if len(asked.body) == 64 * MIB else 400, b"")


def test_a_blob_can_be_asked_for() -> None:
    with (
        backend(_blobs, style="ollama") as only,
        running({"backends": backends(only)}) as server,
        raw(server) as client,
    ):
        for digest, status in ((DIGEST, 200), ("sha256:" + "0" * 64, 404)):
            for _ in range(2):
                client.send(post(f"/api/blobs/{digest}", method="HEAD"))
                assert client.answer(head_only=True).status == status


@pytest.mark.parametrize("framing", ["with its length", "in chunks"])
def test_a_large_blob_passes_through_without_being_kept(framing: str) -> None:
    """The backend's copy is the only one: what stands between the sockets is bounded by test_back_pressure."""
    received: list[int] = []

    def take(sock: socket.socket) -> None:
        with sock:
            head = b""
            while b"\r\n\r\n" not in head:
                head += sock.recv(65536)
            if head.startswith(b"GET"):
                sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n{"models":[]}')
                return
            digest = hashlib.sha256()
            data = head.partition(b"\r\n\r\n")[2]
            count = 0
            if b"Content-Length: " in head:
                digest.update(data)
                count = len(data)
                while count < 64 * MIB and (data := sock.recv(MIB)):
                    digest.update(data)
                    count += len(data)
            else:
                with sock.makefile("rb") as rest:
                    stream = _Joined(data, rest)
                    while size := int(stream.line(), 16):
                        digest.update(stream.read(size))
                        stream.read(2)
                        count += size
            assert "sha256:" + digest.hexdigest() == DIGEST
            received.append(count)
            sock.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n")

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=take, args=(sock,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = {
            "backends": [{"id": "a", "type": "ollama", "endpoint": endpoint}],
            "server": {"limits": {"body": "1MiB"}},
        }
        with running(settings) as server, raw(server) as client:
            head = f"POST /api/blobs/{DIGEST} HTTP/1.1\r\nHost: localhost\r\n".encode()
            piece = b"z" * MIB
            if framing == "in chunks":
                client.send(head + b"Transfer-Encoding: chunked\r\n\r\n")
                for _ in range(64):
                    client.send(chunk(piece))
                client.send(chunk(b""))
            else:
                client.send(head + b"Content-Length: %d\r\n\r\n" % (64 * MIB))
                for _ in range(64):
                    client.send(piece)
            assert client.answer().status == 201
            assert received == [64 * MIB]
            client.send(post("/api/version", method="GET"))
            assert client.answer().status == 200


class _Joined:
    """Bytes that were read already, then a file."""

    def __init__(self, data: bytes, rest: Any) -> None:
        self._data, self._rest = data, rest

    def read(self, size: int) -> bytes:
        found, self._data = self._data[:size], self._data[size:]
        return found + (self._rest.read(size - len(found)) if len(found) < size else b"")

    def line(self) -> bytes:
        found, mark, rest = self._data.partition(b"\r\n")
        if mark:
            self._data = rest
            return found
        self._data = b""
        return bytes(found + self._rest.readline()).strip()


def test_a_small_blob_in_one_piece_passes_too() -> None:
    with (
        backend(lambda asked, wire: wire.answer(201, b""), style="ollama") as only,
        running({"backends": backends(only)}) as server,
        raw(server) as client,
    ):
        for _ in range(2):
            client.send(post(f"/api/blobs/{DIGEST}", b"small", "Expect: 100-continue"))
            assert client.answer().status == 201
        assert [asked.body for asked in only.calls] == [b"small", b"small"]


def test_a_backend_that_refuses_an_upload_early_is_heard() -> None:
    def refuse(sock: socket.socket) -> None:
        with sock:
            head = sock.recv(65536)
            if head.startswith(b"GET"):
                sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n{"models":[]}')
                return
            sock.sendall(b'HTTP/1.1 400 Bad Request\r\nContent-Length: 16\r\n\r\n{"error":"full"}')
            while sock.recv(MIB):
                pass

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=refuse, args=(sock,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with (
            running({"backends": [{"id": "a", "type": "ollama", "endpoint": endpoint}]}) as server,
            raw(server) as client,
        ):
            head = post(f"/api/blobs/{DIGEST}").replace(b"Length: 0", b"Length: 67108864")
            client.send(head + b"z" * 1000)
            answer = client.answer()
            assert (answer.status, answer.json) == (400, {"error": "full"})
            assert server.ask("GET", "/api/version").status == 200


def test_an_upload_that_stops_is_408_and_its_backend_is_left() -> None:
    left = threading.Event()

    def take(sock: socket.socket) -> None:
        with sock:
            head = sock.recv(65536)
            if head.startswith(b"GET"):
                sock.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n{"models":[]}')
                return
            try:
                while sock.recv(MIB):
                    pass
            except OSError:
                pass
            left.set()

    def serve() -> None:
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=take, args=(sock,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=serve, daemon=True).start()
        endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
        settings = {
            "backends": [{"id": "a", "type": "ollama", "endpoint": endpoint}],
            "server": {"limits": {"body_timeout": 0.1}},
        }
        with running(settings) as server, raw(server) as client:
            client.send(post(f"/api/blobs/{DIGEST}").replace(b"Length: 0", b"Length: 67108864") + b"z" * 1000)
            answer = client.answer()
            assert answer.status == 408
            assert answer.header("connection") == "close"
            assert left.wait(1)


def test_x_provider_chooses_the_backend() -> None:
    done = lambda asked, wire: wire.answer(200, {"status": "success"})  # noqa: E731
    with (
        backend(done, style="ollama") as first,
        backend(done, style="ollama") as second,
        backend(says("x")) as other,
        running({"backends": backends(first, second, other)}) as server,
    ):
        for name, expected in (("", first), ("a", first), ("b", second), ("ollama", first), ("OLLAMA", first)):
            before = len(expected.calls)
            headers = {"X-Provider": name} if name else {}
            assert server.ask("POST", "/api/pull", {"model": "x"}, headers).status == 200
            assert len(expected.calls) == before + 1
        for name in ("c", "nobody", "openai_compatible"):
            answer = server.ask("POST", "/api/pull", {"model": "x"}, {"X-Provider": name})
            assert answer.status == 400
            assert f"X-Provider '{name}'" in answer.json["error"]


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/api/pull"), ("POST", "/api/push"), ("POST", "/api/create"), ("POST", f"/api/blobs/{DIGEST}")],
)
def test_where_nothing_manages_models_it_is_501(method: str, path: str) -> None:
    with backend(says("x")) as only, running({"backends": backends(only)}) as server:
        answer = server.ask(method, path, {"model": "x"})
        assert answer.status == 501
        assert "this endpoint cannot do that" in answer.json["error"]
        assert not only.calls


def test_a_backend_that_dies_during_a_pull_is_told_in_the_stream() -> None:
    def dies(asked: Asked, wire: Wire) -> None:
        wire.send(stream_head("application/x-ndjson") + chunk(_status("pulling")))
        wire.reset()

    with backend(dies, style="ollama") as only, running({"backends": backends(only)}) as server, raw(server) as client:
        client.send(post("/api/pull", {"model": "x"}))
        assert client.head()[0] == 200
        told = client.rest()
        assert b"pulling" in told
        assert b'"error"' in told
        assert not told.endswith(b"0\r\n\r\n"), "nobody may take it for a whole one"


def test_a_pull_that_stands_still_is_ended_after_the_idle_time() -> None:
    def stands_still(asked: Asked, wire: Wire) -> None:
        wire.send(stream_head("application/x-ndjson") + chunk(_status("pulling")))
        wire.wait_for_peer_to_leave(5)

    with (
        backend(stands_still, style="ollama") as only,
        running({"backends": backends(only, timeouts={"idle": 0.1})}) as server,
        raw(server) as client,
    ):
        client.send(post("/api/pull", {"model": "x"}))
        client.head()
        assert b"did not answer in time" in client.rest()


def test_a_backend_that_is_not_there_is_502_for_what_it_alone_can_do() -> None:
    with backend(says("x"), style="ollama") as only, running({"backends": backends(only)}) as server:
        only.stop()
        answer = server.ask("POST", "/api/pull", {"model": "x"})
        assert answer.status == 502
        assert "backend 'a'" in answer.json["error"]


def test_a_chat_goes_on_while_a_blob_is_sent() -> None:
    def script(asked: Asked, wire: Wire) -> None:
        speaks("Hello")(asked, wire) if asked.path == "/api/chat" else wire.answer(201, b"")

    with (
        backend(script, style="ollama") as only,
        running({"backends": backends(only)}) as server,
        raw(server) as client,
    ):
        client.send(post(f"/api/blobs/{DIGEST}").replace(b"Length: 0", b"Length: 2000") + b"z" * 1000)
        for dialect in ALL:
            assert dialect.text(dialect.ask(server)) == "Hello"
        client.send(b"z" * 1000)
        assert client.answer().status == 201
