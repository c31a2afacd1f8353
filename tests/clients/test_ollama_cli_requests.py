"""What the `ollama` command line sends, request by request, and what it needs in the answers.

Its requests are peculiar: every field is there, empty where it says nothing; the model's name stands in `name` or in
`model`; every command begins with HEAD /. It cuts digests at twelve characters and fails where they are shorter.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest
from tests.clients.conftest import SPEAKERS

if TYPE_CHECKING:
    from tests.clients.conftest import Speaker
    from tests.support.running import Answered, Running

AGENT = {
    "User-Agent": "ollama/0.33.0 (amd64 linux) Go/go1.26.0",
    "Content-Type": "application/json",
    "Accept": "application/json",
    "Accept-Encoding": "gzip",
}
STREAMED = {**AGENT, "Accept": "application/x-ndjson"}


def show(model: str, *, in_name: bool = False) -> dict[str, Any]:
    names = {"model": "", "name": model} if in_name else {"model": model, "name": ""}
    return {**names, "system": "", "template": "", "verbose": False, "options": None}


def generate(model: str, prompt: str = "", **more: Any) -> dict[str, Any]:
    empty: dict[str, Any] = {"suffix": "", "system": "", "template": "", "context": None, "raw": False, "options": None}
    return {"model": model, "prompt": prompt, **empty, **more}


def said(answer: Answered) -> str:
    assert answer.status == 200
    assert answer.header("content-type") == "application/x-ndjson"
    lines = answer.lines
    assert [line["done"] for line in lines] == [False] * (len(lines) - 1) + [True]
    return "".join(line["response"] for line in lines)


def test_every_command_begins_with_a_look_at_the_root(whole: Running) -> None:
    answer = whole.ask("HEAD", "/", None, AGENT)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.header("content-type") == "text/plain; charset=utf-8"


def test_the_version_is_one_that_a_client_can_compare(whole: Running) -> None:
    answer = whole.ask("GET", "/api/version", None, AGENT)
    assert re.fullmatch(r"\d+\.\d+\.\d+", answer.json["version"])


def test_list_gets_digests_that_can_be_cut(whole: Running) -> None:
    rows = whole.ask("GET", "/api/tags", None, AGENT).json["models"]
    assert {row["name"] for row in rows} == {"scripted:latest", "demo:latest", "tiny:latest", "auto:latest"}
    for row in rows:
        assert re.fullmatch("[0-9a-f]{64}", row["digest"])
        assert isinstance(row["size"], int)
        assert row["modified_at"]
    assert len({row["digest"] for row in rows}) == len(rows)


def test_ps_gets_what_it_prints(whole: Running) -> None:
    for row in whole.ask("GET", "/api/ps", None, AGENT).json["models"]:
        assert re.fullmatch("[0-9a-f]{64}", row["digest"])
        assert isinstance(row["size"], int)
        assert isinstance(row["size_vram"], int)
        assert row["expires_at"]


@pytest.mark.parametrize("in_name", [False, True])
def test_show_finds_the_name_in_either_field(whole: Running, speaker: Speaker, in_name: bool) -> None:
    answer = whole.ask("POST", "/api/show", show(speaker.model, in_name=in_name), AGENT)
    assert answer.status == 200
    assert "completion" in answer.json["capabilities"]
    assert isinstance(answer.json["model_info"], dict)
    assert isinstance(answer.json["details"], dict)


def test_run_with_a_prompt_shows_first_and_then_generates(whole: Running, speaker: Speaker) -> None:
    shown = whole.ask("POST", "/api/show", show(speaker.model), AGENT).json
    think = True if "thinking" in shown["capabilities"] else None
    options = {"temperature": 0, "num_predict": 36}
    body = generate(speaker.model, "Hello", think=think, format="", images=[], options=options)
    assert speaker.hello in said(whole.ask("POST", "/api/generate", body, STREAMED))


def test_run_thinks_without_being_asked(whole: Running) -> None:
    body = generate("scripted", "think: 2+2?", think=True)
    answer = whole.ask("POST", "/api/generate", body, STREAMED)
    assert said(answer) == "The answer is 4."
    assert "".join(line.get("thinking", "") for line in answer.lines).strip() == "The user wants 2+2."


def test_run_without_a_prompt_loads_and_then_chats(whole: Running, speaker: Speaker) -> None:
    if speaker is not SPEAKERS["ollama"]:  # there the backend itself answers
        loaded = whole.ask("POST", "/api/generate", generate(speaker.model), STREAMED)
        assert (loaded.status, loaded.json["done_reason"]) == (200, "load")
    messages = [{"role": "user", "content": "Hello"}]
    options = {"temperature": 0, "num_predict": 36}
    body = {"model": speaker.model, "messages": messages, "format": "", "options": options, "think": False}
    answer = whole.ask("POST", "/api/chat", body, STREAMED)
    assert answer.lines[-1]["done"] is True
    assert speaker.hello in "".join(line["message"]["content"] for line in answer.lines)


def test_run_of_a_model_that_is_not_there_pulls_it(whole: Running) -> None:
    shown = whole.ask("POST", "/api/show", show("new"), AGENT)
    assert (shown.status, shown.json) == (404, {"error": "model 'new:latest' not found"})
    body = {"model": "", "name": "new", "insecure": False, "username": "", "password": "", "stream": None}
    pulled = whole.ask("POST", "/api/pull", body, STREAMED)
    assert pulled.status == 200
    assert [line["status"] for line in pulled.lines][-1] == "success"


@pytest.mark.parametrize("name", ["llama_cpp", "demo"])
@pytest.mark.parametrize("keep_alive", ["0s", 0])
def test_stop_unloads(whole: Running, name: str, keep_alive: object) -> None:
    model = SPEAKERS[name].model
    answer = whole.ask("POST", "/api/generate", generate(model, keep_alive=keep_alive), AGENT)
    assert (answer.status, answer.json["done_reason"]) == (200, "unload")


def test_stop_of_a_model_that_nobody_has_says_so(whole: Running) -> None:
    answer = whole.ask("POST", "/api/generate", generate("nope", keep_alive="0s"), AGENT)
    assert (answer.status, answer.json) == (404, {"error": "model 'nope' not found"})


def test_run_of_an_embedding_model_prints_a_vector(whole: Running, speaker: Speaker) -> None:
    body = {"model": speaker.model, "input": "Hello", "truncate": None, "options": None}
    answer = whole.ask("POST", "/api/embed", body, AGENT)
    assert answer.status == 200
    assert len(answer.json["embeddings"]) == 1


def test_rm_of_a_model_that_no_ollama_has_says_what_cannot_be_done(whole: Running) -> None:
    answer = whole.ask("DELETE", "/api/delete", {"model": "", "name": "scripted"}, AGENT)
    assert answer.status == 501
    assert "cannot change its models" in answer.json["error"]


def test_cp_asks_for_a_name_that_can_be(whole: Running) -> None:
    answer = whole.ask("POST", "/api/copy", {"source": "tiny", "destination": "a b"}, AGENT)
    assert (answer.status, answer.json) == (400, {"error": 'destination "a b" is invalid'})
