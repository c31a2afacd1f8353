"""What Google's servers say when they refuse."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ollamux.conversation import StreamFault
from ollamux.formats.gemini.faults import Told, failure, stream_fault, told

LIMIT: dict[str, Any] = {
    "error": {
        "code": 429,
        "message": "You exceeded your current quota",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": []},
            {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "12.5s"},
        ],
    }
}
BAD_KEY: dict[str, Any] = {
    "error": {
        "code": 400,
        "message": "API key not valid. Please pass a valid API key.",
        "status": "INVALID_ARGUMENT",
        "details": [{"reason": "API_KEY_INVALID", "domain": "googleapis.com"}],
    }
}


def test_the_time_to_wait_is_in_the_body_and_a_header_is_stronger() -> None:
    body = json.dumps(LIMIT).encode()
    error = failure(429, {}, body)
    assert (error.status, error.retry_after, error.message) == (429, 12.5, "You exceeded your current quota")
    assert failure(429, {"retry-after": "3"}, body).retry_after == 3.0


def test_an_error_may_stand_in_a_list() -> None:
    error = failure(400, {}, json.dumps([{"error": {"code": 400, "message": "no"}}]).encode())
    assert (error.status, error.message) == (400, "no")


@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_key_that_is_refused_is_the_gateways_affair(status: int) -> None:
    error = failure(status, {}, json.dumps(BAD_KEY).encode())
    assert error.status == 502 and "API key" not in error.message and error.retry_after is None


def test_a_prompt_that_is_too_long_has_the_code_that_says_so() -> None:
    text = "The input token count (9) exceeds the maximum number of tokens allowed (8)."
    assert failure(400, {}, json.dumps({"error": {"message": text}}).encode()).code == "context_length_exceeded"
    assert failure(400, {}, b'{"error":{"message":"no"}}').code is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"[7]",
        b'"x"',
        b"null",
        b"\xff",
        b"[" * 100_000,
        b'{"error":[]}',
        b'{"error":{"message":3,"code":true}}',
    ],
)
def test_what_says_nothing_says_nothing(body: bytes) -> None:
    assert told(body) == Told("")
    assert failure(500, {}, body).status == 500


def test_an_error_may_be_a_sentence() -> None:
    assert told(b'{"error":"no"}').message == "no"


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (LIMIT["error"], StreamFault("You exceeded your current quota", 429, "rate_limit")),
        ({"code": 503, "message": "busy"}, StreamFault("busy", 503, "overloaded")),
        ({"message": "odd", "code": 7}, StreamFault("odd", 500)),
        ({"code": 403, "message": "your key"}, StreamFault("the backend refused the gateway's credentials", 502)),
        (BAD_KEY["error"], StreamFault("the backend refused the gateway's credentials", 502)),
    ],
)
def test_an_error_inside_a_stream_has_its_code(error: dict[str, Any], fault: StreamFault) -> None:
    assert stream_fault(json.dumps(error).encode()) == fault


def test_an_error_of_no_known_shape_is_told_as_it_is() -> None:
    assert stream_fault(b'["x"]') == StreamFault('["x"]', 500)
