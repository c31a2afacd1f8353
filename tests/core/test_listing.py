"""The models of all backends, in the shapes of three APIs."""

from __future__ import annotations

from typing import Any

import pytest
from anthropic.types import ModelInfo
from openai.types import Model
from tests.support.driving import Asked, Driven, driven

from ollamux.listing import shape_of

ANTHROPIC = {"anthropic-version": "2023-06-01"}
GOOGLE = {"x-goog-api-key": "k"}
ALL = sorted(["nice", "vectors", "org/model-1:7b", "v", "tiny:latest", "auto"])


def street(**settings: Any) -> Driven:
    models = {
        "nice": {"backend": "a", "api_model": "org/model-1:7b", "context_length": 4096, "capabilities": ["completion"]},
        "vectors": {"backend": "a", "api_model": "v", "capabilities": ["embedding", "thinking"]},
    }
    run = driven({"models": models, **settings}, learn=False, a="vllm", o="ollama")
    run.learn(a=["org/model-1:7b", "v"], o=["tiny:latest"])
    return run


def names(asked: Asked, key: str = "data", name: str = "id") -> list[str]:
    assert asked.status == 200, asked.body
    return [row[name] for row in asked.json[key]]


@pytest.mark.parametrize("path", ["/v1/models", "/models"])
def test_every_model_is_listed_once_as_it_is_configured_and_as_its_backend_spells_it(path: str) -> None:
    asked = street().ask("GET", path)
    assert sorted(names(asked)) == ALL and asked.json["object"] == "list"
    assert asked.headers["x-ollamux"] == "this-one" and asked.headers["content-type"] == "application/json"
    assert {row["owned_by"] for row in asked.json["data"]} == {"vllm", "ollama", "ollamux"}


def test_the_shape_of_openai_is_what_its_client_wants() -> None:
    for row in street().ask("GET", "/v1/models").json["data"]:
        Model.model_validate(row, strict=True)
        assert row["created"] > 0


def test_the_shape_of_anthropic_is_what_its_client_wants() -> None:
    asked = street().ask("GET", "/v1/models?beta=true", headers=ANTHROPIC)
    told = asked.json
    for row in told["data"]:
        ModelInfo.model_validate(row)
    assert sorted(names(asked)) == ALL and told["has_more"] is False
    assert (told["first_id"], told["last_id"]) == (told["data"][0]["id"], told["data"][-1]["id"])
    assert next(row for row in told["data"] if row["id"] == "nice")["max_input_tokens"] == 4096


def test_anthropics_pages_are_as_long_as_was_asked() -> None:
    run = street()

    def page(query: str) -> tuple[list[str], bool]:
        asked = run.ask("GET", f"/v1/models?{query}", headers=ANTHROPIC)
        return names(asked), asked.json["has_more"]

    every = page("")[0]
    assert page("limit=2") == (every[:2], True)
    assert page(f"limit=3&after_id={every[1]}") == (every[2:5], True)
    assert page(f"limit=2&before_id={every[4]}") == (every[2:4], True)
    assert page(f"limit=4&after_id={every[1]}") == (every[2:], False)
    assert page("limit=x&after_id=nobody") == (every, False)
    last = run.ask("GET", f"/v1/models?after_id={every[-1]}", headers=ANTHROPIC).json
    assert (last["data"], last["first_id"], last["last_id"]) == ([], None, None)


@pytest.mark.parametrize(
    ("path", "headers"),
    [("/v1/models", GOOGLE), ("/v1beta/models", {}), ("/v1/models?key=k", {}), ("/v1beta/models?pageSize=100", {})],
)
def test_the_shape_of_google_is_what_its_clients_want(path: str, headers: dict[str, str]) -> None:
    rows = {row["displayName"]: row for row in street().ask("GET", path, headers=headers).json["models"]}
    assert sorted(rows) == ALL
    assert rows["nice"] == {
        "name": "models/nice",
        "displayName": "nice",
        "supportedGenerationMethods": ["generateContent", "streamGenerateContent", "countTokens"],
        "inputTokenLimit": 4096,
    }
    assert rows["vectors"]["supportedGenerationMethods"] == ["embedContent", "batchEmbedContents"]
    assert rows["vectors"]["thinking"] is True


