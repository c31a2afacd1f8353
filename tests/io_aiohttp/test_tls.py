"""Clients over HTTPS, by the lane and by aiohttp, with and without certificates of their own."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.dialogues import backends, says
from tests.support.running import Running, running
from tests.support.scripted import Backend, backend

from ollamux.config import Config, ConfigError, KeyConfig, Secret, ServerConfig, ServerTls
from ollamux_aiohttp.remote import NotThere, ask
from ollamux_aiohttp.settings import read_settings
from ollamux_aiohttp.tls import own_context, server_context

FILES = Path(__file__).parents[1] / "data" / "tls"
CERT, KEY, CLIENTS = (str(FILES / name) for name in ("server.pem", "server.key", "clients.pem"))
CHAT: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "x"}]}


@pytest.fixture(scope="module")
def only() -> Iterator[Backend]:
    with backend(says("Hello")) as found:
        yield found


@pytest.fixture(scope="module")
def server(only: Backend) -> Iterator[Running]:
    with running({"server": {"tls": {"cert": CERT, "key": KEY}}, "backends": backends(only)}) as found:
        yield found


@pytest.fixture(scope="module")
def strict(only: Backend) -> Iterator[Running]:
    tls = {"cert": CERT, "key": KEY, "client_ca": CLIENTS}
    with running({"server": {"tls": tls}, "backends": backends(only)}) as found:
        yield found


def trusting(*, client: bool = False) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=str(FILES / "ca.pem"))
    if client:
        context.load_cert_chain(FILES / "client.pem")
    return context


def asked(at: Running, method: str, path: str, body: Any = None, *, client: bool = False, chunked: bool = False) -> str:
    """The answer's body, on a connection of its own."""
    connection = http.client.HTTPSConnection("localhost", at.port, timeout=20, context=trusting(client=client))
    try:
        data = json.dumps(body).encode() if body is not None else None
        connection.request(method, path, iter([data]) if chunked and data else data, encode_chunked=chunked)
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("chunked", [False, True], ids=["lane", "aiohttp"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_request_is_answered_over_https_whichever_way_it_takes(server: Running, stream: bool, chunked: bool) -> None:
    lines = asked(server, "POST", "/api/chat", {**CHAT, "stream": stream}, chunked=chunked).splitlines()
    told = [json.loads(line) for line in lines]
    assert "".join(line["message"]["content"] for line in told) == "Hello"
    assert told[-1]["done"] is True
    assert (len(told) > 1) is stream


def test_a_connection_carries_one_request_after_the_other(server: Running) -> None:
    connection = http.client.HTTPSConnection("localhost", server.port, timeout=20, context=trusting())
    for _ in range(3):
        connection.request("POST", "/api/chat", json.dumps({**CHAT, "stream": False}))
        assert json.loads(connection.getresponse().read())["message"]["content"] == "Hello"
    connection.close()


def test_a_large_prompt_comes_through_whole(server: Running, only: Backend) -> None:
    prompt = "word " * 400_000
    asked(server, "POST", "/api/chat", {"model": "m", "messages": [{"role": "user", "content": prompt}]})
    assert only.calls[-1].json["messages"][-1]["content"] == prompt


def test_who_speaks_in_the_clear_gets_nothing(server: Running) -> None:
    with pytest.raises((http.client.HTTPException, OSError)):
        server.ask("GET", "/")
    assert asked(server, "GET", "/") == "Ollama is running"


def test_a_client_needs_a_certificate_where_an_authority_is_named(strict: Running) -> None:
    assert asked(strict, "GET", "/healthz", client=True) == "ok"
    with pytest.raises((ssl.SSLError, ConnectionError, http.client.HTTPException)):
        asked(strict, "GET", "/healthz")
    assert asked(strict, "GET", "/healthz", client=True) == "ok"


def test_the_commands_about_a_running_server_know_it_by_its_certificate(server: Running) -> None:
    def at(cert: str) -> Config:
        tls = ServerTls(cert=cert, key=KEY)
        return Config(server=ServerConfig(port=server.port, port_given=True, tls=tls, keys=(shown,)))

    shown = KeyConfig(name="k", key=Secret("secret"))
    assert ask(at(CERT), "GET", "/efficiency")["current_mode"] == "Balanced"
    with pytest.raises(NotThere):
        ask(at(CLIENTS), "GET", "/efficiency")


def test_key_and_certificate_may_be_in_one_file(tmp_path: Path) -> None:
    both = tmp_path / "both.pem"
    both.write_text(Path(KEY).read_text() + Path(CERT).read_text())
    assert server_context(ServerTls(cert=str(both))).verify_mode == ssl.CERT_NONE
    assert own_context(ServerTls(cert=str(both))).verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({"cert": "gone.pem"}, "cert: gone.pem: cannot be read: No such file or directory"),
        ({"cert": CERT}, f"cert: {CERT}: this is not a certificate with its key, as PEM"),
        ({"cert": KEY, "key": KEY}, f"cert: {KEY}: this is not a certificate, as PEM"),
        ({"cert": CERT, "key": "gone.key"}, "key: gone.key: cannot be read: No such file or directory"),
        ({"cert": CERT, "key": CERT}, f"key: {CERT}: this is not a key without a password, as PEM"),
        ({"cert": CERT, "key": str(FILES / "locked.key")}, "locked.key: this is not a key without a password, as PEM"),
        ({"cert": CERT, "key": str(FILES / "client.pem")}, "client.pem: this is not the key of that certificate"),
        ({"cert": CERT, "key": KEY, "client_ca": KEY}, f"client_ca: {KEY}: there is no certificate in it, as PEM"),
        ({"cert": CERT, "key": KEY, "client_ca": "gone"}, "client_ca: gone: cannot be read: No such file"),
    ],
)
def test_a_file_that_cannot_be_used_is_told_with_its_key(
    files: dict[str, str], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError) as caught:
        server_context(ServerTls(**files))
    assert problem in str(caught.value)
    (tmp_path / "ollamux.json").write_text(json.dumps({"server": {"tls": files}}))
    with pytest.raises(ConfigError) as wrong:
        read_settings(environ={}, directory=tmp_path)
    assert wrong.value.problems[0].startswith("server.tls.")
    assert problem in wrong.value.problems[0]
