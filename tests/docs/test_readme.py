"""What the README and the guides tell to paste works as it stands, and what they point to is there."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest
from tests.support.running import running

from ollamux.config import Layer, load, parse_document
from ollamux_aiohttp.cli import _parser

GUIDES = (
    "README.md",
    "CHANGELOG.md",
    "docs/clients.md",
    "docs/configuration.md",
    "docs/backends.md",
    "docs/library.md",
    "docs/operations.md",
    "docs/routing.md",
)


@pytest.fixture
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


def _blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_there_are_two_commands_to_set_it_up(readme: str) -> None:
    found = [block for block in _blocks(readme, "sh") if "-m venv" in block]
    assert found == [
        "python3 -m venv ~/.ollamux && ~/.ollamux/bin/pip install . && ~/.ollamux/bin/ollamux serve\n",
        "python3 -m venv .venv && .venv/bin/pip install -e '.[test]' && .venv/bin/pytest -n auto\n",
    ]


def test_it_can_be_read_in_one_go(readme: str) -> None:
    assert readme.count("\n") < 200


def test_the_settings_it_shows_load() -> None:
    root = Path(__file__).resolve().parents[2]
    whole = "".join(_blocks((root / "README.md").read_text(encoding="utf-8"), "yaml"))
    config = load([parse_document(whole.encode(), "README.md")], {})
    assert [backend.id for backend in config.backends or ()] == ["ollama", "workstation", "big"]
    assert config.aliases == {"fast": "writer"}


@pytest.mark.parametrize("guide", ["docs/backends.md", "docs/operations.md"])
def test_the_settings_in_the_guides_load(root: Path, guide: str) -> None:
    for block in _blocks((root / guide).read_text(encoding="utf-8"), "yaml"):
        load([Layer("base", {"backends": {"big": {"type": "vllm"}}}), parse_document(block.encode(), guide)], {})


def test_its_code_for_the_library_runs(readme: str, capsys: pytest.CaptureFixture[str]) -> None:
    (code,) = (block for block in _blocks(readme, "python") if "ollamux" in block)
    exec(compile(code, "README.md", "exec"), {})
    said = capsys.readouterr().out.splitlines()
    assert [line.partition("(")[0] for line in said] == ["Head", "Data", "End"]


@pytest.mark.parametrize("client", ["ollama", "openai", "anthropic", "genai"])
def test_its_code_for_clients_runs(readme: str, client: str, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("google.genai" if client == "genai" else client)
    (code,) = (block for block in _blocks(readme, "python") if f"import {client}\n" in block)
    names: dict[str, object] = {}
    with running({"backends": [{"id": "demo", "type": "demo"}]}) as server:
        exec(compile(code.replace("http://127.0.0.1:11435", server.url), "README.md", "exec"), names)
        getattr(names["client"], "close", lambda: None)()
    assert "built-in demo" in capsys.readouterr().out


def test_it_names_the_commands_and_flags_that_there_are(readme: str) -> None:
    (commands,) = (action for action in _parser()._actions if isinstance(action, argparse._SubParsersAction))
    rows = re.findall(r"^\| `ollamux (\w+)` \|", readme, re.MULTILINE)
    assert rows == list(commands.choices)
    for flag in re.findall(r"`(--\w+)", readme):
        assert any(flag in parser._option_string_actions for parser in commands.choices.values()), flag


@pytest.mark.parametrize("guide", GUIDES)
def test_every_link_leads_to_a_file(root: Path, guide: str) -> None:
    text = (root / guide).read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (root / guide).parent.joinpath(link).exists(), link