def test_googles_pages_follow_one_another() -> None:
    run = street()
    found: list[str] = []
    token = ""
    for _ in range(3):
        asked = run.ask("GET", f"/v1beta/models?pageSize=2{token}")
        found += names(asked, "models", "displayName")
        token = f"&pageToken={asked.json.get('nextPageToken')}"
    assert sorted(found) == ALL and token == "&pageToken=None"


@pytest.mark.parametrize(
    "path", ["/v1/models/org%2Fmodel-1%3A7b", "/v1/models/org/model-1:7b", "/models/org/model-1:7b"]
)
def test_one_model_may_have_slashes_in_its_name(path: str) -> None:
    asked = street().ask("GET", path)
    assert (asked.status, asked.json["id"], asked.json["object"]) == (200, "org/model-1:7b", "model")


def test_one_model_is_told_under_the_name_that_was_asked_for() -> None:
    assert street().ask("GET", "/v1/models/tiny").json["id"] == "tiny"
    assert street().ask("GET", "/v1/models/nice", headers=ANTHROPIC).json["type"] == "model"
    assert street().ask("GET", "/v1beta/models/nice").json["name"] == "models/nice"


@pytest.mark.parametrize("headers", [{}, ANTHROPIC, GOOGLE])
def test_a_model_that_nobody_has_is_unknown_in_every_format_once_all_were_asked_again(headers: dict[str, str]) -> None:
    run = street()
    run.pass_time(5)
    asked = run.ask("GET", "/v1/models/nope", headers=headers)
    assert not asked.over
    run.learn(a=["org/model-1:7b", "v"], o=["tiny:latest"])
    assert asked.status == 404
    error = asked.json["error"]
    if headers == ANTHROPIC:
        assert (asked.json["type"], error["type"]) == ("error", "not_found_error")
    elif headers == GOOGLE:
        assert (error["code"], error["status"]) == (404, "NOT_FOUND")
    else:
        assert (error["type"], error["param"], error["code"]) == ("invalid_request_error", "model", "model_not_found")
        assert "nice" in error["message"] and "'nope'" in error["message"]


def test_a_model_that_appears_while_it_is_asked_for_is_found() -> None:
    run = street()
    run.pass_time(5)
    asked = run.ask("GET", "/v1/models/new")
    run.learn(a=["new"], o=["tiny:latest"])
    assert (asked.status, asked.json["id"]) == (200, "new")


def test_a_list_waits_for_backends_that_are_asked_anew_and_no_longer_than_its_patience() -> None:
    run = street()
    run.pass_time(5)
    asked = run.ask("GET", "/v1/models")
    assert not asked.over
    run.pass_time(1)
    assert sorted(names(asked)) == ALL


def test_a_key_that_is_missing_is_told_in_the_clients_format() -> None:
    keys = [{"name": "k", "key": "a-key", "scopes": ["inference"]}]
    run = street(server={"keys": keys})
    assert run.ask("GET", "/v1/models").json["error"]["type"] == "authentication_error"
    assert run.ask("GET", "/models").json["error"]["type"] == "authentication_error"
    assert run.ask("GET", "/v1/models", headers=ANTHROPIC).json["type"] == "error"
    assert run.ask("GET", "/v1beta/models").json["error"]["code"] == 401
    assert run.ask("GET", "/api/tags").json == {"error": "invalid or missing API key"}
    assert sorted(names(run.ask("GET", "/v1/models?key=a-key"), "models", "displayName")) == ALL
    assert run.ask("GET", "/v1/models", headers={"authorization": "Bearer a-key"}).status == 200


@pytest.mark.parametrize(
    ("path", "headers", "query", "shape"),
    [
        ("/v1/models", {}, "", "openai_chat"),
        ("/v1/models", {}, "beta=true", "openai_chat"),
        ("/v1/models", ANTHROPIC, "", "anthropic"),
        ("/v1/models", {**ANTHROPIC, **GOOGLE}, "", "gemini"),
        ("/v1/models", {}, "a=b&key=x", "gemini"),
        ("/v1beta/models", ANTHROPIC, "", "gemini"),
    ],
)
def test_a_shape_is_chosen_by_what_the_clients_of_an_api_bring(
    path: str, headers: dict[str, str], query: str, shape: str
) -> None:
    assert shape_of(path, headers, query) == shape
