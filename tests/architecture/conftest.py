"""The source tree as the tests of the architecture see it.

It is read once. A module is known by its dotted name; its text is parsed, not imported, so that a rule can be checked
even where the module does not load.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import pytest

SOURCES = {"ollamux": "core", "ollamux_aiohttp": "io_aiohttp"}


class Import(NamedTuple):
    """One imported module, and the name taken from it (empty for a plain import)."""

    module: str
    name: str
    line: int


class Module:
    """A Python module of the project."""

    def __init__(self, name: str, path: Path) -> None:
        self.name = name
        self.path = path
        self.text = path.read_text(encoding="utf-8")

    @cached_property
    def syntax(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    @property
    def is_package(self) -> bool:
        return self.path.name == "__init__.py"

    @property
    def in_core(self) -> bool:
        return self.name.partition(".")[0] == "ollamux"

    def imports(self) -> Iterator[Import]:
        """Everything it imports, wherever in the file; relative imports are written out."""
        package = self.name if self.is_package else self.name.rpartition(".")[0]
        for node in ast.walk(self.syntax):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(alias.name, "", node.lineno)
            elif isinstance(node, ast.ImportFrom):
                base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
                module = ".".join([*base, *([node.module] if node.module else [])])
                for alias in node.names:
                    yield Import(module, alias.name, node.lineno)


class Tree:
    """The packages, their extensions and the rest of the repository."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def _named(self, folder: str, pattern: str) -> Iterator[tuple[str, Path]]:
        base = self.root / folder
        for path in sorted(base.rglob(pattern)):
            parts = path.relative_to(base).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path

    @cached_property
    def modules(self) -> tuple[Module, ...]:
        """Every .py file of both packages."""
        return tuple(Module(name, path) for folder in SOURCES.values() for name, path in self._named(folder, "*.py"))

    @cached_property
    def extensions(self) -> dict[str, Path]:
        """Every module that is to be compiled, with its source: a .pyx, or a .py with a .pxd beside it."""
        found: dict[str, Path] = {}
        for folder in SOURCES.values():
            for name, path in self._named(folder, "*.pxd"):
                if path.with_suffix(".py").exists():
                    found[name] = path.with_suffix(".py")
            found.update(self._named(folder, "*.pyx"))
        return dict(sorted(found.items()))

    def texts(self) -> Iterator[tuple[str, str]]:
        """Path and content of every text file that a person would read in the repository."""
        folders = ("core", "io_aiohttp", "tests", "bench", "docs", ".ci")
        paths = [path for folder in folders for path in (self.root / folder).rglob("*")]
        paths += [path for path in self.root.iterdir() if path.name != ".git"]
        kinds = {".c", ".css", ".html", ".js", ".json", ".jsonl", ".md", ".mjs", ".pxd", ".py", ".pyi", ".pyx", ".toml"}
        kinds |= {".yaml", ".yml", ".in", ""}
        made = {"node_modules", "__pycache__", "build"}
        for path in sorted(paths):
            generated = path.suffix == ".c" and path.relative_to(self.root).parts[0] in SOURCES.values()
            if path.is_file() and path.suffix in kinds and not generated and not made.intersection(path.parts):
                try:
                    yield path.relative_to(self.root).as_posix(), path.read_text(encoding="utf-8")
                except UnicodeDecodeError:
                    continue


@pytest.fixture(scope="session")
def tree(root: Path) -> Tree:
    return Tree(root)
