"""The unmodified npm client of Ollama, in front of every kind of backend.

It runs once for each backend (`ollama_npm.mjs`) and tells what it got; the tests look at that. The package is
installed into pytest's cache, so that only the first run needs a network.
"""

from __future__ import annotations

import base64
import json
import math
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.clients.conftest import PIXEL, SPEAKERS

if TYPE_CHECKING:
    from tests.clients.conftest import Speaker
    from tests.support.running import Running

SCRIPT = Path(__file__).with_name("ollama_npm.mjs")
PACKAGE = "ollama@^0.6"

pytestmark = pytest.mark.timeout(120)


@pytest.fixture(scope="module")
def package(request: pytest.FixtureRequest) -> Path:
    """A folder with the package in its node_modules."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("there is no node and npm here")
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("npm-ollama")
    if not (folder / "node_modules" / "ollama").exists():
        (folder / "package.json").write_text("{}", encoding="utf-8")
        command = [npm, "install", "--prefer-offline", "--fetch-retries=0", "--no-audit", "--no-fund", "--no-save"]
        try:
            subprocess.run([*command, PACKAGE], check=True, cwd=folder, capture_output=True, timeout=90)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            pytest.skip(f"npm cannot install {PACKAGE}: is there a network?")
    return folder


@pytest.fixture(scope="module", params=list(SPEAKERS))
def spoken(request: pytest.FixtureRequest, whole: Running, package: Path) -> tuple[Speaker, dict[str, Any]]:
    """A model, and everything that the client got of it."""
    speaker = SPEAKERS[request.param]
    picture = base64.b64encode(PIXEL).decode()
    command = ["node", str(SCRIPT), str(package), whole.url, speaker.model, picture]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=60)
    return speaker, json.loads(done.stdout)


def test_a_chat_is_answered_whole_and_in_pieces(spoken: tuple[Speaker, dict[str, Any]]) -> None:
    speaker, got = spoken
    assert speaker.hello in got["chat"]["message"]["content"]
    assert got["chat"]["done"] is True
    parts = got["chatStream"]
    assert len(parts) > 3
    assert speaker.hello in "".join(part["message"]["content"] for part in parts)
    assert [part["done"] for part in parts] == [False] * (len(parts) - 1) + [True]
    assert parts[-1]["eval_count"] > 0


def test_a_tool_is_called_and_its_result_sent_back(spoken: tuple[Speaker, dict[str, Any]]) -> None:
    speaker, got = spoken
    streamed = [call for part in got["toolsStream"] for call in part["message"].get("tool_calls", ())]
    for (call,) in (got["tools"]["calls"], streamed):
        assert call["function"]["name"] == "get_weather"
        assert call["function"]["arguments"] == {"city": "Paris"}
    assert speaker.told in got["tools"]["told"]


def test_thinking_stands_apart_from_the_answer(spoken: tuple[Speaker, dict[str, Any]]) -> None:
    speaker, got = spoken
    message = got["think"]["message"]
    assert speaker.thought in message["thinking"]
    assert speaker.answer in message["content"]


def test_an_answer_fits_the_schema_it_is_asked_for(spoken: tuple[Speaker, dict[str, Any]]) -> None:
    _, got = spoken
    assert isinstance(json.loads(got["format"]["message"]["content"])["n"], int)


def test_a_prompt_is_completed_and_goes_on(spoken: tuple[Speaker, dict[str, Any]]) -> None:
    speaker, got = spoken
    first, second = got["generate"]
    assert speaker.hello in first["response"]
    assert first["context"]
    assert speaker.hello in second["response"]
    assert speaker.hello in "".join(part["response"] for part in got["generateStream"])
    assert got["generateStream"][-1]["context"]


def test_texts_become_vectors(spoken: tuple[Speaker, dict[str, Any]]) -> None:
    _, got = spoken
    assert len(got["embed"]["embeddings"]) == 2
    assert math.isclose(math.hypot(*got["embed"]["embeddings"][0]), 1.0, rel_tol=1e-3)
    assert len(got["embeddings"]["embedding"]) == len(got["embed"]["embeddings"][0])


def test_models_are_listed_and_shown(spoken: tuple[Speaker, dict[str, Any]]) -> None:
    speaker, got = spoken
    assert f"{speaker.model}:latest" in {row["name"] for row in got["list"]["models"]}
    assert "demo:latest" in {row["name"] for row in got["ps"]["models"]}
    assert got["show"]["model_info"]
    assert "completion" in got["show"]["capabilities"]
    assert got["version"]["version"]


def test_a_picture_is_seen_or_refused(spoken: tuple[Speaker, dict[str, Any]]) -> None:
    speaker, got = spoken
    said, error = got["image"]["said"], got["image"]["error"]
    if speaker is SPEAKERS["llama_cpp"]:
        assert error["status"] == 500
        assert "image input is not supported" in error["message"]
    else:
        assert error is None
        assert "70 bytes" in said or "1 picture" in said


def test_a_model_that_nobody_has_is_not_found(spoken: tuple[Speaker, dict[str, Any]]) -> None:
    _, got = spoken
    for name in ("unknownChat", "unknownStream", "unknownEmbed", "unknownShow"):
        assert (got[name]["name"], got[name]["status"]) == ("ResponseError", 404), name
        assert "not found" in got[name]["message"]


def test_a_pull_tells_its_progress_and_its_failure(spoken: tuple[Speaker, dict[str, Any]]) -> None:
    _, got = spoken
    assert [step["status"] for step in got["pull"]][::3] == ["pulling manifest", "success"]
    assert "file does not exist" in got["pullMissing"]["message"]
    assert "file does not exist" in got["pullMissingStream"]["message"]
