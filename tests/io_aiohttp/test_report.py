"""What `check` and `models` tell."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path

import msgspec
import pytest

from ollamux.config import BackendConfig, Config
from ollamux.reports import BackendReport, ModelReport
from ollamux_aiohttp.report import check_json, check_text, models_json, models_text, status_of, survey
from ollamux_aiohttp.screen import Paint

PLAIN = Paint(io.StringIO(), {})
MODEL = ModelReport("mine:latest", "llama3.2", frozenset({"tools", "completion"}), 4096, True)
READY = BackendReport("a", "ollama", "A", "http://u:secret@h:1", "ready", "", (MODEL,))
GONE = BackendReport("b", "vllm", "B", "http://h:2", "unreachable", "nothing listens there", ())
WRONG = BackendReport("c", "vllm", "C", "http://h:3", "misconfigured", "KEY is not set", ())


@pytest.mark.parametrize(
    ("reports", "problem", "status"),
    [
        ((), None, 0),
        ((READY,), None, 0),
        ((READY, GONE), None, 1),
        ((READY, GONE, WRONG), None, 2),
        ((READY,), "the bind is refused", 2),
    ],
)
def test_the_exit_status_tells_the_worst(reports: tuple[BackendReport, ...], problem: str | None, status: int) -> None:
    assert status_of(reports, problem) == status
    assert json.loads(check_json(reports, (), (), problem))["ok"] == (status == 0)


def test_check_shows_every_backend_and_no_secret() -> None:
    text = check_text((READY, GONE), ("ollamux.yaml",), ("a note",), "a problem", PLAIN)
    assert text.splitlines() == [
        "Configuration: ollamux.yaml",
        "Problem: a problem",
        "Note: a note",
        "",
        "BACKEND  TYPE    ENDPOINT    STATE        MODELS",
        "a        ollama  http://h:1  ready        1",
        "b        vllm    http://h:2  unreachable  -       nothing listens there",
    ]
    assert "secret" not in check_json((READY,), (), (), None)
    assert "No backend" in check_text((), (), (), None, PLAIN)


def test_check_shows_the_hardware_where_any_is_configured() -> None:
    tuned = msgspec.structs.replace(GONE, hardware="nvidia")
    assert check_text((READY, tuned), (), (), None, PLAIN).splitlines()[2:] == [
        "BACKEND  TYPE    HARDWARE  ENDPOINT    STATE        MODELS",
        "a        ollama            http://h:1  ready        1",
        "b        vllm    nvidia    http://h:2  unreachable  -       nothing listens there",
    ]
    told = json.loads(check_json((READY, tuned), (), (), None))["backends"]
    assert [backend["hardware"] for backend in told] == [None, "nvidia"]


def test_models_shows_what_is_served_and_from_where() -> None:
    assert models_text((READY, GONE), {"fast": "mine"}, PLAIN).splitlines() == [
        "MODEL        BACKEND  CONTEXT  CAPABILITIES       SERVED AS",
        "mine:latest  a        4096     completion, tools  llama3.2",
        "fast         alias                                mine",
    ]
    assert models_text((GONE,), {}, PLAIN) == "No model is served."
    assert json.loads(models_json((READY,), {"fast": "mine"})) == {
        "models": [
            {
                "name": "mine:latest",
                "backend": "a",
                "upstream": "llama3.2",
                "capabilities": ["completion", "tools"],
                "context_length": 4096,
                "loaded": True,
            }
        ],
        "aliases": {"fast": "mine"},
    }


def test_a_survey_reaches_every_backend_and_judges_files_without_loading_them(
    scripted_gguf: Path, unused_endpoint: str
) -> None:
    config = Config(
        backends=(
            BackendConfig(id="demo", type="demo", hardware="cpu"),
            BackendConfig(id="far", type="vllm", endpoint=unused_endpoint),
            BackendConfig(id="file", type="gguf", file=str(scripted_gguf)),
            BackendConfig(id="small", type="gguf", file=str(scripted_gguf), options={"num_ctx": 512}),
            BackendConfig(id="lost", type="gguf", file=str(scripted_gguf) + ".gone"),
            BackendConfig(id="off", type="gguf", file="x", enabled=False),
        )
    )
    found = {report.id: report for report in asyncio.run(survey(config))}
    assert {id_: report.state for id_, report in found.items()} == {
        "demo": "ready",
        "far": "unreachable",
        "file": "ready",
        "small": "ready",
        "lost": "misconfigured",
    }
    assert (found["demo"].hardware, found["far"].hardware) == ("cpu", "")
    assert found["far"].reason == "nothing listens there"
    assert [(model.name, model.context_length) for model in found["file"].models] == [("scripted", 8192)]
    assert found["small"].models[0].context_length == 512
    assert "no such file" in found["lost"].reason
