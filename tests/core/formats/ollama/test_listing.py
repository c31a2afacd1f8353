"""What is answered about models."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.clock import Clock
from ollamux.formats.ollama.listing import listed_name, ps, show, tags
from ollamux.models import Inventory, Loaded, ModelInfo
from ollamux.routing.catalog import Catalog, Registered, Shelf

UNIX = 1_767_322_800.0  # 2026-01-02 03:00 UTC


def clock(offset: int = 0) -> Clock:
    made = Clock()
    made.set(UNIX, offset, 0.0)
    return made


def catalog(*models: ModelInfo, loaded: tuple[Loaded, ...] = (), registered: Any = (), **shelf: Any) -> Catalog:
    made = Catalog([Shelf(backend="b", provider="x", **shelf)], registered, key=str.lower)
    made.stock("b", Inventory(models=models, loaded=loaded))
    return made


def tagged(made: Catalog, offset: int = 0) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(tags(made.offers(), clock(offset), 1.0))["models"]
    return rows


@pytest.mark.parametrize(
    ("name", "listed"),
    [("a", "a:latest"), ("a:b", "a:b"), ("h:80/n/a", "h:80/n/a:latest"), ("h:80/n/a:b", "h:80/n/a:b")],
)
def test_a_name_is_listed_with_its_tag(name: str, listed: str) -> None:
    assert listed_name(name) == listed


def test_nothing_is_an_empty_list() -> None:
    assert tags((), clock(), 0.0) == b'{"models":[]}' == ps((), clock(), 0.0)


def test_an_entry_of_an_ollama_is_repeated_under_our_name() -> None:
    row = {"name": "m", "model": "m", "modified_at": "x", "size": 1, "digest": "d" * 64, "details": {"a": 1}, "odd": 2}
    (told,) = tagged(catalog(ModelInfo(name="m", digest="d" * 64, row=row), prefix="lab/"))
    assert told == {**row, "name": "lab/m:latest", "model": "lab/m:latest"} and list(told) == list(row)


def test_an_entry_of_another_backend_is_made_of_what_is_known_in_ollamas_order() -> None:
    info = ModelInfo(
        name="m", family="llama", format="gguf", parameter_size="8B", quantization="Q8_0", size=5, modified=UNIX - 60,
        context_length=4096, embedding_length=64, capabilities=frozenset({"tools", "completion", "vision", "dance"}),
    )  # fmt: skip
    (told,) = tagged(catalog(info), 3600)
    assert list(told) == ["name", "model", "modified_at", "size", "digest", "details", "capabilities"]
    assert told["modified_at"] == "2026-01-02T03:59:00+01:00" and len(told["digest"]) == 64
    assert told["details"] == {
        "parent_model": "", "format": "gguf", "family": "llama", "families": ["llama"], "parameter_size": "8B",
        "quantization_level": "Q8_0", "context_length": 4096, "embedding_length": 64,
    }  # fmt: skip
    assert told["capabilities"] == ["completion", "vision", "tools", "dance"]


def test_what_nobody_knows_is_empty_and_dated_as_of_the_start() -> None:
    (told,) = tagged(catalog(ModelInfo(name="m")))
    assert told["modified_at"] == "2026-01-02T03:00:00Z" and told["size"] == 0
    assert told["details"]["families"] is None and "context_length" not in told["details"]


def test_the_newest_comes_first() -> None:
    made = catalog(ModelInfo(name="old", modified=1.0), ModelInfo(name="new", modified=UNIX), ModelInfo(name="undated"))
    assert [row["name"] for row in tagged(made)] == ["new:latest", "undated:latest", "old:latest"]


def test_digests_are_another_one_for_each_name() -> None:
    rows = tagged(catalog(ModelInfo(name="a", digest="d" * 64), ModelInfo(name="b", digest="d" * 64)))
    assert len({row["digest"] for row in rows}) == 2


def test_what_is_loaded_has_its_expiry_and_what_stays_expires_in_centuries() -> None:
    loaded = (
        Loaded(name="a", expires=UNIX + 300, size=7, size_vram=5, context_length=8192),
        Loaded(name="b", row={"details": {"x": 1}, "expires_at": "2318-01-01T00:00:00Z"}),
        Loaded(name="c"),
    )
    made = catalog(ModelInfo(name="a"), ModelInfo(name="b", size=3), ModelInfo(name="c"), loaded=loaded)
    rows = json.loads(ps(made.loaded(), clock(), 0.0))["models"]
    assert [row["name"] for row in rows] == ["b:latest", "c:latest", "a:latest"]
    first, second, last = rows
    assert (first["details"], first["expires_at"], first["size"]) == ({"x": 1}, "2318-01-01T00:00:00Z", 3)
    assert second["expires_at"].startswith("2318") and "context_length" not in second
    assert (last["expires_at"], last["size"], last["size_vram"], last["context_length"]) == (
        "2026-01-02T03:05:00Z", 7, 5, 8192,
    )  # fmt: skip


def test_a_description_holds_what_is_known_in_ollamas_order() -> None:
    info = ModelInfo(
        name="up", template="{{ x }}", family="llama", parameter_count=8, embedding_length=64, modified=UNIX
    )
    options = {"temperature": 0.5, "stop": "x", "use_mmap": True}
    made = catalog(info, registered=(Registered(name="m", upstream="up", context_length=99, options=options),))
    told = json.loads(show(made.find("m")[0], clock(), 0.0))
    assert list(told) == [
        "modelfile", "parameters", "template", "details", "model_info", "capabilities", "modified_at",
    ]  # fmt: skip
    lines = [f"{name:<30} {value}" for name, value in (("temperature", "0.5"), ("stop", '"x"'), ("use_mmap", "true"))]
    assert told["parameters"] == "\n".join(lines)
    assert told["model_info"] == {
        "general.architecture": "llama", "general.basename": "m", "general.parameter_count": 8,
        "llama.context_length": 99, "llama.embedding_length": 64,
    }  # fmt: skip
    assert "FROM up" in told["modelfile"]


def test_a_model_of_which_nothing_is_known_is_described_all_the_same() -> None:
    told = json.loads(show(catalog(ModelInfo(name="m")).find("m")[0], clock(), 0.0))
    assert list(told) == ["modelfile", "details", "model_info", "capabilities", "modified_at"]
    assert told["model_info"]["general.architecture"] == "unknown"
