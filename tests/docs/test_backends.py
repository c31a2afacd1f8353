"""The guide to backends names the types there are and are not, where they listen, and what becomes of each option."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from ollamux.chat import ChatRequest
from ollamux.config import load, parse_document
from ollamux.config.backends import TYPES
from ollamux.formats import calling
from ollamux.formats.ollama.mapping import sampling_of
from ollamux.formats.ollama.options import OPTION_TYPES
from ollamux.providers import all_providers
from ollamux_aiohttp.llama_supervisor import _FLAGS

VALUES = {"integer": 1, "float32": 0.5, "array": ["x"], "boolean": True}


@pytest.fixture
def text(root: Path) -> str:
    return (root / "docs/backends.md").read_text(encoding="utf-8")


def _table(text: str, head: str) -> list[list[str]]:
    """The cells of the table whose first row begins so, that row among them."""
    lines = text[text.index(f"\n| {head} |") + 1 :].split("\n\n", maxsplit=1)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in (lines[0], *lines[2:])]


def test_it_names_every_type_and_where_it_is(text: str) -> None:
    rows = {
        row[0].strip("`"): row[1].strip("`") for row in _table(text, "Type | Where it is, unless `endpoint` says")[1:]
    }
    assert sorted(rows) == sorted(TYPES)
    for name, place in rows.items():
        default = all_providers()[name].default_endpoint
        assert place == default or (default is None and not place.startswith("http")), name


def test_its_settings_are_ones_that_load(text: str) -> None:
    blocks = re.findall(r"```yaml\n(backends:.*?)```", text, re.DOTALL)
    assert len(blocks) >= 3
    for block in blocks:
        load([parse_document(block.encode(), "guide.yaml")], {})


def test_it_says_what_becomes_of_every_option(text: str) -> None:
    head, *rows = _table(text, "Option")
    types = [re.findall(r"`(\w+)`", cell) for cell in head[1:]]
    expected: list[str] = []
    for option, kind in sorted(OPTION_TYPES.items()):
        cells = [f"`{option}`"]
        for same in types:
            sampling = sampling_of({option: VALUES[kind]})
            found = set[str]()
            for name in same:
                request = ChatRequest("m", [], sampling=sampling)
                sent = msgspec.json.decode(
                    calling("openai_chat").build(request, "m", all_providers()[name].dialect).body
                )
                found.add(", ".join(f"`{key}`" for key in sent if key not in ("model", "messages")))
            assert len(found) == 1, f"{', '.join(same)} differ in {option}"
            cells.append(found.pop())
        expected.append(f"| {' | '.join(cells)} |")
    assert [f"| {' | '.join(row)} |" for row in rows] == expected


def test_it_names_the_options_that_are_for_loading_a_file(text: str) -> None:
    (line,) = (line for line in text.splitlines() if "are for loading:" in line)
    assert set(re.findall(r"`(\w+)`", line)) == set(_FLAGS)
