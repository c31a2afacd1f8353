"""On /v1, too, answers mean what Ollama's mean: every recorded case of OpenAI's and Anthropic's, over a real socket."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.conformance.meaning import unlike

if TYPE_CHECKING:
    from tests.support.running import Running

CASES = [
    json.loads(line)
    for line in (Path(__file__).parent.parent / "data" / "v1_cases.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("recorded", CASES, ids=lambda recorded: recorded["name"])
def test_an_answer_on_v1_means_what_ollamas_means(whole: Running, recorded: dict[str, Any]) -> None:
    headers = {"Content-Type": "application/json"} if recorded["request"] is not None else {}
    answer = whole.ask(recorded["method"], recorded["path"], recorded["request"], headers | recorded["headers"])
    assert unlike(recorded, answer) == ""


@pytest.mark.parametrize("model", ["tiny", "tiny:latest", "tinyembed"])
def test_the_models_of_the_cases_are_listed_and_told_one_by_one(whole: Running, model: str) -> None:
    assert whole.ask("GET", f"/v1/models/{model}").json["id"] == model
    assert model.removesuffix(":latest") in {row["id"] for row in whole.ask("GET", "/v1/models").json["data"]}
