"""What tests of the pump share."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from tests.support.scripted_gguf import write_scripted_gguf


@pytest.fixture(scope="session")
def scripted_gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real model file with known answers."""
    return write_scripted_gguf(tmp_path_factory.mktemp("models") / "scripted.gguf")


@pytest.fixture
def unused_endpoint() -> str:
    """A URL where nothing listens."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{sock.getsockname()[1]}"
