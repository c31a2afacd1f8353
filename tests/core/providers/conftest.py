"""Answers of real servers, as files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ollamux.models import ProbeAnswer

Told = Callable[[str], ProbeAnswer]


@pytest.fixture
def told(root: Path) -> Told:
    """The answer in a file of tests/data/providers, without its ending."""
    return lambda name: ProbeAnswer(200, (root / "tests/data/providers" / f"{name}.json").read_bytes())
