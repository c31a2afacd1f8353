"""The paths, their methods and scopes."""

from __future__ import annotations

import pytest

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
    ("GET", "/health", "health", None),
    ("GET", "/healthz", "alive", None),
    ("GET", "/readyz", "ready", None),
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
        "/v1/messages/count_tokens",
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
