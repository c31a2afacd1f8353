"""A converter that silently did not compile is a slow server: where it can be built, it must be loaded.

Switches: OLLAMUX_NO_EXTENSIONS and OLLAMUX_PURE say that it is not wanted; OLLAMUX_REQUIRE_EXTENSIONS says that no
excuse counts.
"""

from __future__ import annotations

import os
import shutil
from importlib import import_module
from importlib.machinery import ExtensionFileLoader
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ollamux_aiohttp
from ollamux import _build

if TYPE_CHECKING:
    from tests.architecture.conftest import Tree


def _excuse() -> str:
    """Why no extension can be expected here; empty where there is no reason."""
    for switch in ("OLLAMUX_PURE", "OLLAMUX_NO_EXTENSIONS"):
        if os.environ.get(switch, "") not in ("", "0"):
            return f"{switch} is set"
    if os.environ.get("OLLAMUX_REQUIRE_EXTENSIONS", "") not in ("", "0"):
        return ""
    try:
        distribution("ollamux")
    except PackageNotFoundError:
        return "the project is not installed, so nothing was compiled"
    return "" if any(map(shutil.which, ("cc", "gcc", "clang", "cl"))) else "there is no C compiler"


def test_the_table_of_each_package_names_what_it_has_sources_for(tree: Tree) -> None:
    for package, table in (("ollamux", _build.EXTENSIONS), ("ollamux_aiohttp", ollamux_aiohttp.EXTENSIONS)):
        assert tuple(name for name in tree.extensions if name.startswith(f"{package}.")) == table


def _changed(source: Path) -> float:
    """When the source, or the types that it is compiled with, were changed."""
    types = source.with_suffix(".pxd")
    return max(path.stat().st_mtime for path in (source, types) if path.exists())


def test_every_extension_is_loaded_and_newer_than_its_source(tree: Tree) -> None:
    if excuse := _excuse():
        pytest.skip(excuse)
    slow: list[str] = []
    for name, source in tree.extensions.items():
        try:
            spec = import_module(name).__spec__
        except ImportError as error:
            slow.append(f"{name}: {error}")
            continue
        if spec is None or spec.origin is None or not isinstance(spec.loader, ExtensionFileLoader):
            slow.append(f"{name}: runs as plain Python")
        elif Path(spec.origin).stat().st_mtime < _changed(source):
            slow.append(f"{name}: compiled before its source was changed; install again")
    assert slow == []


def test_every_compiled_source_without_a_python_twin_declares_its_types(tree: Tree) -> None:
    sources = [path for path in tree.extensions.values() if path.suffix == ".pyx"]
    assert [path.name for path in sources if not path.with_suffix(".pyi").exists()] == []
