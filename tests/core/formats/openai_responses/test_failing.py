"""Errors in OpenAI's form."""

from __future__ import annotations

import json

import pytest

from ollamux.errors import BackendError, Busy, ConfigError, InvalidRequest, ModelNotFound, OllamuxError
from ollamux.formats.failures import error_message
from ollamux.formats.openai_responses.failing import error_body, response_error


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (InvalidRequest("bad", param="input"), ("bad", "invalid_request_error", "input", None)),
        (ModelNotFound("x"), ("model 'x' not found", "invalid_request_error", "model", "model_not_found")),
        (Busy("later"), ("later", "overloaded_error", None, None)),
        (ConfigError("no key"), ("no key", "configuration_error", None, None)),
        (BackendError("x", status=418, body='{"error":{"message":"tea"}}'), ("tea", "api_error", None, None)),
        (BackendError("short", status=500, body="<html>"), ("short", "api_error", None, None)),
    ],
)
def test_an_error_has_message_type_param_and_code(error: OllamuxError, told: tuple[str | None, ...]) -> None:
    found = json.loads(error_body(error))["error"]
    assert (found["message"], found["type"], found["param"], found["code"]) == told


def test_a_response_that_failed_has_a_code_that_openai_knows() -> None:
    assert response_error(InvalidRequest("x"))["code"] == "invalid_prompt"
    assert response_error(Busy("x"))["code"] == "server_error"
    assert response_error(BackendError("x", status=429))["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize(
    ("detail", "message"),
    [('{"error":{"message":"a"}}', "a"), ('{"detail":"b"}', "b"), ("c", "c"), ("{}", "{}"), ("[" * 9999, "[" * 9999)],
)
def test_the_sentence_in_a_servers_error_is_found(detail: str, message: str) -> None:
    assert error_message(detail) == message
