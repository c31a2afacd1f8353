"""The paths, their methods and scopes."""

from __future__ import annotations

import pytest

from ollamux.contract import ClientRequest
from ollamux.exchange import Settled
from ollamux.routes import Match, NoRoute, Redirect, Router

SERVED = [
    ("GET", "/", "root", None),
    ("HEAD", "/", "root", None),
    ("GET", "/api/version", "version", ""),
    ("HEAD", "/api/version", "version", ""),
    ("GET", "/api/status", "status", ""),
    ("GET", "/api/tags", "tags", ""),
    ("HEAD", "/api/tags", "tags", ""),
    ("GET", "/api/ps", "ps", ""),
    ("POST", "/api/show", "show", ""),
    ("POST", "/api/generate", "model", "inference"),
    ("POST", "/api/chat", "model", "inference"),
    ("POST", "/api/embed", "model", "inference"),
    ("POST", "/api/embeddings", "model", "inference"),
    ("POST", "/api/pull", "forward", "manage"),
    ("POST", "/api/push", "forward", "manage"),
    ("POST", "/api/create", "forward", "manage"),
    ("POST", "/api/copy", "forward", "manage"),
    ("DELETE", "/api/delete", "forward", "manage"),
    ("HEAD", "/api/blobs/sha256:ab", "blob", "manage"),
    ("POST", "/api/blobs/sha256:ab", "blob", "manage"),
    ("POST", "/api/me", "forward", "manage"),
    ("POST", "/api/signout", "forward", "manage"),
    ("DELETE", "/api/user/keys/x", "forward", "manage"),
    ("POST", "/api/experimental/web_search", "forward", "inference"),
    ("POST", "/api/experimental/web_fetch", "forward", "inference"),
    ("GET", "/api/experimental/model-recommendations", "recommendations", ""),
    ("POST", "/v1/chat/completions", "model", "inference"),
    ("POST", "/v1/completions", "model", "inference"),
    ("POST", "/v1/embeddings", "model", "inference"),
    ("POST", "/chat/completions", "model", "inference"),
    ("POST", "/completions", "model", "inference"),
    ("POST", "/embeddings", "model", "inference"),
    ("GET", "/v1/models", "models", ""),
    ("GET", "/v1beta/models", "models", ""),
    ("GET", "/models", "models", ""),
    ("GET", "/v1/models/org%2Fname%3A7b", "models", ""),
    ("GET", "/v1beta/models/org/name", "models", ""),
    ("GET", "/models/x", "models", ""),
    ("GET", "/v1/responses/resp_1", "response", "inference"),
    ("DELETE", "/v1/responses/resp_1", "response", "inference"),
    ("GET", "/v1/responses/resp_1/input_items", "response_input", "inference"),
    ("GET", "/health", "health", None),
    ("GET", "/healthz", "alive", None),
    ("GET", "/readyz", "ready", None),
    ("GET", "/health/detailed", "health_detailed", ""),
    ("GET", "/health/providers", "health_providers", ""),
    ("GET", "/health/providers/openai", "health_providers", ""),
    ("GET", "/api/providers", "providers", ""),
    ("GET", "/api/providers/openai/stats", "provider_stats", ""),
    ("GET", "/api/tags/openai", "tags_of", ""),
    ("GET", "/api/backends", "api_backends", ""),
    ("GET", "/api/models", "api_models", ""),
    ("GET", "/backends", "backends", ""),
    ("GET", "/thermal", "thermal", ""),
    ("GET", "/efficiency", "efficiency", ""),
    ("POST", "/efficiency", "efficiency_set", "manage"),
]


@pytest.mark.parametrize(("method", "path", "handler", "scope"), SERVED)
def test_every_route_has_its_handler_and_scope(method: str, path: str, handler: str, scope: str | None) -> None:
    found = Router().find(method, path)
    assert isinstance(found, Match) and found.target is not None
    assert (found.target.handler, found.target.scope) == (handler, scope)
    assert (found.target.serving is not None) == (handler == "model")


