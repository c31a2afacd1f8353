"""Tries every cell of the matrix and writes what came of it into docs/compatibility.md.

Run as `python -m tests.contract.write` with `core` and `io_aiohttp` on the path. A cell that should be there and
is not stops the run, and the page stays as it was.
"""

from __future__ import annotations

from pathlib import Path

from tests.contract.features import FEATURES, tried
from tests.contract.house import CLIENTS, COLUMNS, house
from tests.contract.page import page_with, written

__all__ = ("main",)

_PAGE = Path(__file__).parents[2] / "docs/compatibility.md"


def main() -> None:
    with house() as found:
        cells = {
            (client.name, vendor, feature): tried(found, client, vendor, feature)
            for client in CLIENTS.values()
            for vendor in COLUMNS
            for feature in FEATURES
        }
    page = _PAGE.read_text(encoding="utf-8")
    _PAGE.write_text(page_with(page, written(cells)), encoding="utf-8")


if __name__ == "__main__":
    main()
