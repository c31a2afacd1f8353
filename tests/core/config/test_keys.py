"""Reading keys, and the bind that needs one."""

from __future__ import annotations

from typing import Any

import pytest

from ollamux.config import Config, ConfigError, Layer, Secret, bind_problem, is_loopback, load, resolve_keys


def _load(env: dict[str, str] | None = None, **data: Any) -> Config:
    return load([Layer("f", data)], env or {})


def _no_file(path: str) -> str:
    raise FileNotFoundError(2, "No such file or directory", path)


def test_keys_are_read_from_variables_and_files() -> None:
    config = resolve_keys(
        _load(
            server={"keys": [{"name": "a", "key_env": "A"}, {"name": "b", "key_file": "b"}, {"name": "c", "key": "z"}]},
            backends=[
                {"id": "d", "type": "ollama", "api_key_env": "A"},
                {"id": "e", "type": "ollama", "api_key_file": "e"},
                {"id": "f", "type": "ollama", "api_key": "y"},
                {"id": "g", "type": "ollama"},
            ],
        ),
        {"A": " one "},
        {"b": "two\n", "e": "three\n"}.__getitem__,
    )
    assert [key.key for key in config.server.keys] == [Secret("one"), Secret("two"), Secret("z")]
    keys = [backend.api_key for backend in config.backends or ()]
    assert keys == [Secret("one"), Secret("three"), Secret("y"), None]
    assert all(backend.key_missing is None for backend in config.backends or ())


def test_a_key_for_clients_that_cannot_be_read_is_an_error() -> None:
    config = _load(
        server={
            "keys": [
                {"name": "a", "key_env": "A"},
                {"name": "b", "key_file": "nowhere"},
                {"name": "c", "key_env": "C"},
            ]
        }
    )
    with pytest.raises(ConfigError) as caught:
        resolve_keys(config, {"C": "hush\nhush"}, _no_file)
    assert caught.value.problems == (
        "server.keys: a: A is not set in the environment",
        "server.keys: b: nowhere cannot be read: No such file or directory",
        "server.keys: c: C holds no key of visible ASCII characters",
    )


def test_a_backends_key_that_cannot_be_read_is_told_when_it_is_wanted() -> None:
    def read(path: str) -> str:
        return {"empty": "\n"}[path] if path != "binary" else b"\xff".decode()

    config = resolve_keys(
        _load(
            backends=[
                {"id": "a", "type": "ollama", "api_key_env": "A"},
                {"id": "b", "type": "ollama", "api_key_file": "empty"},
                {"id": "c", "type": "ollama", "api_key_file": "binary"},
            ]
        ),
        {},
        read,
    )
    assert [(backend.api_key, backend.key_missing) for backend in config.backends or ()] == [
        (None, "A is not set in the environment"),
        (None, "empty is empty"),
        (None, "binary is not text"),
    ]


def test_every_secret_of_a_backend_may_stand_elsewhere() -> None:
    told = {"token_url": "http://h", "client_id": "me", "client_secret_file": "s"}
    config = resolve_keys(
        _load(
            backends=[
                {"id": "aws_bedrock", "access_key_env": "A", "secret_key_file": "s", "session_token": "t"},
                {"id": "vllm", "auth": {"oauth2": told}},
            ]
        ),
        {"A": "one", "AWS_REGION": "eu-west-1"},
        {"s": "two"}.__getitem__,
    )
    bedrock, vllm = tuple(config.backends or ())
    assert (bedrock.access_key, bedrock.secret_key, bedrock.session_token) == (
        Secret("one"),
        Secret("two"),
        Secret("t"),
    )
    assert bedrock.region == "eu-west-1" and bedrock.key_missing is None
    assert vllm.oauth2 is not None and vllm.oauth2.client_secret == Secret("two")


def test_awss_own_variables_serve_a_backend_that_is_told_no_credentials() -> None:
    env = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c", "AWS_DEFAULT_REGION": "r"}
    told, own, bearer = (
        list(resolve_keys(_load(backends=[{"id": "aws_bedrock", **more}]), env, _no_file).backends or ())
        for more in ({}, {"access_key": "x", "secret_key": "y", "region": "q"}, {"api_key": "k"})
    )
    assert (told[0].access_key, told[0].secret_key, told[0].region) == (Secret("a"), Secret("b"), "r")
    assert told[0].session_token == Secret("c")
    assert (own[0].access_key, own[0].session_token, own[0].region) == (Secret("x"), None, "q")
    assert bearer[0].access_key is None


@pytest.mark.parametrize(
    ("backend", "missing"),
    [
        ({"id": "openai"}, "OPENAI_API_KEY is not set in the environment"),
        ({"id": "openai", "endpoint": "http://127.0.0.1:8000"}, None),
        ({"id": "openai", "auth": "none"}, None),
        ({"id": "openai", "headers": {"Authorization": "Basic x"}}, None),
        ({"id": "openai", "api_keys": ["a"]}, None),
        ({"id": "aws_bedrock", "access_key": "a"}, "AWS_BEDROCK_SECRET_KEY is not set in the environment"),
        ({"id": "aws_bedrock"}, "AWS_BEDROCK_ACCESS_KEY is not set in the environment"),
        ({"id": "openai", "auth": "oauth2", "oauth2": {"token_url": "http://h", "client_id": "x"}},
         "`oauth2` has no client_secret"),
        ({"id": "vertex", "endpoint": "https://eu-aiplatform.googleapis.com/v1"},
         "VERTEX_API_KEY is not set in the environment"),
        ({"id": "vertex", "endpoint": "http://127.0.0.1:8000"}, None),
        ({"id": "ollama"}, None),
        ({"id": "litellm"}, None),
    ],
)  # fmt: skip
def test_a_vendor_that_wants_a_key_and_has_none_says_which_variable_would_hold_it(
    backend: dict[str, Any], missing: str | None
) -> None:
    (found,) = tuple(resolve_keys(_load(backends=[backend]), {}, _no_file).backends or ())
    assert found.key_missing == missing


def test_a_configuration_without_keys_stays_as_it_is() -> None:
    assert resolve_keys(Config(), {}, _no_file) == Config()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", "LOCALHOST."])
def test_a_loopback_address_needs_no_key(host: str) -> None:
    assert is_loopback(host)
    assert bind_problem(_load(server={"host": host})) is None


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "models.lan", "fe80::1%eth0"])
def test_another_address_needs_a_key_or_the_word_none(host: str) -> None:
    problem = bind_problem(_load(server={"host": host}))
    assert problem is not None
    assert host in problem
    assert "SERVICE_API_KEY" in problem
    assert "OLLAMUX_SERVER__AUTH=none" in problem
    assert bind_problem(_load({"SERVICE_API_KEY": "k"}, server={"host": host})) is None
    assert bind_problem(_load({"OLLAMUX_SERVER__AUTH": "none"}, server={"host": host})) is None
