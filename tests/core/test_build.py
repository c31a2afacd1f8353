"""Which build runs, shown with a small package that has a compiled file beside its source."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

from ollamux import _build

SAY = """
from ollamux import _build
names = ("ollamux.twin", "ollamux.alone", "ollamux.plain")
for name in names:
    try:
        print(name, __import__(name, fromlist=["x"]).__file__.rpartition(".")[2])
    except ModuleNotFoundError as error:
        print(name, "is not there:", error.name)
    except ImportError:
        print(name, "is taken from the extension")
print(_build.PURE, _build.compiled(names), _build.describe(names))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package whose extensions are empty files: the loader that is chosen for them shows, for it cannot load them."""
    folder = tmp_path / "ollamux"
    folder.mkdir()
    (folder / "__init__.py").write_text("from ollamux import _build\n")
    (folder / "_build.py").write_text(Path(_build.__file__).read_text(encoding="utf-8"), encoding="utf-8")
    for name in ("twin", "plain"):
        (folder / f"{name}.py").write_text("")
    for name in ("twin", "alone"):
        (folder / f"{name}{EXTENSION_SUFFIXES[0]}").write_bytes(b"")
    return tmp_path


def _say(package: Path, pure: str) -> list[str]:
    environment = {**os.environ, "PYTHONPATH": str(package), "OLLAMUX_PURE": pure}
    run = subprocess.run(
        [sys.executable, "-c", SAY], capture_output=True, text=True, check=True, env=environment, cwd=package
    )
    return run.stdout.splitlines()


@pytest.mark.parametrize("pure", ["", "0", "false", "No"])
def test_an_extension_comes_before_the_source_of_the_same_name(package: Path, pure: str) -> None:
    assert _say(package, pure)[:3] == [
        "ollamux.twin is taken from the extension",
        "ollamux.alone is taken from the extension",
        "ollamux.plain py",
    ]


@pytest.mark.parametrize("pure", ["1", "true"])
def test_the_switch_gives_the_source_and_hides_what_has_none(package: Path, pure: str) -> None:
    assert _say(package, pure) == [
        "ollamux.twin py",
        "ollamux.alone is not there: ollamux.alone",
        "ollamux.plain py",
        "True False pure",
    ]


def test_a_module_that_is_compiled_is_told_from_one_that_is_not() -> None:
    assert _build.compiled(["msgspec._core"])
    assert _build.describe(["msgspec._core"]) == "compiled"
    assert not _build.compiled(["msgspec._core", "msgspec"])
    assert _build.describe(["msgspec._core", "msgspec"]) == "compiled in part (1 of 2 modules)"
    assert _build.describe(["msgspec", "no_such_module"]) == "pure"
    assert not _build.compiled([])


def test_what_runs_here_is_told_without_arguments() -> None:
    assert _build.compiled() == (_build.describe() == "compiled")
