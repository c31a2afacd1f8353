"""Origins, hosts and keys."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from ollamux.errors import Forbidden, Unauthorized
from ollamux.gate import Gate, IssuedKey


def issued(text: str, *scopes: str) -> IssuedKey:
    return IssuedKey("k", hashlib.sha256(text.encode()).digest(), frozenset(scopes))


@pytest.mark.parametrize(
    "origin",
    [
        "http://localhost",
        "https://localhost:8443",
        "http://127.0.0.1:5173",
        "http://0.0.0.0:1",
        "app://obsidian.md",
        "file://",
        "tauri://localhost",
        "vscode-webview://abc",
    ],
)
def test_origins_of_this_machine_and_of_apps_are_allowed_and_echoed(origin: str) -> None:
    assert Gate().cors(origin, "h") == (("Access-Control-Allow-Origin", origin), ("Vary", "Origin"))


@pytest.mark.parametrize("origin", ["http://example.com", "null", "chrome-extension://abc", "http://LOCALHOST:3000"])
def test_other_origins_are_not(origin: str) -> None:
    assert Gate().cors(origin, "h") is None


def test_no_origin_and_the_own_origin_get_no_headers() -> None:
    assert Gate().cors(None, "h") == () == Gate().cors("http://h:1", "h:1")


def test_configured_origins_are_added_and_a_star_allows_all() -> None:
    assert Gate(origins=("https://*.example.com",)).cors("https://a.example.com", "h") is not None
    assert Gate(origins=("*",)).cors("http://anything", "h") == (("Access-Control-Allow-Origin", "*"),)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost:11434", True),
        ("127.0.0.1:1", True),
        ("[::1]:11434", True),
        ("10.1.2.3", True),
        ("0.0.0.0", True),
        ("", True),
        ("foo.localhost", True),
        ("host.docker.internal", True),
        ("box", True),
        ("8.8.8.8", False),
        ("198.51.100.7", True),
        ("evil.com:21434", False),
        ("models.lan", True),
    ],
)
def test_hosts_are_known_as_ollama_knows_them(host: str, known: bool) -> None:
    gate = Gate(hostname="Box", addresses=("198.51.100.7",), allowed_hosts=("models.lan",))
    assert gate.knows_host(host) is known
    assert gate.knows_host(host) is known  # remembered


def test_a_name_is_told_from_an_address() -> None:
    assert Gate().names_a_host("localhost:1") and not Gate().names_a_host("[::1]:1")


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"authorization": "Bearer s3cret"}, ""),
        ({"authorization": "bearer s3cret"}, ""),
        ({"x-api-key": "s3cret"}, ""),
        ({"x-goog-api-key": "s3cret"}, ""),
        ({"api-key": "s3cret"}, ""),
        ({}, "key=s3cret"),
        ({"authorization": "Bearer other", "x-api-key": "s3cret"}, ""),
    ],
)
def test_a_key_is_taken_from_wherever_its_protocol_puts_it(headers: dict[str, str], query: str) -> None:
    gate = Gate(keys=(issued("s3cret", "inference"),))
    gate.admit(headers, query, "inference")


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer wrong"}, {"authorization": "Basic s3cret"}])
def test_without_a_valid_key_nobody_comes_in(headers: dict[str, Any]) -> None:
    with pytest.raises(Unauthorized) as caught:
        Gate(keys=(issued("s3cret"),)).admit(headers, "", "")
    assert "wrong" not in caught.value.message


def test_a_key_without_the_scope_is_forbidden_and_an_empty_scope_takes_any_key() -> None:
    gate = Gate(keys=(issued("a", "inference"), issued("b", "manage")))
    gate.admit({"x-api-key": "b"}, "", "")
    with pytest.raises(Forbidden, match="'manage'"):
        gate.admit({"x-api-key": "a"}, "", "manage")


def test_a_preflight_lists_what_may_be_sent() -> None:
    headers = dict(Gate().preflight("http://localhost:3000"))
    assert headers["Access-Control-Max-Age"] == "43200"
    assert headers["Access-Control-Allow-Origin"] == "http://localhost:3000"
    assert dict(Gate(origins=("*",)).preflight("http://x"))["Access-Control-Allow-Origin"] == "*"
    assert Gate(keys=(issued("a"),)).guarded and not Gate().guarded


def test_a_key_that_was_shown_before_lets_in_as_it_did_the_first_time_and_nothing_else_does() -> None:
    gate = Gate(keys=(issued("a", "inference"), issued("b", "manage")))
    for _ in range(2):
        gate.admit({"authorization": "Bearer a"}, "", "inference")
        gate.admit({"x-api-key": "b"}, "", "manage")
        with pytest.raises(Forbidden):
            gate.admit({"api-key": "b"}, "", "inference")
        for wrong in ("", "A", "a ", "aa", "Bearer a"):
            assert gate.presented({"x-api-key": wrong}, "") is None
