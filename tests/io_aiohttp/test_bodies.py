"""Bodies of requests: how much, how slowly, how deep, in which bytes."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from tests.support.dialogues import ALL, OLLAMA, OPENAI, Dialect, backends, says, speaks
from tests.support.raw import post, raw
from tests.support.running import Running, running
from tests.support.scripted import Backend, backend

both = pytest.mark.parametrize("dialect", [OLLAMA, OPENAI], ids=["api", "v1"])


@pytest.fixture(scope="module")
def only() -> Iterator[Backend]:
    with backend(says("Hello")) as found:
        yield found


@pytest.fixture(scope="module")
def server(only: Backend) -> Iterator[Running]:
    limits = {"body": "64KiB", "body_timeout": 0.2}
    with running({"backends": backends(only), "server": {"limits": limits}}) as found:
        yield found


def _chunked(path: str, *pieces: bytes, extra: bytes = b"") -> bytes:
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n".encode() + extra + b"\r\n"
    return head + b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def _long(dialect: Dialect, size: int) -> bytes:
    body = post(dialect.path, dialect.body()).partition(b"\r\n\r\n")[2]
    return b" " * (size - len(body)) + body


@both
def test_a_body_up_to_the_limit_is_read_and_one_byte_more_is_413(server: Running, dialect: Dialect) -> None:
    with raw(server) as client:
        client.send(post(dialect.path, _long(dialect, 65536)))
        assert dialect.text(client.answer()) == "Hello"
        client.send(post(dialect.path, _long(dialect, 65537)))
        answer = client.answer()
        assert answer.status == 413
        assert answer.header("connection") == "close"
        assert "too large" in dialect.error(answer)
        assert client.ends()


@both
def test_a_body_that_announces_too_much_is_refused_before_it_is_sent(server: Running, dialect: Dialect) -> None:
    with raw(server) as client:
        client.send(post(dialect.path, b"").replace(b"Content-Length: 0", b"Content-Length: 99999999"))
        answer = client.answer()
        assert answer.status == 413
        assert "too large" in dialect.error(answer)
        assert server.ask("GET", "/api/version").status == 200


@both
def test_a_client_that_sends_far_too_much_still_reads_its_413(server: Running, dialect: Dialect) -> None:
    with raw(server) as client:

        def send() -> None:
            try:
                client.send(post(dialect.path, b" " * 5_000_000))
            except OSError:
                pass

        sender = threading.Thread(target=send)
        sender.start()
        assert client.answer().status == 413
        sender.join(5)


@both
def test_a_body_in_chunks_is_bounded_as_well(server: Running, dialect: Dialect) -> None:
    with raw(server) as client:
        client.send(_chunked(dialect.path, *[b" " * 1000] * 66))
        answer = client.answer()
        assert answer.status == 413
        assert answer.header("connection") == "close"
        assert client.ends()


@both
def test_a_body_in_chunks_is_put_together(server: Running, dialect: Dialect) -> None:
    body = _long(dialect, 500)
    with raw(server) as client:
        client.send(_chunked(dialect.path, *(body[n : n + 7] for n in range(0, 500, 7))))
        assert dialect.text(client.answer()) == "Hello"
        for piece in (_chunked(dialect.path, body[:250], body[250:])[n : n + 100] for n in range(0, 700, 100)):
            client.send(piece)
            time.sleep(0.002)
        assert dialect.text(client.answer()) == "Hello"


@both
def test_a_body_that_comes_byte_by_byte_is_read_and_may_take_its_time(server: Running, dialect: Dialect) -> None:
    request = post(dialect.path, dialect.body())
    with raw(server) as client:
        client.send(request[:-8])
        for n in range(8, 0, -1):
            time.sleep(0.05)
            client.send(request[-n : len(request) - n + 1])
        assert dialect.text(client.answer()) == "Hello"


@both
def test_a_body_that_does_not_come_is_408(server: Running, only: Backend, dialect: Dialect) -> None:
    before = len(only.calls)
    with raw(server) as client:
        client.send(post(dialect.path, dialect.body())[:-3])
        answer = client.answer()
        assert answer.status == 408
        assert answer.header("connection") == "close"
        assert "too long" in dialect.error(answer)
        assert client.ends()
    assert server.ask("GET", "/api/version").status == 200
    assert len(only.calls) == before


@both
def test_a_body_that_is_cut_off_is_never_sent_upstream(server: Running, only: Backend, dialect: Dialect) -> None:
    before = len(only.calls)
    with raw(server) as client:
        client.send(post(dialect.path, dialect.body())[:-3])
    with raw(server) as client:
        client.send(post(dialect.path, dialect.body())[:-3])
        client.sock.shutdown(1)
        assert client.rest() == b""
    assert server.ask("GET", "/api/version").status == 200
    assert len(only.calls) == before


@both
def test_a_client_that_waits_to_be_asked_for_its_body_is_asked(server: Running, dialect: Dialect) -> None:
    request = post(dialect.path, dialect.body(), "Expect: 100-continue")
    head, _, body = request.partition(b"\r\n\r\n")
    with raw(server) as client:
        client.send(head + b"\r\n\r\n")
        assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.send(body)
        assert dialect.text(client.answer()) == "Hello"
        client.send(request)
        assert dialect.text(client.answer()) == "Hello"


def test_a_client_that_waits_to_be_asked_is_refused_at_once_where_its_body_is_too_large(server: Running) -> None:
    with raw(server) as client:
        request = post("/api/chat", b"", "Expect: 100-continue")
        client.send(request.replace(b"Content-Length: 0", b"Content-Length: 99999999"))
        assert client.until(b"\r\n").startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize("path", ["/api/version", "/api/tags"])
def test_a_get_may_carry_a_body_that_nobody_reads(server: Running, path: str) -> None:
    with raw(server) as client:
        for _ in range(2):
            client.send(post(path, b'{"x":1}', method="GET"))
            assert client.answer().status == 200
        request = post(path, b'{"x":1}', method="GET")
        client.send(request[:-2])
        time.sleep(0.01)
        client.send(request[-2:])
        assert client.answer().status == 200


@pytest.mark.parametrize("dialect", ALL, ids=lambda d: f"{d.path[1:4]}-{'stream' if d.stream else 'whole'}")
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"text"',
        b'{"model":"m","messages":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
        b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        b'{"model":"m","messages":[{"role":"user","content":' + b"[" * 10_000,
        b'{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":' + b'[{"a":' * 5_000 + b"}]" * 5_000 + b"}",
        b"\xff\xfe{\x00}\x00",
        b"\x00",
    ],
    ids=lambda body: repr(body[:12]) + str(len(body)),
)
def test_a_body_that_is_no_request_is_400_in_the_clients_format(
    server: Running, only: Backend, dialect: Dialect, body: bytes
) -> None:
    before = len(only.calls)
    with raw(server) as client:
        client.send(post(dialect.path, body))
        answer = client.answer()
        assert answer.status == 400, answer
        assert dialect.error(answer)
        client.send(post(dialect.path, dialect.body()))
        assert dialect.text(client.answer()) == "Hello"
    assert len(only.calls) == before + 1


def test_deep_values_that_a_request_may_hold_do_no_harm(server: Running, only: Backend) -> None:
    deep = b'{"a":' * 3_000 + b"1" + b"}" * 3_000
    fields = b'{"model":"m","messages":[{"role":"user","content":"hi"}],"stream":false,'
    for dialect in ALL[1], ALL[3]:
        for member in (b'"format":', b'"unknown":', b'"tools":[', b'"options":', b'"response_format":'):
            tail = b"]}" if member.endswith(b"[") else b"}"
            answer = server.ask("POST", dialect.path, fields + member + deep + tail)
            assert answer.status in (200, 400), answer
    assert server.ask("GET", "/api/version").status == 200


def test_invalid_utf_8_is_repaired_for_ollama_clients_and_never_sent_upstream(server: Running, only: Backend) -> None:
    body = b'{"model":"m","stream":false,"messages":[{"role":"user","content":"caf\xe9 \xed\xa0\x80"}]}'
    assert ALL[1].text(server.ask("POST", "/api/chat", body)) == "Hello"
    content = only.calls[-1].body.decode()
    assert "caf\ufffd \ufffd\ufffd\ufffd" in content


def test_invalid_utf_8_is_400_for_openai_clients_and_never_sent_upstream(server: Running, only: Backend) -> None:
    before = len(only.calls)
    for body in (
        b'{"model":"m","messages":[{"role":"user","content":"caf\xe9"}]}',
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"unknown":"caf\xe9"}',
        b'{"model":"m","caf\xe9":1,"messages":[{"role":"user","content":"x"}]}',
    ):
        assert server.ask("POST", "/v1/chat/completions", body).status == 400
    assert len(only.calls) == before


def test_invalid_utf_8_that_passes_through_to_an_ollama_backend_is_repaired_on_the_way() -> None:
    with backend(speaks("Hello"), style="ollama") as only, running({"backends": backends(only)}) as server:
        body = b'{"model":"m","stream":false,"messages":[{"role":"user","content":"caf\xe9"}],"unknown":"\xff"}'
        assert ALL[1].text(server.ask("POST", "/api/chat", body)) == "Hello"
        only.calls[-1].body.decode()
