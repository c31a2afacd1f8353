"""The matrix as it stands on the page of compatibility: written between two marks, and read again.

Rules: a table for each client's protocol, a row for each feature, a column for each vendor; a cell is `yes`, or `no` or
`untried` with the number of a reason below; no cell is empty and no reason is left over.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from tests.contract.features import FEATURES
from tests.contract.house import CLIENTS, COLUMNS
from tests.contract.real import UNTRIED

__all__ = ("BEGIN", "END", "Cells", "page_with", "section_of", "told_on", "written")

BEGIN = "<!-- The matrix is written by `python -m tests.contract.write`. -->"
END = "<!-- The end of the matrix. -->"

Cells = Mapping[tuple[str, str, str], str]
"""By client, vendor and feature: the reason why it cannot be, empty where it can."""

_NUMBERED = re.compile(r"(\d+)\. (.+)")
_NO = re.compile(r"(?:no|untried) \((\d+)\)")


def written(cells: Cells) -> str:
    """The section."""
    reasons: dict[str, int] = {}
    lines: list[str] = []
    for client in CLIENTS.values():
        lines += [f"### {client.title}", "", f"| | {' | '.join(f'`{name}`' for name in COLUMNS)} |"]
        lines.append("|---" * (len(COLUMNS) + 1) + "|")
        for feature in FEATURES:
            row = [feature]
            for vendor in COLUMNS:
                reason = cells[client.name, vendor, feature]
                word = "untried" if reason == UNTRIED else "no"
                row.append(f"{word} ({reasons.setdefault(reason, len(reasons) + 1)})" if reason else "yes")
            lines.append(f"| {' | '.join(row)} |")
        lines.append("")
    lines += ["### Reasons", ""]
    lines += [f"{number}. {reason}" for reason, number in reasons.items()]
    return "\n".join(lines)


def section_of(page: str) -> str:
    """What stands between the marks."""
    assert page.count(BEGIN) == page.count(END) == 1, "the page has no place for the matrix, or several"
    return page.partition(BEGIN)[2].partition(END)[0].strip()


def page_with(page: str, section: str) -> str:
    """The page with another section between its marks."""
    before, _, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n\n{section}\n\n{END}{rest.partition(END)[2]}"


def told_on(page: str) -> dict[tuple[str, str, str], str]:
    """The cells of a page. Raises AssertionError where one says nothing, or names a reason that is not there."""
    titles = {client.title: client.name for client in CLIENTS.values()}
    section = section_of(page)
    numbered = [found for line in section.splitlines() if (found := _NUMBERED.fullmatch(line))]
    reasons: dict[str, str] = {found[1]: found[2] for found in numbered}
    cells: dict[tuple[str, str, str], str] = {}
    client, columns = "", [""]
    for line in section.splitlines():
        if line.startswith("### "):
            client = titles.get(line[4:], "")
        elif line.startswith("| | "):
            columns = [cell.strip(" `") for cell in line.strip("|").split("|")][1:]
        elif line.startswith("| "):
            feature, *row = [cell.strip() for cell in line.strip("|").split("|")]
            for vendor, cell in zip(columns, row, strict=True):
                number = _NO.fullmatch(cell)
                assert number is not None or cell == "yes", (client, vendor, feature, cell)
                cells[client, vendor, feature] = reasons[number[1]] if number is not None else ""
    return cells
