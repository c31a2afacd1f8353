"""Requests about models themselves: who gets them, under which name, and what is answered without anybody."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.driving import Asked, Driven, driven

METHODS = {"/api/delete": "DELETE"}


def ask(run: Driven, path: str, body: Any, **headers: str) -> Asked:
    return run.ask(METHODS.get(path, "POST"), path, body, {k.replace("_", "-"): v for k, v in headers.items()})


@pytest.mark.parametrize(
    ("path", "body", "status", "error"),
    [
        ("/api/show", {}, 400, "model is required"),
        ("/api/show", {"model": " "}, 400, "model is required"),
        ("/api/show", {"model": "a b"}, 400, "invalid model name"),
        ("/api/show", {"model": "nope"}, 404, "model 'nope:latest' not found"),
        ("/api/pull", {}, 400, "invalid model name"),
        ("/api/pull", {"model": "a b"}, 400, "invalid model name"),
        ("/api/push", {}, 400, "model is required"),
        ("/api/create", {}, 400, "invalid model name"),
        ("/api/copy", {"source": "m", "destination": ""}, 400, 'destination "" is invalid'),
        ("/api/copy", {"source": "", "destination": "x"}, 400, 'source "" is invalid'),
        ("/api/copy", {"source": "a b", "destination": "x"}, 400, 'source "a b" is invalid'),
        ("/api/copy", {"source": "nope", "destination": "x"}, 404, 'model "nope" not found'),
        ("/api/delete", {}, 400, "model is required"),
        ("/api/delete", {"model": "a b"}, 400, 'name "a b" is invalid'),
        ("/api/delete", {"name": "nope"}, 404, "model 'nope' not found"),
        ("/api/delete", {"name": "{nope}"}, 400, 'name "{nope}" is invalid'),
        ("/api/show", b"", 400, "missing request body"),
        ("/api/pull", b'{"model":', 400, "unexpected EOF"),
    ],
)
def test_names_are_checked_in_ollamas_words_and_nobody_is_called(path: str, body: Any, status: int, error: str) -> None:
    asked = ask(driven(o="ollama"), path, body)
    assert (asked.status, asked.json, asked.calls) == (status, {"error": error}, [])


@pytest.mark.parametrize("path", ["/api/show", "/api/pull", "/api/push", "/api/create", "/api/delete"])
@pytest.mark.parametrize("field", ["model", "name", "MODEL"])
def test_the_old_field_and_any_case_will_do(path: str, field: str) -> None:
    asked = ask(driven(o="ollama"), path, {field: "m"})
    assert asked.called.url == f"http://o:1{path}" and asked.called.json == {field: "m"}


def test_a_model_is_managed_where_it_is_at_home() -> None:
    run = driven(o="ollama", p="ollama", learn=False)
    run.learn(o=["m"], p=["q"])
    assert ask(run, "/api/delete", {"model": "q"}).asked == ["p"]
    assert ask(run, "/api/copy", {"source": "q", "destination": "r"}).asked == ["p"]
    assert ask(run, "/api/show", {"model": "q"}).asked == ["p"]
    assert ask(run, "/api/pull", {"model": "new"}).asked == ["o"]


def test_who_is_to_do_it_may_be_named_by_id_or_by_type() -> None:
    run = driven(o="ollama", p="ollama")
    assert ask(run, "/api/pull", {"model": "x"}, x_provider="p").asked == ["p"]
    assert ask(run, "/api/pull", {"model": "x"}, x_provider="OLLAMA").asked == ["o"]
    asked = ask(run, "/api/pull", {"model": "x"}, x_provider="q")
    assert asked.status == 400 and "(there are: o, p)" in asked.json["error"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/api/pull", {"model": "x"}),
        ("POST", "/api/push", {"model": "m"}),
        ("POST", "/api/create", {"model": "x", "from": "m"}),
        ("POST", "/api/copy", {"source": "m", "destination": "x"}),
        ("DELETE", "/api/delete", {"model": "m"}),
        ("POST", "/api/show", {"model": "m"}),
        ("HEAD", "/api/blobs/sha256:ab", None),
        ("POST", "/api/blobs/sha256:ab", None),
    ],
)
def test_every_one_of_these_goes_to_the_backend_that_is_its_target(method: str, path: str, body: Any) -> None:
    run = driven(o={"type": "ollama", "priority": 60}, p="ollama", v="vllm")
    data = b"" if body is None else body
    assert run.ask(method, path, data, {"x-target-backend": "p"}).asked == ["p"]
    assert run.ask(method, path, data, {"x-target-backend": "p", "x-provider": "ollama"}).asked == ["p"]
    for headers in (
        {"x-target-backend": "q"},
        {"x-target-backend": "ollama"},
        {"x-target-backend": "p", "x-provider": "o"},
    ):
        asked = run.ask(method, path, data, headers)
        assert asked.status == 400 and "names no backend" in asked.json["error"] and asked.calls == []


def test_a_model_is_described_as_the_named_backend_has_it() -> None:
    run = driven(o={"type": "ollama", "priority": 60}, v="vllm")
    asked = ask(run, "/api/show", {"model": "m"}, x_target_backend="v")
    assert asked.status == 200 and asked.calls == []
    asked = ask(run, "/api/show", {"model": "m"}, x_provider="anthropic")
    assert asked.status == 400 and "there are: o, v" in asked.json["error"]


def test_the_healthy_and_then_the_preferred_manager_is_the_first_choice() -> None:
    run = driven(o="ollama", p={"type": "ollama", "priority": 60})
    assert ask(run, "/api/pull", {"model": "x"}).asked == ["p"]
    for _ in range(3):
        run.gateway.backend("p").health.bad("x")
    assert ask(run, "/api/pull", {"model": "x"}).asked == ["o"]


def test_the_backends_own_name_goes_upstream_and_all_else_survives() -> None:
    run = driven(o={"type": "ollama", "model_prefix": "lab/"})
    body = b'{ "Source" : "lab/m", "destination":"x", "n":1.50, "model":"other" } trailing'
    asked = ask(run, "/api/copy", body)
    assert asked.called.uploaded == b'{ "Source" : "m", "destination":"x", "n":1.50, "model":"other" } trailing'


def test_a_body_that_holds_what_json_forbids_is_renamed_all_the_same() -> None:
    run = driven(o={"type": "ollama", "model_prefix": "lab/"})
    asked = ask(run, "/api/show", b'{"system":"\xff","model":"x","model":"lab/m"}')
    assert b'"model":"m"' in asked.called.uploaded and b"\xff" in asked.called.uploaded


def test_what_no_ollama_has_cannot_be_changed() -> None:
    run = driven(o="ollama", v="vllm", learn=False)
    run.learn(o=["m"], v=["v"])
    asked = ask(run, "/api/delete", {"model": "v"})
    assert asked.status == 501
    assert asked.json["error"] == "this endpoint cannot do that: backend 'v' cannot change its models"
    run = driven(v="vllm")
    asked = ask(run, "/api/pull", {"model": "x"})
    assert (asked.status, asked.calls) == (501, []) and "no backend manages models" in asked.json["error"]
    assert ask(run, "/api/me", {}).status == 501


def test_one_that_cannot_be_called_is_told_with_its_reason() -> None:
    run = driven(o="ollama")
    run.gateway.backend("o").misconfigured = "the variable A is not set"
    asked = ask(run, "/api/pull", {"model": "x"})
    assert (asked.status, asked.json) == (502, {"error": "backend 'o' is not available: the variable A is not set"})


def test_a_model_of_another_backend_is_described_from_the_catalog() -> None:
    run = driven({"models": {"big": {"backend": "v", "api_model": "m", "context_length": 8192}}}, v="vllm")
    asked = ask(run, "/api/show", {"model": "big"})
    assert asked.status == 200 and asked.calls == []
    assert asked.json["model_info"]["unknown.context_length"] == 8192 and asked.json["capabilities"]


def test_a_model_whose_ollama_is_away_is_described_from_the_catalog_too() -> None:
    run = driven(o="ollama")
    run.gateway.backend("o").misconfigured = "x"
    asked = ask(run, "/api/show", {"model": "m"})
    assert asked.status == 200 and asked.calls == []


def test_what_names_no_model_goes_to_the_first_manager_with_its_query() -> None:
    run = driven(o="ollama")
    asked = run.ask("POST", "/api/me?x=1", b"")
    assert asked.called.url == "http://o:1/api/me?x=1"
    asked = run.ask("DELETE", "/api/user/keys/a%2Bb")
    assert (asked.called.call.method, asked.called.url) == ("DELETE", "http://o:1/api/user/keys/a%2Bb")
    asked = run.ask("HEAD", "/api/blobs/sha256:ab")
    asked.called.answer(404, b"")
    assert asked.status == 404


def test_a_pattern_describes_a_model_and_never_has_one_changed() -> None:
    run = driven({"aliases": {"gpt-*": "m"}}, o="ollama")
    assert ask(run, "/api/show", {"model": "gpt-4o"}).called.json == {"model": "m"}
    assert ask(run, "/api/delete", {"model": "gpt-4o"}).json == {"error": "model 'gpt-4o' not found"}
    assert ask(run, "/api/pull", {"model": "gpt-oss"}).called.json == {"model": "gpt-oss"}
