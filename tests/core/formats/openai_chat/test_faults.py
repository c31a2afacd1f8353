"""Errors in OpenAI's form."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.errors import (
    BackendError,
    BackendUnavailable,
    Busy,
    ConfigError,
    InvalidRequest,
    ModelNotFound,
    OllamuxError,
)
from ollamux.formats.openai_chat.faults import error_body, error_headers

QUOTA = '{"error":{"message":"no money","type":"insufficient_quota","code":"insufficient_quota"}}'


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (InvalidRequest("bad", param="n"), ("bad", "invalid_request_error", "n", None)),
        (ModelNotFound("x"), ("model 'x' not found", "invalid_request_error", "model", "model_not_found")),
        (Busy("later"), ("later", "overloaded_error", None, None)),
        (BackendUnavailable("gone"), ("gone", "api_error", None, None)),
        (ConfigError("KEY is not set"), ("KEY is not set", "configuration_error", None, None)),
        (
            BackendError("short", status=429, body='{"error":{"message":"slow"}}'),
            ("slow", "rate_limit_error", None, None),
        ),
        (BackendError("short", status=500, body="<html>"), ("short", "api_error", None, None)),
        (BackendError("short", status=500, body='{"error":"plain"}'), ("plain", "api_error", None, None)),
        (BackendError("short", status=500, body="["), ("short", "api_error", None, None)),
        (BackendError("x", status=429, body=QUOTA), ("no money", "insufficient_quota", None, "insufficient_quota")),
        (
            BackendError("x", status=400, body='{"message":"m","type":"t","param":"p","code":400}'),
            ("m", "t", "p", None),
        ),
    ],
)
def test_errors_have_openais_form(error: Any, expected: tuple[object, ...]) -> None:
    assert tuple(json.loads(error_body(error))["error"].values()) == expected


@pytest.mark.parametrize(
    "told",
    [{"type": "exceed_context_size_error"}, {"type": "invalid_request_error", "code": "context_length_exceeded"}],
)
def test_what_is_too_long_has_the_code_that_clients_shorten_their_history_by(told: dict[str, str]) -> None:
    error = BackendError("x", status=400, body=json.dumps({"error": {"message": "too long", **told}}))
    found = json.loads(error_body(error))["error"]
    assert (found["type"], found["code"]) == ("invalid_request_error", "context_length_exceeded")


def test_a_quota_that_is_used_up_says_that_trying_again_is_of_no_use() -> None:
    spent = BackendError("x", status=429, body=QUOTA)
    slow = BackendError("x", status=429, body='{"error":{"message":"slow"}}', retry_after=1.5)
    assert dict(error_headers(spent)) == {"Content-Type": "application/json", "x-should-retry": "false"}
    assert dict(error_headers(slow)) == {"Content-Type": "application/json", "Retry-After": "2"}


def test_an_error_nested_too_deeply_is_told_in_our_words() -> None:
    error: OllamuxError = BackendError("short", status=500, body="[" * 100_000)
    assert json.loads(error_body(error))["error"]["type"] == "api_error"
