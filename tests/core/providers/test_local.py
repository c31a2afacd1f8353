"""Backends that are Python code: what such an object may say of itself, and the calls that are made to it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.support.driving import driven
from tests.support.installing import installed

from ollamux.config import ConfigError
from ollamux.models import Probe
from ollamux.providers.local import local

CODE = "class Parrot:\n format = 'openai_chat'\n async def call(self, request): yield 200, {}\n"


class Plain:
    """As little as there can be."""

    format = "openai_chat"

    def call(self, request: Any) -> None: ...


def test_what_it_does_not_say_has_a_default() -> None:
    made = local("parrot", Plain())
    assert (made.type, made.format, made.target) == ("parrot", "openai_chat", "local")
    assert (made.default_endpoint, made.probes, made.learn({}).models) == ("local://parrot", (), ())
    assert not hasattr(made, "dialect_for") and not made.manages_models


def test_what_it_says_holds() -> None:
    class Rich(Plain):
        other_formats = ("anthropic",)
        auth = "header:X-Key"
        probes = (Probe("/list"),)

        def learn(self, answers: Any) -> Any:
            return answers

        def dialect_for(self, model: str) -> str:
            return f"of {model}"

    made: Any = local("rich", Rich())
    assert (made.other_formats, made.auth, made.dialect_for("m")) == (("anthropic",), "header:X-Key", "of m")
    assert made.probes == (Probe("/list"),) and made.learn({"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": "smoke"}, "it speaks smoke, which is none of anthropic, "),
        ({"other_formats": ("signs",)}, "it speaks signs"),
        ({"probes": (Probe("/x"),)}, "it has probes and no learn"),
    ],
)
def test_what_cannot_be_a_backend_is_refused(change: dict[str, Any], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        local("x", type("Odd", (Plain,), change)())


def test_its_calls_are_marked_as_local_and_have_the_key(tmp_path: Path) -> None:
    with installed(tmp_path, "parrot_x", CODE, "ollamux.backends", "parrot = parrot_x:Parrot"):
        run = driven(learn=False, up={"type": "parrot", "api_key": "k", "models": ["m"], "endpoint": None})
        call = run.chat().called.call
    assert (call.target, call.url) == ("local", "local://parrot/chat/completions")
    assert dict(call.headers)["Authorization"] == "Bearer k"
    assert run.state("up") == ("ready", "")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("1 / 0", "cannot be loaded: ZeroDivisionError"),
        ("class Parrot: format = 'openai_chat'", "is no backend: it has no call"),
        ("class Parrot: pass", "is no backend: it has no format and no call"),
    ],
)
def test_what_cannot_be_loaded_is_told_when_it_is_wanted(tmp_path: Path, code: str, told: str) -> None:
    with (
        installed(tmp_path, "parrot_x", code, "ollamux.backends", "parrot = parrot_x:Parrot"),
        pytest.raises(ConfigError, match=re.escape(told)),
    ):
        driven(learn=False, up={"type": "parrot"})


def test_a_type_of_ours_cannot_be_replaced_by_code(tmp_path: Path) -> None:
    with installed(tmp_path, "parrot_x", CODE, "ollamux.backends", "vllm = parrot_x:Parrot"):
        assert driven(up="vllm").chat().called.call.target == "http"
