"""The configuration guide names every key there is, no other one, and the defaults and variables that hold."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from ollamux.config import Config, ConfigError, Layer, load, parse_document
from ollamux.config.backends import BACKEND
from ollamux.config.document import parse_value
from ollamux.config.environment import ENDINGS, NAMED
from ollamux.config.read import Items, Section, Spec, Table
from ollamux.config.sections import OPTIONS, ROOT
from ollamux.config.types import VENDORS
from ollamux_aiohttp.discovery import DEFAULT_PORT, PORTS, SECOND_PORT

GUIDE = Path(__file__).resolve().parents[2] / "docs/configuration.md"


class Row(NamedTuple):
    """A row of a table of keys."""

    path: str
    default: str
    variables: str
    meaning: str


def _rows() -> list[Row]:
    cells = re.findall(r"^\| `([^`]+)` \|([^|]*)\|([^|]*)\|([^|]*)\|$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    return [Row(path, *(cell.strip() for cell in rest)) for path, *rest in cells]


def _keys(spec: Spec, path: str) -> Iterator[str]:
    if isinstance(spec, Section):
        for key, below in spec.keys.items():
            yield from _keys(below, f"{path}.{key}" if path else key)
    elif isinstance(spec, Items):
        yield from _keys(spec.item, f"{path}[]")
    elif isinstance(spec, Table) and spec is not OPTIONS and path in ("models", "aliases"):
        yield from _keys(spec.value, f"{path}.NAME")
    else:
        yield path


def _config(path: str = "", value: object = None) -> Config:
    """A configuration with one key of each kind, and this one set."""
    data: dict[str, Any] = {
        "server": {"keys": [{"name": "k", "key": "k"}]},
        "backends": [{"id": "up", "type": "vllm"}],
        "models": {"NAME": {}},
    }
    at: Any = data
    *parts, last = path.split(".")
    for part in parts:
        at = at[part.removesuffix("[]")][0] if part.endswith("[]") else at.setdefault(part, {})
    if path:
        at[last] = value
    found = load([Layer("guide", data)], {})
    return replace(found, server=replace(found.server, port_given=False))


def test_the_guide_names_every_key_once_and_no_other_one() -> None:
    wanted = {*_keys(ROOT, "")} - {"backends"} | {f"backends[].{key}" for key in _keys(BACKEND, "")} | {"backends[].id"}
    named = [row.path for row in _rows()]
    assert sorted(named) == sorted(wanted)


@pytest.mark.parametrize(
    "row", [row for row in _rows() if row.default not in ("", "required")], ids=lambda row: row.path
)
def test_a_default_in_the_guide_is_what_holds_where_the_key_is_left_out(row: Row) -> None:
    assert _config(row.path, parse_value(row.default.strip("`"), "guide")) == _config()


@pytest.mark.parametrize("row", [row for row in _rows() if not row.default], ids=lambda row: row.path)
def test_a_key_without_a_default_in_the_guide_has_none(row: Row) -> None:
    at: Any = _config()
    for part in row.path.split("."):
        name = part.removesuffix("[]")
        at = at.get(name) if isinstance(at, dict) else getattr(at, name, None)
        at = at[0] if part.endswith("[]") else at
    told = {"server.keys[].key": at, "backends[].name": "up"}  # what `_config` says, and what stands in for it
    assert at in (None, "", (), {}) or told.get(row.path) == at


def test_the_guide_names_the_variables_of_each_key() -> None:
    rows = {row.path: row for row in _rows()}
    missing = [name for name, path in NAMED.items() if path in rows and f"`{name}`" not in rows[path].variables]
    assert missing == []
    known = {*NAMED, "OLLAMA_HOST", "OLLAMA_KEEP_ALIVE"}
    told = {name for row in rows.values() for name in re.findall(r"`([A-Z][A-Z_]+)`", row.variables)}
    assert told <= known


def test_the_guide_names_the_vendors_variables() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| `([A-Z_]+_)` \|(.*)\|$", text, re.MULTILINE)
    assert [(kind, prefix) for kind, prefix, _ in rows] == [(kind, vendor.prefix) for kind, vendor in VENDORS.items()]
    for kind, _, others in rows:
        assert set(re.findall(r"`([A-Z_]+)`", others)) == {*VENDORS[kind].others, *VENDORS[kind].hints}
    for ending, key in ENDINGS.items():
        assert f"| `{ending}` | `{key}`" in text


def test_the_guide_names_the_ports() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    names = {"ollama": "Ollama", "llama_cpp": "llama.cpp", "lm_studio": "LM Studio", "vllm": "vLLM"}
    assert [f"| {port} | {names[kind]} |" for port, kind in PORTS if f"| {port} | {names[kind]} |" not in text] == []
    assert f"it is {DEFAULT_PORT}." in text
    assert f"it is {SECOND_PORT}," in text


def test_the_errors_in_the_guide_are_those_that_its_file_gives() -> None:
    text = GUIDE.read_text(encoding="utf-8").partition("## Errors")[2]
    said, file = re.findall(r"```(?:text|yaml)\n(.*?)```", text, re.DOTALL)[:2]
    with pytest.raises(ConfigError) as caught:
        load([parse_document(file.encode(), "bad.yaml")], {})
    assert [f"  {line}" for line in caught.value.problems] == said.splitlines()[2:]
