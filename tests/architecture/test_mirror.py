"""The tests mirror the code, path for path.

core/ollamux/a/b.py is tested by tests/core/a/test_b.py, and by test_b_<more>.py beside it where one file would be too
long; leading underscores are dropped, so a chooser and its compiled twin share their tests. A file named
test_every_<noun>.py holds a contract over all that a package discovers.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from tests.architecture.conftest import Module, Tree

MIRRORS = {"tests/core": "core/ollamux", "tests/io_aiohttp": "io_aiohttp/ollamux_aiohttp"}

ELSEWHERE: dict[str, str] = {}
"""Modules with logic whose test is another's, and the reason."""


def _has_logic(module: Module) -> bool:
    """Whether anything in it can go wrong: a function with a body that is more than a declaration."""
    for node in ast.walk(module.syntax):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            body = [
                part for part in node.body if not (isinstance(part, ast.Expr) and isinstance(part.value, ast.Constant))
            ]
            if any(not isinstance(part, ast.Pass) for part in body):
                return True
    return False


def _places(tree: Tree) -> dict[Path, set[str]]:
    """For each folder of tests, the names that its modules have."""
    places: dict[Path, set[str]] = {}
    for tests, code in MIRRORS.items():
        base = tree.root / code
        for path in [*base.rglob("*.py"), *base.rglob("*.pyx")]:
            folder = tree.root / tests / path.parent.relative_to(base)
            places.setdefault(folder, set()).add(path.stem.lstrip("_"))
    return places


def test_every_test_file_stands_where_its_module_stands(tree: Tree) -> None:
    places = _places(tree)
    lost: list[str] = []
    for tests in MIRRORS:
        for path in sorted((tree.root / tests).rglob("test_*.py")):
            subject = path.stem.removeprefix("test_")
            names = places.get(path.parent, set())
            known = subject.startswith("every_") or any(subject == n or subject.startswith(f"{n}_") for n in names)
            if not known or not names:
                lost.append(path.relative_to(tree.root).as_posix())
    assert lost == []


def test_every_module_with_logic_has_its_test_file(tree: Tree) -> None:
    missing: list[str] = []
    for module in tree.modules:
        if module.is_package or module.name in ELSEWHERE or not _has_logic(module):
            continue
        tests, code = next(pair for pair in MIRRORS.items() if module.path.is_relative_to(tree.root / pair[1]))
        folder = tree.root / tests / module.path.parent.relative_to(tree.root / code)
        stem = module.path.stem.strip("_")
        if not (folder / f"test_{stem}.py").exists() and not any(folder.glob(f"test_{stem}_*.py")):
            missing.append(f"{module.path.relative_to(tree.root)} wants {folder.relative_to(tree.root)}/test_{stem}.py")
    assert missing == []


def test_an_exception_names_a_module_that_exists(tree: Tree) -> None:
    assert set(ELSEWHERE) <= {module.name for module in tree.modules}
