"""The report: tables for a reader, JSON for a later one, and the tables of a kept JSON again, as markdown.

python -m bench.report FILE.json...        every table in it, with its circumstances
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bench.circumstances import describe
from bench.rounds import Result, Row

__all__ = ("as_json", "main", "markdown", "table")


def _cells(result: Result, row: Row) -> list[str]:
    cells = [row.name]
    for name, _, decimals in result.columns:
        spread = row.figures.get(name)
        cell = f"{spread.median:,.{decimals}f}" if spread is not None else ""
        if name == result.key and spread is not None and len(row.samples) > 1:
            cell += f" ({spread.least:,.{decimals}f} .. {spread.greatest:,.{decimals}f})"
        cells.append(cell)
    cells.append(f"{row.ratio.median:.2f}" if row.ratio is not None else "")
    return cells


def _grid(result: Result) -> list[list[str]]:
    """Heading and rows; the ratio's column only where there is one."""
    rows = [["", *(heading for _, heading, _ in result.columns), "ratio"]]
    rows += [_cells(result, row) for row in result.rows]
    if all(row.ratio is None for row in result.rows):
        rows = [row[:-1] for row in rows]
    return rows


def _heading(result: Result) -> str:
    said = f"{result.title}; medians of {result.rounds} rounds" if result.rounds > 1 else f"{result.title}; 1 round"
    if result.tolerance is not None:
        said += f"; tolerance {result.tolerance.median:.1%} (at most {result.tolerance.greatest:.1%})"
    if result.stolen is not None and result.stolen.greatest:
        said += f"; stolen {result.stolen.median:.1%} (at most {result.stolen.greatest:.1%})"
    return said


def _remarks(result: Result) -> Iterator[str]:
    yield from (f"note: {note}" for note in result.notes)
    yield from (f"PROBLEM {problem}" for problem in result.problems)


def table(result: Result) -> str:
    """One result as a table of medians; the key figure with its least and greatest sample."""
    rows = _grid(result)
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [_heading(result)]
    for row in rows:
        first, *rest = (
            cell.ljust(width) if not at else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join((f"  {first}", *rest)).rstrip())
    lines.extend(f"  {remark}" for remark in _remarks(result))
    return "\n".join(lines)


def markdown(result: Result) -> str:
    """The same for a page."""
    heading, *rows = _grid(result)
    lines = [f"{_heading(result)}:", "", f"| {' | '.join(heading)} |", f"|{'---|' * len(heading)}"]
    lines += [f"| {' | '.join(row)} |" for row in rows]
    remarks = [f"- {remark}" for remark in _remarks(result)]
    return "\n".join([*lines, *([""] if remarks else []), *remarks])


def as_json(known: dict[str, Any], results: list[Result]) -> bytes:
    """Circumstances and results, with every sample."""
    whole = msgspec.json.encode({**known, "results": results})
    return msgspec.json.format(whole, indent=1) + b"\n"


def main() -> int:
    """Prints the tables of kept runs."""
    parser = argparse.ArgumentParser(prog="python -m bench.report", description="Tables of kept runs, as markdown.")
    parser.add_argument("file", nargs="+", type=Path, help="written by `python -m bench --json FILE`")
    for path in parser.parse_args().file:
        known = msgspec.json.decode(path.read_bytes())
        print("\n".join(f"{line}  " for line in describe(known).splitlines()) + f"\n{known['when']}")
        for result in msgspec.convert(known["results"], list[Result]):
            print(f"\n{markdown(result)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
