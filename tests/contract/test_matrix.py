"""Every client's protocol in front of every vendor's format, over real HTTP, through one running ollamux.

Each cell of the matrix in docs/compatibility.md is tried and has to come to what the page says of it. Where ollamux has
become better, or worse on purpose, `python -m tests.contract.write` writes the page anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from tests.contract.features import FEATURES, tried
from tests.contract.house import CLIENTS, COLUMNS, House, house
from tests.contract.page import told_on

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def the_house() -> Iterator[House]:
    with house() as found:
        yield found


@pytest.fixture(scope="module")
def told(root: Path) -> dict[tuple[str, str, str], str]:
    return told_on((root / "docs" / "compatibility.md").read_text(encoding="utf-8"))


@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("vendor", COLUMNS)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_cell_of_the_matrix_is_as_the_page_says(
    the_house: House, told: dict[tuple[str, str, str], str], client: str, vendor: str, feature: str
) -> None:
    assert tried(the_house, CLIENTS[client], vendor, feature) == told[client, vendor, feature]
