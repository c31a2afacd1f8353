"""The guide to operations tells what clients really see, and the limits that really hold."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.driving import Asked, Driven, driven

from ollamux.config import BackendConfig, ServerConfig, bind_problem, load
from ollamux.config.document import Layer
from ollamux.gateway import Gateway

KEYS = {"server": {"keys": [{"name": "k", "key": "secret"}]}}


def _failing(kind: str) -> Asked:
    asked = driven(up="vllm").chat()
    asked.called.fail(kind)  # type: ignore[arg-type]
    return asked


def _without_its_key() -> Asked:
    from ollamux.config import resolve_keys

    settings = {"backends": {"up": {"type": "vllm", "api_key_env": "UP_KEY", "models": ["m"]}}}
    config = resolve_keys(load([Layer("guide", settings)], {}), {}, lambda path: path)
    return Driven(Gateway(config, instance="this-one")).chat()


def _refused_key() -> Asked:
    asked = driven(up="vllm").chat()
    asked.called.answer(401, {"error": "no"})
    return asked


def _late() -> Asked:
    house = driven(up={"type": "vllm", "timeout": 2})
    asked = house.chat()
    house.pass_time(3)
    return asked


def _broken() -> Asked:
    asked = driven(up="vllm").chat()
    asked.called.head()
    asked.called.data(b'data: {"choices":[{"index":0,"delta":{"content":"Hel"}}]}\n\n')
    asked.called.fail("reset")
    return asked


def _queued(size: int, seconds: float) -> Asked:
    house = driven({"queue": {"size": size, "timeout": 2}}, up={"type": "vllm", "max_concurrent_requests": 1})
    house.chat()
    asked = house.chat()
    house.pass_time(seconds)
    return asked


def _loading() -> Asked:
    house = driven(up={"type": "gguf", "file": "m.gguf"}, learn=False)
    house.gateway.locate("up", None, "the model is being loaded", loading=True)
    return house.chat()


def _silent() -> Asked:
    house = driven(up="vllm")
    for _ in range(5):
        house.chat().called.fail("refused", "nothing listens there")
    return house.chat()


def _second(settings: dict[str, Any], **backend: Any) -> Asked:
    house = driven(settings, up={"type": "vllm", **backend})
    house.chat()
    return house.chat()


CASES: dict[str, Callable[[], Asked]] = {
    "nobody has the model": lambda: driven({"backends": {"d": {"type": "demo"}}}).chat(),
    "the backend does not listen": lambda: _failing("refused"),
    "it closed the connection": lambda: _failing("reset"),
    "it still loads its model": _loading,
    "its key is missing": _without_its_key,
    "it does not take our key": _refused_key,
    "it took too long": _late,
    "the stream broke": _broken,
    "the queue is full": lambda: _queued(0, 0),
    "the wait was too long": lambda: _queued(5, 3),
    "nobody answered of late": _silent,
    "the limits of all backends are reached": lambda: _second({}, rate_limit={"requests": "1/h"}),
    "the client is over its limit": lambda: _second({"rate_limit": {"global": "1/min"}}),
    "the model cannot think": lambda: driven(up="vllm").chat(think=True),
    "no key, or a wrong one": lambda: driven(KEYS, up="vllm").chat(),
    "a key without the scope": lambda: driven(KEYS, up="ollama").ask(
        "POST", "/api/pull", {"model": "m"}, {"authorization": "Bearer secret"}
    ),
    "nothing behind can do it": lambda: driven(up="vllm").ask("POST", "/api/pull", {"model": "m"}),
    "a backend leads back here": lambda: driven(up="vllm").ask("GET", "/api/tags", b"", {"x-ollamux-via": "this-one"}),
}


@pytest.fixture
def text(root: Path) -> str:
    return (root / "docs/operations.md").read_text(encoding="utf-8")


def _rows(text: str, head: str) -> list[list[str]]:
    lines = text[text.index(f"| {head} |") :].split("\n\n", maxsplit=1)[0].splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("what", CASES)
def test_a_client_sees_what_the_guide_says(text: str, what: str) -> None:
    status, said = next(row[1:] for row in _rows(text, "What happened") if row[0] == what)
    asked = CASES[what]()
    assert asked.status == int(status)
    found = re.match("`(.*)`", said)
    assert found is not None
    assert json.loads(asked.body.splitlines()[-1])["error"] == found[1]
    assert ("retry-after" in asked.headers) == ("with Retry-After" in said)


def test_every_row_of_the_guide_is_tried(text: str) -> None:
    assert {row[0] for row in _rows(text, "What happened")} - set(CASES) == {"it answered with an error"}


def test_the_limits_in_the_guide_are_the_defaults_of_the_configuration_guide(root: Path, text: str) -> None:
    keys = (root / "docs/configuration.md").read_text(encoding="utf-8")
    for _, key, default in _rows(text, "What | Key"):
        if default != "none":
            assert f"| {key} | `{default}` |" in keys, key
    assert BackendConfig(id="a", type="vllm").max_concurrent_requests is None


def test_the_line_about_an_open_address_is_the_one_that_is_told(text: str) -> None:
    config = load([], {"HOST": "0.0.0.0"})
    assert config.server == ServerConfig(host="0.0.0.0")
    assert f"ollamux: {bind_problem(config)}\n" in text
