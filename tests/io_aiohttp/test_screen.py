"""What a person reads when the server starts."""

from __future__ import annotations

import io
import shlex
from collections.abc import Callable
from typing import Any

import pytest

from ollamux.config import ServerTls
from ollamux.reports import BackendReport, ModelReport
from ollamux_aiohttp.llama_supervisor import LOADING
from ollamux_aiohttp.screen import LoadNews, Paint, shown_endpoint, start_screen, table, url_of


def model(name: str, *capabilities: str, loaded: bool = False) -> ModelReport:
    return ModelReport(name, name, frozenset(capabilities or {"completion"}), 4096, loaded)


def backend(*models: ModelReport, state: str = "ready", reason: str = "", **fields: Any) -> BackendReport:
    told = {"id": "b", "type": "ollama", "name": "Ollama", "endpoint": "http://127.0.0.1:9"} | fields
    return BackendReport(state=state, reason=reason, models=models, **told)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


PLAIN = Paint(io.StringIO(), {})


def screen(*reports: BackendReport, host: str = "127.0.0.1", port: int = 11434, guarded: bool = False) -> str:
    return start_screen(reports, host, port, guarded=guarded, notes=("a note",), paint=PLAIN)


def test_the_address_the_notes_and_the_backends_are_shown() -> None:
    text = screen(backend(model("a"), model("b")), backend(state="unreachable", reason="nothing listens", name="Far"))
    lines = text.splitlines()
    assert lines[0] == "ollamux listens on http://127.0.0.1:11434"
    assert lines[1] == "  a note"
    assert lines[3].split() == ["Ollama", "ready", "http://127.0.0.1:9", "a,", "b"]
    assert lines[4].split(maxsplit=3) == ["Far", "unreachable", "http://127.0.0.1:9", "nothing listens"]


def test_many_models_are_counted() -> None:
    assert "m0, m1, m2, +4 more" in screen(backend(*(model(f"m{number}") for number in range(7))))


def test_the_first_command_can_be_pasted() -> None:
    text = screen(backend(model("embedder", "embedding"), model("it's:latest"), model("late")))
    command = shlex.split(text.split("Try it:\n")[1].splitlines()[0])
    assert command[:2] == ["curl", "http://127.0.0.1:11434/api/chat"]
    assert command[3].startswith('{"model": "it\'s"')


def test_a_model_that_is_loaded_is_tried_first() -> None:
    assert "ollama run warm" in screen(backend(model("cold"), model("warm", loaded=True)))


@pytest.mark.parametrize(
    ("host", "port", "command"),
    [
        ("127.0.0.1", 11434, "  ollama run m"),
        ("0.0.0.0", 11434, "  ollama run m"),
        ("127.0.0.1", 11435, "  OLLAMA_HOST=127.0.0.1:11435 ollama run m"),
        ("::", 11435, "  OLLAMA_HOST=[::1]:11435 ollama run m"),
        ("10.0.0.7", 11434, "  OLLAMA_HOST=10.0.0.7:11434 ollama run m"),
    ],
)
def test_ollama_is_told_the_address_where_it_is_not_its_own(host: str, port: int, command: str) -> None:
    assert screen(backend(model("m")), host=host, port=port).splitlines()[-1] == command


def test_with_keys_the_command_shows_where_the_key_goes() -> None:
    text = screen(backend(model("m")), guarded=True)
    assert "Authorization: Bearer YOUR_KEY" in text
    assert "ollama run" not in text


def test_without_a_model_there_is_nothing_to_try() -> None:
    assert "Try it" not in screen(backend(state="unreachable"))
    assert "no models" in screen(backend())
    assert "No backend" in screen()


def test_an_endpoint_is_shown_without_its_credentials() -> None:
    assert shown_endpoint("https://me:secret@host:1/v1?key=x") == "https://host:1/v1"
    assert shown_endpoint("built in") == "built in"
    assert "secret" not in screen(backend(model("m"), endpoint="http://me:secret@host"))


def test_colours_are_for_terminals_that_want_them() -> None:
    assert Paint(Terminal(), {})("ready") == "\033[32mready\033[0m"
    assert Paint(Terminal(), {})("word") == "word"
    assert Paint(Terminal(), {"NO_COLOR": "1"})("ready") == "ready"
    assert Paint(Terminal(), {"TERM": "dumb"})("ready") == "ready"
    assert Paint(io.StringIO(), {})("ready") == "ready"


def test_colours_do_not_move_columns() -> None:
    coloured = table([("ready", "x"), ("unreachable", "y")], Paint(Terminal(), {}))
    assert coloured[0] == "\033[32mready      \033[0m  x"
    assert coloured[1] == "\033[31munreachable\033[0m  y"


def test_an_ipv6_address_stands_in_brackets() -> None:
    assert url_of("::1", 80) == "http://[::1]:80"


class Timers:
    """An event loop's timers, by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waiting: list[Callable[[], None]] = []

    def call_later(self, delay: float, call: Callable[[], None]) -> Timers:
        self.waiting = [call]
        return self

    def cancel(self) -> None:
        self.waiting = []

    def fire(self) -> None:
        for call in self.waiting:
            call()


def test_a_long_load_is_told_and_so_is_its_end() -> None:
    said: list[str] = []
    timers = Timers()
    news = LoadNews("big", said.append, timers.call_later, lambda: timers.now)
    news.reported(None, LOADING)
    timers.fire()
    timers.now = 12.4
    news.reported("http://127.0.0.1:1", "")
    assert said == ["big: the model is being loaded", "big: ready after 12 s"]


def test_a_short_load_is_not_news_and_a_death_is() -> None:
    said: list[str] = []
    timers = Timers()
    news = LoadNews("small", said.append, timers.call_later, lambda: timers.now)
    news.reported(None, LOADING)
    news.reported("http://127.0.0.1:1", "")
    timers.fire()
    assert said == []
    news.reported(None, "llama.cpp ended: killed by signal 9")
    assert said == ["small: llama.cpp ended: killed by signal 9"]


def test_over_https_the_command_says_so() -> None:
    tls = ServerTls(cert="c.pem", client_ca="ca.pem")
    text = start_screen(
        (backend(model("m")),), "127.0.0.1", 11434, guarded=False, notes=(), paint=Paint(io.StringIO(), {}), tls=tls
    )
    assert "ollamux listens on https://127.0.0.1:11434" in text
    assert "curl https://127.0.0.1:11434/api/chat --insecure --cert YOUR.pem -d " in text
    assert "ollama run" not in text
