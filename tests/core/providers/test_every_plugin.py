"""Providers that other packages bring, installed as a package would be: a module and its dist-info on the path."""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.driving import driven

import ollamux.config.types as types
import ollamux.providers as providers
from ollamux.config import ConfigError

Install = Callable[[str, str], None]


def _forget() -> None:
    """What is remembered of the packages that were there."""
    types._plugged.cache_clear()
    providers._plugged.cache_clear()
    importlib.invalidate_caches()


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Puts a package on the path: its code, and what its entry point names."""

    def put(code: str, entry: str) -> None:
        (tmp_path / "acme_ollamux.py").write_text(code, encoding="utf-8")
        info = tmp_path / "acme_ollamux-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-ollamux\nVersion: 1.0\n", encoding="utf-8")
        (info / "entry_points.txt").write_text(f"[ollamux.providers]\n{entry}\n", encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        _forget()

    yield put
    monkeypatch.undo()
    sys.modules.pop("acme_ollamux", None)
    _forget()


@pytest.fixture
def guide(root: Path) -> str:
    """The provider in the library guide."""
    text = (root / "docs/library.md").read_text(encoding="utf-8")
    (code,) = (block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "class Acme" in block)
    return str(code)


def test_the_guides_provider_serves(install: Install, guide: str) -> None:
    install(guide, "acme = acme_ollamux:Acme")
    run = driven(learn=False, up={"type": "acme", "api_key": "k", "endpoint": "http://up:1/v2"})
    (probe,) = run.chores()
    assert probe.call.url == "http://up:1/v2/catalogue" and dict(probe.call.headers)["X-Acme-Key"] == "k"
    run.tell(probe, {"entries": [{"slug": "large 1", "window": 4096}, {"slug": "small"}]})
    assert run.state("up") == ("ready", "")
    assert [offer.context_length for offer in run.gateway.catalog.offers()] == [4096, None]
    asked = run.chat("large 1", options={"top_k": 5})
    assert asked.called.url == "http://up:1/v2/models/large%201/chat/completions"
    assert asked.called.json["top_k"] == 5 and dict(asked.called.call.headers)["X-Acme-Client"] == "ollamux"
    assert "top_k" not in run.chat("small", options={"top_k": 5}).called.json


def test_it_is_where_it_says_unless_the_configuration_does(install: Install, guide: str) -> None:
    install(guide, "acme = acme_ollamux:Acme")
    assert driven(learn=False, up={"type": "acme", "endpoint": None}).gateway.backend("up").endpoint == (
        "https://api.acme.example/v2"
    )


@pytest.mark.parametrize(
    ("code", "entry", "told"),
    [
        ("1 / 0", "acme = acme_ollamux:Acme", "cannot be loaded: ZeroDivisionError"),
        ("", "acme = acme_ollamux:Acme", "cannot be loaded: AttributeError"),
        ("class Acme: type = 'acme'", "acme = acme_ollamux:Acme", "is no provider: it has no format"),
        ("class Acme:\n def __init__(self): raise OSError('no')", "acme = acme_ollamux:Acme", "OSError: no"),
    ],
)
def test_what_cannot_be_loaded_is_told_when_it_is_wanted(install: Install, code: str, entry: str, told: str) -> None:
    install(code, entry)
    with pytest.raises(ConfigError, match=re.escape(told)):
        driven(learn=False, up={"type": "acme", "endpoint": "http://h"})


def test_one_that_says_it_is_another_is_refused(install: Install, guide: str) -> None:
    install(guide, "other = acme_ollamux:Acme")
    with pytest.raises(ConfigError, match="it is of type acme, not other"):
        driven(learn=False, up={"type": "other", "endpoint": "http://h"})


def test_a_type_of_ours_cannot_be_replaced(install: Install, guide: str) -> None:
    install(guide, "vllm = acme_ollamux:Acme")
    assert providers.provider("vllm").format == "openai_chat" and providers.provider("vllm").version_path == "/v1"


def test_a_type_that_nobody_brings_is_refused(install: Install, guide: str) -> None:
    install(guide, "acme = acme_ollamux:Acme")
    with pytest.raises(ConfigError, match="expected one of"):
        driven(learn=False, up={"type": "teapot", "endpoint": "http://h"})
