"""A command that asks the server that runs already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.running import Running, running
from tests.support.scripted import Asked, Wire, backend

from ollamux.config import Config, KeyConfig, Secret, ServerConfig
from ollamux_aiohttp import remote
from ollamux_aiohttp.cli import main
from ollamux_aiohttp.remote import NotThere, Refused, ask

DEMO: dict[str, Any] = {"backends": [{"id": "demo", "type": "demo"}]}
KEYS = [{"name": "user", "key": "u"}, {"name": "admin", "key": "a", "scopes": ["inference", "manage"]}]


def at(port: int, host: str = "127.0.0.1", **keys: Any) -> Config:
    return Config(server=ServerConfig(host=host, port=port, port_given=True, **keys))


def key(name: str, text: str, *scopes: str) -> KeyConfig:
    return KeyConfig(name=name, key=Secret(text), scopes=frozenset(("inference", *scopes)))


def port_of(endpoint: str) -> int:
    return int(endpoint.rpartition(":")[2])


def ollama(asked: Asked, wire: Wire) -> None:
    wire.answer(404, b"404 page not found", "text/plain")


def test_the_server_is_asked_where_the_configuration_says_it_listens() -> None:
    with running(DEMO) as server:
        assert ask(at(server.port), "GET", "/efficiency")["current_mode"] == "Balanced"
        assert ask(at(server.port, "0.0.0.0"), "POST", "/efficiency", {"mode": "Quiet"})["current_mode"] == "Quiet"
        with pytest.raises(Refused, match="there is no efficiency mode 'Loud'"):
            ask(at(server.port), "POST", "/efficiency", {"mode": "Loud"})


def test_a_key_that_may_manage_is_shown_before_one_that_may_not() -> None:
    with running({**DEMO, "server": {"keys": KEYS}}) as server:
        user, admin = key("user", "u"), key("admin", "a", "manage")
        assert ask(at(server.port, keys=(user, admin)), "POST", "/efficiency", {"mode": "Auto"})
        with pytest.raises(Refused, match="manage"):
            ask(at(server.port, keys=(user,)), "POST", "/efficiency", {"mode": "Auto"})
        with pytest.raises(Refused):
            ask(at(server.port), "GET", "/efficiency")


def test_what_is_no_ollamux_is_passed_over(unused_endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with running(DEMO) as server, backend(ollama) as other:
        monkeypatch.setattr(remote, "DEFAULT_PORT", other.port)
        monkeypatch.setattr(remote, "SECOND_PORT", server.port)
        assert ask(Config(), "GET", "/efficiency")["current_mode"] == "Balanced"
        unused = port_of(unused_endpoint)
        monkeypatch.setattr(remote, "SECOND_PORT", unused)
        with pytest.raises(NotThere, match=f"port {other.port} or {unused}"):
            ask(Config(), "GET", "/efficiency")
        with pytest.raises(NotThere, match="something else listens there"):
            ask(at(other.port), "GET", "/efficiency")


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    with running(DEMO) as found:
        (tmp_path / "ollamux.yaml").write_text(f"server: {{port: {found.port}}}\n", encoding="utf-8")
        yield found


def test_the_command_tells_the_mode_and_chooses_another(server: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["efficiency"]) == 0
    assert capsys.readouterr().out.startswith("Balanced: ")
    assert main(["efficiency", "ultra-efficiency"]) == 0
    assert capsys.readouterr().out.startswith("UltraEfficiency: ")
    assert main(["efficiency", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["effective_mode"] == "UltraEfficiency"
    assert server.server.gateway.machine.efficiency.current == "UltraEfficiency"


def test_the_command_names_the_modes_where_there_is_none_of_that_name(
    server: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["efficiency", "Loud"]) == 2
    assert "use one of Performance, Balanced" in capsys.readouterr().err


def test_the_command_says_that_nobody_answers(
    server: Running, unused_endpoint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    unused = port_of(unused_endpoint)
    Path("ollamux.yaml").write_text(f"server: {{port: {unused}}}\n", encoding="utf-8")
    assert main(["efficiency"]) == 1
    assert f"no ollamux answers at 127.0.0.1 port {unused}" in capsys.readouterr().err


def test_the_command_says_where_a_request_would_go(server: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["route", "demo"]) == 0
    assert "1. demo  demo  ready" in capsys.readouterr().out
    assert main(["route", "demo", "--json", "-H", "X-Target-Backend: demo"]) == 0
    assert json.loads(capsys.readouterr().out)["backend"] == "demo"


def test_the_command_tells_why_a_request_would_go_nowhere(server: Running, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["route", "demo", "-H", "X-Target-Backend: nobody"]) == 1
    assert "'nobody' is not known; there is: demo" in capsys.readouterr().err
    assert main(["route", "unknown"]) == 1
    assert "'unknown' not found" in capsys.readouterr().err
    assert main(["route", "demo", "-H", "nonsense"]) == 2
