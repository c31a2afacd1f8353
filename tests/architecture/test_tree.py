"""The repository as a reader finds it: files of a readable length, nothing unfinished, nothing from outside."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

import ollamux

if TYPE_CHECKING:
    from tests.architecture.conftest import Tree

LONGEST = 600
CODE = (".py", ".pyx", ".js", ".css", ".c")

# Written apart, so that this file does not speak of them itself.
OUTSIDE = re.compile("/wo" + "rk/|/ro" + r"ot/|\.\./sha" + "red|/tm" + "p/brief")
UNFINISHED = re.compile(r"\b(?:TO" + "DO|FIX" + "ME|XX" + r"X)\b|NotImplemented" + "Error")


def test_no_file_of_code_is_longer_than_a_reader_can_hold(tree: Tree) -> None:
    lengths = {path: text.count("\n") for path, text in tree.texts() if path.endswith(CODE)}
    assert {path: lines for path, lines in lengths.items() if lines > LONGEST} == {}


def test_nothing_points_outside_the_repository(tree: Tree) -> None:
    assert [path for path, text in tree.texts() if OUTSIDE.search(text)] == []


def test_nothing_is_left_unfinished(tree: Tree) -> None:
    assert [path for path, text in tree.texts() if path.endswith(CODE) and UNFINISHED.search(text)] == []


def test_the_package_says_the_version_that_is_installed(tree: Tree) -> None:
    project = tomllib.loads((tree.root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert ollamux.__version__ == project["version"]
