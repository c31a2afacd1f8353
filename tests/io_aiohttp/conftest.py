"""What tests of the pump share."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.scripted_gguf import write_scripted_gguf


@pytest.fixture(scope="session")
def scripted_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real model file with known answers."""
    return write_scripted_gguf(tmp_path_factory.mktemp("models") / "scripted.gguf")
