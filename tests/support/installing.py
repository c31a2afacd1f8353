"""Packages that are installed for one test: a module and its dist-info on the path, entry points and all."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import ollamux.config.types as types
import ollamux.providers as providers

__all__ = ("installed",)


@contextmanager
def installed(folder: Path, module: str, code: str, group: str, entry: str) -> Iterator[None]:
    """A package with this one module, and this line in the group of its entry points, until the block ends."""
    (folder / f"{module}.py").write_text(code, encoding="utf-8")
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text(f"[{group}]\n{entry}\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(folder))
        _forget()
        try:
            yield
        finally:
            sys.modules.pop(module, None)
    _forget()


def _forget() -> None:
    """What is remembered of the packages that were there."""
    types._plugged.cache_clear()  # pyright: ignore[reportPrivateUsage]
    providers._plugged.cache_clear()  # pyright: ignore[reportPrivateUsage]
    importlib.invalidate_caches()
