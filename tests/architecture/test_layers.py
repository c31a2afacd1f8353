"""Imports point one way, from the pump down to the errors.

LAYERS is the architecture: each line may import from the lines below it. Units of one line may import one another as
long as that makes no circle. Whatever is not in the table has no place in the core yet: give it one.
"""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.architecture.conftest import Tree

LAYERS: tuple[tuple[str, ...], ...] = (
    ("ollamux_aiohttp",),
    ("ollamux",),
    ("ollamux.gateway",),
    ("ollamux.premises",),
    ("ollamux.status",),
    (
        "ollamux.derived",
        "ollamux.describing",
        "ollamux.explaining",
        "ollamux.listing",
        "ollamux.management",
        "ollamux.probing",
        "ollamux.reports",
        "ollamux.routes",
        "ollamux.unloading",
        "ollamux.workers",
    ),
    ("ollamux.exchange",),
    ("ollamux.automatic", "ollamux.backends", "ollamux.shelves"),
    (
        "ollamux.accounting",
        "ollamux.credentials",
        "ollamux.formats",
        "ollamux.gate",
        "ollamux.hardware",
        "ollamux.providers",
        "ollamux.resilience",
        "ollamux.routing",
    ),
    (
        "ollamux.answer",
        "ollamux.chat",
        "ollamux.clock",
        "ollamux.config",
        "ollamux.contract",
        "ollamux.conversation",
        "ollamux.usage",
        "ollamux.demo",
        "ollamux.head_lines",
        "ollamux.json_sample",
        "ollamux.models",
        "ollamux.news",
        "ollamux.recurring",
        "ollamux.streaming",
    ),
    ("ollamux.errors", "ollamux._build"),
)

RANK = {unit: rank for rank, units in enumerate(LAYERS) for unit in units}


def _unit(name: str) -> str:
    """The line's entry that a module belongs to: the pump as a whole, the core by its second name."""
    return name.partition(".")[0] if name.startswith("ollamux_aiohttp") else ".".join(name.split(".")[:2])


def _edges(tree: Tree) -> dict[tuple[str, str], str]:
    """(importing unit, imported unit) and one place where that happens."""
    names = {module.name for module in tree.modules} | set(tree.extensions)
    edges: dict[tuple[str, str], str] = {}
    for module in tree.modules:
        for item in module.imports():
            if item.module.partition(".")[0] not in ("ollamux", "ollamux_aiohttp"):
                continue
            target = f"{item.module}.{item.name}"
            source, imported = _unit(module.name), _unit(target if target in names else item.module)
            if source != imported:
                edges[source, imported] = f"{module.name}:{item.line} imports {item.module}"
    return edges


def test_every_module_has_a_place_in_the_layers(tree: Tree) -> None:
    assert {_unit(module.name) for module in tree.modules} - set(RANK) == set()


def test_no_module_imports_from_a_layer_above_its_own(tree: Tree) -> None:
    edges = {edge: place for edge, place in _edges(tree).items() if RANK.keys() >= set(edge)}
    assert [place for (source, target), place in edges.items() if RANK[source] > RANK[target]] == []


def test_the_units_of_one_layer_import_one_another_without_a_circle(tree: Tree) -> None:
    graph: dict[str, set[str]] = {}
    for source, target in _edges(tree):
        graph.setdefault(source, set()).add(target)
    circle: list[str] = []
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        circle = error.args[1]
    assert circle == []
