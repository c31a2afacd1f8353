"""Who may ask what, and that no secret is ever told: to clients, to logs, to another backend."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.dialogues import ALL, OLLAMA, OPENAI, backends, says, speaks
from tests.support.running import Running, running
from tests.support.scripted import Asked, Wire, backend

USE, MANAGE, UPSTREAM = "use-4f1d0c", "manage-77aa21", "upstream-secret-9c3e"
KEYS = [
    {"name": "laptop", "key": USE, "scopes": ["inference"]},
    {"name": "admin", "key": MANAGE, "scopes": ["inference", "manage"]},
]


def _pulls(asked: Asked, wire: Wire) -> None:
    if asked.path == "/api/pull":
        wire.answer(200, b'{"status":"success"}\n', "application/x-ndjson")
    else:
        speaks("Hello")(asked, wire)


@pytest.fixture(scope="module")
def server() -> Iterator[Running]:
    with backend(_pulls, style="ollama") as only:
        found = backends(only, api_key=UPSTREAM)
        with running({"backends": found, "server": {"keys": KEYS}}) as running_server:
            yield running_server


def _bearer(key: str, **more: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}", **more}


@pytest.mark.parametrize("headers", [{}, _bearer("wrong"), _bearer(""), {"Authorization": f"Basic {USE}"}])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/tags"),
        ("GET", "/api/ps"),
        ("GET", "/api/version"),
        ("POST", "/api/show"),
        ("POST", "/api/chat"),
        ("POST", "/api/pull"),
        ("DELETE", "/api/delete"),
        ("POST", "/api/blobs/sha256:" + "0" * 64),
    ],
)
def test_without_a_valid_key_ollama_clients_are_told_401_in_their_form(
    server: Running, method: str, path: str, headers: dict[str, str]
) -> None:
    answer = server.ask(method, path, b"{}", headers)
    assert answer.status == 401
    assert isinstance(answer.json["error"], str)
    assert answer.header("www-authenticate") == "Bearer"


def test_without_a_valid_key_openai_clients_are_told_401_in_their_form(server: Running) -> None:
    answer = server.ask("POST", "/v1/chat/completions", OPENAI.body())
    assert answer.status == 401
    assert answer.json["error"]["type"] == "authentication_error"
    assert answer.json["error"]["message"]


@pytest.mark.parametrize(
    "headers",
    [_bearer(USE), {"Authorization": f"bearer {USE}"}, {"X-API-Key": USE}, {"x-goog-api-key": USE}, {"api-key": USE}],
)
def test_a_key_may_come_in_the_header_of_any_protocol(server: Running, headers: dict[str, str]) -> None:
    for dialect in ALL:
        assert dialect.text(dialect.ask(server, **headers)) == "Hello"
    assert server.ask("GET", "/api/tags", headers=headers).status == 200


def test_a_key_may_come_in_the_query(server: Running) -> None:
    assert server.ask("GET", f"/api/tags?key={USE}").status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/api/pull"),
        ("POST", "/api/push"),
        ("POST", "/api/create"),
        ("POST", "/api/copy"),
        ("DELETE", "/api/delete"),
        ("POST", "/api/blobs/sha256:" + "0" * 64),
    ],
)
def test_a_key_for_inference_may_not_change_models(server: Running, method: str, path: str) -> None:
    answer = server.ask(method, path, {"model": "x"}, _bearer(USE))
    assert answer.status == 403
    assert "manage" in answer.json["error"]


def test_a_key_for_managing_may(server: Running) -> None:
    assert server.ask("POST", "/api/pull", {"model": "x"}, _bearer(MANAGE)).status == 200


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz"])
def test_the_open_routes_stay_open(server: Running, path: str) -> None:
    assert server.ask("GET", path).status == 200


def test_a_name_that_this_server_does_not_have_is_403_but_with_a_valid_key(server: Running) -> None:
    for path in ("/", "/api/tags"):
        assert server.ask("GET", path, headers={"Host": "evil.example"}).status == 403
        assert server.ask("GET", path, headers=_bearer("wrong", Host="evil.example")).status == 403
        assert server.ask("GET", path, headers=_bearer(USE, Host="evil.example")).status == 200


def test_an_origin_that_is_not_allowed_is_403_even_with_a_key(server: Running) -> None:
    assert server.ask("GET", "/api/tags", headers=_bearer(USE, Origin="https://evil.example")).status == 403
    answer = server.ask("GET", "/api/tags", headers=_bearer(USE, Origin="http://localhost:3000"))
    assert answer.status == 200
    assert answer.header("access-control-allow-origin") == "http://localhost:3000"


def test_a_stream_carries_the_headers_that_its_origin_needs(server: Running) -> None:
    answer = OLLAMA.ask(server, Origin="http://localhost:3000", **_bearer(USE))
    assert OLLAMA.text(answer) == "Hello"
    assert answer.header("access-control-allow-origin") == "http://localhost:3000"


def test_the_keys_of_clients_and_backends_do_not_meet() -> None:
    with backend(says("Hello")) as first, backend(says("Hello")) as second:
        found = backends(first, second)
        found[0]["api_key"] = UPSTREAM
        found[1]["headers"] = {"X-Title": "mine"}
        with running({"backends": found, "server": {"keys": KEYS}}) as server:
            OPENAI.ask(server, Cookie="session=1", **_bearer(USE))
            first.stop()
            OPENAI.ask(server, **_bearer(USE))
            to_first, to_second = first.calls[0].headers, second.calls[0].headers
            assert to_first["authorization"] == f"Bearer {UPSTREAM}"
            assert "authorization" not in to_second
            assert to_second["x-title"] == "mine"
            assert "x-title" not in to_first
            assert "cookie" not in to_first
            for asked in first.asked + second.asked:
                assert USE not in repr(asked)


def _echoes(asked: Asked, wire: Wire) -> None:
    """A backend that repeats the key that it refuses, as some do."""
    wire.answer(
        401,
        {"error": {"message": f"Incorrect API key: {asked.headers.get('authorization')}"}},
        "application/json",
        f"X-Key: {asked.headers.get('authorization')}",
    )


def test_no_secret_is_told_in_an_answer_or_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen = ""
    with backend(_echoes) as echoing, backend(_echoes, "n") as cut, backend(speaks("x"), "o", style="ollama") as gone:
        found: list[dict[str, Any]] = backends(echoing, cut, gone, api_key=UPSTREAM)
        with running({"backends": found, "server": {"keys": KEYS}}) as server:
            gone.stop()
            for headers in ({}, _bearer("wrong"), _bearer(USE), _bearer(MANAGE)):
                for model in ("m", "n", "o", "nothing"):
                    for dialect in ALL:
                        seen += repr(server.ask("POST", dialect.path, dialect.body(model), headers))
                for method, path in (
                    ("GET", "/api/tags"),
                    ("GET", "/api/ps"),
                    ("POST", "/api/show"),
                    ("POST", "/api/pull"),
                ):
                    seen += repr(server.ask(method, path, {"model": "m"}, headers))
                for path in ("/", "/readyz", "/nowhere", f"/api/tags?key={USE}", "/v1/models"):
                    seen += repr(server.ask("GET", path, headers=headers))
            seen += repr(server.server.gateway.report(0.0))
    assert "credentials (status 401)" in seen
    for secret in (USE, MANAGE, UPSTREAM):
        assert secret not in seen
        assert secret not in caplog.text
        assert secret not in repr([record.__dict__ for record in caplog.records])


def test_a_request_that_came_back_to_this_gateway_is_508(server: Running) -> None:
    with backend(says("Hello")) as only, running({"backends": backends(only)}) as open_server:
        OPENAI.ask(open_server)
        via = only.calls[0].headers["x-ollamux-via"]
        for dialect in ALL:
            answer = dialect.ask(open_server, **{"X-Ollamux-Via": f"another, {via}"})
            assert answer.status == 508
            assert dialect.error(answer)
        assert OPENAI.text(OPENAI.ask(open_server, **{"X-Ollamux-Via": "another"})) == "Hello"
        assert len(only.calls) == 2


@pytest.mark.parametrize("style", ["ollama", "openai_compatible"])
def test_a_backend_that_is_a_gateway_itself_is_unreachable_and_never_called(style: str) -> None:
    with backend(says("Hello")) as only, running({"backends": backends(only)}) as inner:
        settings = {"backends": [{"id": "itself", "type": style, "endpoint": inner.url, "models": ["m"]}]}
        with running(settings) as outer:
            before = len(only.calls)
            for dialect in ALL:
                answer = dialect.ask(outer)
                assert answer.status in (404, 502)
                assert dialect.error(answer)
            report = outer.server.gateway.report(0.0)[0]
            assert report.state == "unreachable"
            assert "ollamux itself" in report.reason
            assert len(only.calls) == before
            assert outer.ask("GET", "/readyz").status == 503
