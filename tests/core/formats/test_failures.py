"""A backend's failures, as errors of ours."""

from __future__ import annotations

import pytest

from ollamux.errors import BackendError, BackendUnavailable, InvalidRequest, ModelNotFound
from ollamux.formats.failures import (
    backend_failure,
    error_object,
    is_object,
    named,
    quota_spent,
    retry_after,
    too_long,
    unreadable,
)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Sat, 21 Nov 2026 09:00:00 GMT", "date": "Sat, 21 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Sat, 21 Nov 2026 10:00:30 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "1e999"}, 2_592_000.0),
        ({"retry-after-ms": "inf"}, 2_592_000.0),
        ({"retry-after-ms": "nan"}, None),
        ({"retry-after-ms": "-5"}, 0.0),
    ],
)
def test_a_backend_says_when_to_come_back(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers) == seconds


def test_a_failure_keeps_the_status_the_body_and_the_sentence() -> None:
    error = backend_failure(429, {"retry-after": "3"}, b'{"error":"slow"}', "slow")
    assert isinstance(error, BackendError)
    assert (error.status, error.message, error.body, error.retry_after) == (429, "slow", '{"error":"slow"}', 3.0)


@pytest.mark.parametrize("status", [401, 403])
def test_what_a_backend_says_of_our_credentials_stays_here(status: int) -> None:
    error = backend_failure(status, {}, b'{"error":{"message":"Incorrect API key provided: sk-abc"}}', "sk-abc")
    assert isinstance(error, BackendError)
    assert error.status == 502
    assert "sk-abc" not in error.message + error.body


def test_a_failure_without_a_body_still_has_a_sentence() -> None:
    assert backend_failure(500, {}, b"").message == "the backend answered with status 500"


def test_a_long_body_is_cut() -> None:
    error = backend_failure(500, {}, b"x" * 1_000_000)
    assert isinstance(error, BackendError)
    assert len(error.body) < 20_000
    assert len(error.message) < 200


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "the backend sent nothing instead of an answer"),
        (b" \n", "the backend sent nothing instead of an answer"),
        (b"<html>\n<h1>502</h1>", "the backend sent HTML instead of an answer: <html> <h1>502</h1>"),
        (b"oops", "the backend sent something unreadable instead of an answer: oops"),
    ],
)
def test_what_cannot_be_read_is_named(body: bytes, text: str) -> None:
    error = unreadable(body)
    assert isinstance(error, BackendUnavailable)
    assert error.message == text


def test_an_excerpt_is_short() -> None:
    assert len(unreadable(b"\xff" * 100_000).message) < 220


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b'{"error":{"code":"a"}}', {"code": "a"}),
        (b'{"error":{"error":{"code":"a"}}}', {"code": "a"}),
        (b'{"error":"a"}', {"error": "a"}),
        (b'[{"error":{}}]', {}),
        (b"{", {}),
        (b"[" * 10_000, {}),
        (b"oops", {}),
    ],
)
def test_the_error_object_is_what_stands_innermost(body: bytes, found: dict[str, str]) -> None:
    assert error_object(backend_failure(400, {}, body)) == found


@pytest.mark.parametrize("name", ["type", "code"])
def test_a_spent_quota_is_told_by_its_word_in_an_answer_of_429(name: str) -> None:
    body = b'{"error":{"%b":"insufficient_quota"}}' % name.encode()
    assert quota_spent(backend_failure(429, {}, body))
    assert not quota_spent(backend_failure(400, {}, body))
    assert not quota_spent(backend_failure(429, {}, b'{"error":{"code":"rate_limit_exceeded"}}'))
    assert not quota_spent(BackendUnavailable("gone", status=429))


def test_a_prompt_that_was_too_long_is_told_by_its_code_or_by_the_backends_words() -> None:
    coded = InvalidRequest("x", code="context_length_exceeded")
    told = BackendError("x", status=400, body='{"error":{"type":"exceed_context_size_error"}}')
    other = BackendError("x", status=400, body='{"error":{"type":["a"],"code":5}}')
    assert (too_long(coded), too_long(told), too_long(other), too_long(InvalidRequest("x"))) == (
        True,
        True,
        False,
        False,
    )


def test_an_error_names_the_models_that_there_are_where_some_are_known() -> None:
    error = ModelNotFound("m")
    assert named(error) == named(InvalidRequest("model 'm' not found")) == "model 'm' not found"
    error.near = ("a", "b")
    assert named(error) == "model 'm' not found; there are: a, b"


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"a"', b'{"error":' * 20_000, b'{"a":' * 20_000 + b"1" + b"}" * 20_000]
)
def test_what_no_client_can_read_is_no_object(body: bytes) -> None:
    assert not is_object(body) and is_object(b' {"error":{"message":"no"}}\n')
