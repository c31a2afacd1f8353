"""Every module says what it owns, in its docstring, and what it offers, in `__all__`."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.architecture.conftest import Module, Tree


def _order(name: str) -> tuple[int, list[tuple[int, int, str]]]:
    """Constants, then classes, then the rest, numbers by their value: the order that the linter keeps."""
    bare = name.strip("_")
    kind = 0 if bare.isupper() else 1 if name[:1].isupper() else 2
    runs = re.findall(r"\d+|\D+", name)
    return kind, [(0, int(run), "") if run.isdigit() else (1, 0, run) for run in runs]


def _declared(module: Module) -> tuple[str, ...] | None:
    """The names in `__all__`, or None where it is not a plain tuple of strings."""
    for node in module.syntax.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id == "__all__":
            value = getattr(node, "value", None)
            if isinstance(value, ast.Tuple):
                return tuple(ast.literal_eval(value))
    return None


def test_every_module_opens_with_a_docstring(tree: Tree) -> None:
    assert [module.name for module in tree.modules if not ast.get_docstring(module.syntax)] == []


def test_every_module_declares_its_names_as_a_sorted_tuple(tree: Tree) -> None:
    offences: dict[str, object] = {}
    for module in tree.modules:
        if module.path.name == "__main__.py":
            continue
        declared = _declared(module)
        if declared is None:
            offences[module.name] = "has no __all__ that is a tuple of strings"
        elif list(declared) != sorted(set(declared), key=_order):
            offences[module.name] = tuple(sorted(set(declared), key=_order))
    assert offences == {}


def test_every_declared_name_exists(tree: Tree) -> None:
    offences: list[str] = []
    for module in tree.modules:
        loaded = import_module(module.name) if module.path.name != "__main__.py" else None
        offences += [f"{module.name}.{name}" for name in _declared(module) or () if not hasattr(loaded, name)]
    assert offences == []


def test_every_folder_of_modules_is_a_package(tree: Tree) -> None:
    folders = {module.path.parent for module in tree.modules}
    assert [str(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []
