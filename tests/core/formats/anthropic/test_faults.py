"""Errors in this format's words."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.errors import BackendError, BackendTimeout, Busy, InvalidRequest, OllamuxError, TooLarge, Unauthorized
from ollamux.formats.anthropic.faults import error_body, error_event, fault_of, sentence, status_of


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (InvalidRequest("x"), 400, "invalid_request_error"),
        (Unauthorized("x"), 401, "authentication_error"),
        (BackendError("x", status=402), 402, "billing_error"),
        (TooLarge("x"), 413, "request_too_large"),
        (BackendError("x", status=422), 422, "invalid_request_error"),
        (BackendError("x", status=429), 429, "rate_limit_error"),
        (BackendError("x", status=500), 500, "api_error"),
        (BackendError("x", status=502), 502, "api_error"),
        (Busy("x"), 529, "overloaded_error"),
        (BackendTimeout("x"), 504, "timeout_error"),
    ],
)
def test_each_status_has_its_word(error: OllamuxError, status: int, kind: str) -> None:
    assert status_of(error) == status
    assert json.loads(error_body(error)) == {"type": "error", "error": {"type": kind, "message": "x"}}


def test_the_number_of_the_request_is_told_where_it_is_known() -> None:
    error = Busy("x")
    error.request_id = "req_1"
    assert json.loads(error_body(error))["request_id"] == "req_1"


def test_a_stream_ends_with_a_named_event() -> None:
    assert error_event(Busy("x")) == b"event: error\ndata: " + error_body(Busy("x")) + b"\n\n"


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        ("overloaded_error", 503, "overloaded"),
        ("rate_limit_error", 429, "rate_limit"),
        ("timeout_error", 504, "timeout"),
        ("invalid_request_error", 400, "bad_request"),
        ("api_error", 500, "upstream_bad"),
        ("never_heard", 500, "upstream_bad"),
    ],
)
def test_an_error_event_has_a_status_and_a_kind(kind: str, status: int, word: str) -> None:
    fault = fault_of({"type": kind, "message": "Oh"})
    assert (fault.detail, fault.status, fault.kind) == ("Oh", status, word)


def test_a_refusal_of_the_gateways_key_is_not_passed_on() -> None:
    fault = fault_of({"type": "authentication_error", "message": "invalid x-api-key sk-123"})
    assert fault.status == 502 and "sk-123" not in fault.detail


@pytest.mark.parametrize("error", [None, 5, {}, [], {"message": 5}])
def test_an_error_without_words_is_one_all_the_same(error: Any) -> None:
    assert fault_of(error).detail == "the backend reported an error"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("plain", "plain"),
        ('{"error":{"message":"deep"}}', "deep"),
        ('{"error":"flat"}', "flat"),
        ('[{"error":{"message":"listed"}}]', "listed"),
        ('{"detail":"d"}', "d"),
        ("{broken", "{broken"),
        ('{"a":1}', '{"a":1}'),
        ("[" * 100000, "[" * 100000),
    ],
)
def test_the_sentence_of_anybodys_error_is_found(text: str, found: str) -> None:
    assert sentence(text) == found
