"""What Bedrock's errors mean."""

from __future__ import annotations

import pytest

from ollamux.conversation import StreamFault
from ollamux.errors import BackendError, BackendTimeout
from ollamux.formats.bedrock.faults import failure_of, fault_of


@pytest.mark.parametrize(
    ("status", "type_", "kept", "kind"),
    [
        (400, "ValidationException", 400, "bad_request"),
        (400, "ServiceQuotaExceededException:http://internal.amazon.com/coral/", 429, "rate_limit"),
        (404, "ResourceNotFoundException", 404, "not_found"),
        (424, "ModelErrorException", 424, "upstream_bad"),
        (429, "ThrottlingException:http://internal.amazon.com/coral/com.amazon.coral.availability/", 429, "rate_limit"),
        (429, "ModelNotReadyException", 429, "rate_limit"),
        (500, "InternalServerException", 500, "upstream_bad"),
        (503, "ServiceUnavailableException", 503, "overloaded"),
        (418, "NobodyHasHeardOfItException", 418, "upstream_bad"),
        (413, "", 413, "too_large"),
    ],
)
def test_an_error_has_the_status_and_the_kind_of_its_name(status: int, type_: str, kept: int, kind: str) -> None:
    headers = {"x-amzn-errortype": type_, "retry-after": "7"}
    error = failure_of(status, headers, b'{"message":"no"}')
    assert isinstance(error, BackendError)
    assert (error.status, error.kind, error.message, error.body, error.retry_after) == (kept, kind, "no", "no", 7.0)


def test_a_model_that_took_too_long_is_a_timeout() -> None:
    error = failure_of(408, {"x-amzn-errortype": "ModelTimeoutException"}, b'{"message":"too slow"}')
    assert isinstance(error, BackendTimeout) and (error.status, error.message) == (504, "too slow")


@pytest.mark.parametrize(
    ("status", "type_"),
    [
        (403, "AccessDeniedException"),
        (403, "ExpiredTokenException"),
        (400, "IncompleteSignatureException"),
        (403, "UnrecognizedClientException:http://internal.amazon.com/coral/"),
        (403, ""),
        (401, ""),
    ],
)
def test_what_speaks_of_our_credentials_stays_here(status: int, type_: str) -> None:
    body = b'{"message":"User: arn:aws:iam::1:user/me is not authorized"}'
    error = failure_of(status, {"x-amzn-errortype": type_}, body)
    assert isinstance(error, BackendError)
    assert error.status == 502 and "credentials" in error.message and "arn:" not in error.message + error.body


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'{"Message":"shouted"}', "shouted"),
        (b'{"__type":"com.amazon.coral.service#ThrottlingException"}', "ThrottlingException"),
        (b'{"message":"a","originalMessage":"b"}', "a (b)"),
        (b'{"originalMessage":"b"}', "b"),
        (b"<html>", "<html>"),
        (b"", "the backend answered with status 429"),
        (b'{"message":5}', '{"message":5}'),
        (b"[" * 100000, "[" * 120),
    ],
)
def test_the_text_is_found_wherever_it_stands(body: bytes, told: str) -> None:
    assert failure_of(429, {}, body).message == told


def test_a_text_is_bounded() -> None:
    body = b'{"message":"' + b"x" * 100000 + b'"}'
    assert len(failure_of(400, {"x-amzn-errortype": "ServiceQuotaExceededException"}, body).message) == 16384
    assert len(failure_of(408, {"x-amzn-errortype": "ModelTimeoutException"}, body).message) == 16384
    assert len(fault_of("throttlingException", body).detail) == 16384


@pytest.mark.parametrize(
    ("name", "status", "kind"),
    [
        ("internalServerException", 500, "upstream_bad"),
        ("modelStreamErrorException", 424, "upstream_bad"),
        ("modelTimeoutException", 504, "timeout"),
        ("serviceUnavailableException", 503, "overloaded"),
        ("throttlingException", 429, "rate_limit"),
        ("ThrottlingException", 429, "rate_limit"),
        ("validationException", 400, "bad_request"),
        ("somethingNewException", 500, "upstream_bad"),
    ],
)
def test_an_exception_in_a_stream_has_a_kind_and_a_status(name: str, status: int, kind: str) -> None:
    assert fault_of(name, b'{"message":"no"}') == StreamFault("no", status, kind)


def test_an_exception_in_a_stream_tells_what_it_knows() -> None:
    told = fault_of("modelStreamErrorException", b'{"message":"it broke","originalMessage":"out of memory"}')
    assert told.detail == "it broke (out of memory)"
    assert fault_of("throttlingException", b"").detail == "throttlingException"
    assert fault_of("", b"").detail == "the backend reported an error"
    assert fault_of("InternalFailure", b"", "in words") == StreamFault("in words", 500, "upstream_bad")
    assert (
        fault_of("accessDeniedException", b'{"message":"arn:x"}').detail
        == "the backend refused the gateway's credentials"
    )
