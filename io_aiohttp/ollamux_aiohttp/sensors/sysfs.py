"""Reading the kernel's files: one value each, below a root that tests replace.

Rules: what is not there, cannot be read or is no number is None, never an error; a sensor may vanish between two reads.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ("children", "first_number", "read_number", "read_text", "read_uevent")

_NUMBERED = re.compile(r"(\D*)(\d+)$")


def read_text(path: Path) -> str | None:
    """The file's text without the white space around it; None where there is none."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip() or None
    except OSError:
        return None


def read_number(path: Path) -> int | None:
    """The whole number that the file holds, decimal or `0x...`."""
    text = read_text(path)
    try:
        return int(text, 0) if text is not None else None
    except ValueError:
        return None


def first_number(folder: Path, *names: str) -> int | None:
    """The number in the first of these files that holds one."""
    for name in names:
        number = read_number(folder / name)
        if number is not None:
            return number
    return None


def read_uevent(folder: Path) -> dict[str, str]:
    """What the kernel says of a device in its `uevent`: DRIVER, PCI_SLOT_NAME, ..."""
    pairs = (line.partition("=") for line in (read_text(folder / "uevent") or "").splitlines())
    return {name: value for name, sign, value in pairs if sign}


def children(folder: Path, prefix: str) -> list[Path]:
    """The entries that are called `prefix` and a number, in the order of the numbers (card0, card1, not card0-HDMI)."""
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError:
        return []
    found = [(int(match[2]), name) for name in names if (match := _NUMBERED.fullmatch(name)) and match[1] == prefix]
    return [folder / name for _, name in sorted(found)]
