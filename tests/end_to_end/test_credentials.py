"""Keys in every place, keys that take turns, and tokens, over real sockets."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from tests.support.running import Running, running
from tests.support.scripted import Asked, Backend, Wire, backend

HELLO = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}]}
CHAT = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": False}


def chat(server: Running) -> int:
    return server.ask("POST", "/api/chat", CHAT).status


def says_hello(asked: Asked, wire: Wire) -> None:
    wire.answer(200, HELLO)


def settings(where: Backend, **keys: Any) -> dict[str, Any]:
    return {"backends": {"up": {"type": "openai_compatible", "endpoint": where.url, **keys}}}


@pytest.mark.parametrize(
    ("auth", "shown"),
    [
        ("bearer", lambda asked: asked.headers["authorization"] == "Bearer s3cret"),
        ("token", lambda asked: asked.headers["authorization"] == "token s3cret"),
        ("header:X-Key", lambda asked: asked.headers["x-key"] == "s3cret"),
        ("query:key", lambda asked: asked.path.endswith("?key=s3cret")),
    ],
)
def test_a_key_arrives_where_it_belongs_and_nowhere_else(auth: str, shown: Callable[[Asked], bool]) -> None:
    with backend(says_hello) as up, running(settings(up, api_key="s3cret", auth=auth, models=["m"])) as server:
        assert chat(server) == 200
        (call,) = up.calls
        assert shown(call)
        assert [*call.headers.values(), call.path].count("s3cret") == (auth == "header:X-Key")


def test_a_key_that_is_limited_rests_and_the_client_notices_nothing() -> None:
    def limits_one(asked: Asked, wire: Wire) -> None:
        if asked.headers["authorization"] == "Bearer first":
            wire.answer(429, {"error": {"message": "slow down"}}, "application/json", "Retry-After: 60")
        else:
            wire.answer(200, HELLO)

    with backend(limits_one) as up, running(settings(up, api_keys=["first", "second"])) as server:
        assert [chat(server) for _ in range(4)] == [200] * 4
        assert [call.headers["authorization"] for call in up.calls].count("Bearer first") == 1


def test_a_token_is_fetched_before_the_first_request_and_again_when_it_is_refused() -> None:
    given: list[str] = []

    def gives_tokens(asked: Asked, wire: Wire) -> None:
        if asked.path == "/token":
            given.append(f"t{len(given) + 1}")
            wire.answer(200, {"access_token": given[-1], "expires_in": 3600, "token_type": "Bearer"})
        elif asked.headers["authorization"] == "Bearer t1" and len(up.calls) > 2:
            wire.answer(401, {"error": {"message": "it has ended"}})
        else:
            wire.answer(200, HELLO)

    with backend(gives_tokens) as up:
        oauth2 = {"token_url": f"{up.url}/token", "client_id": "me", "client_secret": "s3cret", "scope": "a"}
        with running(settings(up, auth={"oauth2": oauth2})) as server:
            (told,) = server.server.gateway.report(0.0)
            assert told.state == "ready" and [model.name for model in told.models] == ["m"]
            assert chat(server) == 200
            request = up.calls[0]
            assert base64.b64decode(request.headers["authorization"].removeprefix("Basic ")) == b"me:s3cret"
            assert parse_qs(request.body.decode()) == {"grant_type": ["client_credentials"], "scope": ["a"]}
            assert chat(server) == 502
            server.refresh()
            assert chat(server) == 200 and given == ["t1", "t2"]


def test_an_endpoint_that_gives_no_token_is_named_and_no_secret_is() -> None:
    with backend(lambda asked, wire: wire.answer(401, {"error": "invalid_client", "x": "s3cret"})) as up:
        oauth2 = {"token_url": f"{up.url}/token", "client_id": "me", "client_secret": "s3cret"}
        with running(settings(up, auth={"oauth2": oauth2}, models=["m"])) as server:
            answer = server.ask("POST", "/v1/chat/completions", CHAT)
            assert answer.status == 503 and b"invalid_client" in answer.body and b"s3cret" not in answer.body
            assert len(up.calls) >= 2  # both ways to show the secret
