"""Which build runs, shown with a small package that has a compiled twin of a source."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from ollamux import _build

NATIVE = """
from types import ModuleType
names = ("ollamux.twin", "ollamux.alone")
def create(spec):
    made = ModuleType(spec.name)
    made.compiled = True
    return made
def execute(module):
    module.executed = True
"""
"""What a shared object is to Python, said in Python."""

SAY = """
from ollamux import _build
names = ("ollamux.twin", "ollamux.alone", "ollamux.plain")
for name in names:
    try:
        module = __import__(name, fromlist=["x"])
        print(name, "compiled" if getattr(module, "executed", False) else module.__file__.rpartition(".")[2])
    except ModuleNotFoundError as error:
        print(name, "is not there:", error.name)
print(_build.PURE, _build.compiled(names), _build.describe(names))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package with a stand-in for its shared object, which holds the twin of a source and a module without one."""
    folder = tmp_path / "ollamux"
    folder.mkdir()
    (folder / "__init__.py").write_text("from ollamux._build import find_compiled\nfind_compiled(__name__)\n")
    (folder / "_build.py").write_text(Path(_build.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    (folder / "_compiled.py").write_text(NATIVE)
    for name in ("twin", "plain"):
        (folder / f"{name}.py").write_text("")
    return tmp_path


def _say(package: Path, pure: str) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(package), "OLLAMUX_PURE": pure}
    run = subprocess.run(
        [sys.executable, "-c", SAY], capture_output=True, text=True, check=True, env=environment, cwd=package
    )
    return run.stdout.splitlines()


@pytest.mark.parametrize("pure", ["", "0", "false", "No"])
def test_a_compiled_module_comes_before_the_source_of_the_same_name(package: Path, pure: str) -> None:
    assert _say(package, pure) == [
        "ollamux.twin compiled",
        "ollamux.alone compiled",
        "ollamux.plain py",
        "False False compiled in part (2 of 3 modules)",
    ]


@pytest.mark.parametrize("pure", ["1", "true"])
def test_the_switch_gives_the_source_and_hides_what_has_none(package: Path, pure: str) -> None:
    assert _say(package, pure) == [
        "ollamux.twin py",
        "ollamux.alone is not there: ollamux.alone",
        "ollamux.plain py",
        "True False pure",
    ]


def test_without_the_shared_object_the_sources_run(package: Path) -> None:
    (package / "ollamux" / "_compiled.py").unlink()
    assert _say(package, "") == [
        "ollamux.twin py",
        "ollamux.alone is not there: ollamux.alone",
        "ollamux.plain py",
        "False False pure",
    ]


def test_the_shared_object_gives_what_it_holds_and_refuses_the_rest() -> None:
    native = pytest.importorskip("ollamux._compiled", reason="nothing is compiled here")
    assert sorted({*native.names} - {"ollamux._shared"}) == list(_build.EXTENSIONS)
    with pytest.raises(ImportError, match=r"'ollamux\.nowhere' is not in this file"):
        native.create(ModuleSpec("ollamux.nowhere", None))
    with pytest.raises(AttributeError):
        native.create(object())


def test_a_module_that_is_compiled_is_told_from_one_that_is_not() -> None:
    assert _build.compiled(["msgspec._core"])
    assert _build.describe(["msgspec._core"]) == "compiled"
    assert not _build.compiled(["msgspec._core", "msgspec"])
    assert _build.describe(["msgspec._core", "msgspec"]) == "compiled in part (1 of 2 modules)"
    assert _build.describe(["msgspec", "no_such_module"]) == "pure"
    assert not _build.compiled([])


def test_what_runs_here_is_told_without_arguments() -> None:
    assert _build.compiled() == (_build.describe() == "compiled")
