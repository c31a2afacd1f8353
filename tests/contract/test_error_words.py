"""What went wrong: an error in the words of each client, whichever backend it came from. One table over all formats."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.errors import (
    BackendError,
    BackendTimeout,
    BackendUnavailable,
    Busy,
    Forbidden,
    InvalidRequest,
    ModelNotFound,
    OllamuxError,
    TooLarge,
    Unauthorized,
)
from ollamux.formats import calling, servings

CLIENTS = {serving.name: serving for serving in servings()}
COLUMNS = ("openai_chat", "openai_responses", "anthropic", "gemini", "ollama")

LONG = BackendError("x", status=400)
LONG.code = "context_length_exceeded"
TOLD = BackendError("x", status=400, body='{"error":{"type":"exceed_context_size_error","message":"x"}}')
SPENT = BackendError("x", status=429, body='{"error":{"type":"insufficient_quota","message":"x"}}')

ERRORS: dict[str, tuple[OllamuxError, int, str, str | None, int, str, str]] = {
    "bad_request": (InvalidRequest("x"), 400, "invalid_request_error", None, 400, "invalid_request_error", "x"),
    "auth": (Unauthorized("x"), 401, "authentication_error", None, 401, "authentication_error", "x"),
    "billing": (BackendError("x", status=402), 402, "insufficient_quota", None, 402, "billing_error", "x"),
    "permission": (Forbidden("x"), 403, "permission_error", None, 403, "permission_error", "x"),
    "not_found": (
        ModelNotFound("x"), 404, "invalid_request_error", "model_not_found", 404, "not_found_error",
        "model 'x' not found",
    ),
    "too_large": (TooLarge("x"), 413, "request_too_large", None, 413, "request_too_large", "x"),
    "context": (
        LONG, 400, "invalid_request_error", "context_length_exceeded", 400, "invalid_request_error",
        "prompt is too long: x",
    ),
    "context, in the backend's words": (
        TOLD, 400, "invalid_request_error", "context_length_exceeded", 400, "invalid_request_error",
        "prompt is too long: x",
    ),
    "rate_limit": (BackendError("x", status=429), 429, "rate_limit_error", None, 429, "rate_limit_error", "x"),
    "quota": (SPENT, 429, "insufficient_quota", None, 429, "rate_limit_error", "x"),
    "upstream_bad": (BackendUnavailable("x"), 502, "api_error", None, 502, "api_error", "x"),
    "overloaded": (Busy("x", retry_after=1.2), 503, "overloaded_error", None, 529, "overloaded_error", "x"),
    "timeout": (BackendTimeout("x"), 504, "timeout_error", None, 504, "timeout_error", "x"),
}  # fmt: skip
"""An error, its status, type and code for clients of OpenAI, and its status, type and text for Anthropic's."""


@pytest.mark.parametrize("kind", ERRORS)
def test_an_error_has_the_words_of_each_client(kind: str) -> None:
    error, status, type_, code, theirs, sort, text = ERRORS[kind]
    for client in ("openai_chat", "openai_responses"):
        found, headers, body = CLIENTS[client].failure(error, streaming=False)
        told = json.loads(body)["error"]
        assert (found, told["code"]) == (status, code)
        assert told["type"] == type_
        assert (("x-should-retry", "false") in headers) is (kind == "quota")
    found, _, body = CLIENTS["anthropic"].failure(error, streaming=False)
    told = json.loads(body)
    assert (found, told["type"], told["error"]) == (theirs, "error", {"type": sort, "message": text})
    found, _, body = CLIENTS["ollama"].failure(error, streaming=False)
    assert found == status and list(json.loads(body)) == ["error"]
    found, _, body = CLIENTS["gemini"].failure(error, streaming=False)
    assert found == json.loads(body)["error"]["code"] == status


@pytest.mark.parametrize("client", COLUMNS)
def test_a_model_that_nobody_has_is_answered_with_those_that_there_are_but_for_ollamas_own_text(client: str) -> None:
    error = ModelNotFound("x")
    error.near = ("y", "z")
    status, _, body = CLIENTS[client].failure(error, streaming=False)
    assert status == 404
    assert (b"x" in body and b"; there are: y, z" in body) is (client != "ollama")


@pytest.mark.parametrize("client", COLUMNS)
def test_when_to_come_again_is_told_to_everybody_in_whole_seconds(client: str) -> None:
    _, headers, _ = CLIENTS[client].failure(Busy("x", retry_after=1.2), streaming=True)
    assert ("Retry-After", "2") in headers


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("format_", ["openai_chat", "openai_responses", "anthropic", "gemini", "bedrock", "ollama"])
def test_a_refusal_of_the_gateways_own_key_is_a_bad_gateway_without_its_text(format_: str, status: int) -> None:
    body = json.dumps({"error": {"message": "key sk-123", "type": "authentication_error"}, "message": "key sk-123"})
    error = calling(format_).failure(status, {}, body.encode())
    assert error.status == 502 and "sk-123" not in error.message


@pytest.mark.parametrize(
    ("format_", "told"),
    [
        ("openai_chat", {"error": {"code": "context_length_exceeded", "message": "too long"}}),
        ("openai_responses", {"error": {"code": "context_length_exceeded", "message": "too long"}}),
        ("anthropic", {"error": {"type": "invalid_request_error", "message": "prompt is too long: 9 tokens > 8"}}),
        (
            "gemini",
            {"error": {"code": 400, "message": "The input token count (9) exceeds the maximum number of tokens"}},
        ),
        ("bedrock", {"message": "Input is too long for requested model."}),
    ],
)
def test_a_prompt_that_is_too_long_is_known_by_every_client_whichever_backend_says_so(
    format_: str, told: dict[str, Any]
) -> None:
    error = calling(format_).failure(400, {}, json.dumps(told).encode())
    for client in ("openai_chat", "openai_responses"):
        _, _, body = CLIENTS[client].failure(error, streaming=False)
        assert json.loads(body)["error"]["code"] == "context_length_exceeded"
    _, _, body = CLIENTS["anthropic"].failure(error, streaming=False)
    assert json.loads(body)["error"]["message"].lower().count("prompt is too long") == 1
