"""The guide to routing names what there is, and its table leads to tests that there are."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple, get_args

import pytest

from ollamux.config.schema import Fallback
from ollamux.hardware.efficiency import MODES
from ollamux.resilience.health import Condition
from ollamux.routing.constraints import HEADERS
from ollamux.routing.score import TERMS
from ollamux.routing.strategies import make

TABLE = "## Everything, and what shows it"

PAGES = (
    "/health", "/healthz", "/readyz", "/health/detailed", "/health/providers", "/health/providers/{id}",
    "/api/providers", "/api/providers/{id}/stats", "/api/tags/{provider}", "/api/backends", "/api/models", "/backends",
    "/thermal", "/efficiency", "/metrics", "/api/events",
)  # fmt: skip
VARIABLES = (
    "ROUTING_STRATEGY", "FALLBACK_STRATEGY", "ENABLE_LOAD_BALANCING", "HEALTH_CHECK_INTERVAL", "MAX_QUEUE_SIZE",
    "MAX_CONCURRENT_REQUESTS", "ENABLE_PRIORITIZATION", "SERVICE_API_KEY", "MODEL_CONFIG_PATH", "LOG_LEVEL",
    "ENVIRONMENT", "ROUTER_PROVIDER", "ROUTER_OLLAMA_URL", "ROUTER_OPENAI_BASE_URL", "ROUTER_MODEL_PREFIX",
    "OLLAMA_URL", "OLLAMA_TIMEOUT", "OLLAMA_API_KEY", "LLAMA_CPP_URL", "LLAMA_CPP_TIMEOUT", "LLAMA_CPP_API_KEY",
    "AZURE_DEPLOYMENT", "AZURE_API_VERSION", "AWS_BEDROCK_ACCESS_KEY", "AWS_BEDROCK_SECRET_KEY", "AWS_BEDROCK_REGION",
)  # fmt: skip
TOLD = (
    "X-Backend-Used", "X-Provider-Used", "X-Routing-Reason", "X-Alternatives", "X-Estimated-Latency-Ms",
    "X-Estimated-Power-Watts",
)  # fmt: skip
CALLS = (
    "BackendManager", "initialize", "validate_config", "get_all_models", "generate_response", "preferred_backend",
    "get_backend_status", "BackendManagerSync", "get_models", "OllamaAPI", "GenerationResponse", "BackendError",
)  # fmt: skip


class Row(NamedTuple):
    """A promise, and the tests that show it."""

    what: str
    tests: tuple[str, ...]


@pytest.fixture(scope="module")
def text(root: Path) -> str:
    return (root / "docs/routing.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def rows(text: str) -> list[Row]:
    cells = re.findall(r"^\| (.+?) \|(.*)\|$", text.partition(TABLE)[2], re.MULTILINE)
    return [
        Row(what, tuple(re.findall(r"`([^`]+)`", tests)))
        for what, tests in cells
        if what != "What" and not what.startswith("--")
    ]


def _functions(path: Path) -> set[str]:
    """The tests of a file."""
    return {node.name for node in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)}


def test_the_guide_names_every_strategy_constraint_and_term(text: str) -> None:
    named = [*make(), *(written for written, _, _ in HEADERS.values())]
    assert [name for name in named if f"`{name}`" not in text] == []
    assert [term for term in TERMS if f"\n{term} " not in text] == []


def test_the_guide_tells_what_every_mode_asks_for(text: str) -> None:
    row = r"^\| `(\w+)` \| (\d+) \| (\d+) % \| (\d+) °C \| (\d+) \| ([\d.]+), ([\d.]+), ([\d.]+) \|$"
    told = re.findall(row, text, re.MULTILINE)
    fields = ("max_watts", "max_fan", "max_temperature", "points", "latency", "power", "price")
    modes = {mode.name: [getattr(mode, field) for field in fields] for mode in MODES.values()}
    assert {name: [float(each) for each in rest] for name, *rest in told} == modes


def test_every_promise_of_the_table_has_a_test_that_there_is(root: Path, rows: list[Row]) -> None:
    assert len(rows) > 150
    assert [row.what for row in rows if not row.tests] == []
    there: dict[str, set[str]] = {}
    missing: list[str] = []
    for named in sorted({test for row in rows for test in row.tests}):
        file, _, name = named.partition("::")
        path = root / "tests" / file
        if file not in there:
            there[file] = _functions(path) if path.is_file() else set()
        if not name.startswith("test_") or name not in there[file]:
            missing.append(named)
    assert missing == []


def test_no_promise_stands_in_the_table_twice(rows: list[Row]) -> None:
    whats = [row.what for row in rows]
    assert [what for what in set(whats) if whats.count(what) > 1] == []


def test_what_there_is_to_choose_to_ask_and_to_see_is_among_the_promises(rows: list[Row]) -> None:
    promised = {name for row in rows for name in re.findall(r"`([^`]+)`", row.what)}
    words = {word for row in rows for word in re.findall(r"[A-Za-z]+", row.what)}
    wanted = [*make(), *(written for written, _, _ in HEADERS.values()), *get_args(Fallback), *get_args(Condition)]
    wanted += [*TOLD, *PAGES, *VARIABLES, *CALLS]
    found = " ".join(promised)
    assert [name for name in wanted if name not in promised and not re.search(rf"{re.escape(name)}\b", found)] == []
    assert [mode for mode in MODES if mode not in words] == []
