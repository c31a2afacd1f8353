"""The npm clients of OpenAI and Anthropic and the AI SDK, in front of a real llama.cpp and the demo.

Their packages are large, so they are taken from npm's cache alone: where they are not in it the tests are skipped.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.clients.conftest import SPEAKERS

if TYPE_CHECKING:
    from tests.support.running import Running

SCRIPT = Path(__file__).with_name("sdks_npm.mjs")
PACKAGES = ("openai", "@anthropic-ai/sdk", "ai", "@ai-sdk/openai", "@ai-sdk/anthropic", "zod")

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def packages(request: pytest.FixtureRequest) -> Path:
    """A folder with the packages in its node_modules."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("there is no node and npm here")
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("npm-sdks")
    if not (folder / "node_modules" / "ai").exists():
        (folder / "package.json").write_text("{}", encoding="utf-8")
        command = [npm, "install", "--offline", "--no-audit", "--no-fund", "--no-save", *PACKAGES]
        try:
            subprocess.run(command, check=True, cwd=folder, capture_output=True, timeout=60)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            pytest.skip("npm's cache does not have the packages")
    return folder


@pytest.mark.parametrize("name", ["llama_cpp", "demo"])
def test_each_client_chats_streams_and_calls_a_tool(name: str, whole: Running, packages: Path) -> None:
    speaker = SPEAKERS[name]
    command = ["node", str(SCRIPT), str(packages), whole.url, speaker.model]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=60)
    got = json.loads(done.stdout)
    assert set(got) == {"openai", "anthropic", "ai chat", "ai responses", "ai anthropic"}
    for client, (answer, streamed, tool) in got.items():
        assert speaker.hello in answer, client
        assert speaker.hello in streamed, client
        assert tool == "get_weather", client
