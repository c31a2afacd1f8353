"""What every test shares: none of it may depend on the environment of the person who runs the suite.

Rules: a setting that happens to be exported on a machine (a key, a proxy, an address) is taken away for the length of
each test; a test that needs one sets it itself. How long an example takes is the machine's business; what hangs is
ended by the limit for each test. HYPOTHESIS_PROFILE=few plays fewer examples, for a second run of the same tests.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", settings(), deadline=None)
settings.register_profile("few", settings.get_profile("untimed"), max_examples=20)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "untimed"))

_PREFIXES = ("ANTHROPIC_", "AWS_", "AZURE_", "GEMINI_", "GOOGLE_", "LLAMACPP_", "OLLAMA_", "OLLAMUX_", "OPENAI_")
_NAMES = ("HOST", "LOG_LEVEL", "PORT", "SERVICE_API_KEY", "ALL_PROXY", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY")
_OF_THE_RUN = ("OLLAMUX_LANE", "OLLAMUX_NO_EXTENSIONS", "OLLAMUX_PURE", "OLLAMUX_REQUIRE_EXTENSIONS")


@pytest.fixture(autouse=True)
def _a_plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in tuple(os.environ):
        wanted = name.upper()
        if wanted not in _OF_THE_RUN and (wanted in _NAMES or wanted.startswith(_PREFIXES)):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the source tree."""
    return Path(__file__).resolve().parent.parent
