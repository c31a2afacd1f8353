"""The page on compatibility says what the code does: its tables are made again here, and its numbers are counted."""

from __future__ import annotations

import re
from itertools import product
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.conformance.conftest import recorded
from tests.contract.features import FEATURES
from tests.contract.house import CLIENTS, COLUMNS
from tests.contract.page import section_of, told_on, written

from ollamux.chat import ChatRequest
from ollamux.config.schema import Limits
from ollamux.conversation import CompletionRequest, EmbedRequest, JsonFormat, Message, ReasoningOptions, Text
from ollamux.errors import InvalidRequest
from ollamux.exchange.model import KEEPALIVE
from ollamux.formats import calling
from ollamux.gateway import VERSION
from ollamux.models import ProbeAnswer
from ollamux.providers import all_providers
from ollamux.routes import Match, Router

if TYPE_CHECKING:
    from pathlib import Path

    from ollamux.providers import Provider

METHODS = ("HEAD", "GET", "POST", "PUT", "DELETE")
CHAT = ChatRequest("m", [Message("user", [Text("x")])])
BRACES = re.compile(r"\{\w+\}")


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    return (root / "docs" / "compatibility.md").read_text(encoding="utf-8")


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table below a heading."""
    lines = page.partition(f"\n## {heading}\n")[2].partition("\n## ")[0].splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    return cells[2:]


def body(found: Provider, request: Any) -> dict[str, Any]:
    return msgspec.json.decode(calling(found.format).build(request, "m", found.dialect).body, type=dict[str, Any])


def added(found: Provider, **asked: Any) -> str:
    """The key of the backend's request that is there for this wish alone."""
    keys = body(found, CHAT.having(**asked)).keys() - body(found, CHAT).keys()
    return ", ".join(f"`{key}`" for key in sorted(keys)) or "-"


def path(found: Provider, request: Any) -> str:
    """Where the backend is asked for it; a dash where it cannot be."""
    try:
        return f"`{calling(found.format).build(request, 'm', found.dialect).path}`"
    except InvalidRequest:
        return "-"


def lists_loaded(found: Provider) -> bool:
    listing = b'{"data":[{"id":"m"}],"models":[{"name":"m"}],"modelSummaries":[],"inferenceProfileSummaries":[]}'
    return bool(found.learn({probe.path: ProbeAnswer(200, listing) for probe in found.probes}).loaded)


def row(found: Provider) -> list[str]:
    last = ["yes" if lists_loaded(found) else "no"]
    manages = ["yes" if found.manages_models else "no"]
    if hasattr(found, "answering"):
        return [f"`{found.type}`", "answered here", *["-"] * 5, *last, "answered here", *manages]
    native = found.format == "ollama"
    return [
        f"`{found.type}`",
        "passed through" if native else "translated",
        path(found, CHAT),
        path(found, CompletionRequest("m", "x")),
        path(found, EmbedRequest("m", ["x"])),
        added(found, reasoning=ReasoningOptions(True, "high")),
        added(found, output=JsonFormat(msgspec.Raw(b"{}"))),
        *last,
        "passed through" if native else "answered here",
        *manages,
    ]


def test_the_table_of_backends_is_what_the_providers_say(page: str) -> None:
    found = all_providers()
    assert rows(page, "What each kind of backend can do") == [row(found[type_]) for type_ in sorted(found)]


def test_the_table_of_routes_is_what_the_router_serves(page: str) -> None:
    router = Router()
    told = set()
    for route, methods, key, _ in rows(page, "Routes"):
        name = route.split("`")[1]
        asked = BRACES.sub("x", name) + ("x" if "+" in route else "")
        for method in METHODS:
            found = router.find(method, asked)
            assert isinstance(found, Match), asked
            of_path = {each for row in rows(page, "Routes") if row[0] == route for each in row[1].split(", ")}
            assert (found.target is not None) is (method in of_path), (method, asked)
            if found.target is not None and method in methods.split(", "):
                scope = found.target.scope
                assert key == ("none" if scope is None else scope or "any"), (method, asked)
                told.add((method, BRACES.sub("{}", name)))
    assert told == served(router)


def served(router: Router) -> set[tuple[str, str]]:
    """Everything in the router's tables."""
    tables = {**router._paths, **router._prefixes}
    tables |= {f"{before}{{}}{after}": methods for (before, after), methods in router._patterns.items()}
    return {(method, path) for path, methods in tables.items() for method in methods}


def test_the_matrix_has_every_cell_and_every_reason_that_its_cells_name(page: str) -> None:
    cells = told_on(page)
    assert cells.keys() == set(product(CLIENTS, COLUMNS, FEATURES))
    assert written(cells) == section_of(page), "it is written by a run, not by hand"


def test_what_is_not_served_yet_is_not_served(page: str) -> None:
    line = next(line for line in page.splitlines() if "not served yet" in line)
    named = [part for part in line.partition("not served yet")[2].split("`") if part.startswith("/")]
    assert named
    router = Router()
    for path in named:
        assert not any(isinstance(router.find(method, path), Match) for method in METHODS), path


def test_the_numbers_are_the_codes(page: str) -> None:
    assert f"{len(recorded())} recorded answers" in page
    assert f"The version is {VERSION}" in page
    assert f"nothing for {KEEPALIVE:.0f} seconds" in page
    assert f"`server.limits.body` ({Limits().body >> 20} MiB)" in page
    assert f"`header_bytes` ({Limits().header_bytes >> 10} KiB)" in page