def test_the_hot_look_up_knows_exact_paths_alone() -> None:
    router = Router()
    hot = router.hot("POST", "/api/chat")
    assert hot is not None and hot.route is not None and hot.route.name == "chat"
    assert router.hot("POST", "/api/chat/") is None and router.hot("POST", "/api/blobs/x") is None


@pytest.mark.parametrize(
    "path",
    [
        "/v1/images/generations",
        "/v1/responses/a/b",
        "/api/web_search",
        "/v1/rerank",
        "/metrics",
        "/api",
        "/api/",
        "",
        "//",
        "/API/chat",
        "/api/blobs/",
        "/api/blobs/a/b",
        "/api/blobs/a%2Fb",
    ],
)
def test_what_ollama_does_not_serve_is_not_here_either(path: str) -> None:
    assert isinstance(Router().find("POST", path), NoRoute)


@pytest.mark.parametrize(
    ("path", "allow"),
    [("/", "HEAD, GET"), ("/api/tags", "HEAD, GET"), ("/api/chat", "POST"), ("/api/delete", "DELETE"),
     ("/api/blobs/x", "HEAD, POST")],
)  # fmt: skip
def test_another_method_is_a_match_without_a_target_that_says_which_there_are(path: str, allow: str) -> None:
    assert Router().find("PATCH", path) == Match(None, allow)


def test_a_slash_too_many_or_too_few_is_a_redirect_where_the_method_fits() -> None:
    router = Router()
    assert router.find("POST", "/api/chat/") == Redirect("/api/chat")
    assert router.find("POST", "/api/blobs/x/") == Redirect("/api/blobs/x")
    assert isinstance(router.find("GET", "/api/chat/"), NoRoute)


def test_a_path_is_decoded_before_it_is_looked_up() -> None:
    assert isinstance(Router().find("POST", "/api/ch%61t"), Match)


def test_a_path_tells_the_format_of_its_clients() -> None:
    router = Router()
    named = {path: serving.name for path in ("/api/chat", "/v1/chat/completions") if (serving := router.serving(path))}
    assert named == {"/api/chat": "ollama", "/v1/chat/completions": "openai_chat"}
    assert router.serving("/api/tags") is None


def test_what_stands_in_the_place_of_a_name_is_told_decoded_with_its_slashes() -> None:
    for path in ("/v1/models/org%2Fname%3A7b", "/v1/models/org/name:7b", "/v1beta/models/org/name:7b"):
        found = Router().find("GET", path)
        assert isinstance(found, Match) and found.target is not None and found.target.place.argument == "org/name:7b"


def test_a_name_with_more_behind_it_is_another_path() -> None:
    found = Router().find("GET", "/v1/responses/resp_1/input_items")
    assert isinstance(found, Match) and found.target is not None and found.target.place.argument == "resp_1"
    called = Router().find("POST", "/v1/models/m:generateContent")
    assert isinstance(called, Match) and called.target is not None and called.target.handler == "model"


def test_a_list_with_a_slash_behind_it_leads_to_the_list() -> None:
    assert Router().find("GET", "/v1/models/") == Redirect("/v1/models")


def test_a_front_may_bring_pages_of_its_own() -> None:
    router = Router()
    settled = Settled(200, (), b"mine")
    router.mount("GET", "/mine", "manage", lambda request, now: settled)
    found = router.find("GET", "/mine")
    assert isinstance(found, Match) and found.target is not None and found.target.scope == "manage"
    assert found.target.page is not None
    assert found.target.page(ClientRequest("GET", "/mine", {}), 0.0) is settled
    assert router.hot("GET", "/mine") == found.target
    assert router.find("POST", "/mine") == Match(None, "GET")


def test_a_path_that_was_asked_for_before_tells_of_what_is_mounted_there_later() -> None:
    router = Router()
    before = router.find("GET", "/backends")
    assert isinstance(before, Match) and before.allow == "GET" and router.find("GET", "/backends") == before
    router.mount("DELETE", "/backends", "", lambda request, now: Settled(204, (), b""))
    after = router.find("GET", "/backends")
    assert isinstance(after, Match) and after.allow == "GET, DELETE"
