"""The guide to routing names what there is."""

from __future__ import annotations

from pathlib import Path

from ollamux.routing.constraints import HEADERS
from ollamux.routing.score import TERMS
from ollamux.routing.strategies import make


def test_the_guide_names_every_strategy_constraint_and_term(root: Path) -> None:
    text = (root / "docs/routing.md").read_text(encoding="utf-8")
    named = [*make(), *(written for written, _, _ in HEADERS.values())]
    assert [name for name in named if f"`{name}`" not in text] == []
    assert [term for term in TERMS if f"\n{term} " not in text] == []
